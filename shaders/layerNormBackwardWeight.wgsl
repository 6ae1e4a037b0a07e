// layerNormBackwardWeight — gradients of layerNorm's weight and bias: sums over all rows.
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
// One thread four columns: the shape for software adapters (no barrier, no workgroup memory). Sums of
// 32 rows are added up, so that thousands of rows lose no digits. Dispatch (⌈C'/16⌉, 1, 1).
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

@compute @workgroup_size(4, 1, 1)
fn layerNormBackwardWeight(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c = gid.x;
  if (c >= params.stride4) {
    return;
  }
  var ofWeight = vec4<f32>(0.0);
  var ofBias = vec4<f32>(0.0);
  for (var band = 0u; band < params.rows; band += 32u) {
    let end = min(band + 32u, params.rows);
    var weights = vec4<f32>(0.0);
    var biases = vec4<f32>(0.0);
    for (var r = band; r < end; r++) {
      let g = dOut[r * params.stride4 + c];
      let row = statistics[r];
      weights += g * ((x[r * params.stride4 + c] - row.x) * row.y);
      biases += g;
    }
    ofWeight += weights;
    ofBias += biases;
  }
  if (params.accumulate == 1u) {
    ofWeight += dWeight[c];
    ofBias += dBias[c];
  }
  dWeight[c] = ofWeight;
  dBias[c] = ofBias;
}
