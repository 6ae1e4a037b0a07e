// attentionBackwardKeysWorkgroup — attentionBackwardKeys with one lane a key, for GPUs with real lanes.
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
// 64 keys of a text a workgroup, for keys or for values: both at once would not fit a lane's registers. Sixteen rows at
// a time come into workgroup memory, where all lanes read the same one at once; a lane has its key, value and sums in
// registers, so D' is at most 64. No sum is shared: every key has one order. Dispatch (2 · ⌈T/64⌉, H, B).
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

var<workgroup> queryTile: array<vec4<f32>, 256>;
var<workgroup> dOutTile: array<vec4<f32>, 256>;
// ln Σ e^score and delta of each row.
var<workgroup> rowTile: array<vec2<f32>, 16>;

@compute @workgroup_size(64, 1, 1)
fn attentionBackwardKeysWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let first = group.z * params.tokens;
  let isOfValues = group.x % 2u == 1u;
  let block = group.x / 2u * 64u;
  let stride = params.rowStride4;
  let base = first * stride + h * HEAD_STRIDE4;
  let s = block + lane;
  // Lanes past the text's last key compute it again and store nothing.
  let own = min(s, params.tokens - 1u);
  let maskHead = (group.z * params.heads + h) * params.tokens;
  var k: array<vec4<f32>, 16>;
  var v: array<vec4<f32>, 16>;
  var o: array<vec4<f32>, 16>;
  for (var i = 0u; i < HEAD_STRIDE4; i++) {
    let at = base + own * stride + params.partStride4 + i;
    k[i] = qkv[at] * params.scoreScale;
    v[i] = qkv[at + params.partStride4];
  }
  for (var tile = block; tile < params.tokens; tile += 16u) {
    for (var i = lane; i < 16u * HEAD_STRIDE4; i += 64u) {
      let row = min(tile + i / HEAD_STRIDE4, params.tokens - 1u);
      queryTile[i] = qkv[base + row * stride + i % HEAD_STRIDE4];
      dOutTile[i] = dOut[(first + row) * params.outStride4 + h * HEAD_STRIDE4 + i % HEAD_STRIDE4];
    }
    if (lane < 16u) {
      let row = (first + min(tile + lane, params.tokens - 1u)) * params.heads + h;
      rowTile[lane] = vec2<f32>(lse[row], delta[row]);
    }
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let t = tile + j;
      if (t >= own && t < params.tokens) {
        var kept = 1.0;
        if (DROPS) {
          let e = (maskHead + t) * params.tokens + own;
          let bit = (mask[params.maskStart + e / 32u] >> (e % 32u)) & 1u;
          kept = select(0.0, params.keptScale, bit == 1u);
        }
        var products = vec4<f32>(0.0);
        for (var i = 0u; i < HEAD_STRIDE4; i++) {
          products += k[i] * queryTile[j * HEAD_STRIDE4 + i];
        }
        let p = exp(dot(products, vec4<f32>(1.0)) - rowTile[j].x);
        if (isOfValues) {
          for (var i = 0u; i < HEAD_STRIDE4; i++) {
            o[i] += p * kept * dOutTile[j * HEAD_STRIDE4 + i];
          }
        } else {
          var gradients = vec4<f32>(0.0);
          for (var i = 0u; i < HEAD_STRIDE4; i++) {
            gradients += v[i] * dOutTile[j * HEAD_STRIDE4 + i];
          }
          let dScore = p * (kept * dot(gradients, vec4<f32>(1.0)) - rowTile[j].y);
          for (var i = 0u; i < HEAD_STRIDE4; i++) {
            o[i] += dScore * queryTile[j * HEAD_STRIDE4 + i];
          }
        }
      }
    }
    workgroupBarrier();
  }
  if (s >= params.tokens) {
    return;
  }
  let part = select(1u, 2u, isOfValues) * params.partStride4;
  let last = select(params.scoreScale, 1.0, isOfValues);
  for (var i = 0u; i < HEAD_STRIDE4; i++) {
    dQkv[base + s * stride + part + i] = o[i] * last;
  }
}
