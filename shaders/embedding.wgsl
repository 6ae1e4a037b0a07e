// embedding — look up each token's row of wte and add its position's row of wpe.
//
//   out[r, c] = wte[ids[r], c] + wpe[past + r mod T, c]
//
//   ids  (R)     u32         in    token ids, R = B·T
//   wte  (V', C) f32 or f16  in    rows partStart … partStart + V' of the token embedding
//   wpe  (S, C)  f32 or f16  in    position embedding
//   out  (R, C)  f32         out   only rows whose id lies in this part are written
//
// One thread a row and eight channels. A table too large for one binding comes in parts, one
// dispatch each. Dispatch (⌈C/8 / 64⌉, R, 1).
// Source: GPT-2, Radford et al. 2019; C is padded to a multiple of 8 with zeros.

struct Params {
  rows: u32,
  channels8: u32,
  tokens: u32,
  past: u32,
  partStart: u32,
  partRows: u32,
}

override WEIGHT_F16: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> wte: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> wpe: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

fn half4(a: u32, b: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(a), unpack2x16float(b));
}

@compute @workgroup_size(64, 1, 1)
fn embedding(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c8 = gid.x;
  let r = gid.y;
  if (c8 >= params.channels8 || r >= params.rows) {
    return;
  }
  let id = ids[r];
  if (id < params.partStart || id >= params.partStart + params.partRows) {
    return;
  }
  let token = (id - params.partStart) * params.channels8 + c8;
  let position = (params.past + r % params.tokens) * params.channels8 + c8;
  var low: vec4<f32>;
  var high: vec4<f32>;
  if (WEIGHT_F16) {
    let t = wte[token];
    let p = wpe[position];
    low = half4(t.x, t.y) + half4(p.x, p.y);
    high = half4(t.z, t.w) + half4(p.z, p.w);
  } else {
    low = bitcast<vec4<f32>>(wte[token * 2u]) + bitcast<vec4<f32>>(wpe[position * 2u]);
    high = bitcast<vec4<f32>>(wte[token * 2u + 1u]) + bitcast<vec4<f32>>(wpe[position * 2u + 1u]);
  }
  let at = (r * params.channels8 + c8) * 2u;
  out[at] = low;
  out[at + 1u] = high;
}
