// Random whole numbers for what a training run draws on the host.
import { highWord, philox4x32 } from '../../gpu/philox.ts';

/** Draws whole numbers, one after the other; PyTorch's generator is one. */
export interface Draws {
  /** So many numbers from 0 to `limit` − 1. */
  randint(limit: number, count: number): number[];
}

/**
 * The numbers of a seed at a step: the same whenever they are drawn, so that a run goes on at any step without a state.
 * Both are whole numbers from 0 to 2⁵³ − 1. The counter's last word keeps them apart from what picks tokens (0) and from
 * what fills tensors (1).
 */
export function philoxDraws(seed: number, step: number): Draws {
  const key = [seed >>> 0, highWord(seed)] as const;
  let drawn = 0;
  const uniform = (): number => {
    const [a, b] = philox4x32([drawn++, step >>> 0, highWord(step), 2], key);
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
  };
  return {
    randint: (limit, count) => Array.from({ length: count }, () => Math.floor(uniform() * limit)),
  };
}
