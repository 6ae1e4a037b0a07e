// layerNorm — normalise each row of x, then scale and shift it.
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
// One thread a row: the shape for software adapters (no barrier, no workgroup memory). The twin
// for real GPUs is layerNormWorkgroup. Dispatch (⌈R/8⌉, 1, 1).
// Source: Ba et al. 2016, arXiv:1607.06450; the standard-deviation form as a notebook prints it.

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

@compute @workgroup_size(8, 1, 1)
fn layerNorm(@builtin(global_invocation_id) gid: vec3<u32>) {
  let r = gid.x;
  if (r >= params.rows) {
    return;
  }
  let n = params.stride4;
  let count = f32(params.channels);
  var total = vec4<f32>(0.0);
  for (var i = 0u; i < n; i++) {
    total += x[r * n + i];
  }
  let mean = (total.x + total.y + total.z + total.w) / count;
  var squares = vec4<f32>(0.0);
  for (var i = 0u; i < n; i++) {
    let inside = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
    let d = select(vec4<f32>(0.0), x[r * n + i] - mean, inside);
    squares += d * d;
  }
  let sum = squares.x + squares.y + squares.z + squares.w;
  let spread = select(sqrt(sum / (count - 1.0)), sum / count, BY_VARIANCE);
  let scale = 1.0 / sqrt(spread + EPSILON);
  let row = (r / params.outT) * params.outS + params.outStart + r % params.outT;
  for (var i = 0u; i < n; i++) {
    out[row * n + i] = (x[r * n + i] - mean) * scale * weight[i] + bias[i];
  }
}
