// What a session keeps of the tokens it has read, on the device.
import { EngineError, toErrorInfo } from '../errors.ts';
import type { Arena, Device, Tensor } from '../gpu/device.ts';
import { disposedError } from './disposed.ts';
import type { Gpt } from './gpt.ts';

/** One tensor, in an arena of its own, so that it can go when a larger one has taken its place. */
interface Slot {
  readonly arena: Arena;
  /** (B, S, ·) */
  readonly tensor: Tensor;
}

/**
 * Per layer (B, S, Q): queries, keys and values of every position (queries are kept so that attention can be
 * recomputed when somebody looks), and after the last block the normed residual of every position, so that
 * any position's logits can be asked for. S grows; what is kept stays as it is, bit for bit.
 */
export class Cache {
  readonly #device: Device;
  readonly #batch: number;
  /** One a layer, and the last for what comes after `ln_f`. */
  readonly #slots: Slot[] = [];
  #capacity: number;
  /** Growing failed: some tensors have the old size, some the new one. */
  #ungrown: EngineError | null = null;
  #disposed = false;

  /** Throws `device/out-of-memory`; nothing stays allocated then. */
  constructor({ device, config, widths }: Gpt, batch: number, capacity: number) {
    this.#device = device;
    this.#batch = batch;
    this.#capacity = capacity;
    const labels = Array.from({ length: config.nLayer }, (_, l) => `qkv.${l}`);
    try {
      for (const label of labels) this.#slots.push(this.#create(label, widths.head.rowStride));
      this.#slots.push(this.#create('final', widths.embd));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** S, positions that each sequence has room for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** A layer each, (B, S, Q). */
  get layers(): readonly Tensor[] {
    return this.#slots.slice(0, -1).map(({ tensor }) => tensor);
  }

  /** (B, S, C') after ln_f. */
  get final(): Tensor {
    return this.#slots[this.#slots.length - 1].tensor;
  }

  get sizeBytes(): number {
    return this.#slots.reduce((sum, { arena }) => sum + arena.sizeBytes, 0);
  }

  /** Why nothing in it can be used, as a rule because there was no memory for it; null where all is well. */
  get failure(): EngineError | null {
    const failed = this.#slots.find(({ arena }) => arena.failure !== null);
    return this.#ungrown ?? failed?.arena.failure ?? null;
  }

  /**
   * Makes room for `capacity` positions a sequence, and keeps the first `length`. One tensor follows the other, so
   * that no two lie there twice. Throws `device/out-of-memory`; the cache has a `failure` then.
   */
  async grow(capacity: number, length: number): Promise<void> {
    this.#capacity = capacity;
    try {
      for (const [i, { arena, tensor }] of this.#slots.entries()) {
        const [batch, before, width] = tensor.shape;
        // Of an empty one nothing is lost, so the smaller one goes first.
        if (length === 0) arena.dispose();
        const grown = this.#create(tensor.label, width);
        this.#slots[i] = grown;
        if (length === 0) continue;
        const enc = this.#device.createEncoder();
        for (let b = 0; b < batch; b++) {
          const [from, to] = [b * before * width, b * capacity * width];
          enc.copy(tensor, grown.tensor, { from, to, count: length * width });
        }
        enc.submit();
        try {
          await this.#device.idle();
        } finally {
          arena.dispose();
        }
        if (this.#disposed) throw disposedError();
      }
    } catch (error) {
      const { code, message, hint } = toErrorInfo(error);
      this.#ungrown = new EngineError(message, { code, hint, cause: error });
      this.giveBack();
      throw error;
    }
  }

  /** Copies positions `from` … `until` of another cache of the model; both hold one sequence and have room for them. */
  copy(other: Cache, from: number, until: number): void {
    const enc = this.#device.createEncoder();
    this.#slots.forEach(({ tensor }, i) => {
      const width = tensor.shape[2];
      const range = { from: from * width, to: from * width, count: (until - from) * width };
      enc.copy(other.#slots[i].tensor, tensor, range);
    });
    enc.submit();
  }

  /** Frees what it did get, which is no use without the rest; whoever asks it again hears of the same `failure`. */
  giveBack(): void {
    for (const { arena } of this.#slots) arena.dispose();
  }

  dispose(): void {
    this.#disposed = true;
    this.giveBack();
  }

  #create(label: string, width: number): Slot {
    const arena = this.#device.createArena('cache');
    try {
      return { arena, tensor: arena.zeros(label, [this.#batch, this.#capacity, width], 'f32') };
    } catch (error) {
      arena.dispose();
      throw error;
    }
  }
}
