// crossEntropy — how surprised the model is by each target, and how high it ranked it.
//
//   loss[r] = ln Σ_v exp(logits[r, v]) − logits[r, target[r]]
//   rank[r] = 1 + number of v with logits[r, v] > logits[r, target[r]]
//
//   logits   (R, V')  f32   in    V' is the row stride, V the vocabulary
//   targets  (R)      u32   in    ids; anything from V on (−1 too) is ignored: loss 0, rank 0
//   loss     (R)      f32   out   natural logarithm
//   rank     (R)      u32   out   1 is the most probable
//
// One thread a row. Dispatch (⌈R/4⌉, 1, 1).
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

// Whether a logit of these bits is NaN or +∞: then no probability comes of its row. By bits, because compilers
// may assume that there is none, and exp(NaN) may be any number.
fn spoils(bits: u32) -> bool {
  return bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(4, 1, 1)
fn crossEntropy(@builtin(global_invocation_id) gid: vec3<u32>) {
  let r = gid.x;
  if (r >= params.rows) {
    return;
  }
  let wanted = targets[r];
  if (wanted >= params.vocab) {
    loss[r] = 0.0;
    rank[r] = 0u;
    return;
  }
  let start = r * params.stride;
  let own = logits[start + wanted];
  var largest = -3.0e38;
  var above = 0u;
  var spoiled = 0u;
  for (var v = 0u; v < params.vocab; v++) {
    let logit = logits[start + v];
    largest = max(largest, logit);
    above += select(0u, 1u, logit > own);
    spoiled |= select(0u, bitcast<u32>(logit), spoils(bitcast<u32>(logit)));
  }
  var sum = 0.0;
  var carry = 0.0;
  for (var v = 0u; v < params.vocab; v++) {
    // Compensated: 50,257 f32 terms added one by one would lose three digits.
    let term = exp(logits[start + v] - largest) - carry;
    let next = sum + term;
    carry = (next - sum) - term;
    sum = next;
  }
  let nan = bitcast<f32>(spoiled | 0x7fc00000u);
  loss[r] = select(log(sum) + largest - own, nan, spoiled != 0u);
  rank[r] = above + 1u;
}
