// linearBackwardInput — the gradient of what went into a linear layer.
//
//   dX[dXStart + r, k] ← Σ_n dOut[dOutStart + r, dOutColumn + n] · weight[n, k]
//   or dX + that where accumulate is 1
//
//   dOut    (·, O)  f32            in    columns dOutColumn … dOutColumn + N are this part's
//   weight  (N, K)  WEIGHT_FORMAT  in    K contiguous, a multiple of 8; a part of the rows of a large matrix
//   dX      (·, K)  f32            out
//
// One thread sixteen rows by sixteen columns: 32 vec4 loads feed 1024 multiply-adds, four to a sum, for its 256 sums
// lie on the stack of a software adapter. Nothing is shared. Dispatch (⌈K/16 / 4⌉, ⌈R/16⌉, 1).
// Source: the chain rule of y = x · weightᵀ; Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

struct Params {
  rows: u32,
  columns4: u32,
  dOutStride4: u32,
  dOutColumn4: u32,
  accumulate: u32,
  dOutStart: u32,
  dXStart: u32,
  width: u32,
}

// 0 f32, 1 f16 in pairs, 2 int8: a row's groups of 32, then the groups' scales, upper halves of f32s
override WEIGHT_FORMAT: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> dX: array<vec4<f32>>;

// Columns of the weight: a param and no override, so that one pipeline serves the layers of all widths.
var<private> K: u32;

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

