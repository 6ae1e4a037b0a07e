// attentionWorkgroup — attention with one workgroup a row and head, for GPUs with real lanes.
//
//   out[r, h, ·] = headScale[h] · Σ_s softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, ·],  s ≤ past + t
//   scoreScale   = 1/√D in GPT-2
//
//   qkv        (B, S, Q)   f32   in    the cache: queries, keys, values of every position, each
//                                      H heads of D' (D rounded up to 4, zeros beyond D)
//   headScale  (H)         f32   in    1, or 0 to switch a head off
//   out        (R, A)      f32   out   R = B·T rows, heads side by side, D' apart
//
// 64 lanes score 64 keys at a time, agree on the running maximum in workgroup memory, then turn
// to the channels: each lane adds up its vec4 of the values. Dispatch (R, H, 1).
// D' is at most 256 (64 lanes of four channels).
// Source: Dao et al. 2022, arXiv:2205.14135.

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

var<workgroup> scores: array<f32, 64>;

@compute @workgroup_size(64, 1, 1)
fn attentionWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.x;
  let h = group.y;
  let t = r % params.tokens;
  let seen = params.past + t + 1u;
  let base = (r / params.tokens) * params.capacity * params.rowStride4 + h * HEAD_STRIDE4;
  let query = base + (params.past + t) * params.rowStride4;
  let keys = base + params.partStride4;
  let values = base + 2u * params.partStride4;
  let scale = params.scoreScale;
  var largest = LOWEST;
  var sum = 0.0;
  var o = vec4<f32>(0.0);
  for (var tile = 0u; tile < seen; tile += 64u) {
    let s = tile + lane;
    var score = LOWEST;
    if (s < seen) {
      var products = vec4<f32>(0.0);
      for (var i = 0u; i < HEAD_STRIDE4; i++) {
        products += qkv[query + i] * qkv[keys + s * params.rowStride4 + i];
      }
      score = dot(products, vec4<f32>(1.0)) * scale;
    }
    scores[lane] = score;
    workgroupBarrier();
    let count = min(64u, seen - tile);
    var newLargest = largest;
    for (var i = 0u; i < count; i++) {
      newLargest = max(newLargest, scores[i]);
    }
    let keep = exp(largest - newLargest);
    largest = newLargest;
    sum *= keep;
    o *= keep;
    for (var i = 0u; i < count; i++) {
      let p = exp(scores[i] - newLargest);
      sum += p;
      if (lane < HEAD_STRIDE4) {
        o += p * qkv[values + (tile + i) * params.rowStride4 + lane];
      }
    }
    workgroupBarrier();
  }
  if (lane < HEAD_STRIDE4) {
    let last = headScale[params.scaleStart + h] / sum;
    out[r * params.outStride4 + h * HEAD_STRIDE4 + lane] = o * last;
  }
}
