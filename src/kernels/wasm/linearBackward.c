// linearBackward — the gradients of a linear layer; activationBackward — that of the activation behind it.
//
//   dX[r, k]      ← Σ_n dOut[r, n] · weight[n, k]
//   dWeight[n, k] ← Σ_r dOut[r, n] · x[r, k],  dBias[n] ← Σ_r dOut[r, n]
//
// Both are out[i, k] ← Σ_l a[i, l] · b[l, k] with rows of b and out that lie as they are summed up; a is dOut, read along
// its rows or across them:
//
//   a    (I, L)  f32            in   i lies aRow apart, l aColumn: one of them is 1
//   b    (L, K)  WEIGHT_FORMAT  in   K is a multiple of 8
//   out  (I, K)  f32            out
//   sum  (I)     f32            out  Σ_l a[i, l], where its address is not 0
//
// Two numbers of a meet sixteen of b: eight sums, two numbers spread over four lanes and four loads, which is what x86's
// registers hold, and no sum across lanes. 128 rows of sixteen columns of b are copied to one place first, unpacked where
// they are packed, so that they stay in the first cache while all of a passes by. A piece is some of the tiles of 256 rows
// of `out` by sixteen columns. Every output is one sum in one order: 128 products, and then the sums of these.
// Source: Goto & van de Geijn 2008, doi:10.1145/1356052.1356053.
#include "activations.h"
#include "weights.h"

typedef struct {
  const float *a;
  const char *b;
  float *out;
  float *sum;
  u32 I, L, aRow, aColumn;
  u32 K, WEIGHT_FORMAT;
} LinearBackward;

/** Rows of `out` in a tile, and of b in a panel. */
enum { ROWS = 256, DEPTH = 128 };

/** Columns 4 · k4 … of rows l … of b, sixteen a row, with zeros behind the last. */
INLINE void copyPanel(const LinearBackward *p, u32 l, u32 depth, u32 k4, u32 width4, f32x4 *to) {
  u32 bytes = rowBytes(p->WEIGHT_FORMAT, p->K);
  const char *row = p->b + l * bytes;
  for (u32 i = 0; i < depth; i++, row += bytes, to += 4) {
    to[2] = to[3] = all(0);
    if (p->WEIGHT_FORMAT == F32) {
      for (u32 c = 0; c < width4; c++) to[c] = ((const f32x4 *)row)[k4 + c];
    } else {
      unpackRow(p->WEIGHT_FORMAT, p->K, row, k4 * 4, (k4 + width4) * 4, (float *)to);
    }
  }
}

