// The notebook's cells: seed 123, a model of 163,009,536 parameters, dropout on, a batch of two prompts, and what `print`
// says of the logits. For `npm run notebook`, in Node and in a browser.
import type { DeviceRequest } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import { zeroParameters } from '../../src/model/checkpoint.ts';
import { PRESETS, toMegabytes } from '../../src/model/config.ts';
import { encodeLogits } from '../../src/model/forward.ts';
import { Gpt } from '../../src/model/gpt.ts';
import { NOTEBOOK } from '../../src/model/layouts.ts';
import { withoutPadding } from '../../src/model/padding.ts';
import { parameterBytes, parameterCount } from '../../src/model/parameters.ts';
import { createBuffers } from '../../src/model/training/buffers.ts';
import { createGivenMasks } from '../../src/model/training/dropout.ts';
import { encodeForward } from '../../src/model/training/forward.ts';
import { initialise } from '../../src/model/training/initialise.ts';
import { torchInitial } from '../../src/model/training/torchInitial.ts';
import { drawMasks, planMasks } from '../../src/model/training/masks.ts';
import { TorchRandom } from '../../src/model/training/torchRandom.ts';

/** `printed.json`: what the notebook put in, and what it printed. */
export interface NotebookFile {
  readonly seed: number;
  readonly drop_rate: number;
  readonly input_ids: readonly (readonly number[])[];
  /** Lines. */
  readonly printed: readonly string[];
}

const CONFIG = PRESETS['notebook-124m'];

/** Columns of a row that are printed, from either side. */
const EDGE = 3;

export const PARAMETERS = parameterCount(CONFIG);
export const BYTES = parameterBytes(CONFIG, 'fp32');
export const SIZE = toMegabytes(BYTES);

export interface NotebookRun {
  readonly adapter: string;
  readonly seconds: number;
  /** Of each prompt and token, the columns that are printed. */
  readonly rows: readonly (readonly (readonly number[])[])[];
}

/** Runs the cells. Throws `device/out-of-memory` and its like. */
export async function runNotebook(
  { seed, drop_rate: rate, input_ids: ids }: NotebookFile,
  wish: DeviceRequest,
): Promise<NotebookRun> {
  const begin = performance.now();
  const device = await openDevice(wish);
  try {
    const arena = device.createArena('notebook');
    const parameters = zeroParameters(device, arena, NOTEBOOK, CONFIG, 'f32');
    const model = new Gpt(device, arena, CONFIG, parameters);
    const random = new TorchRandom(seed);
    await initialise(arena, parameters, CONFIG, 'notebook', torchInitial(random));

    const windows = { batch: ids.length, tokens: ids[0].length };
    const rates = { embd: rate, attn: rate, resid: rate };
    const buffers = createBuffers(device, arena, CONFIG, { ...windows, drops: true });
    const masks = createGivenMasks(arena, CONFIG, windows, rates);
    masks.write(drawMasks(random, planMasks(CONFIG, windows, rates)));
    arena.write(buffers.ids, Uint32Array.from(ids.flat()));

    const enc = device.createEncoder();
    const dropout = { masks, moment: { seed, microStep: 0 } };
    encodeForward({ enc, model, buffers, ...windows, dropout, adapters: null });
    const rows = windows.batch * windows.tokens;
    encodeLogits(enc, model, buffers.final, buffers.logits, { rows });
    const stride = buffers.logits.shape[1];
    const reading = enc.read(buffers.logits, 0, rows * stride);
    enc.submit();
    const logits = withoutPadding(await reading, rows, stride, CONFIG.vocabSize);
    await device.idle();
    if (arena.failure) throw arena.failure;
    const edges = (row: number): number[] => {
      const all = logits.subarray(row * CONFIG.vocabSize, (row + 1) * CONFIG.vocabSize);
      return [...all.subarray(0, EDGE), ...all.subarray(-EDGE)];
    };
    const { description, label } = device.summary;
    return {
      adapter: description === '' ? label : description,
      seconds: (performance.now() - begin) / 1000,
      rows: ids.map((each, b) => each.map((_, t) => edges(b * windows.tokens + t))),
    };
  } finally {
    device.dispose();
  }
}

/** A number as PyTorch prints it beside much smaller ones. */
function shown(value: number): string {
  // Two digits of an exponent at least; NaN has none.
  const text = value.toExponential(4).replace(/(?<=e[+-])(?=\d$)/, '0');
  return text.padStart(11);
}

/** What the cell prints. */
export function printCell({ input_ids: ids }: NotebookFile, rows: NotebookRun['rows']): string {
  const lists = ids.map((each) => `[${each.map((id) => String(id).padStart(4)).join(', ')}]`);
  const shape = [ids.length, ids[0].length, CONFIG.vocabSize].join(', ');
  return [
    `Input batch:\n tensor([${lists.join(`,\n${' '.repeat(8)}`)}])`,
    `\nOutput shape: torch.Size([${shape}])`,
    ...printTensor(rows),
  ].join('\n');
}

/** The lines that PyTorch prints of such a tensor. */
export function printTensor(rows: NotebookRun['rows']): string[] {
  const row = (values: readonly number[]): string => {
    const cells = values.map(shown);
    cells.splice(EDGE, 0, ' ...');
    return `[${cells.slice(0, 5).join(', ')},\n${' '.repeat(10)}${cells.slice(5).join(', ')}]`;
  };
  const matrices = rows.map((matrix) => `[${matrix.map(row).join(`,\n${' '.repeat(9)}`)}]`);
  const whole = matrices.join(`,\n\n${' '.repeat(8)}`);
  return `tensor([${whole}], grad_fn=<UnsafeViewBackward0>)`.split('\n');
}

/**
 * What a logit is known to in float32: sums that are taken in another order differ by so much (the conformance pack allows
 * PyTorch itself 3e-6 of the largest at this size). Of a small one, the last
 * printed digits are beyond that: with the same weights and masks, −1.2084e-03 is −1.2082e-03 in float64.
 */
const KNOWN_TO = 2e-6;

export interface Comparison {
  /** Numbers that were printed. */
  readonly count: number;
  /** Those that are the same, and those that differ by one in the last digit. */
  readonly same: number;
  readonly near: number;
  /** The others, in words. */
  readonly others: readonly string[];
  /** Whether all of the others are within what float32 tells. */
  readonly ok: boolean;
}

/** Compares what was printed there with what was computed here. */
export function compareWithPrinted(
  { printed }: NotebookFile,
  rows: NotebookRun['rows'],
): Comparison {
  const there = printed.join('\n').match(/-?\d\.\d{4}e[+-]\d\d/g) ?? [];
  const here = rows.flat(2);
  if (there.length !== here.length) {
    throw new Error(`${there.length} numbers were printed, ${here.length} computed.`);
  }
  let [same, near, ok] = [0, 0, true];
  const others: string[] = [];
  there.forEach((text, i) => {
    const unit = 10 ** (Number(text.slice(-3)) - 4);
    const off = Math.abs(Math.round(here[i] / unit) - Math.round(Number(text) / unit));
    if (off === 0) same++;
    else if (off === 1) near++;
    else {
      const difference = Math.abs(here[i] - Number(text));
      if (!(difference <= KNOWN_TO)) ok = false;
      others.push(
        `${text} is ${shown(here[i]).trim()} here: ${off} off in the last digit, ${difference.toExponential(1)} in all` +
          (difference <= KNOWN_TO ? '; float32 tells no more of a logit.' : '.'),
      );
    }
  });
  return { count: there.length, same, near, others, ok };
}
