// attentionScores — scaled query-key products of some heads, for what is looked at.
//
//   out[outHead + h, t, s] = scoreScale · q[first + t, head + h] · k[s, head + h]   for s ≤ first + t
//   scoreScale              = 1/√D in GPT-2
//
//   qkv  (B, S, Q)      f32   in    the cache, as in attention
//   out  (·, T, seen)   f32   out   entries above the diagonal are left as they are
//
// One thread four queries and sixteen keys, in register tiles of four by four; lanes lie along
// queries, which see nearly equally many keys, and where there is one query, along keys. Generation
// never runs this: looking recomputes what the hot path does not keep.
// Dispatch (⌈⌈T/4⌉ · ⌈seen/16⌉ / 8⌉, H', 1).
// Source: Vaswani et al. 2017, arXiv:1706.03762.

struct Params {
  rows: u32,
  seen: u32,
  first: u32,
  sequenceStart4: u32,
  rowStride4: u32,
  partStride4: u32,
  head: u32,
  heads: u32,
  outHead: u32,
  scoreScale: f32,
}

override HEAD_STRIDE4: u32 = 16;

const KEYS: u32 = 16u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn dots(q: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(dot(q, a), dot(q, b), dot(q, c), dot(q, d));
}

@compute @workgroup_size(8, 1, 1)
fn attentionScores(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tiles = (params.rows + 3u) / 4u;
  let t = (gid.x % tiles) * 4u;
  let firstKey = (gid.x / tiles) * KEYS;
  let h = gid.y;
  if (firstKey >= params.seen || h >= params.heads) {
    return;
  }
  let stride = params.rowStride4;
  let base = params.sequenceStart4 + (params.head + h) * HEAD_STRIDE4;
  let keys = base + params.partStride4;
  // Queries and keys past the end are read from the last again, and are not stored.
  let lastRow = min(t + 3u, params.rows - 1u);
  let end = min(firstKey + KEYS, min(params.seen, params.first + lastRow + 1u));
  let q0 = base + (params.first + t) * stride;
  let q1 = base + (params.first + min(t + 1u, lastRow)) * stride;
  let q2 = base + (params.first + min(t + 2u, lastRow)) * stride;
  let q3 = base + (params.first + lastRow) * stride;
  let scale = params.scoreScale;
  for (var s = firstKey; s < end; s += 4u) {
    let k0 = keys + s * stride;
    let k1 = keys + min(s + 1u, end - 1u) * stride;
    let k2 = keys + min(s + 2u, end - 1u) * stride;
    let k3 = keys + min(s + 3u, end - 1u) * stride;
    var p0 = vec4<f32>(0.0);
    var p1 = vec4<f32>(0.0);
    var p2 = vec4<f32>(0.0);
    var p3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let a = qkv[k0 + i];
      let b = qkv[k1 + i];
      let c = qkv[k2 + i];
      let d = qkv[k3 + i];
      p0 += dots(qkv[q0 + i], a, b, c, d);
      p1 += dots(qkv[q1 + i], a, b, c, d);
      p2 += dots(qkv[q2 + i], a, b, c, d);
      p3 += dots(qkv[q3 + i], a, b, c, d);
    }
    var tile = array<vec4<f32>, 4>(p0, p1, p2, p3);
    for (var row = t; row <= lastRow; row++) {
      let start = ((params.outHead + h) * params.rows + row) * params.seen;
      let stop = min(s + 4u, min(end, params.first + row + 1u));
      for (var key = s; key < stop; key++) {
        out[start + key] = tile[row - t][key - s] * scale;
      }
    }
  }
}
