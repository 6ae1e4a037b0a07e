// Kernels of WebAssembly on the processor: a module, the memory it works in, and the threads that share a call.
import type { TwinTools } from '../kernel.ts';
import { Heap, createSharedMemory } from './heap.ts';
import type { Slot } from './memory.ts';
import { NotYet } from './queue.ts';
import { Helpers, canShare, usualThreads } from './threads.ts';

/** What the module exports (kernels/wasm/share.c, linear.c, attention.c). Addresses and sizes are u32. */
interface Exports {
  share(control: number, kernel: number, parameters: number, pieces: number): number;
  offer(control: number, kernel: number, parameters: number, pieces: number): void;
  withdraw(control: number): void;
  await(control: number, looks: number): number;
  /** 0 where x is not finite. */
  groups(x: number, columns: number, to: number): number;
  /** Those that take the address of their parameters: `call`. */
  readonly [name: string]: (...parameters: number[]) => number | void;
}

/** A module in words and bytes. */
export interface WasmModule {
  /** `exact` computes the same everywhere; `relaxed` fuses multiply and add where the processor can. */
  readonly kind: 'exact' | 'relaxed';
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface WasmOptions {
  /** How many threads compute at most, this one included. As many as suit the machine by default. */
  readonly threads?: number | undefined;
}

/** Where threads meet, and what the call at hand is about, in bytes; tensors begin behind them. */
const CONTROL = 8192;
const BLOCK = CONTROL + 1024;
/** What memory is to be touched: apart, because helpers may read it while the next call is being made. */
const TOUCHED = BLOCK + 512;
const HEAP = BLOCK + 1024;
/** Words of the control block that this side writes: scratch, bytes of it a thread, and `stop` (share.c). */
const SCRATCH_WORD = CONTROL / 4 + 4;
const STOP_WORD = CONTROL / 4 + 7;

/** Looks of a helper for the next call before it sleeps: some 50 µs, as kernels follow one another. */
const HELPER_LOOKS = 20_000;
/** Looks of the caller for the end of others' pieces, between looks at the clock. */
const LOOKS = 50_000;
/** A piece takes milliseconds; whoever has not ended his after this, in ms, is no help. */
const LATE_MS = 3000;
/** What one round of looks counts for at most: while the machine slept, nobody was late. */
const ROUND_MS = 20;
/** More make no call faster; so this is also how many threads have something to do. */
export const MOST_PIECES = 64;

/** The kernel that touches memory, by its number in share.c. */
const TOUCH = 6;
/** Less new memory than that, in bytes, is touched where it is used. */
const MUCH = 4 << 20;

export class Wasm implements TwinTools {
  readonly kind: WasmModule['kind'];
  readonly heap: Heap;
  readonly exports: Exports;
  readonly #helpers: Helpers;
  readonly #words: Uint32Array;
  readonly #threads: number;
  #scratch: Slot | null = null;
  #scratchBytes = 0;
  readonly #rooms = new Map<string, Slot>();
  /** New memory of this turn of the thread, which nobody has been offered yet. */
  #untouched = { at: 0, bytes: 0 };
  /** Whether helpers may be at something that nobody waits for. */
  #offered = false;

  private constructor(
    kind: WasmModule['kind'],
    module: WebAssembly.Module,
    heap: Heap,
    exports: Exports,
    threads: number,
  ) {
    this.kind = kind;
    this.heap = heap;
    this.exports = exports;
    this.#threads = threads;
    const { memory } = heap;
    // Shared memory grows behind its views.
    this.#words = new Uint32Array(memory.buffer, 0, HEAP / 4);
    const looks = HELPER_LOOKS;
    heap.onNew = (at, bytes) => this.#touchLater(at, bytes);
    this.#helpers = new Helpers(threads - 1, { module, memory, control: CONTROL, looks });
  }

  /**
   * Compiles a module and starts helpers, without waiting for them. Rejects where WebAssembly is refused, by a policy or
   * for want of an instruction: only compiling finds that out.
   */
  static async start({ kind, bytes }: WasmModule, { threads }: WasmOptions = {}): Promise<Wasm> {
    const module = await WebAssembly.compile(bytes);
    const heap = new Heap(HEAP, createSharedMemory());
    const instance = await WebAssembly.instantiate(module, { env: { memory: heap.memory } });
    const count = canShare() ? (threads ?? usualThreads()) : 1;
    return new Wasm(kind, module, heap, instance.exports as unknown as Exports, count);
  }

