// linear — a linear layer with bias and activation; `residual` adds what it gives to where it belongs.
//
//   y[r, n]       = act(Σ_k x[xStart + r, k] · weight[n, k] + bias[n])
//   out[m(r), n] ← y[r, n]
//   m(r)          = (r div T) · S + start + r mod T
//
//   x       (·, K)  f32            in    K is a multiple of 8, padded with zeros
//   weight  (N, K)  WEIGHT_FORMAT  in    K contiguous; N is a multiple of 4
//   bias    (N)     f32            in    zeros where the model has none
//   xInt8   (·)     i16, f32       in    x in groups of 32, as `groups` makes it: where one row meets int8, and is finite
//   out     (·, O)  f32            out   columns outColumn … outColumn + N of row m(r)
//
// A piece is some of the columns, for all rows. Four rows of weights are read at once, for two rows of x where
// there are two; packed ones are unpacked once for all rows. A single row takes eight rows of weights a turn:
// memory is what it waits for. Every output is one sum in one order, whatever the tile and the thread.
// Sums are taken in blocks, see simd.h.
// Source: GPT-2's Conv1D, nn.Linear; GELU: Hendrycks & Gimpel 2016, arXiv:1606.08415.
#include "activations.h"
#include "weights.h"


typedef struct {
  const float *x;
  const char *weight;
  const float *bias;
  const short *xInt8;
  float *out;
  u32 rows, columns4, outStride4, outColumn4, outT, outS, outStart, xStart;
  u32 K, WEIGHT_FORMAT, ACTIVATION;
} Linear;

/** x · w for one row of x and four of halves: even and odd places in turn. */
INLINE f32x4 halves4(const float *x, const char *w, u32 bytes, u32 K) {
  f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0, even, odd;
  u16x8 most = {0};
  for (u32 k = 0; k < K; k += 8) {
    f32x4 low = *(const f32x4 *)(x + k), high = *(const f32x4 *)(x + k + 4);
    f32x4 u = shuffle(low, high, 0, 2, 4, 6), v = shuffle(low, high, 1, 3, 5, 7);
    const char *at = w + k * 2;
    u32x4 p0 = *(const u32x4 *)at, p1 = *(const u32x4 *)(at + bytes);
    u32x4 p2 = *(const u32x4 *)(at + 2 * bytes), p3 = *(const u32x4 *)(at + 3 * bytes);
    most = __builtin_elementwise_max(most, __builtin_elementwise_max(sizesOf(p0), sizesOf(p1)));
    most = __builtin_elementwise_max(most, __builtin_elementwise_max(sizesOf(p2), sizesOf(p3)));
    halves8(p0, &even, &odd);
    a0 += u * even;
    a0 += v * odd;
    halves8(p1, &even, &odd);
    a1 += u * even;
    a1 += v * odd;
    halves8(p2, &even, &odd);
    a2 += u * even;
    a2 += v * odd;
    halves8(p3, &even, &odd);
    a3 += u * even;
    a3 += v * odd;
  }
  f32x4 y = sums4(a0, a1, a2, a3);
  if (isBeyond(most)) {
    // What is infinite or no number in a row makes the same of its sum.
    for (u32 i = 0; i < 4; i++) {
      float sum = 0;
      for (u32 k = 0; k < K; k++) sum += x[k] * half1(((const u16 *)(w + i * bytes))[k]);
      y = i == 0 ? (f32x4){sum, y[1], y[2], y[3]}
        : i == 1 ? (f32x4){y[0], sum, y[2], y[3]}
        : i == 2 ? (f32x4){y[0], y[1], sum, y[3]}
                 : (f32x4){y[0], y[1], y[2], sum};
    }
  }
  return y;
}

/** 32 products of int8 and int16 in four exact sums. */
INLINE i32x4 group(const i8x8 *w, const i16x8 *x) {
  return __builtin_wasm_dot_s_i32x4_i16x8(__builtin_convertvector(w[0], i16x8), x[0]) +
         __builtin_wasm_dot_s_i32x4_i16x8(__builtin_convertvector(w[1], i16x8), x[1]) +
         __builtin_wasm_dot_s_i32x4_i16x8(__builtin_convertvector(w[2], i16x8), x[2]) +
         __builtin_wasm_dot_s_i32x4_i16x8(__builtin_convertvector(w[3], i16x8), x[3]);
}

/** x · w for one row of x in groups of int16 and four of int8. */
INLINE f32x4 int8s4(const short *x, const char *w, u32 bytes, u32 groups) {
  const float *xScale = (const float *)(x + groups * 32);
  const u16 *scale = (const u16 *)(w + groups * 32);
  f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0;
  for (u32 g = 0; g < groups; g++) {
    const i16x8 *q = (const i16x8 *)(x + g * 32);
    const char *at = w + g * 32;
    float s = xScale[g];
    a0 += __builtin_convertvector(group((const i8x8 *)at, q), f32x4) * all(s * scaleOf(scale[g]));
    a1 += __builtin_convertvector(group((const i8x8 *)(at + bytes), q), f32x4) * all(s * scaleOf(scale[g + bytes / 2]));
    a2 += __builtin_convertvector(group((const i8x8 *)(at + 2 * bytes), q), f32x4) * all(s * scaleOf(scale[g + bytes]));
    a3 += __builtin_convertvector(group((const i8x8 *)(at + 3 * bytes), q), f32x4) *
          all(s * scaleOf(scale[g + bytes / 2 * 3]));
  }
  return sums4(a0, a1, a2, a3);
}

