// crossEntropyBackward — how surprised the model is by each target, and the gradient of its logits in their place.
//
//   loss[start + r] = ln Σ_v exp(logits[r, v]) − logits[r, target]
//   logits[r, v]    ← scale · (exp(logits[r, v]) / Σ_i exp(logits[r, i]) − (1 where v is the target))
//
//   targets  (R)      u32   in       ids; anything from V on (−1 too) is ignored: loss 0, gradient 0
//   logits   (·, V')  f32   in, out  V' is the row stride, V the vocabulary; zeros from V on afterwards
//   loss     (R)      f32   out      natural logarithm
//
// One thread a row. Dispatch (⌈rows/4⌉, 1, 1).
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

// Bits of a logit that is NaN or +∞, from which no probability comes, else 0. By bits, because compilers may
// assume that there is none, and exp(NaN) may be any number.
fn spoiling4(bits: vec4<u32>) -> vec4<u32> {
  let isNaN = (bits & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  return select(vec4<u32>(0u), bits, (bits == vec4<u32>(0x7f800000u)) | isNaN);
}

@compute @workgroup_size(4, 1, 1)
fn crossEntropyBackward(@builtin(global_invocation_id) gid: vec3<u32>) {
  let r = gid.x;
  if (r >= params.rows) {
    return;
  }
  let n = params.stride4;
  let at = r * n;
  let wanted = targets[params.start + r];
  if (wanted >= params.vocab) {
    for (var i = 0u; i < n; i++) {
      logits[at + i] = vec4<f32>(0.0);
    }
    loss[params.start + r] = 0.0;
    return;
  }
  let own = logits[at + wanted / 4u][wanted % 4u];
  var most = vec4<f32>(LOWEST);
  var spoiled = vec4<u32>(0u);
  for (var i = 0u; i < n; i++) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.vocab);
    let logit = select(vec4<f32>(LOWEST), logits[at + i], inside);
    most = max(most, logit);
    spoiled |= spoiling4(bitcast<vec4<u32>>(logit));
  }
  let largest = max(max(most.x, most.y), max(most.z, most.w));
  var sums = vec4<f32>(0.0);
  var carry = vec4<f32>(0.0);
  for (var i = 0u; i < n; i++) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.vocab);
    // Compensated: 50,257 f32 terms added one by one would lose three digits.
    let term = select(vec4<f32>(0.0), exp(logits[at + i] - largest), inside) - carry;
    let next = sums + term;
    carry = (next - sums) - term;
    sums = next;
  }
  let sum = sums.x + sums.y + sums.z + sums.w;
  let bits = spoiled.x | spoiled.y | spoiled.z | spoiled.w;
  let nan = bitcast<f32>(bits | 0x7fc00000u);
  loss[params.start + r] = select(log(sum) + largest - own, nan, bits != 0u);
  let factor = select(params.scale / sum, nan, bits != 0u);
  for (var i = 0u; i < n; i++) {
    let v = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let hot = select(vec4<f32>(0.0), vec4<f32>(params.scale), v == vec4<u32>(wanted));
    let gradient = factor * exp(logits[at + i] - largest) - hot;
    logits[at + i] = select(vec4<f32>(0.0), gradient, v < vec4<u32>(params.vocab));
  }
}
