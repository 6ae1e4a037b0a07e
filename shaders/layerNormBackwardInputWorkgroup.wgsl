// layerNormBackwardInputWorkgroup — layerNormBackwardInput with one workgroup a row, for GPUs with real lanes.
//
//   dX[r, c]   = residual[r, c] + (g[c] − mean(g)) · scale − d[c] · scale³ / n · Σ_i g[i] d[i]
//   g[c]       = dOut[r, c] · weight[c];  d[c] = x[r, c] − mean[r]
//   scale      = 1 / √(variance + ε),  n = C;  or 1 / √(s + ε),  n = 2 (C − 1) s,  s the unbiased standard deviation
//
//   x           (R, C')  f32   in    what was normalised; C' = C rounded up to 8, zeros beyond C
//   weight      (C')     f32   in
//   dOut        (R, C')  f32   in    gradient of the normalised rows
//   residual    (R, C')  f32   in    gradient that flows past; read where hasResidual is 1
//   statistics  (R, 2)   f32   out   mean, scale
//   dX          (R, C')  f32   out   zeros beyond C
//
// 64 lanes stride over a row's vec4s; four tree sums in workgroup memory. Dispatch (R, 1, 1).
// Source: torch.nn.functional.layer_norm's gradient; Ba et al. 2016, arXiv:1607.06450.

struct Params {
  rows: u32,
  channels: u32,
  stride4: u32,
  hasResidual: u32,
}

override EPSILON: f32 = 1e-5;
override BY_VARIANCE: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> statistics: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> dX: array<vec4<f32>>;

var<workgroup> partial: array<f32, 64>;

fn sumOver(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(64, 1, 1)
fn layerNormBackwardInputWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.x;
  let n = params.stride4;
  let start = r * n;
  let count = f32(params.channels);
  var total = vec4<f32>(0.0);
  for (var i = lane; i < n; i += 64u) {
    total += x[start + i];
  }
  let mean = sumOver(lane, total.x + total.y + total.z + total.w) / count;
  var squares = vec4<f32>(0.0);
  var sums = vec4<f32>(0.0);
  var products = vec4<f32>(0.0);
  for (var i = lane; i < n; i += 64u) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
    let d = select(vec4<f32>(0.0), x[start + i] - mean, inside);
    let g = dOut[start + i] * weight[i];
    squares += d * d;
    sums += g;
    products += g * d;
  }
  let square = sumOver(lane, squares.x + squares.y + squares.z + squares.w);
  let average = sumOver(lane, sums.x + sums.y + sums.z + sums.w) / count;
  let product = sumOver(lane, products.x + products.y + products.z + products.w);
  let deviation = sqrt(square / (count - 1.0));
  let scale = 1.0 / sqrt(select(deviation, square / count, BY_VARIANCE) + EPSILON);
  let divisor = select(2.0 * (count - 1.0) * deviation, count, BY_VARIANCE);
  // Rows that are all one number have no deviation to change.
  let factor = select(0.0, product * scale * scale * scale / divisor, divisor > 0.0);
  for (var i = lane; i < n; i += 64u) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
    var own = (dOut[start + i] * weight[i] - average) * scale - factor * (x[start + i] - mean);
    if (params.hasResidual == 1u) {
      own += residual[start + i];
    }
    dX[start + i] = select(vec4<f32>(0.0), own, inside);
  }
  if (lane == 0u) {
    statistics[r] = vec2<f32>(mean, scale);
  }
}
