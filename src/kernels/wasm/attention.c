// attention — causal softmax attention against the cache; `attentionScores` leaves it at the products.
//
//   out[r, h, ·] = headScale[h] · Σ_s softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, ·],  s ≤ past + t
//   t            = r mod T
//   scoreScale   = 1/√D in GPT-2
//
//   qkv        (B, S, Q)   f32   in    the cache: queries, keys, values of every position, each
//                                      H heads of D' (D rounded up to 4, zeros beyond D)
//   headScale  (H)         f32   in    1, or 0 to switch a head off
//   out        (R, A)      f32   out   R = B · T rows, heads side by side, D' apart
//
// A piece is some of the heads' rows. Two rows of one text share every key and value that is loaded; their scores lie in
// scratch memory, 2 · (past + T) numbers and a few. Each row's sums are in one order, alone or with another.
// Source: Vaswani et al. 2017, arXiv:1706.03762, §3.2.1.
#include "attention.h"

typedef struct {
  const float *qkv, *headScale;
  float *out;
  u32 rows, tokens, past, capacity, rowStride4, partStride4, outStride4, scaleStart, heads;
  float scoreScale;
  u32 HEAD_STRIDE4;
} Attention;

/** Scores of one row, or of two, with the keys 0 … count. What is beyond the last key, up to a multiple of four, is of that key. */
ONCE void scoresOf(const f32x4u *q0, const f32x4u *q1, const f32x4u *keys, u32 rowStride4, u32 k4, u32 count, float factor,
                     float *s0, float *s1) {
  for (u32 s = 0; s < count; s += 4) {
    u32 last = count - 1, b = s + 1 < last ? s + 1 : last, c = s + 2 < last ? s + 2 : last, d = s + 3 < last ? s + 3 : last;
    const f32x4u *w0 = keys + s * rowStride4, *w1 = keys + b * rowStride4;
    const f32x4u *w2 = keys + c * rowStride4, *w3 = keys + d * rowStride4;
    f32x4 y0, y1;
    if (q1) {
      dots2x4(q0, q1, w0, w1, w2, w3, k4, &y0, &y1);
      *(f32x4u *)(s1 + s) = y1 * factor;
    } else y0 = dots4(q0, w0, w1, w2, w3, k4);
    *(f32x4u *)(s0 + s) = y0 * factor;
  }
}

/** s ← e^(s − largest), `count` of them; gives their sum. */
ONCE float exponentials(float *s, u32 count, float largest) {
  f32x4 sum = all(0);
  u32 i = 0;
  for (; i + 4 <= count; i += 4) sum += *(f32x4u *)(s + i) = exp4(*(f32x4u *)(s + i) - largest);
  float rest = sum1(sum);
  for (; i < count; i++) rest += s[i] = exp4(all(s[i] - largest))[0];
  return rest;
}

/**
 * Σ_s p[s] · v[s] of two rows, each times its scale, for 4 · d4 channels. Both see `count` positions, the second one `more`
 * where it is 1. A weight of 0 would not do for the first: 0 · ∞ is no number.
 */
ONCE void valuesOf(const f32x4u *values, u32 rowStride4, u32 d4, u32 count, u32 more, const float *p0, const float *p1,
                     float scale0, float scale1, f32x4 *out0, f32x4 *out1) {
  u32 d = 0;
  for (; d + 4 <= d4; d += 4) {
    f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    const f32x4u *v = values + d;
    for (u32 s = 0; s < count; s++, v += rowStride4) {
      f32x4 p = all(p0[s]), q = all(p1[s]), w;
      w = v[0];
      a0 += p * w;
      b0 += q * w;
      w = v[1];
      a1 += p * w;
      b1 += q * w;
      w = v[2];
      a2 += p * w;
      b2 += q * w;
      w = v[3];
      a3 += p * w;
      b3 += q * w;
    }
    if (more) {
      f32x4 q = all(p1[count]);
      b0 += q * v[0];
      b1 += q * v[1];
      b2 += q * v[2];
      b3 += q * v[3];
    }
    out0[d] = a0 * scale0;
    out0[d + 1] = a1 * scale0;
    out0[d + 2] = a2 * scale0;
    out0[d + 3] = a3 * scale0;
    out1[d] = b0 * scale1;
    out1[d + 1] = b1 * scale1;
    out1[d + 2] = b2 * scale1;
    out1[d + 3] = b3 * scale1;
  }
  for (; d < d4; d++) {
    f32x4 a = all(0), b = a;
    const f32x4u *v = values + d;
    for (u32 s = 0; s < count; s++, v += rowStride4) {
      a += all(p0[s]) * v[0];
      b += all(p1[s]) * v[0];
    }
    if (more) b += all(p1[count]) * v[0];
    out0[d] = a * scale0;
    out1[d] = b * scale1;
  }
}

