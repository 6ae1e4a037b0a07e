// Batches of windows of a text: what a step of training, or of validation, reads.
import { EngineError } from '../../errors.ts';
import { type Draws, philoxDraws } from './draws.ts';
import type { Ids } from './tokenIds.ts';

/** A target that no loss is taken of. */
export const IGNORED = 0xffff_ffff;

/** B rows of T. */
export interface Batch {
  /** (B, T), row after row. */
  readonly ids: Uint32Array;
  /** (B, T): the id that follows each; `IGNORED` where there is none. */
  readonly targets: Uint32Array;
}

export interface WindowSize {
  /** B, windows of a batch. */
  readonly batch: number;
  /** T, tokens of a window. */
  readonly tokens: number;
}

/** Batches without an end. */
export interface Batches {
  /** How many batches were drawn. Setting it goes on there. */
  position: number;
  next(): Batch;
}

/**
 * Windows anywhere in the text, as nanoGPT draws them: B starts by `randint(len − T)`, row after row. By default the
 * draws of a batch are a function of `seed` and its position. Another generator (`draws`), such as PyTorch's, has a
 * state of its own, which must be kept and set beside the position. Throws `training/text`, `training/options`.
 */
export function randomWindows(
  ids: Ids,
  size: WindowSize,
  { seed = 0, draws }: { readonly seed?: number; readonly draws?: Draws },
): Batches {
  checkWindows(ids, size);
  return {
    position: 0,
    next() {
      const from = draws ?? philoxDraws(seed, this.position);
      this.position++;
      return toBatch(ids, size, from.randint(ids.length - size.tokens, size.batch));
    },
  };
}

/**
 * Windows one behind the other from the text's beginning to its end, and again: each target comes once an epoch. Where
 * `seed` is given, each epoch has an order of its own that the seed decides, as in transformers' Trainer; a batch that
 * an epoch does not fill goes on with the next epoch. The text's last window may be short: its rest is ignored.
 * Throws `training/text`, `training/options`.
 */
export function orderedWindows(
  ids: Ids,
  size: WindowSize,
  { seed }: { readonly seed?: number } = {},
): Batches & { readonly windowsAnEpoch: number } {
  checkWindows(ids, size);
  const { batch, tokens } = size;
  const windowsAnEpoch = Math.ceil((ids.length - 1) / tokens);
  let epoch = -1;
  let order: Uint32Array | null = null;
  const windowAt = (count: number): number => {
    if (seed === undefined) return count % windowsAnEpoch;
    const now = Math.floor(count / windowsAnEpoch);
    if (!order || epoch !== now) order = shuffled(windowsAnEpoch, philoxDraws(seed, now));
    epoch = now;
    return order[count % windowsAnEpoch];
  };
  return {
    windowsAnEpoch,
    position: 0,
    next() {
      const first = this.position++ * batch;
      const starts = Array.from({ length: batch }, (_, row) => windowAt(first + row) * tokens);
      return toBatch(ids, size, starts);
    },
  };
}

/**
 * The whole windows of a text in order, once, at most `most` of them; rows of the last batch that no window fills are
 * ignored. Throws `training/text`, `training/options`.
 */
export function* wholeWindows(
  ids: Ids,
  size: WindowSize,
  most = Infinity,
): Generator<Batch, void, undefined> {
  checkWindows(ids, size);
  const { batch, tokens } = size;
  const count = Math.min(most, Math.floor((ids.length - 1) / tokens));
  for (let first = 0; first < count; first += batch) {
    const rows = Math.min(batch, count - first);
    const starts = Array.from({ length: rows }, (_, row) => (first + row) * tokens);
    yield toBatch(ids, size, starts);
  }
}

/**
 * Throws `training/text` for a text without a window, which it calls `what`, `training/options` for a size that is none.
 */
export function checkWindows(
  { length }: Pick<Ids, 'length'>,
  { batch, tokens }: WindowSize,
  what: 'text' | 'text to learn from' | 'text for validation' = 'text',
): void {
  for (const [name, value] of Object.entries({ batch, tokens })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new EngineError(
      `The ${name} of windows is ${value}; expected a whole number from 1 on.`,
      {
        code: 'training/options',
        hint: 'The usual sizes are some rows of as many tokens as the model reads.',
      },
    );
  }
  if (length > tokens) return;
  throw new EngineError(
    `The ${what} is too short for one window: it has ${length} tokens, and ${tokens + 1} are needed (${tokens} and the one that follows them).`,
    {
      code: 'training/text',
      hint:
        what === 'text for validation'
          ? 'Keep a larger share for it, train with shorter windows (block_size), or measure nothing (eval_steps: 0).'
          : 'Take a longer text, or train with shorter windows (block_size); a split may have left little of it.',
    },
  );
}

function toBatch(ids: Ids, { batch, tokens }: WindowSize, starts: readonly number[]): Batch {
  const read = new Uint32Array(batch * tokens);
  const targets = new Uint32Array(batch * tokens).fill(IGNORED);
  for (const [row, start] of starts.entries()) {
    const count = Math.min(tokens, ids.length - 1 - start);
    ids.copyTo(read, row * tokens, start, count);
    ids.copyTo(targets, row * tokens, start + 1, count);
  }
  return { ids: read, targets };
}

/** 0 … n − 1 in any order, each order equally likely (Fisher and Yates). */
function shuffled(n: number, draws: Draws): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let last = n - 1; last > 0; last--) {
    const [other] = draws.randint(last + 1, 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
