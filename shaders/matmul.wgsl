// matmul — a linear layer for many rows: a register tile reuses every load.
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
// One thread eight rows by eight outputs: sixteen vec4 loads feed 256 multiply-adds, and nothing is
// shared, so there is no barrier and no workgroup memory.
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

// A sum is taken in blocks of so many products, and the blocks' sums are added: in one chain, 3,072 products lose
// as much to rounding as all else in a block of GPT-2.
const BLOCK = 192u;

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

// Where row n begins: in eights, or in vec4s for int8.
fn rowStart(n: u32) -> u32 {
  return n * select(K / 8u, int8Row(), WEIGHT_FORMAT == 2u);
}

// Four weights of the row that begins at `row`; k4 counts fours.
fn weights4(row: u32, k4: u32) -> vec4<f32> {
  if (WEIGHT_FORMAT == 2u) {
    return int8x4(weight[row + k4 / 4u][k4 % 4u]) * (PLACES * scaleOf(row, k4 / 8u));
  }
  if (WEIGHT_FORMAT == 1u) {
    let w = weight[row + k4 / 2u];
    let pair = select(w.xy, w.zw, (k4 & 1u) == 1u);
    return vec4<f32>(unpack2x16float(pair.x), unpack2x16float(pair.y));
  }
  return bitcast<vec4<f32>>(weight[2u * row + k4]);
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

@compute @workgroup_size(8, 1, 1)
fn matmul(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c4 = gid.x * 2u;
  let r = gid.y * 8u;
  if (c4 >= params.columns4 || r >= params.rows) {
    return;
  }
  // Rows and outputs past the last are computed from it again and never stored.
  let last = params.rows - 1u;
  let lastColumn = params.columns4 * 4u - 1u;
  let n = c4 * 4u;
  // Offsets are worked out once: not every compiler moves them out of the loop.
  let n0 = rowStart(min(n, lastColumn));
  let n1 = rowStart(min(n + 1u, lastColumn));
  let n2 = rowStart(min(n + 2u, lastColumn));
  let n3 = rowStart(min(n + 3u, lastColumn));
  let n4 = rowStart(min(n + 4u, lastColumn));
  let n5 = rowStart(min(n + 5u, lastColumn));
  let n6 = rowStart(min(n + 6u, lastColumn));
  let n7 = rowStart(min(n + 7u, lastColumn));
  let x0 = (params.xStart + min(r, last)) * (K / 4u);
  let x1 = (params.xStart + min(r + 1u, last)) * (K / 4u);
  let x2 = (params.xStart + min(r + 2u, last)) * (K / 4u);
  let x3 = (params.xStart + min(r + 3u, last)) * (K / 4u);
  let x4 = (params.xStart + min(r + 4u, last)) * (K / 4u);
  let x5 = (params.xStart + min(r + 5u, last)) * (K / 4u);
  let x6 = (params.xStart + min(r + 6u, last)) * (K / 4u);
  let x7 = (params.xStart + min(r + 7u, last)) * (K / 4u);
  // In an array, because they are stored in one loop, not one by one: compilers copy the activation into each.
  var sums = array<vec4<f32>, 16>();
  for (var from4 = 0u; from4 < K / 4u; from4 += BLOCK / 4u) {
    let end4 = min(from4 + BLOCK / 4u, K / 4u);
    var a0_0 = vec4<f32>(0.0);
    var a0_1 = vec4<f32>(0.0);
    var a1_0 = vec4<f32>(0.0);
    var a1_1 = vec4<f32>(0.0);
    var a2_0 = vec4<f32>(0.0);
    var a2_1 = vec4<f32>(0.0);
    var a3_0 = vec4<f32>(0.0);
    var a3_1 = vec4<f32>(0.0);
    var a4_0 = vec4<f32>(0.0);
    var a4_1 = vec4<f32>(0.0);
    var a5_0 = vec4<f32>(0.0);
    var a5_1 = vec4<f32>(0.0);
    var a6_0 = vec4<f32>(0.0);
    var a6_1 = vec4<f32>(0.0);
    var a7_0 = vec4<f32>(0.0);
    var a7_1 = vec4<f32>(0.0);
    for (var k4 = from4; k4 < end4; k4++) {
      let m0 = mat4x4<f32>(
        weights4(n0, k4),
        weights4(n1, k4),
        weights4(n2, k4),
        weights4(n3, k4),
      );
      let m1 = mat4x4<f32>(
        weights4(n4, k4),
        weights4(n5, k4),
        weights4(n6, k4),
        weights4(n7, k4),
      );
      let v0 = x[x0 + k4];
      a0_0 += v0 * m0;
      a0_1 += v0 * m1;
      let v1 = x[x1 + k4];
      a1_0 += v1 * m0;
      a1_1 += v1 * m1;
      let v2 = x[x2 + k4];
      a2_0 += v2 * m0;
      a2_1 += v2 * m1;
      let v3 = x[x3 + k4];
      a3_0 += v3 * m0;
      a3_1 += v3 * m1;
      let v4 = x[x4 + k4];
      a4_0 += v4 * m0;
      a4_1 += v4 * m1;
      let v5 = x[x5 + k4];
      a5_0 += v5 * m0;
      a5_1 += v5 * m1;
      let v6 = x[x6 + k4];
      a6_0 += v6 * m0;
      a6_1 += v6 * m1;
      let v7 = x[x7 + k4];
      a7_0 += v7 * m0;
      a7_1 += v7 * m1;
    }
    sums[0] += a0_0;
    sums[1] += a0_1;
    sums[2] += a1_0;
    sums[3] += a1_1;
    sums[4] += a2_0;
    sums[5] += a2_1;
    sums[6] += a3_0;
    sums[7] += a3_1;
    sums[8] += a4_0;
    sums[9] += a4_1;
    sums[10] += a5_0;
    sums[11] += a5_1;
    sums[12] += a6_0;
    sums[13] += a6_1;
    sums[14] += a7_0;
    sums[15] += a7_1;
  }
  for (var i = 0u; i < 16u; i++) {
    let row = r + i / 2u;
    let column4 = c4 + i % 2u;
    if (row < params.rows && column4 < params.columns4) {
      store(row, column4, sums[i]);
    }
  }
}
