// attention — causal softmax attention against the cache, without storing a single weight.
//
//   out[r, h, ·] = headScale[h] · Σ_s softmax_s(q[r, h] · k[s, h] / √D) · v[s, h, ·],  s ≤ past + t
//
//   qkv        (B, S, Q)   f32   in    the cache: queries, keys, values of every position, each
//                                      H heads of D' (D rounded up to 4, zeros beyond D)
//   headScale  (H)         f32   in    1, or 0 to switch a head off
//   out        (R, A)      f32   out   R = B·T rows, heads side by side, D' apart
//
// One thread a row, a head and 16 of its channels: it runs over the keys once, keeping the running
// maximum and sum (online softmax). Heads wider than 16 repeat the scores rather than hold more
// registers. The twin for real GPUs is attentionWorkgroup.
// Dispatch (⌈R/4⌉, H, ⌈D'/16⌉).
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
}

override HEAD_SIZE: u32 = 64;
override HEAD_STRIDE4: u32 = 16;

const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> headScale: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(4, 1, 1)
fn attention(@builtin(global_invocation_id) gid: vec3<u32>) {
  let r = gid.x;
  let h = gid.y;
  let d0 = gid.z * 4u;
  if (r >= params.rows || d0 >= HEAD_STRIDE4) {
    return;
  }
  let t = r % params.tokens;
  let base = (r / params.tokens) * params.capacity * params.rowStride4 + h * HEAD_STRIDE4;
  let query = base + (params.past + t) * params.rowStride4;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4 + d0;
  let scale = 1.0 / sqrt(f32(HEAD_SIZE));
  var largest = LOWEST;
  var sum = 0.0;
  var o0 = vec4<f32>(0.0);
  var o1 = vec4<f32>(0.0);
  var o2 = vec4<f32>(0.0);
  var o3 = vec4<f32>(0.0);
  for (var s = 0u; s <= params.past + t; s++) {
    var products = vec4<f32>(0.0);
    for (var i = 0u; i < HEAD_STRIDE4; i++) {
      products += qkv[query + i] * qkv[keys + s * params.rowStride4 + i];
    }
    let score = dot(products, vec4<f32>(1.0)) * scale;
    let newLargest = max(largest, score);
    let keep = exp(largest - newLargest);
    let p = exp(score - newLargest);
    largest = newLargest;
    sum = sum * keep + p;
    let v = values + s * params.rowStride4;
    // Past the head's own channels these read a neighbour's values, which are never stored.
    o0 = o0 * keep + p * qkv[v];
    o1 = o1 * keep + p * qkv[v + 1u];
    o2 = o2 * keep + p * qkv[v + 2u];
    o3 = o3 * keep + p * qkv[v + 3u];
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
}
