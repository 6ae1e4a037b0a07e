// dropped — dropout: elements that a mask keeps, scaled up; zeros else.
//
//   out[r, c] = bit[r·C + c] · scale · x[r, c]   for c < C;  0 in the padding
//
//   x     (R, C')  f32  in   rows of C', of which C count
//   mask  (·)      u32  in   bit e of a place is bit e mod 32 of word maskStart + ⌊e / 32⌋; elements without padding
//   out   (R, C')  f32  out
//
// One thread four columns of a row. Dispatch (⌈C'/4 / 16⌉, ⌈R/4⌉, 1).
// Source: Srivastava et al. 2014; torch.nn.functional.dropout, whose scale is 1 / (1 − p).

struct Params {
  rows: u32,
  channels: u32,
  stride4: u32,
  maskStart: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

// What element (r, c) is multiplied by.
fn factorOf(r: u32, c: u32) -> f32 {
  let e = r * params.channels + c;
  let bit = (mask[params.maskStart + (e >> 5u)] >> (e & 31u)) & 1u;
  return select(0.0, params.scale, bit == 1u);
}

@compute @workgroup_size(16, 4, 1)
fn dropped(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c4 = gid.x;
  let r = gid.y;
  if (c4 >= params.stride4 || r >= params.rows) {
    return;
  }
  let c = c4 * 4u;
  let factors = vec4<f32>(
    factorOf(r, c),
    factorOf(r, c + 1u),
    factorOf(r, c + 2u),
    factorOf(r, c + 3u),
  );
  let i = r * params.stride4 + c4;
  let inside = vec4<u32>(c) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
  out[i] = select(vec4<f32>(0.0), factors * x[i], inside);
}
