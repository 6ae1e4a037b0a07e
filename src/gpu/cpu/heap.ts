// The processor's tensors side by side in one WebAssembly.Memory, where kernels of WebAssembly read them.
import { type Format, bytesOf, elementCount, roundUp } from '../device.ts';
import type { NumberArray } from '../kernel.ts';
import { type CpuMemory, type Slot, gone } from './memory.ts';

const PAGE = 65536;
/** Every tensor begins at a multiple of a cache line, in bytes. */
const ALIGN = 64;
/** Memory is asked for in steps of so many pages, 1 MiB: growing takes the operating system's time. */
const GROWTH = 16;
/** Some systems promise no address space of 4 GiB; less is better than nothing. */
const MOST_PAGES = [65536, 32768, 16384, 8192];

interface HeapSlot extends Slot {
  array: NumberArray | null;
  readonly at: number;
  /** `sizeBytes`, rounded up. */
  readonly room: number;
}

/** A part of the heap that nobody has. */
interface Hole {
  at: number;
  room: number;
}

/**
 * A shared memory, which all threads may be given. One that nobody shares would make every view useless
 * when it grows; views of a shared one stay right. Throws where a browser has no such memory.
 */
export function createSharedMemory(): { memory: WebAssembly.Memory; maxBytes: number } {
  let refused: unknown;
  for (const maximum of MOST_PAGES) {
    try {
      const memory = new WebAssembly.Memory({ initial: GROWTH, maximum, shared: true });
      return { memory, maxBytes: maximum * PAGE };
    } catch (error) {
      refused = error;
    }
  }
  throw refused;
}

/**
 * First fit, neighbouring holes joined. A WebAssembly memory never shrinks: what is freed is used again, and the whole
 * goes back when nobody refers to it any more.
 */
export class Heap implements CpuMemory {
  readonly packs = true;
  readonly memory: WebAssembly.Memory;
  /** Bytes that it can grow to. */
  readonly maxBytes: number;
  /** Hears of memory that was never used and will be now: where it begins, and its bytes. */
  onNew: (at: number, bytes: number) => void = () => {};
  /** In order of their addresses; none touches the next. */
  readonly #holes: Hole[] = [];
  /** What lies from here on was never used, and is zero. */
  #end: number;

  /** Everything below `start`, in bytes, is somebody else's. */
  constructor(start: number, { memory, maxBytes } = createSharedMemory()) {
    this.memory = memory;
    this.maxBytes = maxBytes;
    this.#end = roundUp(start, ALIGN);
  }

  /** Bytes up to the end of what was ever used. */
  get endBytes(): number {
    return this.#end;
  }

  take(format: Format, shape: readonly number[]): HeapSlot {
    const sizeBytes = bytesOf(elementCount(shape), shape, format);
    const room = Math.max(ALIGN, roundUp(sizeBytes, ALIGN));
    const at = this.#fromHole(room) ?? this.#fromEnd(room);
    return { sizeBytes, room, at, array: this.#viewOf(format, at, sizeBytes) };
  }

  view(slot: Slot): NumberArray {
    return (slot as HeapSlot).array ?? gone();
  }

  free(slot: Slot): void {
    const freed = slot as HeapSlot;
    if (freed.array === null) return;
    freed.array = null;
    const holes = this.#holes;
    let i = holes.findIndex(({ at }) => at > freed.at);
    if (i < 0) i = holes.length;
    holes.splice(i, 0, { at: freed.at, room: freed.room });
    this.#join(i);
    this.#join(i - 1);
  }

  /** Hole i takes in the next one where they touch. */
  #join(i: number): void {
    const hole = this.#holes[i];
    const next = this.#holes[i + 1];
    if (hole === undefined || next === undefined || hole.at + hole.room !== next.at) return;
    hole.room += next.room;
    this.#holes.splice(i + 1, 1);
  }

  #fromHole(room: number): number | null {
    const i = this.#holes.findIndex((hole) => hole.room >= room);
    if (i < 0) return null;
    const hole = this.#holes[i];
    const { at } = hole;
    hole.at += room;
    hole.room -= room;
    if (hole.room === 0) this.#holes.splice(i, 1);
    new Uint8Array(this.memory.buffer, at, room).fill(0);
    return at;
  }

  #fromEnd(room: number): number {
    const at = this.#end;
    const missing = at + room - this.memory.buffer.byteLength;
    if (missing > 0) this.#grow(missing);
    this.#end = at + room;
    this.onNew(at, room);
    return at;
  }

  #grow(missingBytes: number): void {
    const had = this.memory.buffer.byteLength;
    if (had + missingBytes > this.maxBytes) {
      const most = this.maxBytes / 2 ** 30;
      throw new RangeError(`A WebAssembly memory ends at ${most} GiB here.`);
    }
    const pages = Math.ceil(missingBytes / PAGE);
    // Near the end only what is needed.
    const step = Math.min(roundUp(pages, GROWTH), (this.maxBytes - had) / PAGE);
    try {
      this.memory.grow(step);
    } catch (cause) {
      throw new RangeError('The WebAssembly memory could not grow.', { cause });
    }
  }

  #viewOf(format: Format, at: number, bytes: number): NumberArray {
    const { buffer } = this.memory;
    if (format === 'f32') return new Float32Array(buffer, at, bytes / 4);
    if (format === 'f16') return new Uint16Array(buffer, at, bytes / 2);
    return new Uint32Array(buffer, at, bytes / 4);
  }
}
