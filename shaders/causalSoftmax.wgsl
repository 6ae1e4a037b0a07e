// causalSoftmax — turn each row of scores into probabilities over what came before.
//
//   x[h, t, s] ← exp(x[h, t, s] − max) / Σ_{s' ≤ first + t} exp(x[h, t, s'] − max),  0 for s > first + t
//
//   x  (H, T, S)  f32   in/out   scores in, probabilities out
//
// One thread a row. The hot path fuses this into attention; this plain one serves what is looked
// at. Dispatch (⌈T/8⌉, H, 1).
// Source: Vaswani et al. 2017, arXiv:1706.03762 §3.2.3.

struct Params {
  rows: u32,
  columns: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(8, 1, 1)
fn causalSoftmax(@builtin(global_invocation_id) gid: vec3<u32>) {
  let t = gid.x;
  if (t >= params.rows) {
    return;
  }
  let start = (gid.y * params.rows + t) * params.columns;
  let seen = min(params.first + t + 1u, params.columns);
  var largest = -3.0e38;
  for (var s = 0u; s < seen; s++) {
    largest = max(largest, x[start + s]);
  }
  var sum = 0.0;
  for (var s = 0u; s < seen; s++) {
    let e = exp(x[start + s] - largest);
    x[start + s] = e;
    sum += e;
  }
  for (var s = 0u; s < params.columns; s++) {
    x[start + s] = select(0.0, x[start + s] / sum, s < seen);
  }
}
