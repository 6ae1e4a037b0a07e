// attentionBackwardKeys — gradients of the keys and values of causal attention.
//
//   dk[s, h, ·] = scoreScale · Σ_t dScore[t] · q[t, h, ·],  t ≥ s
//   dv[s, h, ·] = Σ_t kept[t] · weight[t] · dOut[t, h, ·],  t ≥ s
//   weight[t]   = exp(scoreScale · q[t, h] · k[s, h] − lse[t, h])
//   dScore[t]   = weight[t] · (kept[t] · dOut[t, h] · v[s, h] − delta[t, h])
//   kept[t]     = bit (((b · H + h) · T + t) · T + s) of the mask ? keptScale : 0;  1 where DROPS is false
//
//   qkv    (B, T, Q)  f32   in    queries, keys, values, each H heads of D' (D rounded up to 4, zeros beyond D)
//   mask   (·)        u32   in    32 bits a word, the lowest first, from word maskStart on; read where DROPS
//   dOut   (R, A)     f32   in    gradient of the forward pass's output, R = B·T
//   lse    (R, H)     f32   in    ln Σ e^score of the forward pass
//   delta  (R, H)     f32   in    dOut · out, by attentionBackwardQueries
//   dQkv   (B, T, Q)  f32   out   the keys' and the values' part
//
// One thread four keys of a text, a head and 16 of its channels; weights are computed again, four rows at a time, each
// loaded once for the four keys. No barrier, no workgroup memory: the shape for software adapters.
// Dispatch (⌈H · ⌈D'/16⌉ / 4⌉, ⌈T/4⌉, B).
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
@group(0) @binding(3) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dQkv: array<vec4<f32>>;

// What four weights are multiplied by, from element e of the mask on: their bits may lie in two words.
fn kept4(e: u32) -> vec4<f32> {
  let word = params.maskStart + e / 32u;
  let place = e % 32u;
  let bits = (mask[word] >> place) | ((mask[word + 1u] << 1u) << (31u - place));
  let isKept = (vec4<u32>(bits) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u);
  return select(vec4<f32>(0.0), vec4<f32>(params.keptScale), isKept);
}

