// dropoutMask — which elements dropout keeps, a bit each, as a function of seed, step, layer and element.
//
//   bit b of out[w] = philox(seed, step, layer)[32·w + b] < threshold       for start ≤ w < start + words, w < next
//                                                         < nextThreshold   from word next on
//
//   out  (≥ start + words)  u32  out  1 is kept; words elsewhere stay
//
// Four elements share a counter, (element / 4, layer, step, 1): eight counters a word. One thread a word. Dispatch
// x · y workgroups of 64 words, row by row.
// Source: Philox4x32-10 of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Random123).

struct Params {
  seedLow: u32,
  seedHigh: u32,
  step: u32,
  layer: u32,
  threshold: u32,
  nextThreshold: u32,
  next: u32,
  start: u32,
  words: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

// Upper 32 bits of a product, by 16-bit halves.
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let aHigh = a >> 16u;
  let aLow = a & 0xffffu;
  let bHigh = b >> 16u;
  let bLow = b & 0xffffu;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
  let carry = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4<u32>) -> vec4<u32> {
  var c = counter;
  var key = vec2<u32>(params.seedLow, params.seedHigh);
  for (var round = 0u; round < 10u; round++) {
    c = vec4<u32>(
      multiplyHigh(0xcd9e8d57u, c.z) ^ c.y ^ key.x,
      0xcd9e8d57u * c.z,
      multiplyHigh(0xd2511f53u, c.x) ^ c.w ^ key.y,
      0xd2511f53u * c.x,
    );
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

@compute @workgroup_size(64, 1, 1)
fn dropoutMask(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.words) {
    return;
  }
  let w = params.start + i;
  let threshold = vec4<u32>(select(params.nextThreshold, params.threshold, w < params.next));
  var bits = 0u;
  for (var j = 0u; j < 8u; j++) {
    let drawn = philox(vec4<u32>(w * 8u + j, params.layer, params.step, 1u));
    let kept = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), drawn < threshold);
    bits |= (kept.x | kept.y | kept.z | kept.w) << (4u * j);
  }
  out[w] = bits;
}
