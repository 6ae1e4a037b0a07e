// A model on its device against the kernels' plain meanings on the processor: the same weights, read
// back, a block at a time, so that no more than one is held twice.
import type { Arena, Device } from '../gpu/device.ts';
import { createWeightMatrix, writeRows } from '../kernels/weightMatrix.ts';
import { type Background, readInBackground } from './background.ts';
import type { GptConfig } from './config.ts';
import { Gpt } from './gpt.ts';
import { withPadding } from './padding.ts';
import { createParameters, isMatrix, parameterTable } from './parameters.ts';
import { readRows, readVector, writeVector } from './readBack.ts';
import { Session } from './session.ts';

/** One thing that was computed twice. */
export interface PlainResult {
  /** `embedding`, `block 3`, `head`. */
  readonly what: string;
  /** Largest difference, as a part of the largest magnitude; NaN where something is no number. */
  readonly relative: number;
}

export interface PlainCheck {
  readonly results: readonly PlainResult[];
  /** (V) after the last token: the device's, and those of the meanings from the device's last block. */
  readonly logits: Float32Array;
  readonly plainLogits: Float32Array;
}

export interface PlainCheckOptions {
  /** The processor as a device. */
  readonly oracle: Device;
  /** No further block is begun after this; embedding, first and last block, and head always are. */
  readonly budgetMs: number;
  readonly background: Background;
}

/** Head rows that are compared at a time. */
const HEAD_ROWS = 4096;

/** Values that are read back at a time: a step that takes no longer than a frame. */
const PIECE_ELEMENTS = 1 << 20;

/**
 * Reads `ids` on the device, all but the last as a prompt and the last alone, so that the kernels of
 * prompts and of single tokens both run, and compares every step with its meaning.
 */
export async function checkAgainstMeanings(
  model: Gpt,
  ids: readonly number[],
  { oracle, budgetMs, background }: PlainCheckOptions,
): Promise<PlainCheck> {
  const begun = background.ms;
  const { nEmbd, nLayer } = model.config;
  const hidden = Array.from({ length: nLayer + 1 }, () => new Float32Array(ids.length * nEmbd));
  const session = new Session(model, { capacity: ids.length });
  let logits: Float32Array;
  try {
    const taps = {
      onHidden: (layer: number, from: number, values: Float32Array): void =>
        hidden[layer].set(values, from * nEmbd),
    };
    await readInBackground(session, ids.slice(0, -1), background, { taps });
    const last = { taps, lastLogits: true };
    [logits] = await readInBackground(session, ids.slice(-1), background, last);
  } finally {
    session.dispose();
  }

  const results: PlainResult[] = [
    { what: 'embedding', relative: await checkEmbedding(model, ids, hidden[0]) },
  ];
  const order = [...new Set([0, nLayer - 1, ...Array.from({ length: nLayer }, (_, l) => l)])];
  await withPlain(oracle, blockAlone(model.config, ids.length), async (plain) => {
    for (const [turn, l] of order.entries()) {
      if (turn >= 2 && background.ms - begun > budgetMs) break;
      const pathOf = (path: string): string | null =>
        path.startsWith('h.0.') ? path.replace('h.0.', `h.${l}.`) : null;
      await copyParameters(model, plain, background, pathOf);
      plain.gpt.scoreScales[0] = model.scoreScales[l];
      const after = await throughBlock(plain, hidden[l], background);
      results.push({ what: `block ${l}`, relative: difference(after, hidden[l + 1]) });
    }
  });
  const final = hidden[nLayer].subarray((ids.length - 1) * nEmbd);
  const plainLogits = await throughHead(model, oracle, final, background);
  results.push({ what: 'head', relative: difference(plainLogits, logits) });
  return { results, logits, plainLogits };
}

async function checkEmbedding(
  { device, parameters: { wte, wpe }, config, widths }: Gpt,
  ids: readonly number[],
  found: Float32Array,
): Promise<number> {
  const plain = new Float32Array(found.length);
  const positions = await readRows(device, wpe, 0, ids.length);
  for (const [t, id] of ids.entries()) {
    const token = await readRows(device, wte, id, 1);
    for (let c = 0; c < config.nEmbd; c++) {
      plain[t * config.nEmbd + c] = token[c] + positions[t * widths.embd + c];
    }
  }
  return difference(plain, found);
}

/** A model on the processor, of zeros until it is written. */
interface Plain {
  readonly gpt: Gpt;
  readonly arena: Arena;
}

