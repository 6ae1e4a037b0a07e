// attentionBackward — causal attention of whole texts with dropout on its weights, and its gradients.
//
//   attentionTraining         out[r, h, ·] = Σ_s kept[t, s] · softmax_s(score[t, s]) · v[s, h, ·];  lse[r, h] = ln Σ_s e^score
//   attentionBackwardQueries  dq[t, h, ·]  = scoreScale · Σ_s dScore[t, s] · k[s, h, ·];  delta[r, h] = dOut[r, h] · out[r, h]
//   attentionBackwardKeys     dk[s, h, ·]  = scoreScale · Σ_t dScore[t, s] · q[t, h, ·];  dv[s, h, ·] = Σ_t kept · weight · dOut[t, h, ·]
//   score[t, s]               = scoreScale · q[t, h] · k[s, h],  s ≤ t = r mod T
//   dScore[t, s]              = weight · (kept[t, s] · dOut[r, h] · v[s, h] − delta[r, h]),  weight = e^(score − lse)
//   kept[t, s]                = bit (((b · H + h) · T + t) · T + s) of the mask ? keptScale : 0;  1 where nothing is dropped
//
//   qkv   (B, T, Q)  f32   in   queries, keys, values, each H heads of D' (D rounded up to 4, zeros beyond D)
//   mask  (·)        u32   in   32 bits a word, the lowest first, from word maskStart on
//   out   (R, A)     f32   out  R = B · T rows, heads side by side, D' apart; dOut alike
//   lse   (R, H)     f32   out  delta alike
//   dQkv  (B, T, Q)  f32   out  each kernel its part; zeros beyond the values
//
// A piece is some of the heads' rows, or keys. Two of one text share every row that is loaded; their scores and the gradients of
// their weights lie in scratch memory, 4 · T numbers and a few.
// Source: Dao et al. 2022, arXiv:2205.14135, appendix B.2.
#include "attention.h"

typedef struct {
  u32 rows, tokens, rowStride4, partStride4, outStride4, heads, maskStart;
  float scoreScale, keptScale;
  u32 HEAD_STRIDE4, DROPS;
} Sizes;

typedef struct {
  const float *qkv;
  const u32 *mask;
  float *out, *lse;
  Sizes s;
} Training;

typedef struct {
  const float *qkv;
  const u32 *mask;
  const float *out, *dOut, *lse;
  float *delta, *dQkv;
  Sizes s;
} Queries;

typedef struct {
  const float *qkv;
  const u32 *mask;
  const float *dOut, *lse, *delta;
  float *dQkv;
  Sizes s;
} Keys;

/** What four weights are multiplied by, from bit e of the mask on. Nothing is read beyond the last word. */
INLINE f32x4 kept4(const u32 *mask, const Sizes *s, u32 e) {
  u32 last = s->maskStart + (s->rows * s->heads * s->tokens - 1) / 32;
  u32 word = s->maskStart + e / 32, next = word < last ? word + 1 : last;
  u32 bits = (u32)(((u64)mask[next] << 32 | mask[word]) >> (e % 32));
  u32x4 isKept = (u32x4)(((u32x4){bits, bits, bits, bits} & (u32x4){1, 2, 4, 8}) != 0);
  return (f32x4)(isKept & (u32x4)all(s->keptScale));
}

/** Bits b and b + 1 of the mask, the lowest of what is given. Nothing is read beyond the last word. */
INLINE u32 bitsOf(const u32 *mask, const Sizes *s, u32 b) {
  typedef u16 u16u __attribute__((aligned(1)));
  // Two bytes hold both, the last two where b is in the last one.
  u32 last = (s->rows * s->heads * s->tokens + 31) / 32 * 4 - 2, at = b / 8 < last ? b / 8 : last;
  return *(const u16u *)((const char *)(mask + s->maskStart) + at) >> (b - at * 8);
}

/** keptScale in the lanes whose bit is 1, 0 in others. */
INLINE f32x4 keptOf(u32x4 bits, u32 bit, float keptScale) {
  return (f32x4)((u32x4)((bits & bit) != 0) & (u32x4)all(keptScale));
}

/** p ← kept · p for the first `count` keys of a row, whose mask begins at bit e; up to three numbers more are changed. */
INLINE void dropOut(const u32 *mask, const Sizes *s, u32 e, u32 count, float *p) {
  for (u32 i = 0; i < count; i += 4) *(f32x4u *)(p + i) *= kept4(mask, s, e + i);
}

/** Zeros from vector `from` of a row to its end. */
INLINE void clearFrom(float *row, u32 from, u32 end) {
  for (; from < end; from++) ((f32x4u *)row)[from] = all(0);
}

