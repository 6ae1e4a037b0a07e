// layerNormWorkgroup — layerNorm with one workgroup a row, for GPUs with real lanes.
//
//   out[m(r), c] = (x[r, c] − mean[r]) / deviation[r] · weight[c] + bias[c]
//   deviation    = √(variance + ε), or √(s + ε) with s the unbiased standard deviation
//   m(r)         = (r div T) · S + start + r mod T
//
//   x       (R, C')  f32   in    residual stream, R = B·T; C' = C rounded up to 8, zeros beyond C
//   weight  (C')     f32   in    zeros beyond C, bias alike
//   bias    (C')     f32   in
//   out     (·, C')  f32   out   row m(r) is overwritten
//
// 64 lanes stride over a row's vec4s; two tree sums in workgroup memory. Dispatch (R, 1, 1).
// Source: Ba et al. 2016, arXiv:1607.06450.

struct Params {
  rows: u32,
  channels: u32,
  stride4: u32,
  outT: u32,
  outS: u32,
  outStart: u32,
}

override EPSILON: f32 = 1e-5;
override BY_VARIANCE: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

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
fn layerNormWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.x;
  let n = params.stride4;
  let count = f32(params.channels);
  var total = vec4<f32>(0.0);
  for (var i = lane; i < n; i += 64u) {
    total += x[r * n + i];
  }
  let mean = sumOver(lane, total.x + total.y + total.z + total.w) / count;
  var squares = vec4<f32>(0.0);
  for (var i = lane; i < n; i += 64u) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
    let d = select(vec4<f32>(0.0), x[r * n + i] - mean, inside);
    squares += d * d;
  }
  let sum = sumOver(lane, squares.x + squares.y + squares.z + squares.w);
  let spread = select(sqrt(sum / (count - 1.0)), sum / count, BY_VARIANCE);
  let scale = 1.0 / sqrt(spread + EPSILON);
  let row = (r / params.outT) * params.outS + params.outStart + r % params.outT;
  for (var i = lane; i < n; i += 64u) {
    out[row * n + i] = (x[r * n + i] - mean) * scale * weight[i] + bias[i];
  }
}
