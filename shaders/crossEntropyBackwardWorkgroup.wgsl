// crossEntropyBackwardWorkgroup — crossEntropyBackward with one workgroup a row, for GPUs with real lanes.
//
//   loss[start + r] = ln Σ_v exp(logits[r, v]) − logits[r, target]
//   logits[r, v]    ← scale · (exp(logits[r, v]) / Σ_i exp(logits[r, i]) − (1 where v is the target))
//
//   targets  (R)      u32   in       ids; anything from V on (−1 too) is ignored: loss 0, gradient 0
//   logits   (·, V')  f32   in, out  V' is the row stride, V the vocabulary; zeros from V on afterwards
//   loss     (R)      f32   out      natural logarithm
//
// 256 lanes stride over the vocabulary; what each found meets in workgroup memory. Dispatch (rows, 1, 1).
// Source: torch.nn.functional.cross_entropy with ignore_index, and its gradient.

struct Params {
  rows: u32,
  vocab: u32,
  stride4: u32,
  start: u32,
  scale: f32,
}

const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> logits: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

var<workgroup> partial: array<f32, 256>;
var<workgroup> spoiled: atomic<u32>;

fn largestOfLanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      partial[lane] = max(partial[lane], partial[lane + half]);
    }
    workgroupBarrier();
  }
  let largest = partial[0];
  workgroupBarrier();
  return largest;
}

fn sumOfLanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

// Bits of a logit that is NaN or +∞, from which no probability comes, else 0. By bits, because compilers may
// assume that there is none, and exp(NaN) may be any number.
fn spoiling4(bits: vec4<u32>) -> vec4<u32> {
  let isNaN = (bits & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  return select(vec4<u32>(0u), bits, (bits == vec4<u32>(0x7f800000u)) | isNaN);
}

@compute @workgroup_size(256, 1, 1)
fn crossEntropyBackwardWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.x;
  let n = params.stride4;
  let at = r * n;
  // Who ignores a target goes the same way, so that every lane meets every barrier.
  let wanted = targets[params.start + r];
  let counts = wanted < params.vocab;
  let nearest = min(wanted, params.vocab - 1u);
  let own = logits[at + nearest / 4u][nearest % 4u];
  var most = vec4<f32>(LOWEST);
  var odd = vec4<u32>(0u);
  for (var i = lane; i < n; i += 256u) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.vocab);
    let logit = select(vec4<f32>(LOWEST), logits[at + i], inside);
    most = max(most, logit);
    odd |= spoiling4(bitcast<vec4<u32>>(logit));
  }
  atomicOr(&spoiled, odd.x | odd.y | odd.z | odd.w);
  let largest = largestOfLanes(lane, max(max(most.x, most.y), max(most.z, most.w)));
  var sums = vec4<f32>(0.0);
  var carry = vec4<f32>(0.0);
  for (var i = lane; i < n; i += 256u) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.vocab);
    // Compensated: 50,257 f32 terms added one by one would lose three digits.
    let term = select(vec4<f32>(0.0), exp(logits[at + i] - largest), inside) - carry;
    let next = sums + term;
    carry = (next - sums) - term;
    sums = next;
  }
  let sum = sumOfLanes(lane, sums.x + sums.y + sums.z + sums.w);
  let bits = atomicLoad(&spoiled);
  let nan = bitcast<f32>(bits | 0x7fc00000u);
  let factor = select(params.scale / sum, nan, bits != 0u);
  for (var i = lane; i < n; i += 256u) {
    let v = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let hot = select(vec4<f32>(0.0), vec4<f32>(params.scale), v == vec4<u32>(wanted));
    let gradient = factor * exp(logits[at + i] - largest) - hot;
    let isOne = (v < vec4<u32>(params.vocab)) & vec4<bool>(counts);
    logits[at + i] = select(vec4<f32>(0.0), gradient, isOne);
  }
  if (lane == 0u) {
    let surprise = select(log(sum) + largest - own, nan, bits != 0u);
    loss[params.start + r] = select(0.0, surprise, counts);
  }
}
