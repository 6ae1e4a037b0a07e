// adamW — a step of AdamW over part of a pool, in place.
//
//   g  = gradients[i] · scalars[1]
//   m += (1 − β₁) · (g − m);   v = β₂ · v + (1 − β₂) · g²
//   weights[i] = weights[i] · (shrink where it decays) − stepSize · m / (√v · inverseRoot + ε)
//
//   weights    (N)         f32  in/out  4 · start4 … 4 · (start4 + count4) of them
//   m, v       (N)         f32  in/out  first and second moments
//   gradients  (N)         f32  in
//   decays     (⌈N / 64⌉)  u32  in      1 where 64 elements decay
//   scalars    (2)         f32  in      [1] is what gradients are multiplied by (gradientNorm)
//
// shrink = 1 − lr · decay, stepSize = lr / (1 − β₁ᵗ), inverseRoot = 1 / √(1 − β₂ᵗ), from doubles on the host. Where all
// four tensors are zero, as in padding, zero is what comes. One thread four elements. Dispatch x · y workgroups of 64
// threads, row by row.
// Source: Loshchilov & Hutter 2019, arXiv:1711.05101, in the order of torch.optim.AdamW.

struct Params {
  start4: u32,
  count4: u32,
  shrink: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  stepSize: f32,
  inverseRoot: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> decays: array<u32>;
@group(0) @binding(6) var<storage, read> scalars: array<f32>;

@compute @workgroup_size(64, 1, 1)
fn adamW(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.count4) {
    return;
  }
  let i = params.start4 + index;
  let g = gradients[i] * scalars[1];
  let first = m[i] + params.rest1 * (g - m[i]);
  let second = params.beta2 * v[i] + params.rest2 * g * g;
  let left = weights[i] * select(1.0, params.shrink, decays[i / 16u] != 0u);
  m[i] = first;
  v[i] = second;
  weights[i] = left - params.stepSize * first / (sqrt(second) * params.inverseRoot + params.epsilon);
}
