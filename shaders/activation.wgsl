// activation — the activation alone; the hot path fuses it into the linear layer before it.
//
//   out = act(x)
//
//   GELU:        ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))),  or exactly  ½ x (1 + erf(x / √2))
//   quick GELU:  x / (1 + e^−1.702x)
//   SiLU:        x / (1 + e^−x)
//   ReLU:        max(x, 0)
//
//   x    (N)  f32   in
//   out  (N)  f32   out   overwritten
//
// One thread four elements. x³ is multiplied out: pow of a negative base is undefined in WGSL.
// Dispatch (⌈N/4 / 64⌉, 1, 1).
// Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.

struct Params {
  count4: u32,
}

// 0 none, 1 GELU by tanh, 2 exact GELU by erf, 3 ReLU, 4 SiLU, 5 quick GELU, 6 tanh
override ACTIVATION: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

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
  if (ACTIVATION == 3u) {
    return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
  }
  if (ACTIVATION == 4u || ACTIVATION == 5u) {
    // exp overflows as well; from −80 down, v · sigmoid(v) is 0 to f32 precision.
    let steepness = select(1.0, 1.702, ACTIVATION == 5u);
    return v / (1.0 + exp(min(-steepness * v, vec4<f32>(80.0))));
  }
  if (ACTIVATION == 6u) {
    return tanh(clamp(v, vec4<f32>(-10.0), vec4<f32>(10.0)));
  }
  return v;
}

@compute @workgroup_size(64, 1, 1)
fn activation(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x;
  if (i >= params.count4) {
    return;
  }
  out[i] = activate(x[i]);
}
