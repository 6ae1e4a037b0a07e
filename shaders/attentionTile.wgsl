// attentionTile — attention for many rows of one text, for software adapters.
//
//   out[r, h, ·] = headScale[h] · Σ_s softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, ·],  s ≤ past + r
//   scoreScale   = 1/√D in GPT-2
//
//   qkv        (1, S, Q)   f32   in    the cache: queries, keys, values of every position, each
//                                      H heads of D' (D rounded up to 4, zeros beyond D)
//   headScale  (H)         f32   in    1, or 0 to switch a head off
//   out        (R, A)      f32   out   R rows, heads side by side, D' apart
//
// One thread four rows, a head and 32 of its channels: `attention` four times over, but every key
// and value is loaded once for the four. A software adapter pays for loads (an address and a bounds
// check for every lane), not for registers. The rows are of one sequence. Lanes lie along heads.
// A masked value counts 0 times: one that is infinite or no number spoils earlier rows of its four too.
// Dispatch (⌈H · ⌈D'/32⌉ / 4⌉, ⌈R/4⌉, 1).
// Source: Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135.

struct Params {
  rows: u32,
  tokens: u32,
  past: u32,
  capacity: u32,
  rowStride4: u32,
  partStride4: u32,
  outStride4: u32,
  scaleStart: u32,
  heads: u32,
  scoreScale: f32,
}

override HEAD_STRIDE4: u32 = 16;

const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> headScale: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

