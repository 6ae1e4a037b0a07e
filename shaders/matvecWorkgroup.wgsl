// matvecWorkgroup — matvec with eight lanes a weight row, for GPUs with real lanes.
//
//   y[r, n]       = act(Σ_k x[xStart + r, k] · weight[n, k] + bias[n])
//   out[m(r), n] ← y[r, n],  or out + scale · y where accumulate is 1
//   m(r)          = (r div T) · S + start + r mod T
//
//   x       (·, K)  f32            in    K is a multiple of 8, padded with zeros
//   weight  (N, K)  WEIGHT_FORMAT  in    K contiguous; a part of the rows of a large matrix
//   bias    (N)     f32            in    zeros where the model has none
//   scale   (·)     f32            in    element scaleIndex is used: 1, or 0 to switch a part off
//   out     (·, O)  f32            out   columns outColumn … outColumn + N of row m(r)
//
// 64 lanes serve eight outputs: eight lanes read 128 contiguous bytes of one weight row at a time,
// then their partial sums meet in workgroup memory. Dispatch (⌈N/8⌉, R, 1).
// Source: GPT-2's Conv1D, nn.Linear; GELU: Hendrycks & Gimpel 2016, arXiv:1606.08415.

struct Params {
  rows: u32,
  columns4: u32,
  outStride4: u32,
  outColumn4: u32,
  accumulate: u32,
  scaleIndex: u32,
  outT: u32,
  outS: u32,
  outStart: u32,
  xStart: u32,
}

override K: u32 = 8;
// 0 f32, 1 f16 in pairs, 2 int8: a row's groups of 32, then the groups' scales, upper halves of f32s
override WEIGHT_FORMAT: u32 = 0;
// 0 none, 1 GELU by tanh, 2 exact GELU by erf, 3 ReLU, 4 SiLU, 5 quick GELU, 6 tanh
override ACTIVATION: u32 = 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;

struct Eight {
  low: vec4<f32>,
  high: vec4<f32>,
}

// Eight weights; `at` counts eights, so row n begins at n · K/8.
fn weights(at: u32) -> Eight {
  if (WEIGHT_FORMAT == 1u) {
    let w = weight[at];
    return Eight(
      vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y)),
      vec4<f32>(unpack2x16float(w.z), unpack2x16float(w.w)),
    );
  }
  return Eight(bitcast<vec4<f32>>(weight[2u * at]), bitcast<vec4<f32>>(weight[2u * at + 1u]));
}

// Four int8 weights, each still times 256 to the power of its place in the word: a software adapter
// shifts lane by lane, so nothing is shifted. With 0x80 flipped, the lower three are 128 too large.
fn int8x4(word: u32) -> vec4<f32> {
  let places = vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u);
  let bytes = vec4<i32>(vec4<u32>(word ^ 0x00808080u) & places);
  return vec4<f32>(bytes) - vec4<f32>(128.0, 32768.0, 8388608.0, 0.0);
}

// Takes the places back out.
const PLACES = vec4<f32>(1.0, 0x1p-8, 0x1p-16, 0x1p-24);

// vec4s of a row of int8 weights: two for each group of 32, and the groups' scales, eight a vec4.
fn int8Row() -> u32 {
  let groups = (K + 31u) / 32u;
  return 2u * groups + (groups + 7u) / 8u;
}

// Scale of group g, half of a word: the upper half of an f32.
fn scaleIn(word: u32, g: u32) -> f32 {
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, (g & 1u) == 1u));
}

// Scale of group g in the row that begins at vec4 `row`.
fn scaleOf(row: u32, g: u32) -> f32 {
  return scaleIn(weight[row + 2u * ((K + 31u) / 32u) + g / 8u][(g / 2u) % 4u], g);
}

// erf by a Chebyshev fit of erfc, relative error 1.2e-7 everywhere (Numerical Recipes §6.2).
fn erf4(v: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.5 * abs(v));
  var p = 0.17087277 * t - 0.82215223;
  p = p * t + 1.48851587;
  p = p * t - 1.13520398;
  p = p * t + 0.27886807;
  p = p * t - 0.18628806;
  p = p * t + 0.09678418;
  p = p * t + 0.37409196;
  p = p * t + 1.00002368;
  p = p * t - 1.26551223;
  let erfc = t * exp(p - v * v);
  return sign(v) * (1.0 - erfc);
}

fn activate(v: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) {
    // tanh overflows on some devices for large arguments; it is 1 to f32 precision beyond 10.
    let u = 0.7978845608 * (v + 0.044715 * v * v * v);
    return 0.5 * v * (1.0 + tanh(clamp(u, vec4<f32>(-10.0), vec4<f32>(10.0))));
  }
  if (ACTIVATION == 2u) {
    return 0.5 * v * (1.0 + erf4(v * 0.7071067812));
  }
  if (ACTIVATION == 3u) {
    return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
  }
  if (ACTIVATION == 4u || ACTIVATION == 5u) {
    // exp overflows as well; from −80 down, v · sigmoid(v) is 0 to f32 precision.
    let steepness = select(1.0, 1.702, ACTIVATION == 5u);
    return v / (1.0 + exp(min(-steepness * v, vec4<f32>(80.0))));
  }
  if (ACTIVATION == 6u) {
    return tanh(clamp(v, vec4<f32>(-10.0), vec4<f32>(10.0)));
  }
  return v;
}

fn store(r: u32, c4: u32, sum: vec4<f32>) {
  let row = (r / params.outT) * params.outS + params.outStart + r % params.outT;
  let at = row * params.outStride4 + params.outColumn4 + c4;
  let y = activate(sum + bias[c4]);
  if (params.accumulate == 1u) {
    out[at] = out[at] + scale[params.scaleIndex] * y;
  } else {
    out[at] = y;
  }
}

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64, 1, 1)
fn matvecWorkgroup(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = group.y;
  let n = group.x * 8u + lane / 8u;
  // Lanes past the last output read its row again rather than leave: barriers need all of them.
  let row = min(n, params.columns4 * 4u - 1u);
  let xRow = (params.xStart + r) * (K / 4u);
  var sum = vec4<f32>(0.0);
  if (WEIGHT_FORMAT == 2u) {
    let weightRow = row * int8Row();
    for (var k16 = lane % 8u; k16 < 2u * ((K + 31u) / 32u); k16 += 8u) {
      let w = weight[weightRow + k16];
      let k4 = k16 * 4u;
      // A last group is padded with zeros beyond K, where x is not read.
      let part = x[xRow + min(k4, K / 4u - 1u)] * int8x4(w.x)
        + x[xRow + min(k4 + 1u, K / 4u - 1u)] * int8x4(w.y)
        + x[xRow + min(k4 + 2u, K / 4u - 1u)] * int8x4(w.z)
        + x[xRow + min(k4 + 3u, K / 4u - 1u)] * int8x4(w.w);
      sum += part * scaleOf(weightRow, k16 / 2u);
    }
    sum *= PLACES;
  } else {
    let weightRow = row * (K / 8u);
    for (var k8 = lane % 8u; k8 < K / 8u; k8 += 8u) {
      let w = weights(weightRow + k8);
      sum += x[xRow + k8 * 2u] * w.low + x[xRow + k8 * 2u + 1u] * w.high;
    }
  }
  partial[lane] = dot(sum, vec4<f32>(1.0));
  workgroupBarrier();
  let c4 = group.x * 2u + lane;
  if (lane < 2u && c4 < params.columns4) {
    var total = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
      for (var j = 0u; j < 8u; j++) {
        total[i] += partial[(lane * 4u + i) * 8u + j];
      }
    }
    store(r, c4, total);
  }
}
