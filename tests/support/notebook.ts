// The notebook's cells for `npm run notebook`, in Node and in a browser: what `print` says of the logits, and how that is
// judged. What computes them is the page's.
import type { DeviceRequest, NumberPair } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import { EDGE, printed } from '../../src/engine/runs/fromSeed/digits.ts';
import { besidePrinted } from '../../src/engine/runs/fromSeed/draw.ts';
import { PRINTED, WHOLE, drawWhole } from '../../src/engine/runs/fromSeed/drawn.ts';
import { toMegabytes } from '../../src/model/config.ts';
import { parameterBytes, parameterCount } from '../../src/model/parameters.ts';

export const SEED = PRINTED.seed;
export const PARAMETERS = parameterCount(WHOLE);
export const BYTES = parameterBytes(WHOLE, 'fp32');
export const SIZE = toMegabytes(BYTES);

export interface NotebookRun {
  readonly adapter: string;
  readonly seconds: number;
  /** Of each prompt and token, the columns that are printed. */
  readonly rows: readonly (readonly (readonly number[])[])[];
}

/** Runs the cells. Throws `device/out-of-memory` and its like. */
export async function runNotebook(wish: DeviceRequest): Promise<NotebookRun> {
  const begin = performance.now();
  const device = await openDevice(wish);
  try {
    const rows = await drawWhole(device);
    const { description, label } = device.summary;
    return {
      adapter: description === '' ? label : description,
      seconds: (performance.now() - begin) / 1000,
      rows,
    };
  } finally {
    device.dispose();
  }
}

/** What the cell prints. */
export function printCell(rows: NotebookRun['rows']): string {
  const { input_ids: ids } = PRINTED;
  const lists = ids.map((each) => `[${each.map((id) => String(id).padStart(4)).join(', ')}]`);
  const shape = [ids.length, ids[0].length, WHOLE.vocabSize].join(', ');
  return [
    `Input batch:\n tensor([${lists.join(`,\n${' '.repeat(8)}`)}])`,
    `\nOutput shape: torch.Size([${shape}])`,
    ...printTensor(rows),
  ].join('\n');
}

/** The lines that PyTorch prints of such a tensor. */
export function printTensor(rows: NotebookRun['rows']): string[] {
  const row = (values: readonly number[]): string => {
    const cells = values.map((value) => printed(value).padStart(11));
    cells.splice(EDGE, 0, ' ...');
    return `[${cells.slice(0, 5).join(', ')},\n${' '.repeat(10)}${cells.slice(5).join(', ')}]`;
  };
  const matrices = rows.map((matrix) => `[${matrix.map(row).join(`,\n${' '.repeat(9)}`)}]`);
  const whole = matrices.join(`,\n\n${' '.repeat(8)}`);
  return `tensor([${whole}], grad_fn=<UnsafeViewBackward0>)`.split('\n');
}

export interface Judgement {
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
export function compareWithPrinted(rows: NotebookRun['rows']): Judgement {
  const pairs = besidePrinted(rows).flatMap((each) => each.flatMap(({ logits }) => logits));
  const others = pairs.filter(({ off }) => !(off <= 1));
  return {
    count: pairs.length,
    same: pairs.filter(({ off }) => off === 0).length,
    near: pairs.filter(({ off }) => off === 1).length,
    others: others.map(inWords),
    ok: others.every(({ isUntold }) => isUntold),
  };
}

function inWords({ there, here, off, difference, isUntold }: NumberPair): string {
  return (
    `${there} is ${here} here: ${off} off in the last digit, ${difference.toExponential(1)} in all` +
    (isUntold ? '; float32 tells no more of a logit.' : '.')
  );
}
