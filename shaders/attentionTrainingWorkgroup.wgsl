// attentionTrainingWorkgroup — attentionTraining with one lane a row, for GPUs with real lanes.
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
// 64 rows of a text a workgroup. Sixteen keys and values at a time come into workgroup memory, where all lanes read
// the same one at once; a lane has its query and its sums in registers, so D' is at most 64. No sum is shared: every
// row has one order. Dispatch (⌈T/64⌉, H, B).
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

var<workgroup> keyTile: array<vec4<f32>, 256>;
var<workgroup> valueTile: array<vec4<f32>, 256>;

// The bits of sixteen weights, from element e of the mask on: they may lie in two words.
fn keptBits(e: u32) -> u32 {
  let word = params.maskStart + e / 32u;
  let place = e % 32u;
  return (mask[word] >> place) | ((mask[word + 1u] << 1u) << (31u - place));
}

@compute @workgroup_size(64, 1, 1)
fn attentionTrainingWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let first = group.z * params.tokens;
  let stride = params.rowStride4;
  let base = first * stride + h * HEAD_STRIDE4;
  let t = group.x * 64u + lane;
  // Lanes past the text's last row compute it again and store nothing.
  let own = min(t, params.tokens - 1u);
  let end = min(group.x * 64u + 64u, params.tokens);
  let maskRow = ((group.z * params.heads + h) * params.tokens + own) * params.tokens;
  var q: array<vec4<f32>, 16>;
  var o: array<vec4<f32>, 16>;
  for (var i = 0u; i < HEAD_STRIDE4; i++) {
    q[i] = qkv[base + own * stride + i] * params.scoreScale;
  }
  var largest = LOWEST;
  var sum = 0.0;
  for (var tile = 0u; tile < end; tile += 16u) {
    for (var i = lane; i < 16u * HEAD_STRIDE4; i += 64u) {
      let row = min(tile + i / HEAD_STRIDE4, params.tokens - 1u);
      let at = base + row * stride + params.partStride4 + i % HEAD_STRIDE4;
      keyTile[i] = qkv[at];
      valueTile[i] = qkv[at + params.partStride4];
    }
    workgroupBarrier();
    var bits = 0u;
    if (DROPS) {
      bits = keptBits(maskRow + tile);
    }
    for (var j = 0u; j < 16u; j++) {
      if (tile + j <= own) {
        var products = vec4<f32>(0.0);
        for (var i = 0u; i < HEAD_STRIDE4; i++) {
          products += q[i] * keyTile[j * HEAD_STRIDE4 + i];
        }
        let score = dot(products, vec4<f32>(1.0));
        if (score > largest) {
          let keep = exp(largest - score);
          largest = score;
          sum *= keep;
          for (var i = 0u; i < HEAD_STRIDE4; i++) {
            o[i] *= keep;
          }
        }
        let p = exp(score - largest);
        sum += p;
        let weight = select(p, select(0.0, p * params.keptScale, ((bits >> j) & 1u) == 1u), DROPS);
        for (var i = 0u; i < HEAD_STRIDE4; i++) {
          o[i] += weight * valueTile[j * HEAD_STRIDE4 + i];
        }
      }
    }
    workgroupBarrier();
  }
  if (t >= params.tokens) {
    return;
  }
  let row = first + t;
  for (var i = 0u; i < HEAD_STRIDE4; i++) {
    out[row * params.outStride4 + h * HEAD_STRIDE4 + i] = o[i] / sum;
  }
  lse[row * params.heads + h] = largest + log(sum);
  // The last head also clears what lies beyond it.
  if (h + 1u == params.heads) {
    for (var i = params.partStride4; i < params.outStride4; i++) {
      out[row * params.outStride4 + i] = vec4<f32>(0.0);
    }
  }
}
