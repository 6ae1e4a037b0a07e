// matvec — a linear layer for one row (or a few): every weight is read once a row.
//
//   y[r, n]       = act(Σ_k x[xStart + r, k] · weight[n, k] + bias[n])
//   out[m(r), n] ← y[r, n],  or out + scale · y where accumulate is 1
//   m(r)          = (r div T) · S + start + r mod T
//
//   x       (·, K)  f32         in    K is a multiple of 8, padded with zeros
//   weight  (N, K)  f32 or f16  in    K contiguous; a part of the rows of a large matrix
//   bias    (N)     f32         in    zeros where the model has none
//   scale   (·)     f32         in    element scaleIndex is used: 1, or 0 to switch a part off
//   out     (·, O)  f32         out   columns outColumn … outColumn + N of row m(r)
//
// One thread four outputs of one row: four weight rows share each load of x. No barrier, no
// workgroup memory: the shape for software adapters. The twin for real GPUs is matvecWorkgroup.
// Dispatch (⌈N/4 / WIDTH⌉, R, 1).
// Source: GPT-2's Conv1D, nn.Linear; GELU: Hendrycks & Gimpel 2016, arXiv:1606.08415.

struct Params {
  rows: u32,
  columns4: u32,
  outStride4: u32,
  outColumn4: u32,
  accumulate: u32,
  scaleIndex: u32,
  outT: u32,
  outS: u32,
  outStart: u32,
  xStart: u32,
}

override K: u32 = 8;
override WEIGHT_F16: bool = false;
// 0 none, 1 GELU by tanh, 2 exact GELU by erf
override ACTIVATION: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;

struct Eight {
  low: vec4<f32>,
  high: vec4<f32>,
}

// Eight weights; `at` counts eights, so row n begins at n · K/8.
fn weights(at: u32) -> Eight {
  if (WEIGHT_F16) {
    let w = weight[at];
    return Eight(
      vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y)),
      vec4<f32>(unpack2x16float(w.z), unpack2x16float(w.w)),
    );
  }
  return Eight(bitcast<vec4<f32>>(weight[2u * at]), bitcast<vec4<f32>>(weight[2u * at + 1u]));
}

// erf by a Chebyshev fit of erfc, relative error 1.2e-7 everywhere (Numerical Recipes §6.2).
fn erf4(v: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.5 * abs(v));
  var p = 0.17087277 * t - 0.82215223;
  p = p * t + 1.48851587;
  p = p * t - 1.13520398;
  p = p * t + 0.27886807;
  p = p * t - 0.18628806;
  p = p * t + 0.09678418;
  p = p * t + 0.37409196;
  p = p * t + 1.00002368;
  p = p * t - 1.26551223;
  let erfc = t * exp(p - v * v);
  return sign(v) * (1.0 - erfc);
}

fn activate(v: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) {
    // tanh overflows on some devices for large arguments; it is 1 to f32 precision beyond 10.
    let u = 0.7978845608 * (v + 0.044715 * v * v * v);
    return 0.5 * v * (1.0 + tanh(clamp(u, vec4<f32>(-10.0), vec4<f32>(10.0))));
  }
  if (ACTIVATION == 2u) {
    return 0.5 * v * (1.0 + erf4(v * 0.7071067812));
  }
  return v;
}

fn store(r: u32, c4: u32, sum: vec4<f32>) {
  let row = (r / params.outT) * params.outS + params.outStart + r % params.outT;
  let at = row * params.outStride4 + params.outColumn4 + c4;
  let y = activate(sum + bias[c4]);
  if (params.accumulate == 1u) {
    out[at] = out[at] + scale[params.scaleIndex] * y;
  } else {
    out[at] = y;
  }
}

override WIDTH: u32 = 8;

@compute @workgroup_size(WIDTH, 1, 1)
fn matvec(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c4 = gid.x;
  let r = gid.y;
  if (c4 >= params.columns4 || r >= params.rows) {
    return;
  }
  // Offsets are worked out once: not every compiler moves them out of the loop.
  let eights = K / 8u;
  let row = (params.xStart + r) * (K / 4u);
  let n0 = c4 * 4u * eights;
  let n1 = n0 + eights;
  let n2 = n1 + eights;
  let n3 = n2 + eights;
  var a0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  for (var k8 = 0u; k8 < K / 8u; k8++) {
    let low = x[row + k8 * 2u];
    let high = x[row + k8 * 2u + 1u];
    let w0 = weights(n0 + k8);
    a0 += low * w0.low + high * w0.high;
    let w1 = weights(n1 + k8);
    a1 += low * w1.low + high * w1.high;
    let w2 = weights(n2 + k8);
    a2 += low * w2.low + high * w2.high;
    let w3 = weights(n3 + k8);
    a3 += low * w3.low + high * w3.high;
  }
  let one = vec4<f32>(1.0);
  store(r, c4, vec4<f32>(dot(a0, one), dot(a1, one), dot(a2, one), dot(a3, one)));
}
