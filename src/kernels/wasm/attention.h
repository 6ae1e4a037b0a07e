// What attention and its gradients share (attention.c): once in the module, because each is long.
#pragma once
#include "simd.h"

void scoresOf(const f32x4u *q0, const f32x4u *q1, const f32x4u *keys, u32 rowStride4, u32 k4, u32 count, float factor,
                     float *s0, float *s1);
float exponentials(float *s, u32 count, float largest);
void valuesOf(const f32x4u *values, u32 rowStride4, u32 d4, u32 count, u32 more, const float *p0, const float *p1,
                     float scale0, float scale1, f32x4 *out0, f32x4 *out1);
