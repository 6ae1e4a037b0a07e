// attention — causal softmax attention against the cache, without storing a single weight.
//
//   out[r, h, ·] = headScale[h] · Σ_s softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, ·],  s ≤ past + t
//   scoreScale   = 1/√D in GPT-2
//
//   qkv        (B, S, Q)   f32   in    the cache: queries, keys, values of every position, each
//                                      H heads of D' (D rounded up to 4, zeros beyond D)
//   headScale  (H)         f32   in    1, or 0 to switch a head off
//   out        (R, A)      f32   out   R = B·T rows, heads side by side, D' apart
//
// One thread a row, a head and 32 of its channels: it runs over the keys four at a time, keeping
// the running maximum and sum (online softmax). Heads wider than 32 repeat the scores rather than
// hold more registers. Lanes lie along heads, so that one row fills them. The twin for real GPUs is
// attentionWorkgroup. Dispatch (⌈H · ⌈D'/32⌉ / 4⌉, R, 1).
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

fn dot4(products: vec4<f32>) -> f32 {
  return dot(products, vec4<f32>(1.0));
}

@compute @workgroup_size(4, 1, 1)
fn attention(@builtin(global_invocation_id) gid: vec3<u32>) {
  let chunks = (HEAD_STRIDE4 + 7u) / 8u;
  let h = gid.x / chunks;
  let d0 = (gid.x % chunks) * 8u;
  let r = gid.y;
  if (r >= params.rows || h >= params.heads) {
    return;
  }
  let stride = params.rowStride4;
  let own = params.past + r % params.tokens;
  let base = (r / params.tokens) * params.capacity * stride + h * HEAD_STRIDE4;
  let query = base + own * stride;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4 + d0;
  let scale = params.scoreScale;
  var largest = LOWEST;
  var sum = 0.0;
  var o0 = vec4<f32>(0.0);
  var o1 = vec4<f32>(0.0);
  var o2 = vec4<f32>(0.0);
  var o3 = vec4<f32>(0.0);
  var o4 = vec4<f32>(0.0);
  var o5 = vec4<f32>(0.0);
  var o6 = vec4<f32>(0.0);
  var o7 = vec4<f32>(0.0);
  for (var s = 0u; s <= own; s += 4u) {
    // Keys past the row's own are read from it again, and count for nothing.
    let s1 = min(s + 1u, own);
    let s2 = min(s + 2u, own);
    let s3 = min(s + 3u, own);
    let k0 = keys + s * stride;
    let k1 = keys + s1 * stride;
    let k2 = keys + s2 * stride;
    let k3 = keys + s3 * stride;
    var p0 = vec4<f32>(0.0);
    var p1 = vec4<f32>(0.0);
    var p2 = vec4<f32>(0.0);
    var p3 = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      let q = qkv[query + i];
      p0 += q * qkv[k0 + i];
      p1 += q * qkv[k1 + i];
      p2 += q * qkv[k2 + i];
      p3 += q * qkv[k3 + i];
    }
    let seen = vec4<u32>(s) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(own);
    let products = vec4<f32>(dot4(p0), dot4(p1), dot4(p2), dot4(p3)) * scale;
    let scores = select(vec4<f32>(LOWEST), products, seen);
    let newLargest = max(largest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let keep = exp(largest - newLargest);
    let p = exp(scores - newLargest);
    largest = newLargest;
    sum = sum * keep + dot4(p);
    let v0 = values + s * stride;
    let v1 = values + s1 * stride;
    let v2 = values + s2 * stride;
    let v3 = values + s3 * stride;
    // Past the head's own channels these read a neighbour's values, which are never stored.
    o0 = o0 * keep + p.x * qkv[v0] + p.y * qkv[v1] + p.z * qkv[v2] + p.w * qkv[v3];
    o1 = o1 * keep + p.x * qkv[v0 + 1u] + p.y * qkv[v1 + 1u] + p.z * qkv[v2 + 1u] + p.w * qkv[v3 + 1u];
    o2 = o2 * keep + p.x * qkv[v0 + 2u] + p.y * qkv[v1 + 2u] + p.z * qkv[v2 + 2u] + p.w * qkv[v3 + 2u];
    o3 = o3 * keep + p.x * qkv[v0 + 3u] + p.y * qkv[v1 + 3u] + p.z * qkv[v2 + 3u] + p.w * qkv[v3 + 3u];
    if (HEAD_STRIDE4 > 4u) {
      o4 = o4 * keep + p.x * qkv[v0 + 4u] + p.y * qkv[v1 + 4u] + p.z * qkv[v2 + 4u] + p.w * qkv[v3 + 4u];
      o5 = o5 * keep + p.x * qkv[v0 + 5u] + p.y * qkv[v1 + 5u] + p.z * qkv[v2 + 5u] + p.w * qkv[v3 + 5u];
      o6 = o6 * keep + p.x * qkv[v0 + 6u] + p.y * qkv[v1 + 6u] + p.z * qkv[v2 + 6u] + p.w * qkv[v3 + 6u];
      o7 = o7 * keep + p.x * qkv[v0 + 7u] + p.y * qkv[v1 + 7u] + p.z * qkv[v2 + 7u] + p.w * qkv[v3 + 7u];
    }
  }
  let last = headScale[params.scaleStart + h] / sum;
  let at = r * params.outStride4 + h * HEAD_STRIDE4 + d0;
  out[at] = o0 * last;
  if (d0 + 1u < HEAD_STRIDE4) {
    out[at + 1u] = o1 * last;
  }
  if (d0 + 2u < HEAD_STRIDE4) {
    out[at + 2u] = o2 * last;
  }
  if (d0 + 3u < HEAD_STRIDE4) {
    out[at + 3u] = o3 * last;
  }
  if (d0 + 4u < HEAD_STRIDE4) {
    out[at + 4u] = o4 * last;
  }
  if (d0 + 5u < HEAD_STRIDE4) {
    out[at + 5u] = o5 * last;
  }
  if (d0 + 6u < HEAD_STRIDE4) {
    out[at + 6u] = o6 * last;
  }
  if (d0 + 7u < HEAD_STRIDE4) {
    out[at + 7u] = o7 * last;
  }
}
