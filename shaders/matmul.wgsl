// matmul — a linear layer for many rows: a register tile reuses every load.
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
// One thread eight rows by eight outputs: sixteen loads of eight values feed 512 multiply-adds, and
// nothing is shared, so there is no barrier and no workgroup memory.
// Dispatch (⌈N/8 / 8⌉, ⌈R/8⌉, 1).
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

@compute @workgroup_size(8, 1, 1)
fn matmul(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c4 = gid.x * 2u;
  let r = gid.y * 8u;
  if (c4 >= params.columns4 || r >= params.rows) {
    return;
  }
  // Offsets are worked out once: not every compiler moves them out of the loop.
  let eights = K / 8u;
  let n0 = c4 * 4u * eights;
  let n1 = n0 + eights;
  let n2 = n1 + eights;
  let n3 = n2 + eights;
  let n4 = n3 + eights;
  let n5 = n4 + eights;
  let n6 = n5 + eights;
  let n7 = n6 + eights;
  // Rows past the last are computed from it again and never stored.
  let last = params.rows - 1u;
  let x0 = (params.xStart + min(r + 0u, last)) * (K / 4u);
  let x1 = (params.xStart + min(r + 1u, last)) * (K / 4u);
  let x2 = (params.xStart + min(r + 2u, last)) * (K / 4u);
  let x3 = (params.xStart + min(r + 3u, last)) * (K / 4u);
  let x4 = (params.xStart + min(r + 4u, last)) * (K / 4u);
  let x5 = (params.xStart + min(r + 5u, last)) * (K / 4u);
  let x6 = (params.xStart + min(r + 6u, last)) * (K / 4u);
  let x7 = (params.xStart + min(r + 7u, last)) * (K / 4u);
  var a0 = vec4<f32>(0.0);
  var b0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var b1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var b2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  var b3 = vec4<f32>(0.0);
  var a4 = vec4<f32>(0.0);
  var b4 = vec4<f32>(0.0);
  var a5 = vec4<f32>(0.0);
  var b5 = vec4<f32>(0.0);
  var a6 = vec4<f32>(0.0);
  var b6 = vec4<f32>(0.0);
  var a7 = vec4<f32>(0.0);
  var b7 = vec4<f32>(0.0);
  for (var k8 = 0u; k8 < K / 8u; k8++) {
    let w0 = weights(n0 + k8);
    let w1 = weights(n1 + k8);
    let w2 = weights(n2 + k8);
    let w3 = weights(n3 + k8);
    let w4 = weights(n4 + k8);
    let w5 = weights(n5 + k8);
    let w6 = weights(n6 + k8);
    let w7 = weights(n7 + k8);
    let aLow = mat4x4<f32>(w0.low, w1.low, w2.low, w3.low);
    let aHigh = mat4x4<f32>(w0.high, w1.high, w2.high, w3.high);
    let bLow = mat4x4<f32>(w4.low, w5.low, w6.low, w7.low);
    let bHigh = mat4x4<f32>(w4.high, w5.high, w6.high, w7.high);
    let low0 = x[x0 + k8 * 2u];
    let high0 = x[x0 + k8 * 2u + 1u];
    a0 += low0 * aLow + high0 * aHigh;
    b0 += low0 * bLow + high0 * bHigh;
    let low1 = x[x1 + k8 * 2u];
    let high1 = x[x1 + k8 * 2u + 1u];
    a1 += low1 * aLow + high1 * aHigh;
    b1 += low1 * bLow + high1 * bHigh;
    let low2 = x[x2 + k8 * 2u];
    let high2 = x[x2 + k8 * 2u + 1u];
    a2 += low2 * aLow + high2 * aHigh;
    b2 += low2 * bLow + high2 * bHigh;
    let low3 = x[x3 + k8 * 2u];
    let high3 = x[x3 + k8 * 2u + 1u];
    a3 += low3 * aLow + high3 * aHigh;
    b3 += low3 * bLow + high3 * bHigh;
    let low4 = x[x4 + k8 * 2u];
    let high4 = x[x4 + k8 * 2u + 1u];
    a4 += low4 * aLow + high4 * aHigh;
    b4 += low4 * bLow + high4 * bHigh;
    let low5 = x[x5 + k8 * 2u];
    let high5 = x[x5 + k8 * 2u + 1u];
    a5 += low5 * aLow + high5 * aHigh;
    b5 += low5 * bLow + high5 * bHigh;
    let low6 = x[x6 + k8 * 2u];
    let high6 = x[x6 + k8 * 2u + 1u];
    a6 += low6 * aLow + high6 * aHigh;
    b6 += low6 * bLow + high6 * bHigh;
    let low7 = x[x7 + k8 * 2u];
    let high7 = x[x7 + k8 * 2u + 1u];
    a7 += low7 * aLow + high7 * aHigh;
    b7 += low7 * bLow + high7 * bHigh;
  }
  store(r, c4, a0);
  store(r, c4 + 1u, b0);
  if (r + 1u <= last) {
    store(r + 1u, c4, a1);
    store(r + 1u, c4 + 1u, b1);
  }
  if (r + 2u <= last) {
    store(r + 2u, c4, a2);
    store(r + 2u, c4 + 1u, b2);
  }
  if (r + 3u <= last) {
    store(r + 3u, c4, a3);
    store(r + 3u, c4 + 1u, b3);
  }
  if (r + 4u <= last) {
    store(r + 4u, c4, a4);
    store(r + 4u, c4 + 1u, b4);
  }
  if (r + 5u <= last) {
    store(r + 5u, c4, a5);
    store(r + 5u, c4 + 1u, b5);
  }
  if (r + 6u <= last) {
    store(r + 6u, c4, a6);
    store(r + 6u, c4 + 1u, b6);
  }
  if (r + 7u <= last) {
    store(r + 7u, c4, a7);
    store(r + 7u, c4 + 1u, b7);
  }
}
