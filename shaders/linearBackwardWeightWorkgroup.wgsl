// linearBackwardWeightWorkgroup — linearBackwardWeight for GPUs with real lanes.
//
//   dWeight[n, k] ← Σ_r dOut[dOutStart + r, dOutColumn + n] · x[xStart + r, k]
//   dBias[n]      ← Σ_r dOut[dOutStart + r, dOutColumn + n],  or each of them + that where accumulate is 1
//
//   dOut     (·, O)  f32   in    columns dOutColumn … dOutColumn + N are this part's
//   x        (·, K)  f32   in    K is a multiple of 8, padded with zeros
//   dWeight  (N, K)  f32   out   N is a multiple of 8; a part of the rows of a large matrix
//   dBias    (N)     f32   out
//
// A workgroup 32 rows of the weight by 32 columns, a lane four by four: of each eight rows r, every lane brings one
// vec4 of dOut and one of x into workgroup memory. It is small, because a software adapter, which only tests run this
// on, compiles a store for each of its elements. The first workgroup of a row of tiles stores the bias.
// Dispatch (⌈K/32⌉, ⌈N/32⌉, 1).
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

// dOut[r, n] at r · 8 + n/4, and x[r, k] at r · 8 + k/4.
var<workgroup> ds: array<vec4<f32>, 64>;
var<workgroup> xs: array<vec4<f32>, 64>;

@compute @workgroup_size(8, 8, 1)
fn linearBackwardWeightWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
) {
  let width4 = params.width / 4u;
  let k4 = group.x * 8u + lane.x;
  let n4 = group.y * 8u + lane.y;
  // What this lane brings of row `lane.y`.
  let i = lane.y * 8u + lane.x;
  let fromN4 = group.y * 8u + lane.x;
  var bias = vec4<f32>(0.0);
  var a0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  for (var first = 0u; first < params.rows; first += 8u) {
    let r = first + lane.y;
    var d = vec4<f32>(0.0);
    if (r < params.rows && fromN4 < params.columns4) {
      d = dOut[(params.dOutStart + r) * params.dOutStride4 + params.dOutColumn4 + fromN4];
    }
    ds[i] = d;
    var v = vec4<f32>(0.0);
    if (r < params.rows && k4 < width4) {
      v = x[(params.xStart + r) * width4 + k4];
    }
    xs[i] = v;
    workgroupBarrier();
    for (var l = 0u; l < 8u; l++) {
      let a = ds[l * 8u + lane.y];
      let b = xs[l * 8u + lane.x];
      bias += a;
      a0 += a.x * b;
      a1 += a.y * b;
      a2 += a.z * b;
      a3 += a.w * b;
    }
    workgroupBarrier();
  }
  if (n4 >= params.columns4) {
    return;
  }
  var sums = array<vec4<f32>, 4>(a0, a1, a2, a3);
  for (var j = 0u; j < 4u; j++) {
    if (k4 < width4) {
      let at = (n4 * 4u + j) * width4 + k4;
      if (params.accumulate == 1u) {
        dWeight[at] += sums[j];
      } else {
        dWeight[at] = sums[j];
      }
    }
  }
  if (k4 > 0u) {
    return;
  }
  if (params.accumulate == 1u) {
    dBias[n4] += bias;
  } else {
    dBias[n4] = bias;
  }
}
