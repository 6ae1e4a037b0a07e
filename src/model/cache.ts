// What a session keeps of the tokens it has read, on the device.
import type { Arena, Tensor } from '../gpu/device.ts';
import type { Gpt } from './gpt.ts';

/**
 * Per layer (B, S, Q): queries, keys and values of every position (queries are kept so that attention can be
 * recomputed when somebody looks), and after the last block the normed residual of every position, so that
 * any position's logits can be asked for.
 */
export class Cache {
  /** A layer each, (B, S, Q). */
  readonly layers: readonly Tensor[];
  /** (B, S, C') after ln_f. */
  readonly final: Tensor;
  readonly #arena: Arena;

  /** Throws `device/out-of-memory`; nothing stays allocated then. */
  constructor({ device, config, widths }: Gpt, batch: number, capacity: number) {
    this.#arena = device.createArena('cache');
    try {
      this.layers = Array.from({ length: config.nLayer }, (_, l) =>
        this.#arena.zeros(`qkv.${l}`, [batch, capacity, widths.head.rowStride], 'f32'),
      );
      this.final = this.#arena.zeros('final', [batch, capacity, widths.embd], 'f32');
    } catch (error) {
      this.#arena.dispose();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#arena.sizeBytes;
  }

  /** There was no memory for it: nothing in it can be used. */
  get failed(): boolean {
    return this.#arena.failure !== null;
  }

  dispose(): void {
    this.#arena.dispose();
  }
}
