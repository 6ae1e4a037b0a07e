// linearBackwardInputWorkgroup — linearBackwardInput for GPUs with real lanes.
//
//   dX[dXStart + r, k] ← Σ_n dOut[dOutStart + r, dOutColumn + n] · weight[n, k]
//   or dX + that where accumulate is 1
//
//   dOut    (·, O)  f32            in    columns dOutColumn … dOutColumn + N are this part's
//   weight  (N, K)  WEIGHT_FORMAT  in    K contiguous, a multiple of 8; a part of the rows of a large matrix
//   dX      (·, K)  f32            out
//
// A workgroup 32 rows by 32 columns, a lane four by four: of each eight outputs n, every lane brings one vec4 of dOut
// and one of the weight into workgroup memory, where dOut lies by n. It is small, because a software adapter, which
// only tests run this on, compiles a store for each of its elements. Dispatch (⌈K/32⌉, ⌈R/32⌉, 1).
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

// dOut[r, n] at n · 32 + r, and weight[n, k] at n · 8 + k/4.
var<workgroup> ds: array<f32, 256>;
var<workgroup> ws: array<vec4<f32>, 64>;

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

@compute @workgroup_size(8, 8, 1)
fn linearBackwardInputWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
) {
  K = params.width;
  let width4 = K / 4u;
  let k4 = group.x * 8u + lane.x;
  let r = group.y * 32u + lane.y * 4u;
  // What this lane brings: a row of dOut and four of its n, and a row n of the weight and four of its columns.
  let i = lane.y * 8u + lane.x;
  let fromRow = group.y * 32u + i / 2u;
  let dAt = (params.dOutStart + fromRow) * params.dOutStride4 + params.dOutColumn4;
  let to = (i % 2u) * 128u + i / 2u;
  var a0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  for (var n4 = 0u; n4 < params.columns4; n4 += 2u) {
    var d = vec4<f32>(0.0);
    if (fromRow < params.rows && n4 + i % 2u < params.columns4) {
      d = dOut[dAt + n4 + i % 2u];
    }
    ds[to] = d.x;
    ds[to + 32u] = d.y;
    ds[to + 64u] = d.z;
    ds[to + 96u] = d.w;
    var w = vec4<f32>(0.0);
    if (n4 * 4u + lane.y < params.columns4 * 4u && k4 < width4) {
      w = weights4(rowStart(n4 * 4u + lane.y), k4);
    }
    ws[i] = w;
    workgroupBarrier();
    for (var n = 0u; n < 8u; n++) {
      let b = ws[n * 8u + lane.x];
      let at = n * 32u + lane.y * 4u;
      a0 += ds[at] * b;
      a1 += ds[at + 1u] * b;
      a2 += ds[at + 2u] * b;
      a3 += ds[at + 3u] * b;
    }
    workgroupBarrier();
  }
  var sums = array<vec4<f32>, 4>(a0, a1, a2, a3);
  for (var j = 0u; j < 4u; j++) {
    if (r + j < params.rows && k4 < width4) {
      let at = (params.dXStart + r + j) * width4 + k4;
      if (params.accumulate == 1u) {
        dX[at] += sums[j];
      } else {
        dX[at] = sums[j];
      }
    }
  }
}