  /** How many threads compute now. */
  get threads(): number {
    return 1 + this.#helpers.ready;
  }

  /** Resolves when it is known how many there will be. */
  settled(): Promise<void> {
    return this.#helpers.settled();
  }

  /**
   * Runs a kernel by its number in share.c, in `pieces`, and returns when all are done. `scratchBytes` is what each
   * thread needs for itself. Whatever the number of threads and pieces, the results are the same to the last bit.
   *
   * Throws `NotYet` where a helper took a piece and does not end it, dead or only starved: nobody knows. A starved one
   * would write on, into memory that is another tensor's by then. So helpers are ended, all of them and for good, and the
   * call is to be made again when none is left.
   */
  share(kernel: number, parameters: readonly number[], pieces: number, scratchBytes = 0): void {
    this.#needScratch(scratchBytes);
    this.#withdraw();
    const { exports } = this;
    const block = this.#put(parameters);
    const count = this.threads === 1 ? 1 : Math.max(1, Math.min(Math.floor(pieces), MOST_PIECES));
    if (exports.share(CONTROL, kernel, block, count) > 0) this.#await();
  }

  /** Until the pieces that helpers have taken are done. Throws `NotYet`. */
  #await(): void {
    const { exports } = this;
    let waitedMs = 0;
    let last = performance.now();
    while (exports.await(CONTROL, LOOKS) > 0) {
      const now = performance.now();
      waitedMs += Math.min(now - last, ROUND_MS);
      last = now;
      if (waitedMs > LATE_MS) throw new NotYet('A helper is late.', this.stop());
    }
  }

  /**
   * Helpers touch new memory while this thread reads what comes there: where a system takes long over a page, as virtual
   * machines do, that is a quarter of a model's way into memory.
   */
  #touchLater(at: number, bytes: number): void {
    if (this.#threads === 1) return;
    const untouched = this.#untouched;
    if (untouched.bytes === 0) queueMicrotask(() => this.#touch());
    // All that is taken in one go lies one behind the other.
    if (untouched.bytes === 0 || at !== untouched.at + untouched.bytes) untouched.at = at;
    untouched.bytes = at + bytes - untouched.at;
  }

  #touch(): void {
    const { at, bytes } = this.#untouched;
    this.#untouched = { at: 0, bytes: 0 };
    if (bytes < MUCH || this.#offered) return;
    this.#words[TOUCHED / 4] = at;
    this.#words[TOUCHED / 4 + 1] = bytes;
    this.exports.offer(CONTROL, TOUCH, TOUCHED, MOST_PIECES);
    this.#offered = true;
  }

  /** Before anything else is published. */
  #withdraw(): void {
    if (!this.#offered) return;
    this.#offered = false;
    this.exports.withdraw(CONTROL);
    this.#await();
  }

  call(name: string, parameters: readonly number[]): void {
    this.exports[name](this.#put(parameters));
  }

  /** Puts parameters, u32 each, where the next call finds them; gives their address. */
  #put(words: readonly number[]): number {
    for (let i = 0; i < words.length; i++) this.#words[BLOCK / 4 + i] = words[i];
    return BLOCK;
  }

  room(name: string, length: number): number {
    const { heap } = this;
    let slot = this.#rooms.get(name);
    if (slot === undefined || slot.sizeBytes < length * 4) {
      if (slot) heap.free(slot);
      this.#rooms.delete(name);
      slot = heap.take('f32', [length]);
      this.#rooms.set(name, slot);
    }
    return heap.view(slot).byteOffset;
  }

  /** Ends the helpers, and resolves when none of them computes any more. What is computed afterwards is computed here alone. */
  stop(): Promise<void> {
    this.#words[STOP_WORD] = 1;
    return this.#helpers.stop();
  }

  /** Throws where there is no memory; there is no scratch memory then, and nothing else is lost. */
  #needScratch(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    if (this.#scratch) this.heap.free(this.#scratch);
    this.#scratch = null;
    this.#scratchBytes = 0;
    const each = Math.ceil(bytes / 64) * 64;
    this.#scratch = this.heap.take('f32', [(each * this.#threads) / 4]);
    this.#scratchBytes = each;
    this.#words[SCRATCH_WORD] = this.heap.view(this.#scratch).byteOffset;
    this.#words[SCRATCH_WORD + 1] = each;
  }
}
