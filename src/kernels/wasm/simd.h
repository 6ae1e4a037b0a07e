// What the kernels share: four lanes as in WGSL's vec4, and functions of them.
//
// C with vector extensions: `a += x[k] * w[k]` is four multiply-adds, one instruction where the module may fuse
// them (-mrelaxed-simd -ffp-contract=fast) and two else. No library, no data segment, no stack: what does not fit
// in registers lies in scratch memory, which each thread has of its own.
#pragma once

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long long u64;
typedef float f32x4 __attribute__((vector_size(16)));
typedef int i32x4 __attribute__((vector_size(16)));
typedef u32 u32x4 __attribute__((vector_size(16)));
typedef u16 u16x8 __attribute__((vector_size(16)));
typedef short i16x8 __attribute__((vector_size(16)));
typedef signed char i8x8 __attribute__((vector_size(8)));
/** Four floats at an address that is a multiple of 4 only. */
typedef float f32x4u __attribute__((vector_size(16), aligned(4)));

#define INLINE static inline __attribute__((always_inline))
/** Once in the module, however often it is called: for what is long. */
#define ONCE __attribute__((noinline))
#define shuffle __builtin_shufflevector
#define INFINITE __builtin_inff()

/** Where a piece, one `of` equal ones, of `count` things begins; the next one's beginning is its end. */
INLINE u32 startOf(u32 count, u32 piece, u32 of) { return (u32)((u64)count * piece / of); }

/** Where row r of a result goes: sequences of a batch lie `outS` rows apart. */
INLINE u32 mapRow(u32 r, u32 outT, u32 outS, u32 outStart) { return r / outT * outS + outStart + r % outT; }

INLINE f32x4 all(float v) { return (f32x4){v, v, v, v}; }

/** The larger, or `a` where one of them is no number: so a maximum passes over those that are none. */
INLINE f32x4 max4(f32x4 a, f32x4 b) { return (f32x4)__builtin_wasm_pmax_f32x4(a, b); }
/** The smaller, likewise. */
INLINE f32x4 min4(f32x4 a, f32x4 b) { return (f32x4)__builtin_wasm_pmin_f32x4(a, b); }
INLINE f32x4 abs4(f32x4 a) { return (f32x4)((i32x4)a & 0x7fffffff); }

/** The sums of four vectors, as one. Always in this order, whoever computes them. */
INLINE f32x4 sums4(f32x4 a, f32x4 b, f32x4 c, f32x4 d) {
  f32x4 ab = shuffle(a, b, 0, 4, 1, 5) + shuffle(a, b, 2, 6, 3, 7);
  f32x4 cd = shuffle(c, d, 0, 4, 1, 5) + shuffle(c, d, 2, 6, 3, 7);
  return shuffle(ab, cd, 0, 1, 4, 5) + shuffle(ab, cd, 2, 3, 6, 7);
}

INLINE float sum1(f32x4 a) { return (a[0] + a[2]) + (a[1] + a[3]); }

INLINE float max1(f32x4 a) {
  float u = a[0] < a[1] ? a[1] : a[0], v = a[2] < a[3] ? a[3] : a[2];
  return u < v ? v : u;
}

/** The largest of `count` numbers at any address; −∞ where nothing is a number. */
INLINE float largestOf(const float *row, u32 count) {
  f32x4 most = all(-INFINITE);
  u32 v = 0;
  for (; v + 4 <= count; v += 4) most = max4(most, *(const f32x4u *)(row + v));
  float largest = max1(most);
  for (; v < count; v++) largest = largest < row[v] ? row[v] : largest;
  return largest;
}

/** To whole numbers; 0 for what is none. In C's own conversion, what is out of bounds may be anything. */
INLINE i32x4 toInts(f32x4 x) { return (i32x4)__builtin_wasm_trunc_saturate_s_i32x4_f32x4(x); }

/**
 * eˣ: 2ⁿ times the Taylor series of the rest, at most ½ ln 2; relative error 2⁻²³. 0 below −87.3, ∞ above 88.3:
 * there 2ⁿ has no pattern. What is no number stays so.
 */
