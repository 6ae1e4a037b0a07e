// What activations, and their slopes, are made of.
#pragma once
#include "simd.h"

/** In the order of `ACTIVATIONS`. */
enum { NONE, GELU_TANH, GELU_EXACT, RELU, SILU, GELU_QUICK, TANH };

/** erf by a Chebyshev fit of erfc, relative error 1.2e-7 everywhere (Numerical Recipes §6.2). */
INLINE f32x4 erf4(f32x4 v) {
  f32x4 t = 1.0f / (1.0f + 0.5f * abs4(v));
  f32x4 p = 0.17087277f * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  f32x4 size = 1.0f - t * exp4(p - v * v);
  return (f32x4)((u32x4)size | ((u32x4)v & 0x80000000));
}

/** tanh: a polynomial where 1 − 2 / (e²ˣ + 1) would lose digits (Cephes' tanhf), relative error 2⁻²² everywhere. */
INLINE f32x4 tanh4(f32x4 v) {
  f32x4 size = abs4(v), z = v * v;
  f32x4 p = -5.70498872745e-3f * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  f32x4 small = p * z * v + v, large = 1.0f - 2.0f / (exp4(2.0f * size) + 1.0f);
  i32x4 isSmall = size < 0.625f;
  large = (f32x4)((u32x4)large | ((u32x4)v & 0x80000000));
  return (f32x4)(((i32x4)small & isSmall) | ((i32x4)large & ~isSmall));
}
