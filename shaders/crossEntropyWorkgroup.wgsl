// crossEntropyWorkgroup — crossEntropy with one workgroup a row, for GPUs with real lanes.
//
//   loss[r] = ln Σ_v exp(logits[r, v]) − logits[r, target[r]]
//   rank[r] = 1 + number of v with logits[r, v] > logits[r, target[r]]
//
//   logits   (R, V')  f32   in    V' is the row stride, V the vocabulary
//   targets  (R)      u32   in    ids; anything from V on (−1 too) is ignored: loss 0, rank 0
//   loss     (R)      f32   out   natural logarithm
//   rank     (R)      u32   out   1 is the most probable
//
// 256 lanes stride over the vocabulary; what each found meets in workgroup memory. Dispatch (R, 1, 1).
// Source: torch.nn.functional.cross_entropy with ignore_index, one row of it.

struct Params {
  rows: u32,
  vocab: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> rank: array<u32>;

var<workgroup> partial: array<f32, 256>;
var<workgroup> above: atomic<u32>;
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

// Whether a logit of these bits is NaN or +∞: then no probability comes of its row. By bits, because compilers
// may assume that there is none, and exp(NaN) may be any number.
fn spoils(bits: u32) -> bool {
  return bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(256, 1, 1)
fn crossEntropyWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.x;
  let start = r * params.stride;
  let wanted = targets[r];
  // Who ignores a target goes the same way, so that every lane meets every barrier.
  let own = logits[start + min(wanted, params.vocab - 1u)];
  var mine = -3.0e38;
  var higher = 0u;
  var odd = 0u;
  for (var v = lane; v < params.vocab; v += 256u) {
    let logit = logits[start + v];
    mine = max(mine, logit);
    higher += select(0u, 1u, logit > own);
    odd |= select(0u, bitcast<u32>(logit), spoils(bitcast<u32>(logit)));
  }
  atomicAdd(&above, higher);
  atomicOr(&spoiled, odd);
  let largest = largestOfLanes(lane, mine);
  var sum = 0.0;
  var carry = 0.0;
  for (var v = lane; v < params.vocab; v += 256u) {
    // Compensated: 50,257 f32 terms added one by one would lose three digits.
    let term = exp(logits[start + v] - largest) - carry;
    let next = sum + term;
    carry = (next - sum) - term;
    sum = next;
  }
  let total = sumOfLanes(lane, sum);
  if (lane == 0u) {
    let counts = wanted < params.vocab;
    let bits = atomicLoad(&spoiled);
    let nan = bitcast<f32>(bits | 0x7fc00000u);
    let surprise = select(log(total) + largest - own, nan, bits != 0u);
    loss[r] = select(0.0, surprise, counts);
    rank[r] = select(0u, atomicLoad(&above) + 1u, counts);
  }
}
