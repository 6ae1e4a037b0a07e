// embeddingBackward — gradient of the token embedding: each token's row gains the sum of the rows it stood in.
//
//   dWte[tokens[u]] += Σ_i dX[order[i]],  starts[u] ≤ i < starts[u + 1]
//
//   dX      (R, C')   f32   in       gradient of the embedded rows
//   order   (R)       u32   in       rows, those of one token together
//   starts  (U + 1)   u32   in       where each token's rows begin in `order`
//   tokens  (U)       u32   in       distinct ids
//   dWte    (V', C')  f32   in, out  rows partStart … partStart + V' of the gradient; other ids are passed over
//
// One thread a distinct token and four channels: no two write to one place, so the sum has one order. A
// table too large for one binding comes in parts, one dispatch each. Dispatch (⌈C'/4 / 8⌉, U, 1).
// Source: torch.nn.functional.embedding's gradient.

struct Params {
  distinct: u32,
  stride4: u32,
  partStart: u32,
  partRows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dX: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> dWte: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn embeddingBackward(@builtin(global_invocation_id) gid: vec3<u32>) {
  let c = gid.x;
  let u = gid.y;
  if (c >= params.stride4 || u >= params.distinct) {
    return;
  }
  let id = tokens[u];
  if (id < params.partStart || id >= params.partStart + params.partRows) {
    return;
  }
  let end = starts[u + 1u];
  var sum = vec4<f32>(0.0);
  for (var i = starts[u]; i < end; i++) {
    sum += dX[order[i] * params.stride4 + c];
  }
  dWte[(id - params.partStart) * params.stride4 + c] += sum;
}
