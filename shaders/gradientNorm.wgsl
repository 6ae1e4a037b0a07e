// gradientNorm — the length of all gradients, and what brings it down to the longest that is allowed.
//
//   scalars[0] = √ Σ_j partials[j]
//   scalars[1] = min(1, maxNorm / (scalars[0] + 10⁻⁶));  1 where maxNorm is 0;  0 where the length is no finite number
//
//   partials  (≥ count)  f32  in   sums of squares
//   scalars   (≥ 2)      f32  out
//
// One thread. Dispatch (1, 1, 1).
// Source: torch.nn.utils.clip_grad_norm_, with its 10⁻⁶.

struct Params {
  count: u32,
  maxNorm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> scalars: array<f32>;

@compute @workgroup_size(1, 1, 1)
fn gradientNorm(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x > 0u) {
    return;
  }
  var sum = 0.0;
  var carry = 0.0;
  var odd = 0u;
  for (var j = 0u; j < params.count; j++) {
    // Compensated: thousands of f32 terms added one by one would lose digits.
    let term = partials[j] - carry;
    let next = sum + term;
    carry = (next - sum) - term;
    sum = next;
    // By bits: compilers may assume that every number is finite.
    let bits = bitcast<u32>(partials[j]) & 0x7fffffffu;
    odd |= select(0u, bits, bits >= 0x7f800000u);
  }
  let length = sqrt(sum);
  let factor = select(min(1.0, params.maxNorm / (length + 1e-6)), 0.0, odd != 0u);
  scalars[0] = select(length, bitcast<f32>(odd), odd != 0u);
  scalars[1] = select(factor, 1.0, params.maxNorm == 0.0);
}