INLINE float dot1(const f32x4u *a, const f32x4u *b, u32 k4) {
  f32x4 sum = all(0);
  for (u32 k = 0; k < k4; k++) sum += a[k] * b[k];
  return sum1(sum);
}

/** ln of a sum of exponentials; `log4` takes everything for a number. */
INLINE float logOf(float sum) { return sum > 0 ? log4(all(sum))[0] : sum; }

void attentionTraining(const Training *p, u32 piece, u32 of, float *scratch) {
  const Sizes *s = &p->s;
  u32 d4 = s->HEAD_STRIDE4, row4 = s->rowStride4, pairs = (s->tokens + 1) / 2, count = s->rows / s->tokens * s->heads * pairs;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 t = i % pairs * 2, head = i / pairs, h = head % s->heads, first = head / s->heads * s->tokens, r = first + t;
    u32 own = t + 1, two = own < s->tokens, most = own + two, room = (most + 3) / 4 * 4;
    const f32x4u *base = (const f32x4u *)p->qkv + (first * row4 + h * d4);
    float *s0 = scratch, *s1 = two ? s0 + room : s0, *out = p->out + r * s->outStride4 * 4;
    f32x4 *to = (f32x4 *)out + h * d4;
    scoresOf(base + t * row4, two ? base + own * row4 : 0, base + s->partStride4, row4, d4, most, s->scoreScale, s0, s1);
    float largest = largestOf(s0, own), sum0 = exponentials(s0, own, largest), sum1 = sum0;
    p->lse[r * s->heads + h] = largest + logOf(sum0);
    if (two) {
      largest = largestOf(s1, most);
      sum1 = exponentials(s1, most, largest);
      p->lse[(r + 1) * s->heads + h] = largest + logOf(sum1);
    }
    if (s->DROPS) {
      u32 e = (head * s->tokens + t) * s->tokens;
      dropOut(p->mask, s, e, own, s0);
      if (two) dropOut(p->mask, s, e + s->tokens, most, s1);
    }
    // A row that is alone is computed twice and stored once.
    valuesOf(base + 2 * s->partStride4, row4, d4, own, two, s0, s1, 1 / sum0, 1 / sum1, to, two ? to + s->outStride4 : to);
    if (h + 1 < s->heads) continue;
    clearFrom(out, s->partStride4, s->outStride4);
    if (two) clearFrom(out, s->outStride4 + s->partStride4, 2 * s->outStride4);
  }
}

/** s ← e^(s − lse) · (kept · e − delta) for the first `count` keys of a row, whose mask begins at bit `bit`. */
INLINE void dScoresOf(const u32 *mask, const Sizes *sizes, u32 bit, u32 count, float lse, float delta, float *s, const float *e) {
  for (u32 i = 0; i < count; i += 4) {
    f32x4 dWeight = *(const f32x4u *)(e + i);
    if (sizes->DROPS) dWeight *= kept4(mask, sizes, bit + i);
    *(f32x4u *)(s + i) = exp4(*(f32x4u *)(s + i) - lse) * (dWeight - delta);
  }
}

void attentionBackwardQueries(const Queries *p, u32 piece, u32 of, float *scratch) {
  const Sizes *s = &p->s;
  u32 d4 = s->HEAD_STRIDE4, row4 = s->rowStride4, out4 = s->outStride4, pairs = (s->tokens + 1) / 2;
  u32 count = s->rows / s->tokens * s->heads * pairs;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 t = i % pairs * 2, head = i / pairs, h = head % s->heads, first = head / s->heads * s->tokens, r = first + t;
    u32 own = t + 1, two = own < s->tokens, most = own + two, room = (most + 3) / 4 * 4, at = r * s->heads + h;
    u32 bit = (head * s->tokens + t) * s->tokens;
    const f32x4u *base = (const f32x4u *)p->qkv + (first * row4 + h * d4), *keys = base + s->partStride4;
    const f32x4u *g = (const f32x4u *)p->dOut + (r * out4 + h * d4), *out = (const f32x4u *)p->out + (r * out4 + h * d4);
    float *s0 = scratch, *e0 = s0 + room, *s1 = two ? e0 + room : s0, *e1 = two ? s1 + room : e0;
    float *dRow = p->dQkv + r * row4 * 4;
    f32x4 *to = (f32x4 *)dRow + h * d4;
    scoresOf(base + t * row4, two ? base + own * row4 : 0, keys, row4, d4, most, s->scoreScale, s0, s1);
    scoresOf(g, two ? g + out4 : 0, keys + s->partStride4, row4, d4, most, 1, e0, e1);
    float delta = p->delta[at] = dot1(g, out, d4);
    dScoresOf(p->mask, s, bit, own, p->lse[at], delta, s0, e0);
    if (two) {
      delta = p->delta[at + s->heads] = dot1(g + out4, out + out4, d4);
      dScoresOf(p->mask, s, bit + s->tokens, most, p->lse[at + s->heads], delta, s1, e1);
    }
    valuesOf(keys, row4, d4, own, two, s0, s1, s->scoreScale, s->scoreScale, to, two ? to + row4 : to);
    if (h + 1 < s->heads) continue;
    clearFrom(dRow, 3 * s->partStride4, row4);
    if (two) clearFrom(dRow, row4 + 3 * s->partStride4, 2 * row4);
  }
}

