// Steps of the run that is looked into, read ahead into memory: whoever moves through them waits for no disk. A browser
// hands out a file of two megabytes in as much time as it takes to compute with it. Then their weights are arranged as the
// model that is here has its own, so that a move copies them.
import { afterOthers } from '../breath.ts';
import { inMemory } from '../formats/byteSource.ts';
import { streamSafetensors } from '../formats/safetensorsSource.ts';
import type { Alike } from '../formats/tensorSource.ts';
import {
  type ModelStore,
  type RunIdentity,
  type StoredModel,
  hearOfDropped,
} from '../kept/store.ts';
import { WEIGHTS } from './modelFolder.ts';

/** A step as it is read: from the store, or from memory. */
export type KeptStep = Pick<StoredModel<RunIdentity>, 'manifest' | 'read' | 'open'>;

/** What another step of the same run is read from; the rest they share. */
const FILES = [WEIGHTS, 'config.json'];

interface Held {
  readonly step: KeptStep;
  readonly bytes: number;
  arranged?: ReturnType<Alike['arranged']>;
}

/** How steps of this run are arranged for the model that is here. */
interface Recipe {
  readonly key: string;
  readonly arrange: Parameters<Alike['teach']>[1];
}

interface AheadOptions {
  /** How long after a step was asked for: it is shown first. In ms. */
  readonly waitMs?: number;
  /** The same after a run's first, which may be all that is wanted. In ms. */
  readonly firstMs?: number;
  /** Of all steps together: those of a run of a million parameters, in halves. */
  readonly mostBytes?: number;
  /** Of what is arranged: floats of the nearest steps. */
  readonly mostArranged?: number;
  /** Who has not moved for so long has gone elsewhere, and the memory is for others. In ms. */
  readonly idleMs?: number;
}

export class Ahead {
  readonly #waitMs: number;
  readonly #firstMs: number;
  readonly #mostBytes: number;
  readonly #mostArranged: number;
  readonly #idleMs: number;
  #recipe: Recipe | null = null;
  #run = '';
  /** By step. */
  #held = new Map<number, Held>();
  /** The step that is being read, as long as it is in the store as it was. */
  #underWay: { readonly step: number } | null = null;
  #reading = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor({
    waitMs = 400,
    firstMs = 1500,
    mostBytes = 64 << 20,
    mostArranged = 64 << 20,
    idleMs = 300_000,
  }: AheadOptions = {}) {
    this.#waitMs = waitMs;
    this.#firstMs = firstMs;
    this.#mostBytes = mostBytes;
    this.#mostArranged = mostArranged;
    this.#idleMs = idleMs;
    // Looking into the store, whether a step is there as it was, takes a browser up to fifty milliseconds.
    hearOfDropped(({ id, step }) => {
      if (this.#run !== id) return;
      this.#held.delete(step);
      if (this.#underWay?.step === step) this.#underWay = null;
    });
  }

  /** A step that was read ahead and is in the store as it was then; else null. */
  take(identity: RunIdentity): KeptStep | null {
    // Whatever is read ahead now would be in the way of what is wanted.
    this.#reading.abort();
    clearTimeout(this.#timer);
    return (this.#run === identity.id && this.#held.get(identity.step)?.step) || null;
  }

  /** For whoever loads `stored`, which was taken from here or from the store. */
  alikeOf({ id, step }: RunIdentity, stored: KeptStep): Alike {
    return {
      arranged: (key) => {
        const held = this.#run === id && this.#recipe?.key === key && this.#held.get(step);
        return held && held.step === stored ? held.arranged : undefined;
      },
      teach: (key, arrange) => {
        if (this.#run !== id || this.#recipe?.key === key) return;
        this.#recipe = { key, arrange };
        for (const held of this.#held.values()) held.arranged = undefined;
      },
    };
  }

  /** Reads the other steps of that run, the nearest first, as far as there is room. */
  readFrom(store: ModelStore, { id, step }: RunIdentity): void {
    this.#reading.abort();
    const isFirst = this.#run !== id;
    if (isFirst) {
      this.#held.clear();
      this.#recipe = null;
    }
    this.#run = id;
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    clearTimeout(this.#timer);
    // What cannot be read now is read, or told of, when somebody wants it.
    this.#timer = setTimeout(
      () => void this.#readAll(store, { id, step, signal }).catch(() => {}),
      isFirst ? this.#firstMs : this.#waitMs,
    );
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#reading.abort();
      this.#held.clear();
    }, this.#idleMs);
  }

  async #readAll(
    store: ModelStore,
    { id, step: from, signal }: { id: string; step: number; signal: AbortSignal },
  ): Promise<void> {
    const steps = await store.stepsOf(id);
    const order = steps.map((_, i) => i);
    const at = steps.findIndex((step) => step >= from);
    order.sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    const nearest = order.map((i) => steps[i] ?? 0);
    let room = this.#mostBytes;
    for (const step of nearest) {
      if (signal.aborted) return;
      if (room > 0) {
        room -= this.#held.get(step)?.bytes ?? (await this.#read(store, { id, step }, room));
      }
      // What is further away than there is room for gives way.
      if (room <= 0) this.#held.delete(step);
    }
    await this.#arrange(nearest, signal);
  }

  async #arrange(nearest: readonly number[], signal: AbortSignal): Promise<void> {
    let room = this.#mostArranged;
    // A key leads to the first and to the last as well.
    for (const step of new Set([Math.min(...nearest), Math.max(...nearest), ...nearest])) {
      const held = this.#held.get(step);
      if (!held) continue;
      if (room > 0 && !held.arranged) {
        // Each takes some milliseconds, which whoever asks for something has to wait for.
        await new Promise<void>((resolve) => afterOthers(resolve));
        const recipe = this.#recipe;
        if (signal.aborted || !recipe) return;
        const file = await held.step.open(WEIGHTS);
        const arranged = file && (await recipe.arrange(await streamSafetensors(file, WEIGHTS)));
        if (this.#recipe !== recipe) return;
        held.arranged = arranged ?? undefined;
      }
      if (room <= 0) held.arranged = undefined;
      room -= held.arranged?.bytes ?? 0;
    }
  }

  /** Its bytes; of one that is larger than the room, or not whole, nothing is held. */
  async #read(
    store: ModelStore,
    { id, step }: { id: string; step: number },
    room: number,
  ): Promise<number> {
    const identity = { kind: 'run', id, step } as const;
    const mine = { step };
    this.#underWay = mine;
    const stored = await store.at(identity);
    if (!stored?.manifest.complete) return 0;
    const sizeOf = (file: string): number => stored.manifest.files[file]?.size ?? 0;
    const bytes = FILES.reduce((sum, file) => sum + sizeOf(file), 0);
    if (bytes > room) return bytes;
    const files = new Map<string, Uint8Array>();
    for (const file of FILES) {
      const found = await stored.read(file);
      if (found?.length !== sizeOf(file)) return 0;
      files.set(file, found);
    }
    if (this.#run !== id || this.#underWay !== mine) return 0;
    this.#held.set(step, { step: inMemoryStep(stored, files), bytes });
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
