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
// One thread eight rows of the weight by eight columns: four vec4 loads a row of x feed 64 multiply-adds, and nothing
// is shared, so there is no barrier and no workgroup memory. The first thread of a row of tiles stores the bias.
// Dispatch (⌈K/8 / 8⌉, N/8, 1).
// Source: the chain rule of y = x · weightᵀ + bias; Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

struct Params {
  rows: u32,
  columns4: u32,
  dOutStride4: u32,
  dOutColumn4: u32,
  accumulate: u32,
  dOutStart: u32,
  xStart: u32,
}

override K: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dBias: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn linearBackwardWeight(@builtin(global_invocation_id) gid: vec3<u32>) {
  let k4 = gid.x * 2u;
  let n4 = gid.y * 2u;
  if (k4 >= K / 4u || n4 >= params.columns4) {
    return;
  }
  var d = params.dOutStart * params.dOutStride4 + params.dOutColumn4 + n4;
  var xAt = params.xStart * (K / 4u) + k4;
  var b0 = vec4<f32>(0.0);
  var b1 = vec4<f32>(0.0);
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
  for (var r = 0u; r < params.rows; r++) {
    let d0 = dOut[d];
    let d1 = dOut[d + 1u];
    let x0 = x[xAt];
    let x1 = x[xAt + 1u];
    b0 += d0;
    b1 += d1;
    a0_0 += d0.x * x0;
    a0_1 += d0.x * x1;
    a1_0 += d0.y * x0;
    a1_1 += d0.y * x1;
    a2_0 += d0.z * x0;
    a2_1 += d0.z * x1;
    a3_0 += d0.w * x0;
    a3_1 += d0.w * x1;
    a4_0 += d1.x * x0;
    a4_1 += d1.x * x1;
    a5_0 += d1.y * x0;
    a5_1 += d1.y * x1;
    a6_0 += d1.z * x0;
    a6_1 += d1.z * x1;
    a7_0 += d1.w * x0;
    a7_1 += d1.w * x1;
    d += params.dOutStride4;
    xAt += K / 4u;
  }
  var sums = array<vec4<f32>, 16>(
    a0_0, a0_1,
    a1_0, a1_1,
    a2_0, a2_1,
    a3_0, a3_1,
    a4_0, a4_1,
    a5_0, a5_1,
    a6_0, a6_1,
    a7_0, a7_1,
  );
  for (var i = 0u; i < 16u; i++) {
    let at = (n4 * 4u + i / 2u) * (K / 4u) + k4 + i % 2u;
    if (params.accumulate == 1u) {
      dWeight[at] += sums[i];
    } else {
      dWeight[at] = sums[i];
    }
  }
  if (k4 > 0u) {
    return;
  }
  if (params.accumulate == 1u) {
    dBias[n4] += b0;
    dBias[n4 + 1u] += b1;
  } else {
    dBias[n4] = b0;
    dBias[n4 + 1u] = b1;
  }
}