/**
 * A row of x in groups of 32 that share a scale: K int16, rounded to nearest, zeros up to the group's end, then the scales.
 * 0 where x is not finite: that has no scale.
 */
__attribute__((export_name("groups"))) u32 groups(const float *x, u32 K, short *to) {
  u32 count = groupsOf(K);
  float *scales = (float *)(to + count * 32);
  f32x4 beyond = all(0);
  for (u32 g = 0; g < count; g++) {
    u32 from = g * 32, end = from + 32 < K ? from + 32 : K;
    f32x4 most = all(0);
    for (u32 k = from; k < end; k += 4) {
      f32x4 v = *(const f32x4 *)(x + k);
      most = max4(most, abs4(v));
      beyond += v - v; // 0, or no number
    }
    // Numbers so small that their factor would be infinite are 0 beside all others.
    float largest = max1(most), factor = largest > 0x1p-100f ? 32767.0f / largest : 0;
    scales[g] = largest / 32767.0f;
    for (u32 k = from; k < from + 32; k += 4) {
      i32x4 q = toInts(k < end ? (*(const f32x4 *)(x + k) * factor + 12582912.0f) - 12582912.0f : all(0));
      to[k] = (short)q[0];
      to[k + 1] = (short)q[1];
      to[k + 2] = (short)q[2];
      to[k + 3] = (short)q[3];
    }
  }
  return sum1(beyond) == 0;
}

/** v · sigmoid(steepness · v). */
INLINE f32x4 silu4(f32x4 v, float steepness) { return v / (1.0f + exp4(-steepness * v)); }

/** Where columns 4 · c4 … of row r go. */
INLINE f32x4 *outOf(const Linear *p, u32 r, u32 c4) {
  u32 row = mapRow(r, p->outT, p->outS, p->outStart);
  return (f32x4 *)p->out + (row * p->outStride4 + p->outColumn4 + c4);
}

/** out = act(x), `count` vectors; may be in place. */
ONCE static void activate(const f32x4 *x, f32x4 *out, u32 count, u32 activation) {
  if (activation == GELU_TANH) {
    // ½ v (1 + tanh u) is v / (1 + e^−2u).
    for (u32 i = 0; i < count; i++) {
      f32x4 v = x[i];
      out[i] = v / (1.0f + exp4(-1.5957691216f * (v + 0.044715f * v * v * v)));
    }
  } else if (activation == GELU_EXACT) {
    for (u32 i = 0; i < count; i++) out[i] = 0.5f * x[i] * (1.0f + erf4(x[i] * 0.7071067812f));
  } else if (activation == RELU) {
    for (u32 i = 0; i < count; i++) out[i] = (f32x4)((i32x4)x[i] & ~(x[i] < 0.0f)); // what is no number stays so
  } else if (activation == SILU || activation == GELU_QUICK) {
    float steepness = activation == SILU ? 1.0f : 1.702f;
    for (u32 i = 0; i < count; i++) out[i] = silu4(x[i], steepness);
  } else if (activation == TANH) {
    for (u32 i = 0; i < count; i++) out[i] = tanh4(x[i]);
  } else {
    for (u32 i = 0; i < count; i++) out[i] = x[i];
  }
}

/** The sums of some columns become act(sum + bias): once they are all there, in one loop each. */
INLINE void finish(const Linear *p, u32 c4, u32 end4) {
  const f32x4 *bias = (const f32x4 *)p->bias;
  for (u32 r = 0; r < p->rows; r++) {
    f32x4 *y = outOf(p, r, 0);
    for (u32 c = c4; c < end4; c++) y[c] += bias[c];
    if (p->ACTIVATION != NONE) activate(y + c4, y + c4, end4 - c4, p->ACTIVATION);
  }
}

#define ROW(i) ((const f32x4u *)(w + (i) * bytes))

/** One row of x by eight of weights, `count` vectors of each: a block, or all. */
INLINE void dots8(const f32x4 *x, const char *w, u32 bytes, u32 count, f32x4 *y0, f32x4 *y1) {
  f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
  for (u32 k = 0; k < count; k++) {
    f32x4 v = x[k];
    a0 += v * ROW(0)[k];
    a1 += v * ROW(1)[k];
    a2 += v * ROW(2)[k];
    a3 += v * ROW(3)[k];
    a4 += v * ROW(4)[k];
    a5 += v * ROW(5)[k];
    a6 += v * ROW(6)[k];
    a7 += v * ROW(7)[k];
  }
  *y0 = sums4(a0, a1, a2, a3);
  *y1 = sums4(a4, a5, a6, a7);
}

