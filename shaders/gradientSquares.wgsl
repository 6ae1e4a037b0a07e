// gradientSquares — the squares of a pool of gradients, summed in chunks of 2048.
//
//   partials[start + j] = Σ g[i]² over chunk j   for first ≤ j < first + chunks
//
//   gradients  (N)  f32  in   4 · count4 of them
//   partials   (·)  f32  out  +∞ or NaN where a gradient is
//
// One thread a chunk. Dispatch x · y workgroups of 8 chunks, row by row.
// Source: torch.nn.utils.clip_grad_norm_; a sum in two steps, always in the same order.

struct Params {
  count4: u32,
  first: u32,
  chunks: u32,
  start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

// The bits of what is no finite number, else 0: compilers may assume that there is none.
fn oddBits(v: vec4<f32>) -> u32 {
  let bits = bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu);
  let odd = select(vec4<u32>(0u), bits, bits >= vec4<u32>(0x7f800000u));
  return odd.x | odd.y | odd.z | odd.w;
}

@compute @workgroup_size(8, 1, 1)
fn gradientSquares(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 8u + lane;
  if (i >= params.chunks) {
    return;
  }
  let chunk = params.first + i;
  let begin = chunk * 512u;
  let end = min(begin + 512u, params.count4);
  var squares = vec4<f32>(0.0);
  var odd = 0u;
  for (var k = begin; k < end; k++) {
    let g = gradients[k];
    squares += g * g;
    odd |= oddBits(g);
  }
  let sum = (squares.x + squares.y) + (squares.z + squares.w);
  partials[params.start + chunk] = select(sum, bitcast<f32>(odd), odd != 0u);
}
