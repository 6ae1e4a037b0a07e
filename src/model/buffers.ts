// What a pass works in, apart from who asked for it. Whoever keeps nothing of a pass has one set for all
// blocks; whoever goes back through it (training) gives each block a set of its own.
import type { EngineError } from '../errors.ts';
import type { Arena, Device, Tensor } from '../gpu/device.ts';
import type { Widths } from './parameters.ts';
import { disposedError } from './disposed.ts';

/** What one block works in; R rows are B sequences of T tokens. */
export interface BlockBuffers {
  /** (R, C') the residual stream before the block. */
  readonly input: Tensor;
  /** (R, C') ln1(x). */
  readonly ln1: Tensor;
  /** (B, S, Q) queries, keys and values of every position: the cache of the layer. */
  readonly qkv: Tensor;
  /** (R, A) what the heads say, side by side. */
  readonly heads: Tensor;
  /** (R, C') the stream between attention and MLP; `input` itself where nobody needs that any more. */
  readonly middle: Tensor;
  /** (R, C') ln2(x). */
  readonly ln2: Tensor;
  /** (R, 4C) the MLP's hidden layer before its activation, where somebody needs that. */
  readonly beforeGelu: Tensor | null;
  /** (R, 4C) the MLP's hidden layer. */
  readonly inner: Tensor;
  /** (R, C') the stream after the block; `middle` itself likewise. */
  readonly output: Tensor;
}

/** One set of working memory, good for one pass at a time. */
export interface Buffers {
  readonly arena: Arena;
  /** (R) u32. */
  readonly ids: Tensor;
  /** (R, C') the residual stream. */
  readonly residual: Tensor;
  /** (R, C') after a LayerNorm. */
  readonly normed: Tensor;
  /** (R, A) all heads side by side. */
  readonly heads: Tensor;
  /** (R, 4C) the MLP's hidden layer. */
  readonly hidden: Tensor;
  /** (B, V') logits of the last position of every sequence. */
  readonly lastLogits: Tensor;
}

/** The same set for every block, beside its layer of the cache: each overwrites what the one before it left. */
export function sharedBlocks(
  { residual, normed, heads, hidden }: Buffers,
  cache: readonly Tensor[],
): BlockBuffers[] {
  return cache.map((qkv) => ({
    input: residual,
    ln1: normed,
    qkv,
    heads,
    middle: residual,
    ln2: normed,
    beforeGelu: null,
    inner: hidden,
    output: residual,
  }));
}

/**
 * Working memory for every session of a model. It can be shared because nobody waits between writing
 * into it and submitting the pass that reads it.
 */
export class Workspace {
  readonly #device: Device;
  readonly #widths: Widths;
  readonly #byBatch = new Map<number, Buffers>();
  #disposed = false;

  constructor(device: Device, widths: Widths) {
    this.#device = device;
    this.#widths = widths;
  }

  /** Tokens of each of `batch` sequences that one pass takes; long prompts go in pieces. */
  tokensPerPass(batch: number): number {
    return Math.max(1, Math.floor(this.#device.traits.rowsPerPass / batch));
  }

  /** Room for a pass over `batch` sequences; made once and kept. Throws `device/out-of-memory`. */
  take(batch: number): Buffers {
    if (this.#disposed) throw disposedError();
    const kept = this.#byBatch.get(batch);
    if (kept && !kept.arena.failure) return kept;
    // Where there was no memory for it then, there may be now.
    kept?.arena.dispose();
    const made = this.#create(batch);
    // One conversation is always about; of other batch sizes only the last is kept.
    for (const [size, { arena }] of this.#byBatch) {
      if (size === 1 || batch === 1) continue;
      arena.dispose();
      this.#byBatch.delete(size);
    }
    this.#byBatch.set(batch, made);
    return made;
  }

  /** Why there is no working memory for single texts, or null. */
  get failure(): EngineError | null {
    return this.#byBatch.get(1)?.arena.failure ?? null;
  }

  dispose(): void {
    this.#disposed = true;
    for (const { arena } of this.#byBatch.values()) arena.dispose();
  }

  #create(batch: number): Buffers {
    const { embd, heads, inner, vocab } = this.#widths;
    const rows = batch * this.tokensPerPass(batch);
    const arena = this.#device.createArena('activations');
    try {
      return {
        arena,
        ids: arena.zeros('ids', [rows], 'u32'),
        residual: arena.zeros('residual', [rows, embd], 'f32'),
        normed: arena.zeros('normed', [rows, embd], 'f32'),
        heads: arena.zeros('heads', [rows, heads], 'f32'),
        hidden: arena.zeros('hidden', [rows, inner], 'f32'),
        lastLogits: arena.zeros('lastLogits', [batch, vocab], 'f32'),
      };
    } catch (error) {
      arena.dispose();
      throw error;
    }
  }
}
