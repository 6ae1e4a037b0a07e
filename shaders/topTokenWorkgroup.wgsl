// topTokenWorkgroup — topToken with one workgroup a row, for GPUs with real lanes.
//
//   token[r]   = argmax_v logits[r, v], the lowest v among equals
//   logprob[r] = logits[r, token[r]] − ln Σ_v exp(logits[r, v])
//
//   logits   (R, V')  f32   in    V' is the row stride, V the vocabulary
//   token    (R)      u32   out
//   logprob  (R)      f32   out   natural logarithm
//
// 256 lanes stride over the vocabulary; what each found meets in workgroup memory. Dispatch (R, 1, 1).
// Source: nostalgebraist 2020, "interpreting GPT: the logit lens", which asks this of every layer.

struct Params {
  rows: u32,
  vocab: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> token: array<u32>;
@group(0) @binding(3) var<storage, read_write> logprob: array<f32>;

var<workgroup> partial: array<f32, 256>;
var<workgroup> places: array<u32, 256>;
var<workgroup> spoiled: atomic<u32>;

fn sumOfLanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

// Whether a logit of these bits is NaN or +∞: then no probability comes of its row. By bits, because compilers
// may assume that there is none, and exp(NaN) may be any number.
fn spoils(bits: u32) -> bool {
  return bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(256, 1, 1)
fn topTokenWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = group.x * params.stride;
  // A lane begins with the row's first logit, as the search through a whole row does.
  var mine = logits[start];
  var place = 0u;
  var odd = 0u;
  for (var v = lane; v < params.vocab; v += 256u) {
    let logit = logits[start + v];
    place = select(place, v, logit > mine);
    mine = select(mine, logit, logit > mine);
    odd |= select(0u, bitcast<u32>(logit), spoils(bitcast<u32>(logit)));
  }
  atomicOr(&spoiled, odd);
  partial[lane] = mine;
  places[lane] = place;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half = half >> 1u) {
    if (lane < half) {
      let other = partial[lane + half];
      let first = min(places[lane], places[lane + half]);
      places[lane] = select(places[lane], first, other == partial[lane]);
      places[lane] = select(places[lane], places[lane + half], other > partial[lane]);
      partial[lane] = select(partial[lane], other, other > partial[lane]);
    }
    workgroupBarrier();
  }
  let largest = partial[0];
  let best = places[0];
  workgroupBarrier();
  var sum = 0.0;
  var carry = 0.0;
  for (var v = lane; v < params.vocab; v += 256u) {
    // Compensated: 50,257 f32 terms added one by one would lose three digits.
    let term = exp(logits[start + v] - largest) - carry;
    let next = sum + term;
    carry = (next - sum) - term;
    sum = next;
  }
  let total = sumOfLanes(lane, sum);
  if (lane == 0u) {
    token[group.x] = best;
    let bits = atomicLoad(&spoiled);
    let nan = bitcast<f32>(bits | 0x7fc00000u);
    logprob[group.x] = select(-log(total), nan, bits != 0u);
  }
}
