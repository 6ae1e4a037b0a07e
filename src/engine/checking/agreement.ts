// How far two models are apart in what they say about the same text.

/** Logits of some positions beside a reference's. */
export interface Agreement {
  readonly positions: number;
  /** Share of positions with the same most probable token, 0 to 1. */
  readonly top1: number;
  /** Mean KL(reference ‖ other) of a position, in bits. */
  readonly klBits: number;
  /** Largest difference between two logits; NaN where one is no number. */
  readonly maxDifference: number;
}

/** Compares (T, V) logits with a reference's, row by row. */
export function agreementOf(
  reference: Float32Array,
  logits: Float32Array,
  vocabSize: number,
): Agreement {
  const positions = reference.length / vocabSize;
  let same = 0;
  let klBits = 0;
  let maxDifference = 0;
  for (let t = 0; t < positions; t++) {
    const p = reference.subarray(t * vocabSize, (t + 1) * vocabSize);
    const q = logits.subarray(t * vocabSize, (t + 1) * vocabSize);
    klBits += divergenceBits(p, q) / positions;
    if (topOf(p) === topOf(q)) same++;
    for (let id = 0; id < vocabSize; id++) {
      // NaN stays NaN.
      maxDifference = Math.max(maxDifference, Math.abs(p[id] - q[id]));
    }
  }
  return { positions, top1: same / positions, klBits, maxDifference };
}

/** KL(p ‖ q) = Σ p · log₂(p / q), from logits, so that no probability of q is too small for it. */
export function divergenceBits(ofP: Float32Array, ofQ: Float32Array): number {
  const normP = logSumExp(ofP);
  const normQ = logSumExp(ofQ);
  let sum = 0;
  for (let id = 0; id < ofP.length; id++) {
    const logP = ofP[id] - normP;
    sum += Math.exp(logP) * (logP - (ofQ[id] - normQ));
  }
  // Rounding may leave a little less than nothing.
  return sum < 0 ? 0 : sum / Math.LN2;
}

/** ln Σ exp(x). */
export function logSumExp(x: Float32Array): number {
  let highest = -Infinity;
  for (const v of x) if (v > highest) highest = v;
  let sum = 0;
  for (const v of x) sum += Math.exp(v - highest);
  return highest + Math.log(sum);
}

/** The most probable id, the lowest of several. */
export function topOf(logits: Float32Array): number {
  let top = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[top]) top = id;
  return top;
}
