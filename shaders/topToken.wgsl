// topToken — the most probable token of each row of logits, and how probable it is.
//
//   token[r]   = argmax_v logits[r, v], the lowest v among equals
//   logprob[r] = logits[r, token[r]] − ln Σ_v exp(logits[r, v])
//
//   logits   (R, V')  f32   in    V' is the row stride, V the vocabulary
//   token    (R)      u32   out
//   logprob  (R)      f32   out   natural logarithm
//
// One thread a row. Dispatch (⌈R/4⌉, 1, 1).
// Source: nostalgebraist 2020, "interpreting GPT: the logit lens", which asks this of every layer.

struct Params {
  rows: u32,
  vocab: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> token: array<u32>;
@group(0) @binding(3) var<storage, read_write> logprob: array<f32>;

// Whether a logit of these bits is NaN or +∞: then no probability comes of its row. By bits, because compilers
// may assume that there is none, and exp(NaN) may be any number.
fn spoils(bits: u32) -> bool {
  return bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(4, 1, 1)
fn topToken(@builtin(global_invocation_id) gid: vec3<u32>) {
  let r = gid.x;
  if (r >= params.rows) {
    return;
  }
  let start = r * params.stride;
  var largest = logits[start];
  var best = 0u;
  var spoiled = 0u;
  for (var v = 0u; v < params.vocab; v++) {
    let logit = logits[start + v];
    best = select(best, v, logit > largest);
    largest = select(largest, logit, logit > largest);
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
  token[r] = best;
  let nan = bitcast<f32>(spoiled | 0x7fc00000u);
  logprob[r] = select(-log(sum), nan, spoiled != 0u);
}
