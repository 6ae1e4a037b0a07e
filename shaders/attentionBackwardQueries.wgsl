// attentionBackwardQueries — gradient of the queries of causal attention.
//
//   dq[t, h, ·] = scoreScale · Σ_s dScore[s] · k[s, h, ·],  s ≤ t
//   dScore[s]   = exp(scoreScale · q[t, h] · k[s, h] − lse[r, h]) · (kept[s] · dOut[r, h] · v[s, h] − delta[r, h])
//   delta[r, h] = dOut[r, h] · out[r, h]
//   kept[s]     = bit (((b · H + h) · T + t) · T + s) of the mask ? keptScale : 0;  1 where DROPS is false
//
//   qkv    (B, T, Q)  f32   in    queries, keys, values, each H heads of D' (D rounded up to 4, zeros beyond D)
//   mask   (·)        u32   in    32 bits a word, the lowest first, from word maskStart on; read where DROPS
//   out    (R, A)     f32   in    of the forward pass, R = B·T
//   dOut   (R, A)     f32   in    its gradient
//   lse    (R, H)     f32   in    ln Σ e^score of the forward pass
//   delta  (R, H)     f32   out   for attentionBackwardKeys
//   dQkv   (B, T, Q)  f32   out   the queries' part, and zeros beyond the values
//
// One thread four rows of a text, a head and 32 of its channels; weights are computed again, four keys at a time, each
// loaded once for the four rows. No barrier, no workgroup memory: the shape for software adapters.
// Dispatch (⌈H · ⌈D'/32⌉ / 4⌉, ⌈T/4⌉, B).
// Source: Dao et al. 2022, arXiv:2205.14135, appendix B.2.

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

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read> out: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dQkv: array<vec4<f32>>;

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
fn attentionBackwardQueries(@builtin(global_invocation_id) gid: vec3<u32>) {
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
  let row = vec4<u32>(first) + own;
  let q = vec4<u32>(base) + own * stride;
  let g = row * params.outStride4 + h * HEAD_STRIDE4;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4;
  let maskRow = (vec4<u32>((gid.z * params.heads + h) * params.tokens) + own) * params.tokens;
  let scale = params.scoreScale;
  var products0 = vec4<f32>(0.0);
  var products1 = vec4<f32>(0.0);
  var products2 = vec4<f32>(0.0);
  var products3 = vec4<f32>(0.0);
  for (var i = 0u; i < HEAD_STRIDE4; i++) {
    products0 += dOut[g.x + i] * out[g.x + i];
    products1 += dOut[g.y + i] * out[g.y + i];
    products2 += dOut[g.z + i] * out[g.z + i];
    products3 += dOut[g.w + i] * out[g.w + i];
  }
  let deltas = vec4<f32>(sum4(products0), sum4(products1), sum4(products2), sum4(products3));
  let at4 = row * params.heads + h;
  let logs = vec4<f32>(lse[at4.x], lse[at4.y], lse[at4.z], lse[at4.w]);
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
    let v = vec4<u32>(values) + at;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var e0 = vec4<f32>(0.0);
    var e1 = vec4<f32>(0.0);
    var e2 = vec4<f32>(0.0);
    var e3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let m = mat4x4<f32>(qkv[k.x + i], qkv[k.y + i], qkv[k.z + i], qkv[k.w + i]);
      s0 += qkv[q.x + i] * m;
      s1 += qkv[q.y + i] * m;
      s2 += qkv[q.z + i] * m;
      s3 += qkv[q.w + i] * m;
      let n = mat4x4<f32>(qkv[v.x + i], qkv[v.y + i], qkv[v.z + i], qkv[v.w + i]);
      e0 += dOut[g.x + i] * n;
      e1 += dOut[g.y + i] * n;
      e2 += dOut[g.z + i] * n;
      e3 += dOut[g.w + i] * n;
    }
    if (DROPS) {
      e0 *= kept4(maskRow.x + s);
      e1 *= kept4(maskRow.y + s);
      e2 *= kept4(maskRow.z + s);
      e3 *= kept4(maskRow.w + s);
    }
    s0 = select(vec4<f32>(0.0), exp(s0 * scale - logs.x), position <= vec4<u32>(own.x));
    s1 = select(vec4<f32>(0.0), exp(s1 * scale - logs.y), position <= vec4<u32>(own.y));
    s2 = select(vec4<f32>(0.0), exp(s2 * scale - logs.z), position <= vec4<u32>(own.z));
    s3 = select(vec4<f32>(0.0), exp(s3 * scale - logs.w), position <= vec4<u32>(own.w));
    s0 *= e0 - deltas.x;
    s1 *= e1 - deltas.y;
    s2 *= e2 - deltas.z;
    s3 *= e3 - deltas.w;
    // Past the head's own channels these read a neighbour's keys, whose sums are never stored.
    let c = k + d0;
    let m0 = mat4x4<f32>(qkv[c.x], qkv[c.y], qkv[c.z], qkv[c.w]);
    o0_0 += m0 * s0;
    o1_0 += m0 * s1;
    o2_0 += m0 * s2;
    o3_0 += m0 * s3;
    let m1 = mat4x4<f32>(qkv[c.x + 1u], qkv[c.y + 1u], qkv[c.z + 1u], qkv[c.w + 1u]);
    o0_1 += m1 * s0;
    o1_1 += m1 * s1;
    o2_1 += m1 * s2;
    o3_1 += m1 * s3;
    let m2 = mat4x4<f32>(qkv[c.x + 2u], qkv[c.y + 2u], qkv[c.z + 2u], qkv[c.w + 2u]);
    o0_2 += m2 * s0;
    o1_2 += m2 * s1;
    o2_2 += m2 * s2;
    o3_2 += m2 * s3;
    let m3 = mat4x4<f32>(qkv[c.x + 3u], qkv[c.y + 3u], qkv[c.z + 3u], qkv[c.w + 3u]);
    o0_3 += m3 * s0;
    o1_3 += m3 * s1;
    o2_3 += m3 * s2;
    o3_3 += m3 * s3;
    if (HEAD_STRIDE4 > 4u) {
      let m4 = mat4x4<f32>(qkv[c.x + 4u], qkv[c.y + 4u], qkv[c.z + 4u], qkv[c.w + 4u]);
      o0_4 += m4 * s0;
      o1_4 += m4 * s1;
      o2_4 += m4 * s2;
      o3_4 += m4 * s3;
      let m5 = mat4x4<f32>(qkv[c.x + 5u], qkv[c.y + 5u], qkv[c.z + 5u], qkv[c.w + 5u]);
      o0_5 += m5 * s0;
      o1_5 += m5 * s1;
      o2_5 += m5 * s2;
      o3_5 += m5 * s3;
      let m6 = mat4x4<f32>(qkv[c.x + 6u], qkv[c.y + 6u], qkv[c.z + 6u], qkv[c.w + 6u]);
      o0_6 += m6 * s0;
      o1_6 += m6 * s1;
      o2_6 += m6 * s2;
      o3_6 += m6 * s3;
      let m7 = mat4x4<f32>(qkv[c.x + 7u], qkv[c.y + 7u], qkv[c.z + 7u], qkv[c.w + 7u]);
      o0_7 += m7 * s0;
      o1_7 += m7 * s1;
      o2_7 += m7 * s2;
      o3_7 += m7 * s3;
    }
  }
  // One store in a loop, not one a sum.
  var sums = array<vec4<f32>, 32>(
    o0_0, o0_1, o0_2, o0_3, o0_4, o0_5, o0_6, o0_7,
    o1_0, o1_1, o1_2, o1_3, o1_4, o1_5, o1_6, o1_7,
    o2_0, o2_1, o2_2, o2_3, o2_4, o2_5, o2_6, o2_7,
    o3_0, o3_1, o3_2, o3_3, o3_4, o3_5, o3_6, o3_7,
  );
  for (var i = 0u; i < 32u; i++) {
    let to = t + i / 8u;
    let d = d0 + i % 8u;
    if (to < params.tokens && d < HEAD_STRIDE4) {
      dQkv[base + to * stride + d] = sums[i] * scale;
    }
  }
  if (d0 > 0u) {
    return;
  }
  for (var j = 0u; j < 4u && t + j < params.tokens; j++) {
    let to = first + t + j;
    delta[to * params.heads + h] = deltas[j];
    // The last head also clears what lies beyond the values.
    if (h + 1u == params.heads) {
      for (var i = 3u * params.partStride4; i < stride; i++) {
        dQkv[to * stride + i] = vec4<f32>(0.0);
      }
    }
  }
}
