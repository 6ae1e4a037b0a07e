// matmulWide — matmul with a tile of sixteen by sixteen, for software adapters.
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
// One thread sixteen rows by sixteen outputs. Its 256 sums would not fit a GPU's registers, but a
// software adapter pays more for a load (an address and a bounds check for every lane) than for
// the processor's stack. Dispatch (⌈N/16 / 4⌉, ⌈R/16⌉, 1).
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

@compute @workgroup_size(4, 1, 1)
fn matmulWide(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c4 = gid.x * 4u;
  let r = gid.y * 16u;
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
  let n8 = rowStart(min(n + 8u, lastColumn));
  let n9 = rowStart(min(n + 9u, lastColumn));
  let n10 = rowStart(min(n + 10u, lastColumn));
  let n11 = rowStart(min(n + 11u, lastColumn));
  let n12 = rowStart(min(n + 12u, lastColumn));
  let n13 = rowStart(min(n + 13u, lastColumn));
  let n14 = rowStart(min(n + 14u, lastColumn));
  let n15 = rowStart(min(n + 15u, lastColumn));
  let x0 = (params.xStart + min(r, last)) * (K / 4u);
  let x1 = (params.xStart + min(r + 1u, last)) * (K / 4u);
  let x2 = (params.xStart + min(r + 2u, last)) * (K / 4u);
  let x3 = (params.xStart + min(r + 3u, last)) * (K / 4u);
  let x4 = (params.xStart + min(r + 4u, last)) * (K / 4u);
  let x5 = (params.xStart + min(r + 5u, last)) * (K / 4u);
  let x6 = (params.xStart + min(r + 6u, last)) * (K / 4u);
  let x7 = (params.xStart + min(r + 7u, last)) * (K / 4u);
  let x8 = (params.xStart + min(r + 8u, last)) * (K / 4u);
  let x9 = (params.xStart + min(r + 9u, last)) * (K / 4u);
  let x10 = (params.xStart + min(r + 10u, last)) * (K / 4u);
  let x11 = (params.xStart + min(r + 11u, last)) * (K / 4u);
  let x12 = (params.xStart + min(r + 12u, last)) * (K / 4u);
  let x13 = (params.xStart + min(r + 13u, last)) * (K / 4u);
  let x14 = (params.xStart + min(r + 14u, last)) * (K / 4u);
  let x15 = (params.xStart + min(r + 15u, last)) * (K / 4u);
  // In an array, because they are stored in one loop, not one by one: compilers copy the activation into each.
  var sums = array<vec4<f32>, 64>();
  for (var from4 = 0u; from4 < K / 4u; from4 += BLOCK / 4u) {
    let end4 = min(from4 + BLOCK / 4u, K / 4u);
    var a0_0 = vec4<f32>(0.0);
    var a0_1 = vec4<f32>(0.0);
    var a0_2 = vec4<f32>(0.0);
    var a0_3 = vec4<f32>(0.0);
    var a1_0 = vec4<f32>(0.0);
    var a1_1 = vec4<f32>(0.0);
    var a1_2 = vec4<f32>(0.0);
    var a1_3 = vec4<f32>(0.0);
    var a2_0 = vec4<f32>(0.0);
    var a2_1 = vec4<f32>(0.0);
    var a2_2 = vec4<f32>(0.0);
    var a2_3 = vec4<f32>(0.0);
    var a3_0 = vec4<f32>(0.0);
    var a3_1 = vec4<f32>(0.0);
    var a3_2 = vec4<f32>(0.0);
    var a3_3 = vec4<f32>(0.0);
    var a4_0 = vec4<f32>(0.0);
    var a4_1 = vec4<f32>(0.0);
    var a4_2 = vec4<f32>(0.0);
    var a4_3 = vec4<f32>(0.0);
    var a5_0 = vec4<f32>(0.0);
    var a5_1 = vec4<f32>(0.0);
    var a5_2 = vec4<f32>(0.0);
    var a5_3 = vec4<f32>(0.0);
    var a6_0 = vec4<f32>(0.0);
    var a6_1 = vec4<f32>(0.0);
    var a6_2 = vec4<f32>(0.0);
    var a6_3 = vec4<f32>(0.0);
    var a7_0 = vec4<f32>(0.0);
    var a7_1 = vec4<f32>(0.0);
    var a7_2 = vec4<f32>(0.0);
    var a7_3 = vec4<f32>(0.0);
    var a8_0 = vec4<f32>(0.0);
    var a8_1 = vec4<f32>(0.0);
    var a8_2 = vec4<f32>(0.0);
    var a8_3 = vec4<f32>(0.0);
    var a9_0 = vec4<f32>(0.0);
    var a9_1 = vec4<f32>(0.0);
    var a9_2 = vec4<f32>(0.0);
    var a9_3 = vec4<f32>(0.0);
    var a10_0 = vec4<f32>(0.0);
    var a10_1 = vec4<f32>(0.0);
    var a10_2 = vec4<f32>(0.0);
    var a10_3 = vec4<f32>(0.0);
    var a11_0 = vec4<f32>(0.0);
    var a11_1 = vec4<f32>(0.0);
    var a11_2 = vec4<f32>(0.0);
    var a11_3 = vec4<f32>(0.0);
    var a12_0 = vec4<f32>(0.0);
    var a12_1 = vec4<f32>(0.0);
    var a12_2 = vec4<f32>(0.0);
    var a12_3 = vec4<f32>(0.0);
    var a13_0 = vec4<f32>(0.0);
    var a13_1 = vec4<f32>(0.0);
    var a13_2 = vec4<f32>(0.0);
    var a13_3 = vec4<f32>(0.0);
    var a14_0 = vec4<f32>(0.0);
    var a14_1 = vec4<f32>(0.0);
    var a14_2 = vec4<f32>(0.0);
    var a14_3 = vec4<f32>(0.0);
    var a15_0 = vec4<f32>(0.0);
    var a15_1 = vec4<f32>(0.0);
    var a15_2 = vec4<f32>(0.0);
    var a15_3 = vec4<f32>(0.0);
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
      let m2 = mat4x4<f32>(
        weights4(n8, k4),
        weights4(n9, k4),
        weights4(n10, k4),
        weights4(n11, k4),
      );
      let m3 = mat4x4<f32>(
        weights4(n12, k4),
        weights4(n13, k4),
        weights4(n14, k4),
        weights4(n15, k4),
      );
      let v0 = x[x0 + k4];
      a0_0 += v0 * m0;
      a0_1 += v0 * m1;
      a0_2 += v0 * m2;
      a0_3 += v0 * m3;
      let v1 = x[x1 + k4];
      a1_0 += v1 * m0;
      a1_1 += v1 * m1;
      a1_2 += v1 * m2;
      a1_3 += v1 * m3;
      let v2 = x[x2 + k4];
      a2_0 += v2 * m0;
      a2_1 += v2 * m1;
      a2_2 += v2 * m2;
      a2_3 += v2 * m3;
      let v3 = x[x3 + k4];
      a3_0 += v3 * m0;
      a3_1 += v3 * m1;
      a3_2 += v3 * m2;
      a3_3 += v3 * m3;
      let v4 = x[x4 + k4];
      a4_0 += v4 * m0;
      a4_1 += v4 * m1;
      a4_2 += v4 * m2;
      a4_3 += v4 * m3;
      let v5 = x[x5 + k4];
      a5_0 += v5 * m0;
      a5_1 += v5 * m1;
      a5_2 += v5 * m2;
      a5_3 += v5 * m3;
      let v6 = x[x6 + k4];
      a6_0 += v6 * m0;
      a6_1 += v6 * m1;
      a6_2 += v6 * m2;
      a6_3 += v6 * m3;
      let v7 = x[x7 + k4];
      a7_0 += v7 * m0;
      a7_1 += v7 * m1;
      a7_2 += v7 * m2;
      a7_3 += v7 * m3;
      let v8 = x[x8 + k4];
      a8_0 += v8 * m0;
      a8_1 += v8 * m1;
      a8_2 += v8 * m2;
      a8_3 += v8 * m3;
      let v9 = x[x9 + k4];
      a9_0 += v9 * m0;
      a9_1 += v9 * m1;
      a9_2 += v9 * m2;
      a9_3 += v9 * m3;
      let v10 = x[x10 + k4];
      a10_0 += v10 * m0;
      a10_1 += v10 * m1;
      a10_2 += v10 * m2;
      a10_3 += v10 * m3;
      let v11 = x[x11 + k4];
      a11_0 += v11 * m0;
      a11_1 += v11 * m1;
      a11_2 += v11 * m2;
      a11_3 += v11 * m3;
      let v12 = x[x12 + k4];
      a12_0 += v12 * m0;
      a12_1 += v12 * m1;
      a12_2 += v12 * m2;
      a12_3 += v12 * m3;
      let v13 = x[x13 + k4];
      a13_0 += v13 * m0;
      a13_1 += v13 * m1;
      a13_2 += v13 * m2;
      a13_3 += v13 * m3;
      let v14 = x[x14 + k4];
      a14_0 += v14 * m0;
      a14_1 += v14 * m1;
      a14_2 += v14 * m2;
      a14_3 += v14 * m3;
      let v15 = x[x15 + k4];
      a15_0 += v15 * m0;
      a15_1 += v15 * m1;
      a15_2 += v15 * m2;
      a15_3 += v15 * m3;
    }
    sums[0] += a0_0;
    sums[1] += a0_1;
    sums[2] += a0_2;
    sums[3] += a0_3;
    sums[4] += a1_0;
    sums[5] += a1_1;
    sums[6] += a1_2;
    sums[7] += a1_3;
    sums[8] += a2_0;
    sums[9] += a2_1;
    sums[10] += a2_2;
    sums[11] += a2_3;
    sums[12] += a3_0;
    sums[13] += a3_1;
    sums[14] += a3_2;
    sums[15] += a3_3;
    sums[16] += a4_0;
    sums[17] += a4_1;
    sums[18] += a4_2;
    sums[19] += a4_3;
    sums[20] += a5_0;
    sums[21] += a5_1;
    sums[22] += a5_2;
    sums[23] += a5_3;
    sums[24] += a6_0;
    sums[25] += a6_1;
    sums[26] += a6_2;
    sums[27] += a6_3;
    sums[28] += a7_0;
    sums[29] += a7_1;
    sums[30] += a7_2;
    sums[31] += a7_3;
    sums[32] += a8_0;
    sums[33] += a8_1;
    sums[34] += a8_2;
    sums[35] += a8_3;
    sums[36] += a9_0;
    sums[37] += a9_1;
    sums[38] += a9_2;
    sums[39] += a9_3;
    sums[40] += a10_0;
    sums[41] += a10_1;
    sums[42] += a10_2;
    sums[43] += a10_3;
    sums[44] += a11_0;
    sums[45] += a11_1;
    sums[46] += a11_2;
    sums[47] += a11_3;
    sums[48] += a12_0;
    sums[49] += a12_1;
    sums[50] += a12_2;
    sums[51] += a12_3;
    sums[52] += a13_0;
    sums[53] += a13_1;
    sums[54] += a13_2;
    sums[55] += a13_3;
    sums[56] += a14_0;
    sums[57] += a14_1;
    sums[58] += a14_2;
    sums[59] += a14_3;
    sums[60] += a15_0;
    sums[61] += a15_1;
    sums[62] += a15_2;
    sums[63] += a15_3;
  }
  for (var i = 0u; i < 64u; i++) {
    let row = r + i / 4u;
    let column4 = c4 + i % 4u;
    if (row < params.rows && column4 < params.columns4) {
      store(row, column4, sums[i]);
    }
  }
}
