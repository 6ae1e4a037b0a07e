// rows — what rows of numbers come to: attention maps in six numbers, logits in their top token or a target's loss.
//
//   attentionStatistics   out[h, t]  = previous, first, duplicate, induction, local, entropy of row t of map h
//   topToken              token[r]   = argmax logits[r], the lowest id among equals;  logprob[r] = ln p(token[r])
//   crossEntropy          loss[r]    = −ln p(target[r]);  rank[r] = 1 + how many are larger;  both 0 where ignored
//   crossEntropyBackward  loss[r]    = −ln p(target[r]);  logits[r] ← scale · (p − onehot(target[r]));  both 0 where ignored
//
//   x        (H, T, T)  f32   in    probabilities of a causal softmax
//   ids      (T)        u32   in    tokens
//   logits   (R, V')    f32   in    V of each row count
//   targets  (R)        u32   in    ids from V on are ignored
//
// A piece is some of the rows.
#include "simd.h"

typedef struct {
  const float *x;
  const u32 *ids;
  float *out;
  u32 size, heads;
} Statistics;

void attentionStatistics(const Statistics *p, u32 piece, u32 of, float *) {
  u32 size = p->size, count = p->heads * size;
  for (u32 i = startOf(count, piece, of); i < startOf(count, piece + 1, of); i++) {
    u32 t = i % size, s = 0;
    const float *w = p->x + i * size;
    float *out = p->out + i * 6, duplicate = 0, induction = 0, local = 0;
    f32x4 entropy = all(0);
    for (; s + 4 <= t + 1; s += 4) {
      f32x4 v = *(const f32x4u *)(w + s);
      // What is below every normal number adds nothing that can be seen.
      entropy += v * log4(max4(v, all(1.2e-38f)));
    }
    float rest = sum1(entropy);
    for (; s <= t; s++) rest += w[s] * log4(max4(all(w[s]), all(1.2e-38f)))[0];
    for (s = t < 4 ? 0 : t - 4; s <= t; s++) local += w[s];
    for (s = 0; s < t; s++) {
      if (p->ids[s] != p->ids[t]) continue;
      duplicate += w[s];
      induction += w[s + 1];
    }
    out[0] = t > 0 ? w[t - 1] : 0;
    out[1] = w[0];
    out[2] = duplicate;
    out[3] = induction;
    out[4] = local;
    out[5] = 0 - rest * 1.44269504f;
  }
}

/** ln Σ e^(x − largest); no number where one of x is none, or infinite. */
ONCE static float logSum(const float *row, u32 count, float largest) {
  f32x4 sum = all(0);
  u32 v = 0;
  for (; v + 4 <= count; v += 4) sum += exp4(*(const f32x4u *)(row + v) - largest);
  float rest = sum1(sum);
  for (; v < count; v++) rest += exp4(all(row[v] - largest))[0];
  // `log4` takes everything for a number.
  return rest > 0 ? log4(all(rest))[0] : rest;
}

typedef struct {
  const float *logits;
  u32 *token;
  float *logprob;
  u32 rows, vocab, stride;
} TopToken;

void topToken(const TopToken *p, u32 piece, u32 of, float *) {
  for (u32 r = startOf(p->rows, piece, of); r < startOf(p->rows, piece + 1, of); r++) {
    const float *row = p->logits + r * p->stride;
    float largest = largestOf(row, p->vocab);
    u32 best = 0;
    // Nothing is larger than a first logit that is no number, as comparing one by one would find.
    if (row[0] == row[0]) {
      while (row[best] != largest) best++;
    }
    p->token[r] = best;
    p->logprob[r] = 0 - logSum(row, p->vocab, largest);
  }
}

typedef struct {
  const float *logits;
  const u32 *targets;
  float *loss;
  u32 *rank;
  u32 rows, vocab, stride;
} CrossEntropy;

void crossEntropy(const CrossEntropy *p, u32 piece, u32 of, float *) {
  for (u32 r = startOf(p->rows, piece, of); r < startOf(p->rows, piece + 1, of); r++) {
    const float *row = p->logits + r * p->stride;
    u32 target = p->targets[r], larger = 0;
    p->loss[r] = 0;
    p->rank[r] = 0;
    if (target >= p->vocab) continue;
    float largest = largestOf(row, p->vocab), own = row[target];
    for (u32 v = 0; v < p->vocab; v++) larger += row[v] > own;
    p->loss[r] = logSum(row, p->vocab, largest) + largest - own;
    p->rank[r] = larger + 1;
  }
}

typedef struct {
  const u32 *targets;
  float *logits, *loss;
  u32 rows, vocab, stride4, start;
  float scale;
} CrossEntropyBackward;

/** In place, so that nothing of it may be done twice: one piece. */
__attribute__((export_name("crossEntropyBackward"))) void crossEntropyBackward(const CrossEntropyBackward *p) {
  for (u32 r = 0; r < p->rows; r++) {
    float *row = p->logits + r * p->stride4 * 4;
    u32 target = p->targets[p->start + r], counts = target < p->vocab, v = 0;
    float loss = 0;
    if (counts) {
      float largest = largestOf(row, p->vocab), log = logSum(row, p->vocab, largest);
      loss = log + largest - row[target];
      for (; v + 4 <= p->vocab; v += 4) *(f32x4u *)(row + v) = exp4(*(f32x4u *)(row + v) - (largest + log)) * p->scale;
      for (; v < p->vocab; v++) row[v] = exp4(all(row[v] - (largest + log)))[0] * p->scale;
      row[target] -= p->scale;
    }
    p->loss[p->start + r] = loss;
    for (; v < p->stride4 * 4; v++) row[v] = 0;
  }
}
