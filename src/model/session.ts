// A text, or a batch of equally long ones, and what the model keeps of it.
import { EngineError } from '../errors.ts';
import type { Arena, Tensor } from '../gpu/device.ts';
import { sharedBlocks } from './buffers.ts';
import { Cache } from './cache.ts';
import { checkTokens } from './checkTokens.ts';
import { disposedError } from './disposed.ts';
import { type Moments, type Pass, type PassRows, encodePass } from './forward.ts';
import type { Gpt } from './gpt.ts';
import { withoutPadding } from './padding.ts';
import { NOTHING_OFF, type PartMeans, type PartsOff, switchIndex } from './partsOff.ts';

export interface SessionOptions {
  /** Equally long sequences; 1 by default. */
  readonly batch?: number;
  /**
   * Tokens that each can hold, with memory for all of them from the beginning: for texts whose length is known.
   * Left out, it is the context, and memory grows with the text.
   */
  readonly capacity?: number;
}

/** Tokens that a session of unknown length has room for at first. */
const FIRST_ROOM = 64;

type Tap = (layer: number, from: number, values: Float32Array) => void;

/** What a caller wants kept of a pass beyond the cache; nothing kept costs nothing. */
export interface Taps {
  /** Hears the residual stream before each block and after the last, (B, T, C) row-major. */
  readonly onHidden?: Tap;
  /** Hears the residual stream between attention and MLP of each block, likewise. */
  readonly onMiddle?: Tap;
  /** Hears what the heads of each block put out, (B, T, A) with the padding of the device. */
  readonly onHeads?: Tap;
  /** Hears the MLP's hidden layer after its activation, (B, T, 4C) likewise. */
  readonly onInner?: Tap;
}

/** Ids, their cache, and which parts are off for them. Throws `device/out-of-memory` where it is made. */
export class Session {
  readonly model: Gpt;
  readonly batch: number;
  /** Most tokens that each sequence can hold. */
  readonly capacity: number;
  /** Tokens in the cache, one list a sequence. */
  readonly ids: number[][];
  readonly cache: Cache;
  readonly #arena: Arena;
  #off: PartsOff = NOTHING_OFF;
  #means: PartMeans | null = null;
  #switches: Tensor;
  #disposed = false;

  constructor(model: Gpt, options: SessionOptions = {}) {
    if (model.disposed) throw disposedError();
    this.model = model;
    this.batch = options.batch ?? 1;
    this.capacity = options.capacity ?? model.config.nCtx;
    this.ids = Array.from({ length: this.batch }, () => []);
    const room = options.capacity ?? Math.min(FIRST_ROOM, this.capacity);
    this.cache = new Cache(model, this.batch, room);
    this.#switches = model.allOn;
    this.#arena = model.device.createArena('session');
  }

  /** Tokens a sequence holds. */
  get length(): number {
    return this.ids[0].length;
  }

  get sizeBytes(): number {
    return this.cache.sizeBytes + this.#arena.sizeBytes;
  }

  /** There was no memory for it: whatever it is asked fails, and another one may do. */
  get failed(): boolean {
    return this.cache.failure !== null || this.#arena.failure !== null;
  }

  /** What is off. */
  get off(): PartsOff {
    return this.#off;
  }

  /**
   * Switches parts off, and all others on, from the next token on: what is in the cache was read
   * as it was. `means` are needed where a part is off by its mean.
   */
  setPartsOff(off: PartsOff, means: PartMeans | null): void {
    this.checkUsable();
    if (this.cache.failure) throw this.cache.failure;
    const { allOn, config } = this.model;
    const switches = new Float32Array(allOn.shape[0]).fill(1);
    for (const part of off.parts) switches[switchIndex(part, config)] = 0;
    // Whoever never switches anything off shares the model's own.
    if (this.#switches === allOn) {
      this.#switches = this.#arena.zeros('switches', allOn.shape, 'f32');
    }
    this.#arena.write(this.#switches, switches);
    this.#off = off;
    this.#means = means;
  }

  /** Forgets every token from position `length` on. */
  truncate(length: number): void {
    for (const sequence of this.ids) sequence.length = Math.min(sequence.length, length);
  }

  /** How many tokens the cache of a batch of one shares with the beginning of `ids`. */
  commonPrefix(ids: readonly number[]): number {
    const cached = this.ids[0];
    let common = 0;
    while (common < cached.length && common < ids.length && cached[common] === ids[common])
      common++;
    return common;
  }

  /**
   * Holds the first `length` tokens of another session of the model from now on, with what that has read of them: both
   * hold one sequence and have the same parts off. Throws `device/out-of-memory`: the session has `failed` then.
   */
  async adopt(other: Session, length: number): Promise<void> {
    this.checkUsable();
    const known = other.ids[0].slice(0, length);
    this.truncate(this.commonPrefix(known));
    const from = this.length;
    if (from === length) return;
    await this.reserve(length);
    other.checkUsable();
    this.cache.copy(other.cache, from, length);
    this.ids[0].push(...known.slice(from));
  }

  /**
   * Makes room for `length` tokens a sequence, up to `capacity`; `append` does so by itself. By doubling, so that
   * all copying together is no more than one copy of the text. Throws `device/out-of-memory`: the session has `failed` then.
   */
  async reserve(length: number): Promise<void> {
    let room = this.cache.capacity;
    while (room < length) room *= 2;
    room = Math.min(room, this.capacity);
    if (room > this.cache.capacity) await this.cache.grow(room, this.length);
  }

