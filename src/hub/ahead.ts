// Steps of the run that is looked into, read ahead into memory: whoever moves through them waits for no disk. A browser
// hands out a file of two megabytes in as much time as it takes to compute with it.
import { inMemory } from '../formats/byteSource.ts';
import type { ModelStore, RunIdentity, StoredModel } from '../kept/store.ts';
import { WEIGHTS } from './modelFolder.ts';

/** A step as it is read: from the store, or from memory. */
export type KeptStep = Pick<StoredModel<RunIdentity>, 'manifest' | 'read' | 'open'>;

/** What another step of the same run is read from; the rest they share. */
const FILES = [WEIGHTS, 'config.json'];

interface Held {
  readonly step: KeptStep;
  readonly bytes: number;
  /** Whether the store has it as it was before it was read. */
  readonly isStill: () => Promise<boolean>;
}

interface AheadOptions {
  /** How long after a step was asked for: it is shown first. In ms. */
  readonly waitMs?: number;
  /** The same after a run's first, which may be all that is wanted. In ms. */
  readonly firstMs?: number;
  /** Of all steps together: those of a run of a million parameters, in halves. */
  readonly mostBytes?: number;
}

export class Ahead {
  readonly #waitMs: number;
  readonly #firstMs: number;
  readonly #mostBytes: number;
  #run = '';
  /** By step. */
  #held = new Map<number, Held>();
  #reading = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ waitMs = 400, firstMs = 1500, mostBytes = 64 << 20 }: AheadOptions = {}) {
    this.#waitMs = waitMs;
    this.#firstMs = firstMs;
    this.#mostBytes = mostBytes;
  }

  /**
   * A step that was read ahead and is in the store as it was then; else null. A run that went back writes a step anew, and
   * its manifest last of all.
   */
  async take(identity: RunIdentity): Promise<KeptStep | null> {
    // Whatever is read ahead now would be in the way of what is wanted.
    this.#reading.abort();
    clearTimeout(this.#timer);
    const held = this.#run === identity.id ? this.#held.get(identity.step) : undefined;
    if (!held) return null;
    if (await held.isStill()) return held.step;
    this.#held.delete(identity.step);
    return null;
  }

  /** Reads the other steps of that run, the nearest first, as far as there is room. */
  readFrom(store: ModelStore, { id, step }: RunIdentity): void {
    this.#reading.abort();
    const isFirst = this.#run !== id;
    if (isFirst) this.#held.clear();
    this.#run = id;
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    clearTimeout(this.#timer);
    // What cannot be read now is read, or told of, when somebody wants it.
    this.#timer = setTimeout(
      () => void this.#readAll(store, { id, step, signal }).catch(() => {}),
      isFirst ? this.#firstMs : this.#waitMs,
    );
  }

  async #readAll(
    store: ModelStore,
    { id, step: from, signal }: { id: string; step: number; signal: AbortSignal },
  ): Promise<void> {
    const steps = await store.stepsOf(id);
    const order = steps.map((_, i) => i);
    const at = steps.findIndex((step) => step >= from);
    order.sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    let room = this.#mostBytes;
    for (const step of order.map((i) => steps[i] ?? 0)) {
      if (signal.aborted) return;
      if (room > 0) {
        room -= this.#held.get(step)?.bytes ?? (await this.#read(store, { id, step }, room));
      }
      // What is further away than there is room for gives way.
      if (room <= 0) this.#held.delete(step);
    }
  }

  /** Its bytes; of one that is larger than the room, or not whole, nothing is held. */
  async #read(
    store: ModelStore,
    { id, step }: { id: string; step: number },
    room: number,
  ): Promise<number> {
    const identity = { kind: 'run', id, step } as const;
    const isStill = await store.watch(identity);
    const stored = await store.at(identity);
    if (!isStill || !stored?.manifest.complete) return 0;
    const sizeOf = (file: string): number => stored.manifest.files[file]?.size ?? 0;
    const bytes = FILES.reduce((sum, file) => sum + sizeOf(file), 0);
    if (bytes > room) return bytes;
    const files = new Map<string, Uint8Array>();
    for (const file of FILES) {
      const found = await stored.read(file);
      if (found?.length !== sizeOf(file)) return 0;
      files.set(file, found);
    }
    if (this.#run !== id) return 0;
    this.#held.set(step, { step: inMemoryStep(stored, files), bytes, isStill });
    return bytes;
  }
}

function inMemoryStep(
  stored: StoredModel<RunIdentity>,
  files: ReadonlyMap<string, Uint8Array>,
): KeptStep {
  return {
    manifest: stored.manifest,
    read: (file) => {
      const found = files.get(file);
      return found ? Promise.resolve(found) : stored.read(file);
    },
    open: (file) => {
      const found = files.get(file);
      return found ? Promise.resolve(inMemory(found)) : stored.open(file);
    },
  };
}