/** Two rows of `out`, sixteen columns: the sums over a panel, as the first of them or added to those before. */
INLINE void twoRows(const float *a0, const float *a1, u32 step, const f32x4 *b, u32 depth, int isFirst, int isWide,
                    f32x4 *out0, f32x4 *out1) {
  f32x4 s0 = all(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  for (u32 l = 0; l < depth; l++, a0 += step, a1 += step, b += 4) {
    f32x4 u = all(*a0), v = all(*a1), w;
    w = b[0];
    s0 += u * w;
    t0 += v * w;
    w = b[1];
    s1 += u * w;
    t1 += v * w;
    w = b[2];
    s2 += u * w;
    t2 += v * w;
    w = b[3];
    s3 += u * w;
    t3 += v * w;
  }
  out0[0] = isFirst ? s0 : out0[0] + s0;
  out0[1] = isFirst ? s1 : out0[1] + s1;
  out1[0] = isFirst ? t0 : out1[0] + t0;
  out1[1] = isFirst ? t1 : out1[1] + t1;
  if (!isWide) return;
  out0[2] = isFirst ? s2 : out0[2] + s2;
  out0[3] = isFirst ? s3 : out0[3] + s3;
  out1[2] = isFirst ? t2 : out1[2] + t2;
  out1[3] = isFirst ? t3 : out1[3] + t3;
}

/** Rows `first` … of `sum`; I is a multiple of 4, and i lies beside the next i. One l after the other, as a lies. */
INLINE void sums(const LinearBackward *p, u32 first, u32 last) {
  f32x4 *sum = (f32x4 *)(p->sum + first);
  const float *a = p->a + first;
  u32 count4 = (last - first) / 4;
  for (u32 i = 0; i < count4; i++) sum[i] = all(0);
  for (u32 l = 0; l < p->L; l++, a += p->aColumn) {
    for (u32 i = 0; i < count4; i++) sum[i] += ((const f32x4 *)a)[i];
  }
}

void linearBackward(const LinearBackward *p, u32 piece, u32 of, float *scratch) {
  f32x4 *panel = (f32x4 *)scratch, *nowhere = panel + DEPTH * 4;
  u32 panels = (p->K + 15) / 16, tiles = (p->I + ROWS - 1) / ROWS * panels, end = startOf(tiles, piece + 1, of);
  for (u32 tile = startOf(tiles, piece, of); tile < end; tile++) {
    u32 k4 = tile % panels * 4, first = tile / panels * ROWS, last = first + ROWS < p->I ? first + ROWS : p->I;
    u32 width4 = k4 + 4 <= p->K / 4 ? 4 : 2;
    if (k4 == 0 && p->sum) sums(p, first, last);
    for (u32 l = 0; l == 0 || l < p->L; l += DEPTH) {
      u32 depth = l + DEPTH < p->L ? DEPTH : p->L - l;
      copyPanel(p, l, depth, k4, width4, panel);
      const float *a = p->a + first * p->aRow + l * p->aColumn;
      f32x4 *out = (f32x4 *)(p->out + first * p->K) + k4;
      for (u32 i = first; i < last; i += 2, a += 2 * p->aRow, out += p->K / 2) {
        int isPair = i + 1 < last;
        twoRows(a, isPair ? a + p->aRow : a, p->aColumn, panel, depth, l == 0, width4 == 4, out,
                isPair ? out + p->K / 4 : nowhere);
      }
    }
  }
}

typedef struct {
  const f32x4 *x;
  f32x4 *out;
  u32 count4;
} Added;

/** out += x: apart from the product, so that a piece of that may be done twice. */
__attribute__((export_name("added"))) void added(const Added *p) {
  for (u32 i = 0; i < p->count4; i++) p->out[i] += p->x[i];
}

typedef struct {
  const f32x4 *x;
  const f32x4 *dOut;
  f32x4 *dX;
  u32 count4, ACTIVATION;
} ActivationBackward;

/** The slope of v · σ(z): σ + v · σ (1 − σ) · z′, where 1 − σ is e · σ. */
INLINE f32x4 swishSlope(f32x4 v, f32x4 z, f32x4 dz) {
  f32x4 e = exp4(min4(-z, all(80))), sigmoid = 1.0f / (1.0f + e);
  return sigmoid + v * sigmoid * (e * sigmoid) * dz;
}

/** x, cut where every slope is 0 or 1: what is multiplied by nothing must not be infinite. What is no number stays so. */
INLINE f32x4 near(f32x4 x) { return min4(max4(x, all(-100)), all(100)); }

/** dX = act′(x) · dOut. A piece is some of the elements. */
void activationBackward(const ActivationBackward *p, u32 piece, u32 of, float *) {
  u32 i = startOf(p->count4, piece, of), end = startOf(p->count4, piece + 1, of);
  const f32x4 *x = p->x, *dOut = p->dOut;
  f32x4 *dX = p->dX;
  if (p->ACTIVATION == GELU_TANH) {
    for (; i < end; i++) {
      f32x4 v = near(x[i]), square = v * v;
      f32x4 z = 1.5957691216f * (v + 0.044715f * square * v);
      dX[i] = swishSlope(v, z, 1.5957691216f + 0.2140644488f * square) * dOut[i];
    }
  } else if (p->ACTIVATION == GELU_EXACT) {
    for (; i < end; i++) {
      f32x4 v = near(x[i]), density = 0.3989422804f * exp4(-0.5f * v * v);
      dX[i] = (0.5f * (1.0f + erf4(v * 0.7071067812f)) + v * density) * dOut[i];
    }
  } else if (p->ACTIVATION == RELU) {
    for (; i < end; i++) dX[i] = (f32x4)(~(i32x4)(x[i] <= 0.0f) & (i32x4)all(1)) * dOut[i];
  } else if (p->ACTIVATION == SILU || p->ACTIVATION == GELU_QUICK) {
    f32x4 steepness = all(p->ACTIVATION == SILU ? 1.0f : 1.702f);
    for (; i < end; i++) dX[i] = swishSlope(near(x[i]), steepness * near(x[i]), steepness) * dOut[i];
  } else if (p->ACTIVATION == TANH) {
    for (; i < end; i++) {
      f32x4 t = tanh4(near(x[i]));
      dX[i] = (1.0f - t * t) * dOut[i];
    }
  } else {
    for (; i < end; i++) dX[i] = dOut[i];
  }
}
