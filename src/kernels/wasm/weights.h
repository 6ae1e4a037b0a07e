// Weights as they lie: f32, halves, or int8 in groups of 32 that share a scale.
#pragma once
#include "simd.h"

enum { F32, F16, INT8 };

INLINE u32 groupsOf(u32 K) { return (K + 31) / 32; }

/** Bytes of a row of K weights. */
INLINE u32 rowBytes(u32 format, u32 K) {
  u32 groups = groupsOf(K);
  return format == F32 ? K * 4 : format == F16 ? K * 2 : groups * 32 + (groups + 7) / 8 * 16;
}

/** A scale of int8 weights: the upper half of an f32. */
INLINE float scaleOf(u16 half) {
  union {
    u32 bits;
    float value;
  } scale = {(u32)half << 16};
  return scale.value;
}

/** Eight halves as floats, those at even and at odd places. Infinities and NaNs come out finite: see `isBeyond`. */
INLINE void halves8(u32x4 pairs, f32x4 *even, f32x4 *odd) {
  // The sign stays where it is, three places of it; 2¹¹² takes the exponent's bias from 15 to 127, subnormals' too.
  *even = (f32x4)((i32x4)(pairs << 16) >> 3 & (int)0x8fffe000) * 0x1p112f;
  *odd = (f32x4)((i32x4)pairs >> 3 & (int)0x8fffe000) * 0x1p112f;
}

/** Whether one of eight halves, whose signs are gone, is infinite or no number. */
INLINE int isBeyond(u16x8 sizes) { return __builtin_reduce_max(sizes) >= 0x7c00; }

INLINE u16x8 sizesOf(u32x4 pairs) { return (u16x8)(pairs & 0x7fff7fff); }

/** Any half. */
INLINE float half1(u16 half) {
  union {
    u32 bits;
    float value;
  } v = {(u32)(half & 0x7fff) << 13};
  v.value *= 0x1p112f;
  if ((half & 0x7fff) >= 0x7c00) v.bits |= 0x7f800000;
  v.bits |= (u32)(half & 0x8000) << 16;
  return v.value;
}

/** Weights `from` … `end` (multiples of 8) of a row of K packed ones, as floats. */
INLINE void unpackRow(u32 format, u32 K, const char *row, u32 from, u32 end, float *to) {
  if (format == F16) {
    u16x8 most = {0};
    for (u32 k = from; k < end; k += 8) {
      u32x4 pairs = *(const u32x4 *)(row + k * 2);
      f32x4 even, odd;
      halves8(pairs, &even, &odd);
      most = __builtin_elementwise_max(most, sizesOf(pairs));
      *(f32x4 *)(to + k - from) = shuffle(even, odd, 0, 4, 1, 5);
      *(f32x4 *)(to + k - from + 4) = shuffle(even, odd, 2, 6, 3, 7);
    }
    if (isBeyond(most)) {
      for (u32 k = from; k < end; k++) to[k - from] = half1(((const u16 *)row)[k]);
    }
    return;
  }
  const u16 *scales = (const u16 *)(row + groupsOf(K) * 32);
  for (u32 k = from; k < end; k += 8) {
    i8x8 q = *(const i8x8 *)(row + k);
    f32x4 scale = all(scaleOf(scales[k / 32]));
    *(f32x4 *)(to + k - from) = __builtin_convertvector(shuffle(q, q, 0, 1, 2, 3), f32x4) * scale;
    *(f32x4 *)(to + k - from + 4) = __builtin_convertvector(shuffle(q, q, 4, 5, 6, 7), f32x4) * scale;
  }
}