/** The same for more than a block: apart, because the loop of those with one lost a twentieth to its registers. */
ONCE static void eightLong(const f32x4 *x, const char *w, u32 bytes, u32 k4, f32x4 *y) {
  f32x4 y0, y1;
  y[0] = y[1] = all(0);
  for (u32 from = 0; from < k4; from += BLOCK4) {
    dots8(x + from, w + from * 16, bytes, blockAt(from, k4), &y0, &y1);
    y[0] += y0;
    y[1] += y1;
  }
}

/** A single row of x by the columns from 4 · c4 on. */
INLINE void oneRow(const Linear *p, u32 c4, u32 end4) {
  const float *x = p->x + p->xStart * p->K;
  f32x4 *out = outOf(p, 0, 0);
  u32 bytes = rowBytes(p->WEIGHT_FORMAT, p->K), k4 = p->K / 4;
  const char *w = p->weight + c4 * 4 * bytes;
  if (p->WEIGHT_FORMAT == F16) {
    for (; c4 < end4; c4++, w += 4 * bytes) out[c4] = halves4(x, w, bytes, p->K);
    return;
  }
  if (p->WEIGHT_FORMAT == INT8) {
    u32 groups = groupsOf(p->K);
    for (; c4 < end4; c4++, w += 4 * bytes) out[c4] = int8s4(p->xInt8, w, bytes, groups);
    return;
  }
  for (; c4 + 1 < end4; c4 += 2, w += 8 * bytes) {
    // Eight rows at once: not every sum has a register, but memory is read from more places.
    if (k4 <= BLOCK4) dots8((const f32x4 *)x, w, bytes, k4, out + c4, out + c4 + 1);
    else eightLong((const f32x4 *)x, w, bytes, k4, out + c4);
  }
  if (c4 < end4) out[c4] = dots4((const f32x4u *)x, ROW(0), ROW(1), ROW(2), ROW(3), k4);
}

/** Several rows of x by the columns from 4 · c4 on. */
INLINE void manyRows(const Linear *p, u32 c4, u32 end4, float *scratch) {
  u32 bytes = rowBytes(p->WEIGHT_FORMAT, p->K), K = p->K, k4 = K / 4;
  for (; c4 < end4; c4++) {
    const char *w = p->weight + c4 * 4 * bytes;
    if (p->WEIGHT_FORMAT != F32) {
      for (u32 i = 0; i < 4; i++) unpackRow(p->WEIGHT_FORMAT, K, w + i * bytes, 0, K, scratch + i * K);
      w = (const char *)scratch;
    }
    const f32x4u *w0 = (const f32x4u *)w, *w1 = w0 + k4, *w2 = w1 + k4, *w3 = w2 + k4;
    const f32x4u *x = (const f32x4u *)(p->x + p->xStart * K);
    u32 r = 0;
    for (; r + 1 < p->rows; r += 2, x += 2 * k4) {
      dots2x4(x, x + k4, w0, w1, w2, w3, k4, outOf(p, r, c4), outOf(p, r + 1, c4));
    }
    if (r < p->rows) *outOf(p, r, c4) = dots4(x, w0, w1, w2, w3, k4);
  }
}

void linear(const Linear *p, u32 piece, u32 of, float *scratch) {
  u32 c4 = startOf(p->columns4, piece, of), end4 = startOf(p->columns4, piece + 1, of);
  int isPlain = p->WEIGHT_FORMAT == INT8 && !p->xInt8;
  if (p->rows == 1 && !isPlain) oneRow(p, c4, end4);
  else manyRows(p, c4, end4, scratch);
  finish(p, c4, end4);
}

typedef struct {
  const f32x4 *x;
  f32x4 *out;
  u32 count4, ACTIVATION;
} Activation;

/** out = act(x). A piece is some of the elements. */
void activation(const Activation *p, u32 piece, u32 of, float *) {
  u32 i = startOf(p->count4, piece, of);
  activate(p->x + i, p->out + i, startOf(p->count4, piece + 1, of) - i, p->ACTIVATION);
}

typedef struct {
  const float *y;
  const float *scale;
  float *out;
  u32 rows, columns4, outStride4, outColumn4, scaleIndex, outT, outS, outStart;
} Residual;

/** out[m(r), n] += scale · y[r, n]: apart from the product, so that a piece of it may be done twice. */
__attribute__((export_name("residual"))) void residual(const Residual *p) {
  f32x4 scale = all(p->scale[p->scaleIndex]);
  for (u32 r = 0; r < p->rows; r++) {
    u32 row = mapRow(r, p->outT, p->outS, p->outStart);
    f32x4 *out = (f32x4 *)p->out + (row * p->outStride4 + p->outColumn4);
    const f32x4 *y = (const f32x4 *)p->y + r * p->columns4;
    for (u32 c = 0; c < p->columns4; c++) out[c] += scale * y[c];
  }
}