fn largest4(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn sum4(v: vec4<f32>) -> f32 {
  return dot(v, vec4<f32>(1.0));
}

@compute @workgroup_size(4, 1, 1)
fn attentionTile(@builtin(global_invocation_id) gid: vec3<u32>) {
  let chunks = (HEAD_STRIDE4 + 7u) / 8u;
  let h = gid.x / chunks;
  let d0 = (gid.x % chunks) * 8u;
  let r = gid.y * 4u;
  if (r >= params.rows || h >= params.heads) {
    return;
  }
  let stride = params.rowStride4;
  let base = h * HEAD_STRIDE4;
  // Rows past the last are computed from it again and never stored.
  let lastRow = params.rows - 1u;
  let own = vec4<u32>(params.past) + min(vec4<u32>(r) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(lastRow));
  let q0 = base + own.x * stride;
  let q1 = base + own.y * stride;
  let q2 = base + own.z * stride;
  let q3 = base + own.w * stride;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4 + d0;
  let scale = params.scoreScale;
  var largest = vec4<f32>(LOWEST);
  var sum = vec4<f32>(0.0);
  var o0_0 = vec4<f32>(0.0);
  var o0_1 = vec4<f32>(0.0);
  var o0_2 = vec4<f32>(0.0);
  var o0_3 = vec4<f32>(0.0);
  var o0_4 = vec4<f32>(0.0);
  var o0_5 = vec4<f32>(0.0);
  var o0_6 = vec4<f32>(0.0);
  var o0_7 = vec4<f32>(0.0);
  var o1_0 = vec4<f32>(0.0);
  var o1_1 = vec4<f32>(0.0);
  var o1_2 = vec4<f32>(0.0);
  var o1_3 = vec4<f32>(0.0);
  var o1_4 = vec4<f32>(0.0);
  var o1_5 = vec4<f32>(0.0);
  var o1_6 = vec4<f32>(0.0);
  var o1_7 = vec4<f32>(0.0);
  var o2_0 = vec4<f32>(0.0);
  var o2_1 = vec4<f32>(0.0);
  var o2_2 = vec4<f32>(0.0);
  var o2_3 = vec4<f32>(0.0);
  var o2_4 = vec4<f32>(0.0);
  var o2_5 = vec4<f32>(0.0);
  var o2_6 = vec4<f32>(0.0);
  var o2_7 = vec4<f32>(0.0);
  var o3_0 = vec4<f32>(0.0);
  var o3_1 = vec4<f32>(0.0);
  var o3_2 = vec4<f32>(0.0);
  var o3_3 = vec4<f32>(0.0);
  var o3_4 = vec4<f32>(0.0);
  var o3_5 = vec4<f32>(0.0);
  var o3_6 = vec4<f32>(0.0);
  var o3_7 = vec4<f32>(0.0);
  for (var s = 0u; s <= own.w; s += 4u) {
    // Keys past the last row's own are read from it again, and count for nothing.
    let at = min(vec4<u32>(s) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(own.w)) * stride;
    let k = vec4<u32>(keys) + at;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let m = mat4x4<f32>(qkv[k.x + i], qkv[k.y + i], qkv[k.z + i], qkv[k.w + i]);
      s0 += qkv[q0 + i] * m;
      s1 += qkv[q1 + i] * m;
      s2 += qkv[q2 + i] * m;
      s3 += qkv[q3 + i] * m;
    }
    let position = vec4<u32>(s) + vec4<u32>(0u, 1u, 2u, 3u);
    s0 = select(vec4<f32>(LOWEST), s0 * scale, position <= vec4<u32>(own.x));
    s1 = select(vec4<f32>(LOWEST), s1 * scale, position <= vec4<u32>(own.y));
    s2 = select(vec4<f32>(LOWEST), s2 * scale, position <= vec4<u32>(own.z));
    s3 = select(vec4<f32>(LOWEST), s3 * scale, position <= vec4<u32>(own.w));
    let newLargest = max(largest, vec4<f32>(largest4(s0), largest4(s1), largest4(s2), largest4(s3)));
    let keep = exp(largest - newLargest);
    largest = newLargest;
    let p0 = exp(s0 - newLargest.x);
    let p1 = exp(s1 - newLargest.y);
    let p2 = exp(s2 - newLargest.z);
    let p3 = exp(s3 - newLargest.w);
    sum = sum * keep + vec4<f32>(sum4(p0), sum4(p1), sum4(p2), sum4(p3));
    // Past the head's own channels these read a neighbour's values, which are never stored.
    let v = vec4<u32>(values) + at;
    let m0 = mat4x4<f32>(qkv[v.x], qkv[v.y], qkv[v.z], qkv[v.w]);
    o0_0 = o0_0 * keep.x + m0 * p0;
    o1_0 = o1_0 * keep.y + m0 * p1;
    o2_0 = o2_0 * keep.z + m0 * p2;
    o3_0 = o3_0 * keep.w + m0 * p3;
    let m1 = mat4x4<f32>(qkv[v.x + 1u], qkv[v.y + 1u], qkv[v.z + 1u], qkv[v.w + 1u]);
    o0_1 = o0_1 * keep.x + m1 * p0;
    o1_1 = o1_1 * keep.y + m1 * p1;
    o2_1 = o2_1 * keep.z + m1 * p2;
    o3_1 = o3_1 * keep.w + m1 * p3;
    let m2 = mat4x4<f32>(qkv[v.x + 2u], qkv[v.y + 2u], qkv[v.z + 2u], qkv[v.w + 2u]);
    o0_2 = o0_2 * keep.x + m2 * p0;
    o1_2 = o1_2 * keep.y + m2 * p1;
    o2_2 = o2_2 * keep.z + m2 * p2;
    o3_2 = o3_2 * keep.w + m2 * p3;
    let m3 = mat4x4<f32>(qkv[v.x + 3u], qkv[v.y + 3u], qkv[v.z + 3u], qkv[v.w + 3u]);
    o0_3 = o0_3 * keep.x + m3 * p0;
    o1_3 = o1_3 * keep.y + m3 * p1;
    o2_3 = o2_3 * keep.z + m3 * p2;
    o3_3 = o3_3 * keep.w + m3 * p3;
    if (HEAD_STRIDE4 > 4u) {
      let m4 = mat4x4<f32>(qkv[v.x + 4u], qkv[v.y + 4u], qkv[v.z + 4u], qkv[v.w + 4u]);
      o0_4 = o0_4 * keep.x + m4 * p0;
      o1_4 = o1_4 * keep.y + m4 * p1;
      o2_4 = o2_4 * keep.z + m4 * p2;
      o3_4 = o3_4 * keep.w + m4 * p3;
      let m5 = mat4x4<f32>(qkv[v.x + 5u], qkv[v.y + 5u], qkv[v.z + 5u], qkv[v.w + 5u]);
      o0_5 = o0_5 * keep.x + m5 * p0;
      o1_5 = o1_5 * keep.y + m5 * p1;
      o2_5 = o2_5 * keep.z + m5 * p2;
      o3_5 = o3_5 * keep.w + m5 * p3;
      let m6 = mat4x4<f32>(qkv[v.x + 6u], qkv[v.y + 6u], qkv[v.z + 6u], qkv[v.w + 6u]);
      o0_6 = o0_6 * keep.x + m6 * p0;
      o1_6 = o1_6 * keep.y + m6 * p1;
      o2_6 = o2_6 * keep.z + m6 * p2;
      o3_6 = o3_6 * keep.w + m6 * p3;
      let m7 = mat4x4<f32>(qkv[v.x + 7u], qkv[v.y + 7u], qkv[v.z + 7u], qkv[v.w + 7u]);
      o0_7 = o0_7 * keep.x + m7 * p0;
      o1_7 = o1_7 * keep.y + m7 * p1;
      o2_7 = o2_7 * keep.z + m7 * p2;
      o3_7 = o3_7 * keep.w + m7 * p3;
    }
  }
  let last = vec4<f32>(headScale[params.scaleStart + h]) / sum;
  // One store in a loop, not one a sum.
  var sums = array<vec4<f32>, 32>(
    o0_0, o0_1, o0_2, o0_3, o0_4, o0_5, o0_6, o0_7,
    o1_0, o1_1, o1_2, o1_3, o1_4, o1_5, o1_6, o1_7,
    o2_0, o2_1, o2_2, o2_3, o2_4, o2_5, o2_6, o2_7,
    o3_0, o3_1, o3_2, o3_3, o3_4, o3_5, o3_6, o3_7,
  );
  for (var i = 0u; i < 32u; i++) {
    let row = r + i / 8u;
    let d = i % 8u;
    if (row <= lastRow && d0 + d < HEAD_STRIDE4) {
      out[row * params.outStride4 + base + d0 + d] = sums[i] * last[i / 8u];
    }
  }
}
