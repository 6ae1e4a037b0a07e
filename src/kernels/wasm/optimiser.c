// optimiser — what a step of training does besides its passes: masks of dropout, rows under them, AdamW.
//
//   dropoutMask       bit b of out[w] = philox(seed, step, layer)[32 · w + b] < threshold; of words from `next` on, nextThreshold
//   dropped           out[r, c] = bit[r·C + c] · scale · x[r, c];  0 in the padding
//   addDropped        out[r, c] = x[r, c] + bit[r·C + c] · scale · y[r, c];  0 in the padding
//   gradientSquares   partials[start + j] = Σ g[i]² over chunk j of 2048
//   adamW             weights and both moments in place, as torch.optim.AdamW
//
//   x, y, out   (R, C')  f32   rows of C', of which C count
//   mask        (·)      u32   a bit an element, from word maskStart on; elements without padding
//   gradients   (N)      f32   a multiple of four
//
// A piece is some of the words, rows or chunks. `adamW` is one piece: what is done in place cannot be done again.
#include "simd.h"

typedef u64 u64x2 __attribute__((vector_size(16)));
typedef u32 u32x2 __attribute__((vector_size(8)));

typedef struct {
  u32 *out;
  u32 seedLow, seedHigh, step, layer, threshold, nextThreshold, next, start, words;
} DropoutMask;

/** Upper and lower 32 bits of the products of four words with one. */
INLINE void multiply4(u32x4 a, u64 by, u32x4 *high, u32x4 *low) {
  u64x2 factor = {by, by};
  u64x2 first = __builtin_convertvector(shuffle(a, a, 0, 1), u64x2) * factor;
  u64x2 last = __builtin_convertvector(shuffle(a, a, 2, 3), u64x2) * factor;
  *high = shuffle((u32x4)first, (u32x4)last, 1, 3, 5, 7);
  *low = shuffle((u32x4)first, (u32x4)last, 0, 2, 4, 6);
}

/** A round of four counters: their first words in `a`, their last ones in `d`. */
INLINE void round4(u32x4 *a, u32x4 *b, u32x4 *c, u32x4 *d, u32x4 key0, u32x4 key1) {
  u32x4 highA, lowA, highC, lowC;
  multiply4(*a, 0xd2511f53u, &highA, &lowA);
  multiply4(*c, 0xcd9e8d57u, &highC, &lowC);
  *a = highC ^ *b ^ key0;
  *b = lowC;
  *c = highA ^ *d ^ key1;
  *d = lowA;
}

/** Bit 4 · l + k is 1 where word k of counter l is below the threshold. */
INLINE u32 below4(u32x4 a, u32x4 b, u32x4 c, u32x4 d, u32x4 threshold) {
  u32x4 bits = {1, 1 << 4, 1 << 8, 1 << 12};
  u32x4 kept = ((u32x4)(a < threshold) & bits) | ((u32x4)(b < threshold) & (bits << 1)) |
               ((u32x4)(c < threshold) & (bits << 2)) | ((u32x4)(d < threshold) & (bits << 3));
  return kept[0] | kept[1] | kept[2] | kept[3];
}

void dropoutMask(const DropoutMask *p, u32 piece, u32 of, float *) {
  u32x4 layer = (u32x4){} + p->layer, step = (u32x4){} + p->step;
  u32 end = p->start + startOf(p->words, piece + 1, of);
  for (u32 w = p->start + startOf(p->words, piece, of); w < end; w++) {
    // Eight counters a word, in two sets that do not wait for one another.
    u32x4 a = (u32x4){0, 1, 2, 3} + w * 8, b = layer, c = step, d = (u32x4){1, 1, 1, 1};
    u32x4 e = a + 4, f = b, g = c, h = d;
    u32x4 key0 = (u32x4){} + p->seedLow, key1 = (u32x4){} + p->seedHigh;
    for (u32 round = 0; round < 10; round++) {
      round4(&a, &b, &c, &d, key0, key1);
      round4(&e, &f, &g, &h, key0, key1);
      key0 += 0x9e3779b9u;
      key1 += 0xbb67ae85u;
    }
    u32x4 threshold = (u32x4){} + (w < p->next ? p->threshold : p->nextThreshold);
    p->out[w] = below4(a, b, c, d, threshold) | below4(e, f, g, h, threshold) << 16;
  }
}

/** Four bits of a mask from element `e` on; no word is read that none of them is in. */
INLINE u32 bitsAt(const u32 *mask, u32 e) {
  u32 word = e >> 5, shift = e & 31, bits = mask[word] >> shift;
  if (shift > 28) bits |= mask[word + 1] << (32 - shift);
  return bits;
}