  /**
   * Reads more tokens, `tokens[b]` for sequence b, all equally long. Resolves with the logits of
   * the last position of every sequence, (B, V), if asked for. Stops when `signal` aborts, on the processor in the
   * middle of a piece; the pieces that were read until then stay in the cache.
   */
  async append(
    tokens: readonly (readonly number[])[],
    options: { lastLogits?: boolean; taps?: Taps; signal?: AbortSignal } = {},
  ): Promise<Float32Array[]> {
    this.checkUsable();
    if (this.cache.failure) throw this.cache.failure;
    const { device, config, workspace } = this.model;
    checkTokens(tokens, this.batch, this.length, this.capacity, config);
    const step = workspace.tokensPerPass(this.batch);
    const total = tokens[0].length;
    if (this.length + total > this.cache.capacity) await this.reserve(this.length + total);
    for (let from = 0; from < total; from += step) {
      options.signal?.throwIfAborted();
      const count = Math.min(step, total - from);
      const last = from + count === total;
      const position = this.length;
      const reading = this.#read(
        tokens.map((sequence) => sequence.slice(from, from + count)),
        {
          lastLogits: last && options.lastLogits === true,
          taps: options.taps ?? {},
          // Without waiting nobody would hear that the last piece was given up.
          signal: last && options.lastLogits !== true ? undefined : options.signal,
        },
      );
      try {
        const logits = await reading;
        if (last) return logits;
        // Waiting keeps a long prompt from queueing minutes of work that nobody can stop.
        await device.idle();
        options.signal?.throwIfAborted();
      } catch (error) {
        // What could not be read, or was given up, may never have been computed.
        this.truncate(position);
        if (this.failed) this.#giveBack();
        throw error;
      }
    }
    return [];
  }

  /** What it did get is no use without the rest, and others may need the memory. */
  #giveBack(): void {
    this.cache.giveBack();
    this.#arena.dispose();
  }

  /** One pass; its tokens are in the cache when this returns, before what it reads is here. */
  async #read(
    tokens: readonly (readonly number[])[],
    {
      lastLogits,
      taps,
      signal,
    }: { lastLogits: boolean; taps: Taps; signal: AbortSignal | undefined },
  ): Promise<Float32Array[]> {
    const { device, config, widths, workspace } = this.model;
    const { batch, length: start } = this;
    const buffers = workspace.take(batch);
    const count = tokens[0].length;
    const rows = batch * count;
    const reads: Promise<void>[] = [];
    const enc = device.createEncoder();
    const hear =
      (tap: Tap | undefined, tensor: Tensor, stride: number, width: number) =>
      (layer: number): void => {
        if (!tap) return;
        const reading = enc.read(tensor, 0, rows * stride);
        reads.push(
          reading.then((padded) => tap(layer, start, withoutPadding(padded, rows, stride, width))),
        );
      };
    // A queued write lands before the submit that follows it, and after the one before.
    buffers.arena.write(buffers.ids, Uint32Array.from(tokens.flat()));
    const moments = {
      onHidden: hear(taps.onHidden, buffers.residual, widths.embd, config.nEmbd),
      onMiddle: hear(taps.onMiddle, buffers.residual, widths.embd, config.nEmbd),
      onHeads: hear(taps.onHeads, buffers.heads, widths.heads, widths.heads),
      onInner: hear(taps.onInner, buffers.hidden, widths.inner, widths.inner),
    };
    const pass = this.pass({ tokens: count, start }, { lastLogits, moments });
    encodePass(enc, this.model, pass);
    const logits = lastLogits
      ? tokens.map((_, b) => enc.read(buffers.lastLogits, b * widths.vocab, config.vocabSize))
      : [];
    enc.submit(signal);
    tokens.forEach((sequence, b) => this.ids[b].push(...sequence));
    const [found] = await Promise.all([Promise.all(logits), ...reads]);
    return found;
  }

  /**
   * A pass over `tokens` tokens of each sequence in the model's workspace, whose ids are there or will be. Where
   * it starts is for the caller to say: passes can be recorded one behind the other before the first has run.
   */
  pass(
    { tokens, start }: Omit<PassRows, 'batch'>,
    keep: { lastLogits?: boolean; moments?: Moments; often?: boolean } = {},
  ): Pass {
    const buffers = this.model.workspace.take(this.batch);
    return {
      rows: { batch: this.batch, tokens, start },
      ids: buffers.ids,
      embedded: buffers.residual,
      blocks: sharedBlocks(buffers, this.cache.layers),
      final: this.cache.final,
      lastLogits: keep.lastLogits ? buffers.lastLogits : null,
      off: this.#off,
      switches: this.#switches,
      means: this.#means,
      moments: keep.moments ?? {},
      often: keep.often ?? false,
    };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.cache.dispose();
    this.#arena.dispose();
  }

  /** Throws `engine/disposed` once the session or its model is gone. */
  checkUsable(): void {
    if (!this.#disposed && !this.model.disposed) return;
    throw new EngineError('This session was disposed.', {
      code: 'engine/disposed',
      hint: 'Create another session of the model.',
    });
  }
}
