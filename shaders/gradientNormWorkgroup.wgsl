// gradientNormWorkgroup — gradientNorm by one workgroup, for GPUs with real lanes.
//
//   scalars[0] = √ Σ_j partials[j]
//   scalars[1] = min(1, maxNorm / (scalars[0] + 10⁻⁶));  1 where maxNorm is 0;  0 where the length is no finite number
//
//   partials  (≥ count)  f32  in   sums of squares
//   scalars   (≥ 2)      f32  out
//
// 256 lanes stride over the partial sums; a tree sum in workgroup memory. Dispatch (1, 1, 1).
// Source: torch.nn.utils.clip_grad_norm_, with its 10⁻⁶.

struct Params {
  count: u32,
  maxNorm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> scalars: array<f32>;

var<workgroup> partial: array<f32, 256>;
var<workgroup> spoiled: atomic<u32>;

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

@compute @workgroup_size(256, 1, 1)
fn gradientNormWorkgroup(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  var odd = 0u;
  for (var j = lane; j < params.count; j += 256u) {
    sum += partials[j];
    // By bits: compilers may assume that every number is finite.
    let bits = bitcast<u32>(partials[j]) & 0x7fffffffu;
    odd |= select(0u, bits, bits >= 0x7f800000u);
  }
  atomicOr(&spoiled, odd);
  let length = sqrt(sumOfLanes(lane, sum));
  if (lane == 0u) {
    let bits = atomicLoad(&spoiled);
    let factor = select(min(1.0, params.maxNorm / (length + 1e-6)), 0.0, bits != 0u);
    scalars[0] = select(length, bitcast<f32>(bits), bits != 0u);
    scalars[1] = select(factor, 1.0, params.maxNorm == 0.0);
  }
}