@compute @workgroup_size(4, 1, 1)
fn attentionBackwardKeys(@builtin(global_invocation_id) gid: vec3<u32>) {
  let chunks = (HEAD_STRIDE4 + 3u) / 4u;
  let h = gid.x / chunks;
  let d0 = (gid.x % chunks) * 4u;
  let s = gid.y * 4u;
  let first = gid.z * params.tokens;
  if (s >= params.tokens || first >= params.rows || h >= params.heads) {
    return;
  }
  let stride = params.rowStride4;
  let base = first * stride + h * HEAD_STRIDE4;
  let lastRow = vec4<u32>(params.tokens - 1u);
  // Keys past the text's last are computed from it again and never stored.
  let own = min(vec4<u32>(s) + vec4<u32>(0u, 1u, 2u, 3u), lastRow);
  let k = vec4<u32>(base + params.partStride4) + own * stride;
  let v = k + params.partStride4;
  let maskHead = (gid.z * params.heads + h) * params.tokens;
  let scale = params.scoreScale;
  var k0_0 = vec4<f32>(0.0);
  var k0_1 = vec4<f32>(0.0);
  var k0_2 = vec4<f32>(0.0);
  var k0_3 = vec4<f32>(0.0);
  var k1_0 = vec4<f32>(0.0);
  var k1_1 = vec4<f32>(0.0);
  var k1_2 = vec4<f32>(0.0);
  var k1_3 = vec4<f32>(0.0);
  var k2_0 = vec4<f32>(0.0);
  var k2_1 = vec4<f32>(0.0);
  var k2_2 = vec4<f32>(0.0);
  var k2_3 = vec4<f32>(0.0);
  var k3_0 = vec4<f32>(0.0);
  var k3_1 = vec4<f32>(0.0);
  var k3_2 = vec4<f32>(0.0);
  var k3_3 = vec4<f32>(0.0);
  var v0_0 = vec4<f32>(0.0);
  var v0_1 = vec4<f32>(0.0);
  var v0_2 = vec4<f32>(0.0);
  var v0_3 = vec4<f32>(0.0);
  var v1_0 = vec4<f32>(0.0);
  var v1_1 = vec4<f32>(0.0);
  var v1_2 = vec4<f32>(0.0);
  var v1_3 = vec4<f32>(0.0);
  var v2_0 = vec4<f32>(0.0);
  var v2_1 = vec4<f32>(0.0);
  var v2_2 = vec4<f32>(0.0);
  var v2_3 = vec4<f32>(0.0);
  var v3_0 = vec4<f32>(0.0);
  var v3_1 = vec4<f32>(0.0);
  var v3_2 = vec4<f32>(0.0);
  var v3_3 = vec4<f32>(0.0);
  for (var t = s; t < params.tokens; t += 4u) {
    // Rows past the last are read from it again, and count for nothing.
    let position = vec4<u32>(t) + vec4<u32>(0u, 1u, 2u, 3u);
    let at = min(position, lastRow);
    let row = vec4<u32>(first) + at;
    let q = vec4<u32>(base) + at * stride;
    let g = row * params.outStride4 + h * HEAD_STRIDE4;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var e0 = vec4<f32>(0.0);
    var e1 = vec4<f32>(0.0);
    var e2 = vec4<f32>(0.0);
    var e3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let m = mat4x4<f32>(qkv[q.x + i], qkv[q.y + i], qkv[q.z + i], qkv[q.w + i]);
      s0 += qkv[k.x + i] * m;
      s1 += qkv[k.y + i] * m;
      s2 += qkv[k.z + i] * m;
      s3 += qkv[k.w + i] * m;
      let n = mat4x4<f32>(dOut[g.x + i], dOut[g.y + i], dOut[g.z + i], dOut[g.w + i]);
      e0 += qkv[v.x + i] * n;
      e1 += qkv[v.y + i] * n;
      e2 += qkv[v.z + i] * n;
      e3 += qkv[v.w + i] * n;
    }
    let at4 = row * params.heads + h;
    let logs = vec4<f32>(lse[at4.x], lse[at4.y], lse[at4.z], lse[at4.w]);
    let deltas = vec4<f32>(delta[at4.x], delta[at4.y], delta[at4.z], delta[at4.w]);
    let isRow = position <= lastRow;
    s0 = select(vec4<f32>(0.0), exp(s0 * scale - logs), isRow & (position >= vec4<u32>(own.x)));
    s1 = select(vec4<f32>(0.0), exp(s1 * scale - logs), isRow & (position >= vec4<u32>(own.y)));
    s2 = select(vec4<f32>(0.0), exp(s2 * scale - logs), isRow & (position >= vec4<u32>(own.z)));
    s3 = select(vec4<f32>(0.0), exp(s3 * scale - logs), isRow & (position >= vec4<u32>(own.w)));
    var p0 = s0;
    var p1 = s1;
    var p2 = s2;
    var p3 = s3;
    if (DROPS) {
      let bits = (vec4<u32>(maskHead) + at) * params.tokens + s;
      // By rows as they lie, and then by keys. In a loop, because what is written once compiles once.
      var byRows: mat4x4<f32>;
      for (var j = 0u; j < 4u; j++) {
        byRows[j] = kept4(bits[j]);
      }
      let kept = transpose(byRows);
      p0 *= kept[0];
      e0 *= kept[0];
      p1 *= kept[1];
      e1 *= kept[1];
      p2 *= kept[2];
      e2 *= kept[2];
      p3 *= kept[3];
      e3 *= kept[3];
    }
    s0 *= e0 - deltas;
    s1 *= e1 - deltas;
    s2 *= e2 - deltas;
    s3 *= e3 - deltas;
    // Past the head's own channels these read a neighbour's, whose sums are never stored.
    let a = q + d0;
    let c = g + d0;
    let m0 = mat4x4<f32>(qkv[a.x], qkv[a.y], qkv[a.z], qkv[a.w]);
    k0_0 += m0 * s0;
    k1_0 += m0 * s1;
    k2_0 += m0 * s2;
    k3_0 += m0 * s3;
    let n0 = mat4x4<f32>(dOut[c.x], dOut[c.y], dOut[c.z], dOut[c.w]);
    v0_0 += n0 * p0;
    v1_0 += n0 * p1;
    v2_0 += n0 * p2;
    v3_0 += n0 * p3;
    let m1 = mat4x4<f32>(qkv[a.x + 1u], qkv[a.y + 1u], qkv[a.z + 1u], qkv[a.w + 1u]);
    k0_1 += m1 * s0;
    k1_1 += m1 * s1;
    k2_1 += m1 * s2;
    k3_1 += m1 * s3;
    let n1 = mat4x4<f32>(dOut[c.x + 1u], dOut[c.y + 1u], dOut[c.z + 1u], dOut[c.w + 1u]);
    v0_1 += n1 * p0;
    v1_1 += n1 * p1;
    v2_1 += n1 * p2;
    v3_1 += n1 * p3;
    let m2 = mat4x4<f32>(qkv[a.x + 2u], qkv[a.y + 2u], qkv[a.z + 2u], qkv[a.w + 2u]);
    k0_2 += m2 * s0;
    k1_2 += m2 * s1;
    k2_2 += m2 * s2;
    k3_2 += m2 * s3;
    let n2 = mat4x4<f32>(dOut[c.x + 2u], dOut[c.y + 2u], dOut[c.z + 2u], dOut[c.w + 2u]);
    v0_2 += n2 * p0;
    v1_2 += n2 * p1;
    v2_2 += n2 * p2;
    v3_2 += n2 * p3;
    let m3 = mat4x4<f32>(qkv[a.x + 3u], qkv[a.y + 3u], qkv[a.z + 3u], qkv[a.w + 3u]);
    k0_3 += m3 * s0;
    k1_3 += m3 * s1;
    k2_3 += m3 * s2;
    k3_3 += m3 * s3;
    let n3 = mat4x4<f32>(dOut[c.x + 3u], dOut[c.y + 3u], dOut[c.z + 3u], dOut[c.w + 3u]);
    v0_3 += n3 * p0;
    v1_3 += n3 * p1;
    v2_3 += n3 * p2;
    v3_3 += n3 * p3;
  }
  // One store in a loop, not one a sum.
  var ofKeys = array<vec4<f32>, 16>(
    k0_0, k0_1, k0_2, k0_3,
    k1_0, k1_1, k1_2, k1_3,
    k2_0, k2_1, k2_2, k2_3,
    k3_0, k3_1, k3_2, k3_3,
  );
  var ofValues = array<vec4<f32>, 16>(
    v0_0, v0_1, v0_2, v0_3,
    v1_0, v1_1, v1_2, v1_3,
    v2_0, v2_1, v2_2, v2_3,
    v3_0, v3_1, v3_2, v3_3,
  );
  for (var i = 0u; i < 16u; i++) {
    let to = s + i / 4u;
    let d = d0 + i % 4u;
    if (to < params.tokens && d < HEAD_STRIDE4) {
      let at = base + to * stride + params.partStride4 + d;
      dQkv[at] = ofKeys[i] * scale;
      dQkv[at + params.partStride4] = ofValues[i];
    }
  }
}
