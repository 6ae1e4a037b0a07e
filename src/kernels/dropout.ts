// Dropout: masks of one bit an element, which are a function of seed, step, layer and element, and what they make of rows.
import addSource from '../../shaders/addDropped.wgsl?raw';
import source from '../../shaders/dropped.wgsl?raw';
import maskSource from '../../shaders/dropoutMask.wgsl?raw';
import { type Encoder, type Tensor, elementCount } from '../gpu/device.ts';
import {
  type Arrays,
  type NumberArray,
  type Sizes,
  type TwinTools,
  defineKernel,
  floatBits,
} from '../gpu/kernel.ts';
import { type RandomPlace, fillRandom, highWord } from '../gpu/philox.ts';
import { gridOf } from './variants.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';

/** Numbers in share.c. */
const SHARED = { dropoutMask: 20, dropped: 21, addDropped: 22 } as const;

const maskParams = {
  seedLow: 'u32',
  seedHigh: 'u32',
  step: 'u32',
  layer: 'u32',
  threshold: 'u32',
  nextThreshold: 'u32',
  next: 'u32',
  start: 'u32',
  words: 'u32',
} as const;

export const dropoutMaskKernel = defineKernel({
  name: 'dropoutMask',
  source: maskSource,
  params: maskParams,
  bindings: { out: 'write' },
  overrides: [],
  meaning: maskMeaning,
  twin: (tools) => (arrays, s) => maskTwin(tools, arrays, s),
});

export interface DropoutMaskOptions extends RandomPlace {
  /** Words that are made: 32 elements each. */
  readonly words: number;
  /** The first of them: word w of `out` has elements 32 · w to 32 · w + 31. 0 by default. */
  readonly start?: number;
  /** The share of elements that is kept, 1 − p: above 0 and below 1, where a mask is wanted at all. */
  readonly keep: number;
  /** Words from `start` on keep another share, so that places of two rates are made at once; none by default. */
  readonly next?: { readonly start: number; readonly keep: number };
}

/** Records words `start` … `start + words` of `out` (u32): bit b of word w is 1 where element 32 · w + b is kept. */
export function dropoutMask(enc: Encoder, t: { out: Tensor }, options: DropoutMaskOptions): void {
  const { seed, step, layer, words, start = 0, keep } = options;
  const next = options.next ?? { start: start + words, keep };
  checkKeep('dropoutMask', keep);
  checkKeep('dropoutMask', next.keep);
  checkRoom('dropoutMask', t.out, start + words);
  enc.dispatch(
    dropoutMaskKernel,
    t,
    {
      seedLow: seed >>> 0,
      seedHigh: highWord(seed),
      step,
      layer,
      threshold: thresholdOf(keep),
      nextThreshold: thresholdOf(next.keep),
      next: next.start,
      start,
      words,
    },
    gridOf(words / 64),
    {},
  );
}

/** Random words below it are kept. */
function thresholdOf(keep: number): number {
  return Math.floor(keep * 2 ** 32);
}

/** Bit b of out[w] = random word of element 32·w + b < threshold, that of the words before `next` or of those from it on. */
function maskMeaning({ out }: Arrays<'out'>, s: Sizes<keyof typeof maskParams>): void {
  const seed = s.seedHigh * 2 ** 32 + s.seedLow;
  const drawn = new Uint32Array(32);
  for (let w = s.start; w < s.start + s.words; w++) {
    fillRandom(drawn, { seed, step: s.step, layer: s.layer }, 32 * w);
    const threshold = w < s.next ? s.threshold : s.nextThreshold;
    let bits = 0;
    for (let b = 0; b < 32; b++) if (drawn[b] < threshold) bits |= 1 << b;
    out[w] = bits >>> 0;
  }
}

/** Operations on a word of a mask. */
const WORD_WORK = 1024;

function maskTwin(
  tools: TwinTools,
  { out }: Arrays<'out'>,
  s: Sizes<keyof typeof maskParams>,
): void {
  tools.share(
    SHARED.dropoutMask,
    [
      [addressOf('out', out, s.start + s.words)],
      [s.seedLow, s.seedHigh, s.step, s.layer, s.threshold, s.nextThreshold, s.next],
      [s.start, s.words],
    ].flat(),
    Math.min(s.words, (s.words * WORD_WORK) / PIECE_WORK),
  );
}

const rowParams = {
  rows: 'u32',
  channels: 'u32',
  stride4: 'u32',
  maskStart: 'u32',
  scale: 'f32',
} as const;

export const droppedKernel = defineKernel({
  name: 'dropped',
  source,
  params: rowParams,
  bindings: { x: 'read', mask: 'read', out: 'write' },
  overrides: [],
  meaning: droppedMeaning,
  twin: (tools) => (arrays, s) => rowsTwin(tools, SHARED.dropped, { ...arrays, y: arrays.x }, s),
});

export const addDroppedKernel = defineKernel({
  name: 'addDropped',
  source: addSource,
  params: rowParams,
  bindings: { x: 'read', y: 'read', mask: 'read', out: 'write' },
  overrides: [],
  meaning: addDroppedMeaning,
  twin: (tools) => (arrays, s) => rowsTwin(tools, SHARED.addDropped, arrays, s),
});

