// linearBackwardWeight — the gradients of a linear layer's weight and bias.
//
//   dWeight[n, k] ← Σ_r dOut[dOutStart + r, dOutColumn + n] · x[xStart + r, k]
//   dBias[n]      ← Σ_r dOut[dOutStart + r, dOutColumn + n],  or each of them + that where accumulate is 1
//
//   dOut     (·, O)  f32   in    columns dOutColumn … dOutColumn + N are this part's
//   x        (·, K)  f32   in    K is a multiple of 8, padded with zeros
//   dWeight  (N, K)  f32   out   N is a multiple of 8; a part of the rows of a large matrix
//   dBias    (N)     f32   out
//
// One thread sixteen rows of the weight by sixteen columns, and four rows of x a turn: 32 vec4 loads feed 1024
// multiply-adds, four to a sum, for its 256 sums lie on the stack of a software adapter. Nothing is shared. The first
// thread of a row of tiles stores the bias. Dispatch (⌈K/16 / 4⌉, ⌈N/16⌉, 1).
// Source: the chain rule of y = x · weightᵀ + bias; Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

struct Params {
  rows: u32,
  columns4: u32,
  dOutStride4: u32,
  dOutColumn4: u32,
  accumulate: u32,
  dOutStart: u32,
  xStart: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dBias: array<vec4<f32>>;

// Four outputs of four rows: a column is an output, an element of it a row; 0 where the row does not count.
fn outputs(at0: u32, at1: u32, at2: u32, at3: u32, counts: vec4<f32>) -> mat4x4<f32> {
  let d = transpose(mat4x4<f32>(dOut[at0], dOut[at1], dOut[at2], dOut[at3]));
  return mat4x4<f32>(d[0] * counts, d[1] * counts, d[2] * counts, d[3] * counts);
}

@compute @workgroup_size(4, 1, 1)
fn linearBackwardWeight(@builtin(global_invocation_id) gid: vec3<u32>) {
  let width4 = params.width / 4u;
  let k4 = gid.x * 4u;
  let n4 = gid.y * 4u;
  if (k4 >= width4 || n4 >= params.columns4) {
    return;
  }
  // Columns past the last are computed from it again and never stored.
  let dEnd = params.columns4 - 1u;
  let xEnd = width4 - 1u;
  let p0 = params.dOutColumn4 + min(n4, dEnd);
  let p1 = params.dOutColumn4 + min(n4 + 1u, dEnd);
  let p2 = params.dOutColumn4 + min(n4 + 2u, dEnd);
  let p3 = params.dOutColumn4 + min(n4 + 3u, dEnd);
  let q0 = min(k4, xEnd);
  let q1 = min(k4 + 1u, xEnd);
  let q2 = min(k4 + 2u, xEnd);
  let q3 = min(k4 + 3u, xEnd);
  var b0 = vec4<f32>(0.0);
  var b1 = vec4<f32>(0.0);
  var b2 = vec4<f32>(0.0);
  var b3 = vec4<f32>(0.0);
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
  for (var r = 0u; r < params.rows; r += 4u) {
    // Of rows past the last, the last is read again and counts nothing.
    let left = params.rows - r;
    let counts = vec4<f32>(vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left));
    let r1 = r + min(1u, left - 1u);
    let r2 = r + min(2u, left - 1u);
    let r3 = r + min(3u, left - 1u);
    let dAt0 = (params.dOutStart + r) * params.dOutStride4;
    let dAt1 = (params.dOutStart + r1) * params.dOutStride4;
    let dAt2 = (params.dOutStart + r2) * params.dOutStride4;
    let dAt3 = (params.dOutStart + r3) * params.dOutStride4;
    let xAt0 = (params.xStart + r) * width4;
    let xAt1 = (params.xStart + r1) * width4;
    let xAt2 = (params.xStart + r2) * width4;
    let xAt3 = (params.xStart + r3) * width4;
    let x0 = mat4x4<f32>(x[xAt0 + q0], x[xAt1 + q0], x[xAt2 + q0], x[xAt3 + q0]);
    let x1 = mat4x4<f32>(x[xAt0 + q1], x[xAt1 + q1], x[xAt2 + q1], x[xAt3 + q1]);
    let x2 = mat4x4<f32>(x[xAt0 + q2], x[xAt1 + q2], x[xAt2 + q2], x[xAt3 + q2]);
    let x3 = mat4x4<f32>(x[xAt0 + q3], x[xAt1 + q3], x[xAt2 + q3], x[xAt3 + q3]);
    // Columns of these are rows of the weight: one of its four is dOut of four rows of x.
    let d0 = outputs(dAt0 + p0, dAt1 + p0, dAt2 + p0, dAt3 + p0, counts);
    let d1 = outputs(dAt0 + p1, dAt1 + p1, dAt2 + p1, dAt3 + p1, counts);
    let d2 = outputs(dAt0 + p2, dAt1 + p2, dAt2 + p2, dAt3 + p2, counts);
    let d3 = outputs(dAt0 + p3, dAt1 + p3, dAt2 + p3, dAt3 + p3, counts);
    b0 += counts * d0;
    b1 += counts * d1;
    b2 += counts * d2;
    b3 += counts * d3;
    a0_0 += x0 * d0[0];
    a0_1 += x1 * d0[0];
    a0_2 += x2 * d0[0];
    a0_3 += x3 * d0[0];
    a1_0 += x0 * d0[1];
    a1_1 += x1 * d0[1];
    a1_2 += x2 * d0[1];
    a1_3 += x3 * d0[1];
    a2_0 += x0 * d0[2];
    a2_1 += x1 * d0[2];
    a2_2 += x2 * d0[2];
    a2_3 += x3 * d0[2];
    a3_0 += x0 * d0[3];
    a3_1 += x1 * d0[3];
    a3_2 += x2 * d0[3];
    a3_3 += x3 * d0[3];
    a4_0 += x0 * d1[0];
    a4_1 += x1 * d1[0];
    a4_2 += x2 * d1[0];
    a4_3 += x3 * d1[0];
    a5_0 += x0 * d1[1];
    a5_1 += x1 * d1[1];
    a5_2 += x2 * d1[1];
    a5_3 += x3 * d1[1];
    a6_0 += x0 * d1[2];
    a6_1 += x1 * d1[2];
    a6_2 += x2 * d1[2];
    a6_3 += x3 * d1[2];
    a7_0 += x0 * d1[3];
    a7_1 += x1 * d1[3];
    a7_2 += x2 * d1[3];
    a7_3 += x3 * d1[3];
    a8_0 += x0 * d2[0];
    a8_1 += x1 * d2[0];
    a8_2 += x2 * d2[0];
    a8_3 += x3 * d2[0];
    a9_0 += x0 * d2[1];
    a9_1 += x1 * d2[1];
    a9_2 += x2 * d2[1];
    a9_3 += x3 * d2[1];
    a10_0 += x0 * d2[2];
    a10_1 += x1 * d2[2];
    a10_2 += x2 * d2[2];
    a10_3 += x3 * d2[2];
    a11_0 += x0 * d2[3];
    a11_1 += x1 * d2[3];
    a11_2 += x2 * d2[3];
    a11_3 += x3 * d2[3];
    a12_0 += x0 * d3[0];
    a12_1 += x1 * d3[0];
    a12_2 += x2 * d3[0];
    a12_3 += x3 * d3[0];
    a13_0 += x0 * d3[1];
    a13_1 += x1 * d3[1];
    a13_2 += x2 * d3[1];
    a13_3 += x3 * d3[1];
    a14_0 += x0 * d3[2];
    a14_1 += x1 * d3[2];
    a14_2 += x2 * d3[2];
    a14_3 += x3 * d3[2];
    a15_0 += x0 * d3[3];
    a15_1 += x1 * d3[3];
    a15_2 += x2 * d3[3];
    a15_3 += x3 * d3[3];
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
    let row = n4 * 4u + i / 4u;
    let column4 = k4 + i % 4u;
    if (row < params.columns4 * 4u && column4 < width4) {
      let at = row * width4 + column4;
      if (params.accumulate == 1u) {
        dWeight[at] += sums[i];
      } else {
        dWeight[at] = sums[i];
      }
    }
  }
  if (k4 > 0u) {
    return;
  }
  var biases = array<vec4<f32>, 4>(b0, b1, b2, b3);
  for (var i = 0u; i < min(4u, params.columns4 - n4); i++) {
    if (params.accumulate == 1u) {
      dBias[n4 + i] += biases[i];
    } else {
      dBias[n4 + i] = biases[i];
    }
  }
}
