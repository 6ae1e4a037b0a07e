// layerNormBackwardWeightWorkgroup — layerNormBackwardWeight with 32 lanes a column, for GPUs with real lanes.
//
//   dWeight[c] (+)= Σ_r dOut[r, c] · (x[r, c] − mean[r]) · scale[r]
//   dBias[c]   (+)= Σ_r dOut[r, c]
//
//   x           (R, C')  f32   in       what was normalised; C' = C rounded up to 8
//   dOut        (R, C')  f32   in       zeros beyond C
//   statistics  (R, 2)   f32   in       mean, scale
//   dWeight     (C')     f32   in, out  added to where accumulate is 1, overwritten otherwise; dBias alike
//   dBias       (C')     f32   in, out
//
// A workgroup takes 32 columns (8 vec4s), each by 32 lanes that stride over the rows; their sums meet in workgroup
// memory, always in the same order. Dispatch (⌈C'/32⌉, 1, 1).
// Source: torch.nn.functional.layer_norm's gradient; Ba et al. 2016, arXiv:1607.06450.

struct Params {
  rows: u32,
  stride4: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> dWeight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dBias: array<vec4<f32>>;

var<workgroup> weightSums: array<vec4<f32>, 256>;
var<workgroup> biasSums: array<vec4<f32>, 256>;

@compute @workgroup_size(256, 1, 1)
fn layerNormBackwardWeightWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = group.x * 8u + lane % 8u;
  // Columns past the last are summed again and never stored.
  let column = min(c, params.stride4 - 1u);
  var ofWeight = vec4<f32>(0.0);
  var ofBias = vec4<f32>(0.0);
  for (var r = lane / 8u; r < params.rows; r += 32u) {
    let g = dOut[r * params.stride4 + column];
    let row = statistics[r];
    ofWeight += g * ((x[r * params.stride4 + column] - row.x) * row.y);
    ofBias += g;
  }
  weightSums[lane] = ofWeight;
  biasSums[lane] = ofBias;
  workgroupBarrier();
  for (var half = 128u; half >= 8u; half = half >> 1u) {
    if (lane < half) {
      weightSums[lane] += weightSums[lane + half];
      biasSums[lane] += biasSums[lane + half];
    }
    workgroupBarrier();
  }
  if (lane >= 8u || c >= params.stride4) {
    return;
  }
  ofWeight = weightSums[lane];
  ofBias = biasSums[lane];
  if (params.accumulate == 1u) {
    ofWeight += dWeight[c];
    ofBias += dBias[c];
  }
  dWeight[c] = ofWeight;
  dBias[c] = ofBias;
}
