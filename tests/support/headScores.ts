// What a model of one head was measured to do, for tests of its name.
import type { Behaviour, HeadScores } from '../../src/api.ts';

/** Scores of the one head; 0 where nothing is said. */
export function scores(of: Partial<Record<Behaviour, number>>): HeadScores {
  const one = (behaviour: Behaviour): Float32Array => Float32Array.of(of[behaviour] ?? 0);
  return {
    nLayer: 1,
    nHead: 1,
    size: 64,
    scores: {
      previous: one('previous'),
      first: one('first'),
      duplicate: one('duplicate'),
      induction: one('induction'),
      local: one('local'),
      broad: one('broad'),
    },
    entropyBits: Float32Array.of(1),
  };
}