void attentionBackwardKeys(const Keys *p, u32 piece, u32 of, float *scratch) {
  const Sizes *s = &p->s;
  u32 d4 = s->HEAD_STRIDE4, row4 = s->rowStride4, out4 = s->outStride4, heads = s->heads, pairs = (s->tokens + 1) / 2;
  u32 count = s->rows / s->tokens * heads * pairs;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 key = i % pairs * 2, head = i / pairs, h = head % heads, r = head / heads * s->tokens + key;
    // Rows from the first key's own on; the second key is not seen by the first of them.
    u32 two = key + 1 < s->tokens, rows = s->tokens - key, room = (rows + 3) / 4 * 4;
    const f32x4u *queries = (const f32x4u *)p->qkv + (r * row4 + h * d4), *k = queries + s->partStride4, *v = k + s->partStride4;
    const f32x4u *g = (const f32x4u *)p->dOut + (r * out4 + h * d4);
    const float *lse = p->lse + (r * heads + h), *delta = p->delta + (r * heads + h);
    float *s0 = scratch, *e0 = s0 + room, *s1 = two ? e0 + room : s0, *e1 = two ? s1 + room : e0;
    f32x4 *dKeys = (f32x4 *)p->dQkv + (r * row4 + h * d4 + s->partStride4), *dValues = dKeys + s->partStride4;
    scoresOf(k, two ? k + row4 : 0, queries, row4, d4, rows, s->scoreScale, s0, s1);
    scoresOf(v, two ? v + row4 : 0, g, out4, d4, rows, 1, e0, e1);
    for (u32 t = 0; t < rows; t += 4) {
      // Numbers beyond the last row are of that row; no sum takes them.
      u32 last = rows - 1, t1 = t < last ? t + 1 : last, t2 = t1 < last ? t1 + 1 : last, t3 = t2 < last ? t2 + 1 : last;
      f32x4 logs = {lse[t * heads], lse[t1 * heads], lse[t2 * heads], lse[t3 * heads]};
      f32x4 deltas = {delta[t * heads], delta[t1 * heads], delta[t2 * heads], delta[t3 * heads]};
      f32x4 kept0 = all(1), kept1 = kept0;
      if (s->DROPS) {
        // Bits of the first key lie a text's length apart, the second key's beside them.
        u32 bit = (head * s->tokens + key) * s->tokens + key, step = s->tokens;
        u32x4 bits = {bitsOf(p->mask, s, bit + t * step), bitsOf(p->mask, s, bit + t1 * step), bitsOf(p->mask, s, bit + t2 * step),
                      bitsOf(p->mask, s, bit + t3 * step)};
        kept0 = keptOf(bits, 1, s->keptScale);
        kept1 = keptOf(bits, 2, s->keptScale);
      }
      f32x4 weight = exp4(*(f32x4u *)(s0 + t) - logs), dWeight = kept0 * *(f32x4u *)(e0 + t);
      *(f32x4u *)(s0 + t) = weight * (dWeight - deltas);
      *(f32x4u *)(e0 + t) = weight * kept0;
      if (!two) continue;
      weight = exp4(*(f32x4u *)(s1 + t) - logs);
      if (t == 0) weight = (f32x4){0, weight[1], weight[2], weight[3]};
      dWeight = kept1 * *(f32x4u *)(e1 + t);
      *(f32x4u *)(s1 + t) = weight * (dWeight - deltas);
      *(f32x4u *)(e1 + t) = weight * kept1;
    }
    valuesOf(queries, row4, d4, rows, 0, s0, s1, s->scoreScale, s->scoreScale, dKeys, two ? dKeys + row4 : dKeys);
    valuesOf(g, out4, d4, rows, 0, e0, e1, 1, 1, dValues, two ? dValues + row4 : dValues);
  }
}
