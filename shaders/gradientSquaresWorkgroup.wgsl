// gradientSquaresWorkgroup — gradientSquares with one workgroup a chunk, for GPUs with real lanes.
//
//   partials[start + j] = Σ g[i]² over chunk j   for first ≤ j < first + chunks
//
//   gradients  (N)  f32  in   4 · count4 of them
//   partials   (·)  f32  out  +∞ or NaN where a gradient is
//
// 64 lanes stride over a chunk's 512 vec4s; a tree sum in workgroup memory. Dispatch x · y workgroups, row by row.
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

var<workgroup> partial: array<f32, 64>;
var<workgroup> spoiled: atomic<u32>;

fn sumOver(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

// The bits of what is no finite number, else 0: compilers may assume that there is none.
fn oddBits(v: vec4<f32>) -> u32 {
  let bits = bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu);
  let odd = select(vec4<u32>(0u), bits, bits >= vec4<u32>(0x7f800000u));
  return odd.x | odd.y | odd.z | odd.w;
}

@compute @workgroup_size(64, 1, 1)
fn gradientSquaresWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = group.y * groups.x + group.x;
  if (i >= params.chunks) {
    return;
  }
  let chunk = params.first + i;
  let begin = chunk * 512u;
  let end = min(begin + 512u, params.count4);
  var squares = vec4<f32>(0.0);
  var odd = 0u;
  for (var k = begin + lane; k < end; k += 64u) {
    let g = gradients[k];
    squares += g * g;
    odd |= oddBits(g);
  }
  atomicOr(&spoiled, odd);
  let sum = sumOver(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    let bits = atomicLoad(&spoiled);
    partials[params.start + chunk] = select(sum, bitcast<f32>(bits), bits != 0u);
  }
}