/** `scale` in the lanes whose bit is 1. */
INLINE f32x4 factors4(u32 bits, f32x4 scale) {
  u32x4 lanes = {1, 2, 4, 8};
  return (f32x4)((i32x4)scale & (((u32x4){} + bits & lanes) != 0));
}

typedef struct {
  const float *x, *y;
  const u32 *mask;
  float *out;
  u32 rows, channels, stride4;
  float scale;
} Dropped;

/** Rows of either kernel; `adds` is known where it is called. */
INLINE void droppedRows(const Dropped *p, u32 piece, u32 of, int adds) {
  u32 channels = p->channels, stride = 4 * p->stride4;
  for (u32 r = startOf(p->rows, piece, of); r < startOf(p->rows, piece + 1, of); r++) {
    const float *x = p->x + r * stride, *y = p->y + r * stride;
    float *out = p->out + r * stride;
    u32 c = 0, e = r * channels;
    for (; c + 4 <= channels; c += 4) {
      f32x4 v = factors4(bitsAt(p->mask, e + c), all(p->scale)) * *(const f32x4u *)(y + c);
      *(f32x4u *)(out + c) = adds ? *(const f32x4u *)(x + c) + v : v;
    }
    for (; c < stride; c++) {
      float v = 0;
      if (c < channels) {
        v = (p->mask[(e + c) >> 5] >> ((e + c) & 31) & 1 ? p->scale : 0) * y[c];
        if (adds) v += x[c];
      }
      out[c] = v;
    }
  }
}

void dropped(const Dropped *p, u32 piece, u32 of, float *) { droppedRows(p, piece, of, 0); }

void addDropped(const Dropped *p, u32 piece, u32 of, float *) { droppedRows(p, piece, of, 1); }

typedef struct {
  const float *gradients;
  float *partials;
  u32 count4, first, chunks;
} GradientSquares;

/** Vectors of a chunk. */
#define CHUNK4 512

void gradientSquares(const GradientSquares *p, u32 piece, u32 of, float *) {
  u32 last = p->first + startOf(p->chunks, piece + 1, of);
  for (u32 j = p->first + startOf(p->chunks, piece, of); j < last; j++) {
    u32 i = j * CHUNK4, end = i + CHUNK4 < p->count4 ? i + CHUNK4 : p->count4;
    const f32x4u *g = (const f32x4u *)p->gradients;
    f32x4 a = all(0), b = a, c = a, d = a;
    for (; i + 4 <= end; i += 4) {
      a += g[i] * g[i];
      b += g[i + 1] * g[i + 1];
      c += g[i + 2] * g[i + 2];
      d += g[i + 3] * g[i + 3];
    }
    for (; i < end; i++) a += g[i] * g[i];
    p->partials[j] = sum1((a + b) + (c + d));
  }
}

typedef struct {
  float *weights;
  const float *gradients;
  float *m, *v;
  const u32 *decays;
  const float *scalars;
  u32 start4, count4;
  float shrink, rest1, beta2, rest2, stepSize, inverseRoot, epsilon;
} AdamW;

/**
 * Zero for what is below every normal number. Moments of what gets no gradient shrink until they are such numbers, and a
 * processor takes fifty times as long over one.
 */
INLINE f32x4 flushed(f32x4 x) { return (f32x4)((i32x4)x & ~(abs4(x) < 1.2e-38f)); }

__attribute__((export_name("adamW"))) void adamW(const AdamW *p) {
  f32x4u *weights = (f32x4u *)p->weights, *m = (f32x4u *)p->m, *v = (f32x4u *)p->v;
  const f32x4u *gradients = (const f32x4u *)p->gradients;
  const u32 *decays = p->decays;
  float factor = p->scalars[1];
  f32x4 rest1 = all(p->rest1), beta2 = all(p->beta2), rest2 = all(p->rest2);
  f32x4 stepSize = all(p->stepSize), inverseRoot = all(p->inverseRoot), epsilon = all(p->epsilon);
  float shrink = p->shrink;
  u32 end = p->start4 + p->count4;
  for (u32 i = p->start4; i < end; i++) {
    f32x4 g = gradients[i] * factor;
    f32x4 first = flushed(m[i] + rest1 * (g - m[i]));
    f32x4 second = flushed(beta2 * v[i] + rest2 * g * g);
    f32x4 left = weights[i] * (decays[i >> 4] ? shrink : 1.0f);
    m[i] = first;
    v[i] = second;
    weights[i] = left - stepSize * first / (__builtin_elementwise_sqrt(second) * inverseRoot + epsilon);
  }
}
