// matvec — a linear layer for one row (or a few): every weight is read once a row.
//
//   y[r, n]       = act(Σ_k x[xStart + r, k] · weight[n, k] + bias[n])
//   out[m(r), n] ← y[r, n],  or out + scale · y where accumulate is 1
//   m(r)          = (r div T) · S + start + r mod T
//
//   x       (·, K)  f32            in    K is a multiple of 8, padded with zeros
//   weight  (N, K)  WEIGHT_FORMAT  in    K contiguous; a part of the rows of a large matrix
//   bias    (N)     f32            in    zeros where the model has none
//   scale   (·)     f32            in    element scaleIndex is used: 1, or 0 to switch a part off
//   out     (·, O)  f32            out   columns outColumn … outColumn + N of row m(r)
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
// 0 f32, 1 f16 in pairs, 2 int8: a row's groups of 32, then the groups' scales, upper halves of f32s
override WEIGHT_FORMAT: u32 = 0;
// 0 none, 1 GELU by tanh, 2 exact GELU by erf, 3 ReLU, 4 SiLU, 5 quick GELU, 6 tanh
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
  if (WEIGHT_FORMAT == 1u) {
    let w = weight[at];
    return Eight(
      vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y)),
      vec4<f32>(unpack2x16float(w.z), unpack2x16float(w.w)),
    );
  }
  return Eight(bitcast<vec4<f32>>(weight[2u * at]), bitcast<vec4<f32>>(weight[2u * at + 1u]));
}

// Four int8 weights, each still times 256 to the power of its place in the word: a software adapter
// shifts lane by lane, so nothing is shifted. With 0x80 flipped, the lower three are 128 too large.
fn int8x4(word: u32) -> vec4<f32> {
  let places = vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u);
  let bytes = vec4<i32>(vec4<u32>(word ^ 0x00808080u) & places);
  return vec4<f32>(bytes) - vec4<f32>(128.0, 32768.0, 8388608.0, 0.0);
}

// Takes the places back out.
const PLACES = vec4<f32>(1.0, 0x1p-8, 0x1p-16, 0x1p-24);

// vec4s of a row of int8 weights: two for each group of 32, and the groups' scales, eight a vec4.
fn int8Row() -> u32 {
  let groups = (K + 31u) / 32u;
  return 2u * groups + (groups + 7u) / 8u;
}

// Scale of group g, half of a word: the upper half of an f32.
fn scaleIn(word: u32, g: u32) -> f32 {
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, (g & 1u) == 1u));
}

// Scale of group g in the row that begins at vec4 `row`.
fn scaleOf(row: u32, g: u32) -> f32 {
  return scaleIn(weight[row + 2u * ((K + 31u) / 32u) + g / 8u][(g / 2u) % 4u], g);
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

// Part of a row's sum, over sixteen int8 weights without their scale; x comes with the places taken out.
fn sixteen(at: u32, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) -> f32 {
  let w = weight[at];
  return dot(x0, int8x4(w.x)) + dot(x1, int8x4(w.y)) + dot(x2, int8x4(w.z)) + dot(x3, int8x4(w.w));
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
  let row = (params.xStart + r) * (K / 4u);
  let stride = select(K / 8u, int8Row(), WEIGHT_FORMAT == 2u);
  let n0 = c4 * 4u * stride;
  let n1 = n0 + stride;
  let n2 = n1 + stride;
  let n3 = n2 + stride;
  var sum = vec4<f32>(0.0);
  if (WEIGHT_FORMAT == 2u) {
    // The last group is padded with zeros beyond K, where there is no x.
    let last = row + K / 4u - 1u;
    for (var g = 0u; g < (K + 31u) / 32u; g++) {
      var part = vec4<f32>(0.0);
      for (var k16 = 2u * g; k16 < 2u * g + 2u; k16++) {
        let at = row + 4u * k16;
        let x0 = x[min(at, last)] * PLACES;
        let x1 = x[min(at + 1u, last)] * PLACES;
        let x2 = x[min(at + 2u, last)] * PLACES;
        let x3 = x[min(at + 3u, last)] * PLACES;
        part += vec4<f32>(
          sixteen(n0 + k16, x0, x1, x2, x3),
          sixteen(n1 + k16, x0, x1, x2, x3),
          sixteen(n2 + k16, x0, x1, x2, x3),
          sixteen(n3 + k16, x0, x1, x2, x3),
        );
      }
      sum += part * vec4<f32>(scaleOf(n0, g), scaleOf(n1, g), scaleOf(n2, g), scaleOf(n3, g));
    }
  } else {
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
    sum = vec4<f32>(dot(a0, one), dot(a1, one), dot(a2, one), dot(a3, one));
  }
  store(r, c4, sum);
}