INLINE f32x4 exp4(f32x4 x) {
  f32x4 n = (x * 1.44269504f + 12582912.0f) - 12582912.0f; // to the nearest whole number
  f32x4 r = (x - n * 0.693145752f) - n * 1.42860677e-6f; // ln 2 in two parts, the first exact in products
  f32x4 p = r * (1.0f / 5040) + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  u32x4 scale = ((u32x4)toInts(n) + 127) << 23;
  i32x4 isTiny = x < -87.3f, isHuge = x > 88.3f;
  i32x4 power = (i32x4)(p * (f32x4)scale);
  return (f32x4)((power & ~(isTiny | isHuge)) | (isHuge & (i32x4)all(INFINITE)));
}

/** ln x of positive normal numbers: the exponent, and 2 artanh((m − 1) / (m + 1)) of the rest between √½ and √2. */
INLINE f32x4 log4(f32x4 x) {
  i32x4 bits = (i32x4)x - 0x3f3504f3;
  f32x4 e = __builtin_convertvector(bits >> 23, f32x4);
  f32x4 m = (f32x4)((bits & 0x007fffff) + 0x3f3504f3);
  f32x4 s = (m - 1.0f) / (m + 1.0f), z = s * s;
  f32x4 p = z * (1.0f / 11) + 1.0f / 9;
  p = p * z + 1.0f / 7;
  p = p * z + 1.0f / 5;
  p = p * z + 1.0f / 3;
  f32x4 s2 = s + s;
  return e * 0.693145752f + (e * 1.42860677e-6f + s2 * z * p + s2);
}

/**
 * A sum is taken in blocks of so many vectors, and the blocks' sums are added: of 3,072 products in one chain a lane,
 * rounding loses more than PyTorch's does.
 */
#define BLOCK4 192u

/** Vectors of the block that begins at `from`. */
INLINE u32 blockAt(u32 from, u32 k4) { return k4 - from < BLOCK4 ? k4 - from : BLOCK4; }

/** The dot products of four rows with one: y[i] = Σ_k x[k] · wᵢ[k], for 4 · k4 values. */
INLINE f32x4 dots4(const f32x4u *x, const f32x4u *w0, const f32x4u *w1, const f32x4u *w2, const f32x4u *w3, u32 k4) {
  f32x4 y = all(0);
  for (u32 from = 0; from < k4; from += BLOCK4) {
    u32 count = blockAt(from, k4);
    f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0;
    for (u32 k = 0; k < count; k++) {
      f32x4 v = x[k];
      a0 += v * w0[k];
      a1 += v * w1[k];
      a2 += v * w2[k];
      a3 += v * w3[k];
    }
    y += sums4(a0, a1, a2, a3);
    x += count, w0 += count, w1 += count, w2 += count, w3 += count;
  }
  return y;
}

/**
 * The same for two rows of x: every weight is loaded once for both. Eight sums and six loads are what x86's
 * registers hold; the loop is not unrolled (-fno-unroll-loops), because V8 loads first what a turn needs.
 */
INLINE void dots2x4(const f32x4u *x0, const f32x4u *x1, const f32x4u *w0, const f32x4u *w1, const f32x4u *w2,
                    const f32x4u *w3, u32 k4, f32x4 *y0, f32x4 *y1) {
  *y0 = *y1 = all(0);
  for (u32 from = 0; from < k4; from += BLOCK4) {
    u32 count = blockAt(from, k4);
    f32x4 a0 = all(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (u32 k = 0; k < count; k++) {
      f32x4 u = x0[k], v = x1[k], w;
      w = w0[k];
      a0 += u * w;
      b0 += v * w;
      w = w1[k];
      a1 += u * w;
      b1 += v * w;
      w = w2[k];
      a2 += u * w;
      b2 += v * w;
      w = w3[k];
      a3 += u * w;
      b3 += v * w;
    }
    *y0 += sums4(a0, a1, a2, a3);
    *y1 += sums4(b0, b1, b2, b3);
    x0 += count, x1 += count, w0 += count, w1 += count, w2 += count, w3 += count;
  }
}
