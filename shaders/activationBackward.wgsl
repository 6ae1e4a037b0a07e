// activationBackward — the gradient of the activation.
//
//   dX = act′(x) · dOut
//
//   GELU by tanh:  x σ(z) with z = √(8/π) (x + 0.044715 x³), so  σ + x σ (1 − σ) z′
//   quick GELU:    the same with z = 1.702 x
//   SiLU:          the same with z = x
//   exact GELU:    ½ (1 + erf(x / √2)) + x e^(−x²/2) / √(2π)
//   ReLU:          1 where x > 0, else 0
//   tanh:          1 − tanh² x
//
//   x     (N)  f32   in    what went into the activation
//   dOut  (N)  f32   in
//   dX    (N)  f32   out   overwritten
//
// One thread four elements. x is cut at ±100, where every slope is 0 or 1 to f32 precision: what is multiplied by
// nothing must not be infinite. Workgroups lie in rows of 1024.
// Dispatch (min(⌈N/4 / 64⌉, 1024), ⌈N/4 / 64 / 1024⌉, 1).
// Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.

struct Params {
  count4: u32,
}

// 0 none, 1 GELU by tanh, 2 exact GELU by erf, 3 ReLU, 4 SiLU, 5 quick GELU, 6 tanh
override ACTIVATION: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dX: array<vec4<f32>>;

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

// The slope of v · σ(z). 1 − σ is e · σ: nothing is lost where σ is almost 1.
fn swishSlope(v: vec4<f32>, z: vec4<f32>, dz: vec4<f32>) -> vec4<f32> {
  let e = exp(min(-z, vec4<f32>(80.0)));
  let sigmoid = 1.0 / (1.0 + e);
  return sigmoid + v * sigmoid * (e * sigmoid) * dz;
}

fn slope(far: vec4<f32>) -> vec4<f32> {
  let v = clamp(far, vec4<f32>(-100.0), vec4<f32>(100.0));
  if (ACTIVATION == 1u) {
    let z = 1.5957691216 * (v + 0.044715 * v * v * v);
    return swishSlope(v, z, 1.5957691216 + 0.2140644488 * v * v);
  }
  if (ACTIVATION == 2u) {
    return 0.5 * (1.0 + erf4(v * 0.7071067812)) + v * 0.3989422804 * exp(-0.5 * v * v);
  }
  if (ACTIVATION == 3u) {
    return select(vec4<f32>(1.0), vec4<f32>(0.0), v <= vec4<f32>(0.0));
  }
  if (ACTIVATION == 4u || ACTIVATION == 5u) {
    let steepness = select(1.0, 1.702, ACTIVATION == 5u);
    return swishSlope(v, steepness * v, vec4<f32>(steepness));
  }
  if (ACTIVATION == 6u) {
    let t = tanh(clamp(v, vec4<f32>(-10.0), vec4<f32>(10.0)));
    return 1.0 - t * t;
  }
  return vec4<f32>(1.0);
}

@compute @workgroup_size(64)
fn activationBackward(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.y * (1024u * 64u) + gid.x;
  if (i >= params.count4) {
    return;
  }
  dX[i] = slope(x[i]) * dOut[i];
}
