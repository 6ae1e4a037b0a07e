// layerNorm — rows normalised, and the gradients of that.
//
//   layerNorm                out[m(r), c] = (x[r, c] − mean[r]) · scale[r] · weight[c] + bias[c],  m(r) as in linear.c
//   layerNormBackwardInput   dX[r, c]     = residual[r, c] + (g[c] − mean(g)) · scale − d[c] · scale³ / n · Σ_i g[i] d[i]
//                            g[c]         = dOut[r, c] · weight[c];  d[c] = x[r, c] − mean[r]
//   layerNormBackwardWeight  ofWeight[c]  = Σ_r dOut[r, c] · d[c] · scale[r];  ofBias[c] = Σ_r dOut[r, c]
//   scale                    = 1 / √(variance + ε),  n = C;  or 1 / √(s + ε),  n = 2 (C − 1) s,  s the unbiased standard deviation
//
//   x           (R, C')  f32  in   C' = C rounded up to 8, zeros beyond C; dOut, residual, weight and bias alike
//   statistics  (R, 2)   f32  out  mean, scale; in where weight and bias are summed
//
// A piece is some of the rows, or some of the columns for all rows.
// Source: Ba et al. 2016, arXiv:1607.06450; the standard-deviation form as a notebook prints it.
#include "simd.h"

/** Lanes of vector i of a row that are before column `channels`. */
INLINE i32x4 inside(u32 i, u32 channels) { return (i32x4)((u32x4){i * 4, i * 4 + 1, i * 4 + 2, i * 4 + 3} < channels); }

INLINE f32x4 onlyWhere(i32x4 lanes, f32x4 v) { return (f32x4)((i32x4)v & lanes); }

INLINE float meanOf(const f32x4u *x, u32 stride4, u32 channels) {
  f32x4 total = all(0);
  for (u32 i = 0; i < stride4; i++) total += x[i];
  return sum1(total) / (float)channels;
}

/** Variance, or unbiased standard deviation, from the sum of squares. */
INLINE float spreadOf(float squares, u32 channels, u32 byVariance) {
  return byVariance ? squares / (float)channels : __builtin_sqrtf(squares / (float)(channels - 1));
}

typedef struct {
  const float *x, *weight, *bias;
  float *out;
  u32 rows, channels, stride4, outT, outS, outStart;
  float EPSILON;
  u32 BY_VARIANCE;
} LayerNorm;

void layerNorm(const LayerNorm *p, u32 piece, u32 of, float *) {
  u32 n = p->stride4;
  const f32x4u *weight = (const f32x4u *)p->weight, *bias = (const f32x4u *)p->bias;
  for (u32 r = startOf(p->rows, piece, of); r < startOf(p->rows, piece + 1, of); r++) {
    const f32x4u *x = (const f32x4u *)p->x + r * n;
    f32x4u *out = (f32x4u *)p->out + mapRow(r, p->outT, p->outS, p->outStart) * n;
    float mean = meanOf(x, n, p->channels);
    f32x4 squares = all(0);
    for (u32 i = 0; i < n; i++) {
      f32x4 d = onlyWhere(inside(i, p->channels), x[i] - mean);
      squares += d * d;
    }
    float scale = 1 / __builtin_sqrtf(spreadOf(sum1(squares), p->channels, p->BY_VARIANCE) + p->EPSILON);
    for (u32 i = 0; i < n; i++) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
  }
}

typedef struct {
  const float *x, *weight, *dOut, *residual;
  float *statistics, *dX;
  u32 rows, channels, stride4, hasResidual;
  float EPSILON;
  u32 BY_VARIANCE;
} BackwardInput;

void layerNormBackwardInput(const BackwardInput *p, u32 piece, u32 of, float *) {
  u32 n = p->stride4;
  const f32x4u *weight = (const f32x4u *)p->weight;
  for (u32 r = startOf(p->rows, piece, of); r < startOf(p->rows, piece + 1, of); r++) {
    const f32x4u *x = (const f32x4u *)p->x + r * n, *dOut = (const f32x4u *)p->dOut + r * n;
    const f32x4u *residual = (const f32x4u *)p->residual + r * n;
    f32x4u *dX = (f32x4u *)p->dX + r * n;
    float mean = meanOf(x, n, p->channels), count = (float)p->channels;
    f32x4 squares = all(0), sums = squares, products = squares;
    for (u32 i = 0; i < n; i++) {
      f32x4 d = onlyWhere(inside(i, p->channels), x[i] - mean), g = dOut[i] * weight[i];
      squares += d * d;
      sums += g;
      products += g * d;
    }
    float spread = spreadOf(sum1(squares), p->channels, p->BY_VARIANCE), scale = 1 / __builtin_sqrtf(spread + p->EPSILON);
    float divisor = p->BY_VARIANCE ? count : 2 * (count - 1) * spread, average = sum1(sums) / count;
    // Rows that are all one number have no deviation to change.
    float factor = divisor > 0 ? sum1(products) * scale * scale * scale / divisor : 0;
    for (u32 i = 0; i < n; i++) {
      f32x4 own = (dOut[i] * weight[i] - average) * scale - factor * (x[i] - mean);
      if (p->hasResidual) own += residual[i];
      dX[i] = onlyWhere(inside(i, p->channels), own);
    }
    p->statistics[2 * r] = mean;
    p->statistics[2 * r + 1] = scale;
  }
}

typedef struct {
  const float *x, *dOut, *statistics;
  float *ofWeight, *ofBias;
  u32 rows, stride4;
} BackwardWeight;

/** Rows whose sums are added up by themselves, so that thousands of rows lose no digits. */
#define BAND 64

void layerNormBackwardWeight(const BackwardWeight *p, u32 piece, u32 of, float *) {
  u32 n = p->stride4;
  // Two vectors of columns at a time: C' is a multiple of eight.
  u32 end = startOf(n / 2, piece + 1, of) * 2;
  for (u32 c = startOf(n / 2, piece, of) * 2; c < end; c += 2) {
    f32x4u *ofWeight = (f32x4u *)p->ofWeight + c, *ofBias = (f32x4u *)p->ofBias + c;
    f32x4 w0 = all(0), w1 = w0, b0 = w0, b1 = w0;
    for (u32 from = 0; from < p->rows; from += BAND) {
      u32 last = from + BAND < p->rows ? from + BAND : p->rows;
      const f32x4u *x = (const f32x4u *)p->x + (from * n + c), *dOut = (const f32x4u *)p->dOut + (from * n + c);
      f32x4 v0 = all(0), v1 = v0, a0 = v0, a1 = v0;
      for (u32 r = from; r < last; r++, x += n, dOut += n) {
        float mean = p->statistics[2 * r], scale = p->statistics[2 * r + 1];
        v0 += dOut[0] * ((x[0] - mean) * scale);
        v1 += dOut[1] * ((x[1] - mean) * scale);
        a0 += dOut[0];
        a1 += dOut[1];
      }
      w0 += v0;
      w1 += v1;
      b0 += a0;
      b1 += a1;
    }
    ofWeight[0] = w0;
    ofWeight[1] = w1;
    ofBias[0] = b0;
    ofBias[1] = b1;
  }
}