@compute @workgroup_size(4, 1, 1)
fn linearBackwardInput(@builtin(global_invocation_id) gid: vec3<u32>) {
  K = params.width;
  let width4 = K / 4u;
  let k4 = gid.x * 4u;
  let r = gid.y * 16u;
  if (k4 >= width4 || r >= params.rows) {
    return;
  }
  // Rows and columns past the last are computed from it again and never stored.
  let last = params.rows - 1u;
  let k4_1 = min(k4 + 1u, width4 - 1u);
  let k4_2 = min(k4 + 2u, width4 - 1u);
  let k4_3 = min(k4 + 3u, width4 - 1u);
  // Offsets are worked out once: not every compiler moves them out of the loop.
  let step = rowStart(1u);
  let first = params.dOutStart * params.dOutStride4 + params.dOutColumn4;
  let d0 = first + min(r, last) * params.dOutStride4;
  let d1 = first + min(r + 1u, last) * params.dOutStride4;
  let d2 = first + min(r + 2u, last) * params.dOutStride4;
  let d3 = first + min(r + 3u, last) * params.dOutStride4;
  let d4 = first + min(r + 4u, last) * params.dOutStride4;
  let d5 = first + min(r + 5u, last) * params.dOutStride4;
  let d6 = first + min(r + 6u, last) * params.dOutStride4;
  let d7 = first + min(r + 7u, last) * params.dOutStride4;
  let d8 = first + min(r + 8u, last) * params.dOutStride4;
  let d9 = first + min(r + 9u, last) * params.dOutStride4;
  let d10 = first + min(r + 10u, last) * params.dOutStride4;
  let d11 = first + min(r + 11u, last) * params.dOutStride4;
  let d12 = first + min(r + 12u, last) * params.dOutStride4;
  let d13 = first + min(r + 13u, last) * params.dOutStride4;
  let d14 = first + min(r + 14u, last) * params.dOutStride4;
  let d15 = first + min(r + 15u, last) * params.dOutStride4;
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
  for (var n4 = 0u; n4 < params.columns4; n4++) {
    let n0 = n4 * 4u * step;
    let n1 = n0 + step;
    let n2 = n1 + step;
    let n3 = n2 + step;
    let m0 = mat4x4<f32>(
      weights4(n0, k4),
      weights4(n1, k4),
      weights4(n2, k4),
      weights4(n3, k4),
    );
    let m1 = mat4x4<f32>(
      weights4(n0, k4_1),
      weights4(n1, k4_1),
      weights4(n2, k4_1),
      weights4(n3, k4_1),
    );
    let m2 = mat4x4<f32>(
      weights4(n0, k4_2),
      weights4(n1, k4_2),
      weights4(n2, k4_2),
      weights4(n3, k4_2),
    );
    let m3 = mat4x4<f32>(
      weights4(n0, k4_3),
      weights4(n1, k4_3),
      weights4(n2, k4_3),
      weights4(n3, k4_3),
    );
    let v0 = dOut[d0 + n4];
    a0_0 += m0 * v0;
    a0_1 += m1 * v0;
    a0_2 += m2 * v0;
    a0_3 += m3 * v0;
    let v1 = dOut[d1 + n4];
    a1_0 += m0 * v1;
    a1_1 += m1 * v1;
    a1_2 += m2 * v1;
    a1_3 += m3 * v1;
    let v2 = dOut[d2 + n4];
    a2_0 += m0 * v2;
    a2_1 += m1 * v2;
    a2_2 += m2 * v2;
    a2_3 += m3 * v2;
    let v3 = dOut[d3 + n4];
    a3_0 += m0 * v3;
    a3_1 += m1 * v3;
    a3_2 += m2 * v3;
    a3_3 += m3 * v3;
    let v4 = dOut[d4 + n4];
    a4_0 += m0 * v4;
    a4_1 += m1 * v4;
    a4_2 += m2 * v4;
    a4_3 += m3 * v4;
    let v5 = dOut[d5 + n4];
    a5_0 += m0 * v5;
    a5_1 += m1 * v5;
    a5_2 += m2 * v5;
    a5_3 += m3 * v5;
    let v6 = dOut[d6 + n4];
    a6_0 += m0 * v6;
    a6_1 += m1 * v6;
    a6_2 += m2 * v6;
    a6_3 += m3 * v6;
    let v7 = dOut[d7 + n4];
    a7_0 += m0 * v7;
    a7_1 += m1 * v7;
    a7_2 += m2 * v7;
    a7_3 += m3 * v7;
    let v8 = dOut[d8 + n4];
    a8_0 += m0 * v8;
    a8_1 += m1 * v8;
    a8_2 += m2 * v8;
    a8_3 += m3 * v8;
    let v9 = dOut[d9 + n4];
    a9_0 += m0 * v9;
    a9_1 += m1 * v9;
    a9_2 += m2 * v9;
    a9_3 += m3 * v9;
    let v10 = dOut[d10 + n4];
    a10_0 += m0 * v10;
    a10_1 += m1 * v10;
    a10_2 += m2 * v10;
    a10_3 += m3 * v10;
    let v11 = dOut[d11 + n4];
    a11_0 += m0 * v11;
    a11_1 += m1 * v11;
    a11_2 += m2 * v11;
    a11_3 += m3 * v11;
    let v12 = dOut[d12 + n4];
    a12_0 += m0 * v12;
    a12_1 += m1 * v12;
    a12_2 += m2 * v12;
    a12_3 += m3 * v12;
    let v13 = dOut[d13 + n4];
    a13_0 += m0 * v13;
    a13_1 += m1 * v13;
    a13_2 += m2 * v13;
    a13_3 += m3 * v13;
    let v14 = dOut[d14 + n4];
    a14_0 += m0 * v14;
    a14_1 += m1 * v14;
    a14_2 += m2 * v14;
    a14_3 += m3 * v14;
    let v15 = dOut[d15 + n4];
    a15_0 += m0 * v15;
    a15_1 += m1 * v15;
    a15_2 += m2 * v15;
    a15_3 += m3 * v15;
  }
  var sums = array<vec4<f32>, 64>(
    a0_0, a0_1, a0_2, a0_3,
    a1_0, a1_1, a1_2, a1_3,
    a2_0, a2_1, a2_2, a2_3,
    a3_0, a3_1, a3_2, a3_3,
    a4_0, a4_1, a4_2, a4_3,
    a5_0, a5_1, a5_2, a5_3,
    a6_0, a6_1, a6_2, a6_3,
    a7_0, a7_1, a7_2, a7_3,
    a8_0, a8_1, a8_2, a8_3,
    a9_0, a9_1, a9_2, a9_3,
    a10_0, a10_1, a10_2, a10_3,
    a11_0, a11_1, a11_2, a11_3,
    a12_0, a12_1, a12_2, a12_3,
    a13_0, a13_1, a13_2, a13_3,
    a14_0, a14_1, a14_2, a14_3,
    a15_0, a15_1, a15_2, a15_3,
  );
  for (var i = 0u; i < 64u; i++) {
    let row = r + i / 4u;
    let column4 = k4 + i % 4u;
    if (row < params.rows && column4 < width4) {
      let at = (params.dXStart + row) * width4 + column4;
      if (params.accumulate == 1u) {
        dX[at] += sums[i];
      } else {
        dX[at] = sums[i];
      }
    }
  }
}