export interface DroppedOptions {
  readonly rows: number;
  /** True C, without padding: elements of the mask are (R, C) row by row. */
  readonly channels: number;
  /** The word of the mask that element 0 is in, at its first bit. */
  readonly maskStart: number;
  /** The share of elements that is kept, 1 − p. */
  readonly keep: number;
}

export interface DroppedTensors {
  /** (R, C'). */
  readonly x: Tensor;
  /** u32, a bit an element. */
  readonly mask: Tensor;
  /** (R, C'), another tensor than those that are read. */
  readonly out: Tensor;
}

/** Records out[r, c] = bit · x[r, c] / keep, and 0 in the padding. */
export function dropped(enc: Encoder, t: DroppedTensors, options: DroppedOptions): void {
  const params = paramsOf('dropped', { x: t.x, out: t.out }, t.mask, options);
  enc.dispatch(droppedKernel, t, params, rowGrid(params), {});
}

/** Records out[r, c] = x[r, c] + bit · y[r, c] / keep, and 0 in the padding; `y` is (R, C'). */
export function addDropped(
  enc: Encoder,
  t: DroppedTensors & { readonly y: Tensor },
  options: DroppedOptions,
): void {
  const params = paramsOf('addDropped', { x: t.x, y: t.y, out: t.out }, t.mask, options);
  enc.dispatch(addDroppedKernel, t, params, rowGrid(params), {});
}

function paramsOf(
  op: string,
  rowsOf: Readonly<Record<string, Tensor>>,
  mask: Tensor,
  { rows, channels, maskStart, keep }: DroppedOptions,
): Readonly<Record<keyof typeof rowParams, number>> {
  const stride = rowsOf.out.shape.at(-1) ?? 0;
  for (const [name, { label, shape }] of Object.entries(rowsOf)) {
    if (shape.at(-1) === stride && elementCount(shape) >= rows * stride) continue;
    throw new Error(
      `${op}: ${name} (${label}) is ${shape.join(' × ')}; expected ${rows} × ${stride}.`,
    );
  }
  checkKeep(op, keep);
  checkRoom(op, mask, maskStart + Math.ceil((rows * channels) / 32));
  return { rows, channels, stride4: stride / 4, maskStart, scale: 1 / keep };
}

function rowGrid({ rows, stride4 }: { rows: number; stride4: number }) {
  return [Math.ceil(stride4 / 16), Math.ceil(rows / 4), 1] as const;
}

/** out[r, c] = bit · x[r, c] · scale */
function droppedMeaning(
  { x, mask, out }: Arrays<'x' | 'mask' | 'out'>,
  s: Sizes<keyof typeof rowParams>,
): void {
  const stride = s.stride4 * 4;
  for (let r = 0; r < s.rows; r++) {
    for (let c = 0; c < stride; c++) {
      const i = r * stride + c;
      out[i] = c < s.channels ? isKept(mask, s.maskStart, r * s.channels + c) * s.scale * x[i] : 0;
    }
  }
}

/** out[r, c] = x[r, c] + bit · y[r, c] · scale */
function addDroppedMeaning(
  { x, y, mask, out }: Arrays<'x' | 'y' | 'mask' | 'out'>,
  s: Sizes<keyof typeof rowParams>,
): void {
  const stride = s.stride4 * 4;
  for (let r = 0; r < s.rows; r++) {
    for (let c = 0; c < stride; c++) {
      const i = r * stride + c;
      const bit = c < s.channels ? isKept(mask, s.maskStart, r * s.channels + c) : 0;
      out[i] = c < s.channels ? x[i] + bit * s.scale * y[i] : 0;
    }
  }
}

/** Of either kernel: `y` is what is dropped, `x` what it is added to. */
function rowsTwin(
  tools: TwinTools,
  kernel: number,
  { x, y, mask, out }: Readonly<Record<'x' | 'y' | 'mask' | 'out', NumberArray>>,
  s: Sizes<keyof typeof rowParams>,
): void {
  const count = s.rows * s.stride4 * 4;
  const maskEnd = s.maskStart + Math.ceil((s.rows * s.channels) / 32);
  tools.share(
    kernel,
    [
      [addressOf('x', x, count), addressOf('y', y, count)],
      [addressOf('mask', mask, maskEnd) + 4 * s.maskStart, addressOf('out', out, count)],
      [s.rows, s.channels, s.stride4, floatBits(s.scale)],
    ].flat(),
    Math.min(s.rows, (count * 4) / PIECE_WORK),
  );
}

/** 1 where a mask keeps element e of the place that begins at word `start`, else 0. */
export function isKept(mask: ArrayLike<number>, start: number, e: number): number {
  return (mask[start + (e >>> 5)] >>> (e & 31)) & 1;
}

function checkKeep(op: string, keep: number): void {
  if (keep > 0 && keep < 1) return;
  throw new Error(`${op}: keep is ${keep}; expected a share between 0 and 1.`);
}

function checkRoom(op: string, mask: Tensor, words: number): void {
  const has = elementCount(mask.shape);
  if (has < words) throw new Error(`${op}: ${mask.label} has ${has} words of ${words}.`);
}
