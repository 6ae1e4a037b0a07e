// attentionTraining — causal attention of whole texts, with dropout on its weights.
//
//   out[r, h, ·] = Σ_s kept[s] · softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, ·],  s ≤ t = r mod T
//   lse[r, h]    = ln Σ_s exp(scoreScale · q[r, h] · k[s, h])
//   kept[s]      = bit (((b · H + h) · T + t) · T + s) of the mask ? keptScale : 0;  1 where DROPS is false
//
//   qkv   (B, T, Q)  f32   in    queries, keys, values, each H heads of D' (D rounded up to 4, zeros beyond D)
//   mask  (·)        u32   in    32 bits a word, the lowest first, from word maskStart on; read where DROPS
//   out   (R, A)     f32   out   R = B·T rows, heads side by side, D' apart, zeros beyond them
//   lse   (R, H)     f32   out   for the backward pass
//
// One thread four rows of a text, a head and 32 of its channels: a key and a value are loaded once for the
// four rows, because software adapters pay for loads (an address and a bounds check for every lane), not for
// registers. The running maximum and sum (online softmax) take no dropout. Lanes lie along heads.
// Dispatch (⌈H · ⌈D'/32⌉ / 4⌉, ⌈T/4⌉, B).
// Source: Vaswani et al. 2017, arXiv:1706.03762; Dao et al. 2022, arXiv:2205.14135.

struct Params {
  rows: u32,
  tokens: u32,
  rowStride4: u32,
  partStride4: u32,
  outStride4: u32,
  heads: u32,
  maskStart: u32,
  scoreScale: f32,
  keptScale: f32,
}

override HEAD_STRIDE4: u32 = 16;
override DROPS: bool = false;

const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

fn largest4(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn sum4(v: vec4<f32>) -> f32 {
  return dot(v, vec4<f32>(1.0));
}

// What four weights are multiplied by, from element e of the mask on: their bits may lie in two words.
fn kept4(e: u32) -> vec4<f32> {
  let word = params.maskStart + e / 32u;
  let place = e % 32u;
  let bits = (mask[word] >> place) | ((mask[word + 1u] << 1u) << (31u - place));
  let isKept = (vec4<u32>(bits) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u);
  return select(vec4<f32>(0.0), vec4<f32>(params.keptScale), isKept);
}

@compute @workgroup_size(4, 1, 1)
fn attentionTraining(@builtin(global_invocation_id) gid: vec3<u32>) {
  let chunks = (HEAD_STRIDE4 + 7u) / 8u;
  let h = gid.x / chunks;
  let d0 = (gid.x % chunks) * 8u;
  let t = gid.y * 4u;
  let first = gid.z * params.tokens;
  if (t >= params.tokens || first >= params.rows || h >= params.heads) {
    return;
  }
  let stride = params.rowStride4;
  let base = first * stride + h * HEAD_STRIDE4;
  // Rows past the text's last are computed from it again and never stored.
  let own = min(vec4<u32>(t) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.tokens - 1u));
  let q = vec4<u32>(base) + own * stride;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4 + d0;
  let maskRow = (vec4<u32>((gid.z * params.heads + h) * params.tokens) + own) * params.tokens;
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
    let position = vec4<u32>(s) + vec4<u32>(0u, 1u, 2u, 3u);
    let at = min(position, vec4<u32>(own.w)) * stride;
    let k = vec4<u32>(keys) + at;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let m = mat4x4<f32>(qkv[k.x + i], qkv[k.y + i], qkv[k.z + i], qkv[k.w + i]);
      s0 += qkv[q.x + i] * m;
      s1 += qkv[q.y + i] * m;
      s2 += qkv[q.z + i] * m;
      s3 += qkv[q.w + i] * m;
    }
    s0 = select(vec4<f32>(LOWEST), s0 * scale, position <= vec4<u32>(own.x));
    s1 = select(vec4<f32>(LOWEST), s1 * scale, position <= vec4<u32>(own.y));
    s2 = select(vec4<f32>(LOWEST), s2 * scale, position <= vec4<u32>(own.z));
    s3 = select(vec4<f32>(LOWEST), s3 * scale, position <= vec4<u32>(own.w));
    let newLargest = max(largest, vec4<f32>(largest4(s0), largest4(s1), largest4(s2), largest4(s3)));
    let keep = exp(largest - newLargest);
    largest = newLargest;
    var p0 = exp(s0 - newLargest.x);
    var p1 = exp(s1 - newLargest.y);
    var p2 = exp(s2 - newLargest.z);
    var p3 = exp(s3 - newLargest.w);
    sum = sum * keep + vec4<f32>(sum4(p0), sum4(p1), sum4(p2), sum4(p3));
    if (DROPS) {
      p0 *= kept4(maskRow.x + s);
      p1 *= kept4(maskRow.y + s);
      p2 *= kept4(maskRow.z + s);
      p3 *= kept4(maskRow.w + s);
    }
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
  let last = vec4<f32>(1.0) / sum;
  // One store in a loop, not one a sum.
  var sums = array<vec4<f32>, 32>(
    o0_0, o0_1, o0_2, o0_3, o0_4, o0_5, o0_6, o0_7,
    o1_0, o1_1, o1_2, o1_3, o1_4, o1_5, o1_6, o1_7,
    o2_0, o2_1, o2_2, o2_3, o2_4, o2_5, o2_6, o2_7,
    o3_0, o3_1, o3_2, o3_3, o3_4, o3_5, o3_6, o3_7,
  );
  for (var i = 0u; i < 32u; i++) {
    let row = t + i / 8u;
    let d = d0 + i % 8u;
    if (row < params.tokens && d < HEAD_STRIDE4) {
      out[(first + row) * params.outStride4 + h * HEAD_STRIDE4 + d] = sums[i] * last[i / 8u];
    }
  }
  if (d0 > 0u) {
    return;
  }
  let logs = largest + log(sum);
  for (var j = 0u; j < 4u && t + j < params.tokens; j++) {
    let row = first + t + j;
    lse[row * params.heads + h] = logs[j];
    // The last head also clears what lies beyond it.
    if (h + 1u == params.heads) {
      for (var i = params.partStride4; i < params.outStride4; i++) {
        out[row * params.outStride4 + i] = vec4<f32>(0.0);
      }
    }
  }
}
