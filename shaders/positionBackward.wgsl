// positionBackward — gradient of the position embedding: each position's row is the sum over the batch.
//
//   dWpe[t, c] (+)= Σ_b dX[b · T + t, c],  t < T
//
//   dX    (R, C')  f32   in       gradient of the embedded rows, R = B·T
//   dWpe  (S, C')  f32   in, out  added to where accumulate is 1, overwritten otherwise; rows from T on stay
//
// One thread a position and four channels. Dispatch (⌈C'/4 / 8⌉, T, 1).
// Source: torch.nn.functional.embedding's gradient.

struct Params {
  batch: u32,
  tokens: u32,
  stride4: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dX: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dWpe: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn positionBackward(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c = gid.x;
  let t = gid.y;
  if (c >= params.stride4 || t >= params.tokens) {
    return;
  }
  let at = t * params.stride4 + c;
  let step = params.tokens * params.stride4;
  var sum = vec4<f32>(0.0);
  for (var b = 0u; b < params.batch; b++) {
    sum += dX[b * step + at];
  }
  if (params.accumulate == 1u) {
    sum += dWpe[at];
  }
  dWpe[at] = sum;
}