void attention(const Attention *p, u32 piece, u32 of, float *scratch) {
  u32 d4 = p->HEAD_STRIDE4, row4 = p->rowStride4, pairs = (p->tokens + 1) / 2, batch = p->rows / p->tokens;
  // Pairs of rows of a text, one head after the other.
  u32 count = batch * p->heads * pairs;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 t = i % pairs * 2, h = i / pairs % p->heads, b = i / pairs / p->heads, r = b * p->tokens + t;
    u32 own = p->past + t + 1, two = t + 1 < p->tokens, most = own + two, room = (most + 3) / 4 * 4;
    const f32x4u *base = (const f32x4u *)p->qkv + (b * p->capacity * row4 + h * d4);
    const f32x4u *q = base + (p->past + t) * row4;
    float *s0 = scratch, *s1 = s0 + room, scale = p->headScale[p->scaleStart + h];
    f32x4 *out0 = (f32x4 *)p->out + (r * p->outStride4 + h * d4);
    scoresOf(q, two ? q + row4 : 0, base + p->partStride4, row4, d4, most, p->scoreScale, s0, s1);
    float sum0 = exponentials(s0, own, largestOf(s0, own));
    float sum1 = two ? exponentials(s1, most, largestOf(s1, most)) : sum0;
    // A row that is alone is computed twice and stored once.
    valuesOf(base + 2 * p->partStride4, row4, d4, own, two, s0, two ? s1 : s0, scale / sum0, scale / sum1, out0,
             two ? out0 + p->outStride4 : out0);
  }
}

typedef struct {
  const float *qkv;
  float *out;
  u32 rows, seen, first, sequenceStart4, rowStride4, partStride4, head, heads, outHead;
  float scoreScale;
  u32 HEAD_STRIDE4;
} Scores;

/** out[outHead + h, t, s] = scoreScale · q[first + t] · k[s] for s ≤ first + t; the rest is left as it is. */
void attentionScores(const Scores *p, u32 piece, u32 of, float *scratch) {
  u32 count = p->heads * p->rows;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 t = i % p->rows, h = i / p->rows, keys = p->first + t + 1 < p->seen ? p->first + t + 1 : p->seen;
    const f32x4u *base = (const f32x4u *)p->qkv + (p->sequenceStart4 + (p->head + h) * p->HEAD_STRIDE4);
    float *scores = scratch, *out = p->out + ((p->outHead + h) * p->rows + t) * p->seen;
    scoresOf(base + (p->first + t) * p->rowStride4, 0, base + p->partStride4, p->rowStride4, p->HEAD_STRIDE4, keys, p->scoreScale,
             scores, scores);
    for (u32 s = 0; s < keys; s++) out[s] = scores[s];
  }
}

typedef struct {
  float *x;
  u32 rows, columns, first, heads;
} Softmax;

/** x[h, t, s] ← softmax over s ≤ first + t, 0 beyond. In place, so that nothing of it may be done twice: one piece. */
__attribute__((export_name("causalSoftmax"))) void causalSoftmax(const Softmax *p) {
  for (u32 i = 0; i < p->heads * p->rows; i++) {
    u32 own = p->first + i % p->rows + 1, seen = own < p->columns ? own : p->columns;
    float *row = p->x + i * p->columns, sum = exponentials(row, seen, largestOf(row, seen));
    for (u32 s = 0; s < seen; s++) row[s] /= sum;
    for (u32 s = seen; s < p->columns; s++) row[s] = 0;
  }
}