/** One for all that is compared by turns: memory that is taken anew for each takes longer than computing with it. */
async function withPlain<T>(
  oracle: Device,
  config: GptConfig,
  use: (plain: Plain) => Promise<T>,
): Promise<T> {
  const arena = oracle.createArena('plain check');
  try {
    const parameters = createParameters(config, {
      matrix: ({ path, padded: [rows, columns] }) =>
        createWeightMatrix(oracle, arena, path, rows, columns, 'f32'),
      vector: (path, length) => arena.zeros(path, [length], 'f32'),
    });
    const gpt = new Gpt(oracle, arena, config, parameters);
    try {
      return await use({ gpt, arena });
    } finally {
      gpt.dispose();
    }
  } finally {
    arena.dispose();
  }
}

/** One block, which begins with as many rows of a residual stream as it has tokens. */
function blockAlone(config: GptConfig, rows: number): GptConfig {
  return { ...config, nLayer: 1, nCtx: rows, vocabSize: rows, tiedHead: true };
}

/** The final LayerNorm and some rows of the head, for one row of a residual stream. */
function headAlone(config: GptConfig, rows: number): GptConfig {
  return { ...config, nLayer: 0, nCtx: 1, vocabSize: rows, tiedHead: false };
}

/** Token r becomes row r of the residual stream, (R, C); positions are zeros and add nothing. */
function writeResidual({ gpt, arena }: Plain, residual: Float32Array): void {
  const { wte } = gpt.parameters;
  const { nEmbd } = gpt.config;
  writeRows(arena, wte, 0, withPadding(residual, 0, residual.length / nEmbd, nEmbd, wte.columns));
}

/**
 * Gives a plain model what the model on its device has under another path, padding included. Null leaves what is
 * there.
 */
async function copyParameters(
  { device, config, parameters }: Gpt,
  { gpt, arena }: Plain,
  background: Background,
  pathOf: (path: string) => string | null,
): Promise<void> {
  const specs = new Map(parameterTable(config).map((spec) => [spec.path, spec]));
  for (const to of parameterTable(gpt.config)) {
    const path = pathOf(to.path);
    const from = path === null ? undefined : specs.get(path);
    if (!from) continue;
    if (isMatrix(from) && isMatrix(to)) {
      const matrix = from.of(parameters);
      const step = Math.max(8, Math.floor(PIECE_ELEMENTS / matrix.columns));
      for (let row = 0; row < matrix.rows; row += step) {
        await background.pause();
        const count = Math.min(step, matrix.rows - row);
        writeRows(arena, to.of(gpt.parameters), row, await readRows(device, matrix, row, count));
      }
    } else if (!isMatrix(from) && !isMatrix(to)) {
      writeVector(arena, to.of(gpt.parameters), await readVector(device, from.of(parameters)));
    }
  }
}

/** What the meanings of a block make of a residual stream, (T, C). */
async function throughBlock(
  plain: Plain,
  residual: Float32Array,
  background: Background,
): Promise<Float32Array> {
  const { nEmbd, vocabSize: rows } = plain.gpt.config;
  writeResidual(plain, residual);
  const after = new Float32Array(residual.length);
  const session = new Session(plain.gpt, { capacity: rows });
  try {
    const tokens = Array.from({ length: rows }, (_, r) => r);
    const onHidden = (layer: number, from: number, values: Float32Array): void => {
      if (layer === 1) after.set(values, from * nEmbd);
    };
    await readInBackground(session, tokens, background, { taps: { onHidden } });
  } finally {
    session.dispose();
  }
  return after;
}

/** Logits (V) of the meanings for one row of the residual stream. */
async function throughHead(
  model: Gpt,
  oracle: Device,
  residual: Float32Array,
  background: Background,
): Promise<Float32Array> {
  const { vocabSize } = model.config;
  const most = Math.min(HEAD_ROWS, vocabSize);
  const logits = new Float32Array(vocabSize);
  await withPlain(oracle, headAlone(model.config, most), async (plain) => {
    writeResidual(plain, residual);
    await copyParameters(model, plain, background, (path) =>
      path.startsWith('lnF.') ? path : null,
    );
    const { weight } = plain.gpt.parameters.lmHead;
    for (let row = 0; row < vocabSize; row += most) {
      await background.pause();
      const count = Math.min(most, vocabSize - row);
      const rows = await readRows(model.device, model.parameters.lmHead.weight, row, count);
      writeRows(plain.arena, weight, 0, rows);
      const session = new Session(plain.gpt);
      try {
        const [found] = await session.append([[0]], { lastLogits: true });
        logits.set(found.subarray(0, count), row);
      } finally {
        session.dispose();
      }
    }
  });
  return logits;
}

function difference(expected: Float32Array, found: Float32Array): number {
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const size = Math.abs(expected[i]);
    if (size > largest) largest = size;
    const error = Math.abs(expected[i] - found[i]);
    if (error > worst || Number.isNaN(error)) worst = error;
    if (Number.isNaN(worst)) return NaN;
  }
  return worst === 0 ? 0 : worst / largest;
}
