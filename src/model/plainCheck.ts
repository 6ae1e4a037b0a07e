// A model on its device against the kernels' plain meanings on the processor: the same weights, read
// back, a block at a time, so that no more than one is held twice.
import type { Arena, Device } from '../gpu/device.ts';
import { createWeightMatrix, writeRows } from '../kernels/weightMatrix.ts';
import type { GptConfig } from './config.ts';
import { Gpt } from './gpt.ts';
import { withPadding } from './padding.ts';
import { type Parameters, createParameters, isMatrix, parameterTable } from './parameters.ts';
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
  readonly signal?: AbortSignal;
}

/** Head rows that are read back at a time. */
const HEAD_ROWS = 4096;

/**
 * Reads `ids` on the device, all but the last in one pass and the last alone, so that the kernels of
 * prompts and of single tokens both run, and compares every step with its meaning.
 */
export async function checkAgainstMeanings(
  model: Gpt,
  ids: readonly number[],
  { oracle, budgetMs, signal }: PlainCheckOptions,
): Promise<PlainCheck> {
  const start = performance.now();
  const { config, parameters } = model;
  const { nEmbd, nLayer } = config;
  const hidden = Array.from({ length: nLayer + 1 }, () => new Float32Array(ids.length * nEmbd));
  const session = new Session(model, { capacity: ids.length });
  let logits: Float32Array;
  try {
    const taps = {
      onHidden: (layer: number, from: number, values: Float32Array): void =>
        hidden[layer].set(values, from * nEmbd),
    };
    const last = ids.length - 1;
    if (last > 0) await session.append([ids.slice(0, last)], { taps, signal });
    [logits] = await session.append([ids.slice(last)], { taps, lastLogits: true, signal });
  } finally {
    session.dispose();
  }

  const results: PlainResult[] = [
    { what: 'embedding', relative: await checkEmbedding(model, ids, hidden[0]) },
  ];
  const blocks = [...new Set([0, nLayer - 1, ...Array.from({ length: nLayer }, (_, l) => l)])];
  for (const [turn, l] of blocks.entries()) {
    signal?.throwIfAborted();
    if (turn >= 2 && performance.now() - start > budgetMs) break;
    const plain = await throughBlock(model, oracle, l, hidden[l], signal);
    results.push({ what: `block ${l}`, relative: difference(plain, hidden[l + 1]) });
  }
  const plainLogits = new Float32Array(config.vocabSize);
  const final = hidden[nLayer].subarray((ids.length - 1) * nEmbd);
  for (let row = 0; row < config.vocabSize; row += HEAD_ROWS) {
    signal?.throwIfAborted();
    const count = Math.min(HEAD_ROWS, config.vocabSize - row);
    const rows = await readRows(model.device, parameters.lmHead.weight, row, count);
    plainLogits.set(await throughHead(model, oracle, final, rows, count), row);
  }
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

/**
 * A model on the processor that begins with rows of a residual stream instead of tokens. `fill` puts the rest of
 * its parameters where they belong, which are zeros.
 */
async function runPlain(
  oracle: Device,
  config: GptConfig,
  residual: Float32Array,
  fill: (arena: Arena, plain: Parameters) => Promise<void>,
  use: (model: Gpt) => Promise<Float32Array>,
): Promise<Float32Array> {
  const arena = oracle.createArena('plain check');
  const { nEmbd } = config;
  try {
    const plain = createParameters(config, {
      matrix: ({ path, padded: [rows, columns] }) =>
        createWeightMatrix(oracle, arena, path, rows, columns, 'f32'),
      vector: (path, length) => arena.zeros(path, [length], 'f32'),
    });
    // Token r is row r of the residual stream, and positions add nothing.
    const rows = residual.length / nEmbd;
    writeRows(arena, plain.wte, 0, withPadding(residual, 0, rows, nEmbd, plain.wte.columns));
    await fill(arena, plain);
    const model = new Gpt(oracle, arena, config, plain);
    try {
      return await use(model);
    } finally {
      model.dispose();
    }
  } finally {
    arena.dispose();
  }
}

/** Gives a plain model what the model on its device has under another path, padding included. */
async function copyParameters(
  { device, config, parameters }: Gpt,
  one: GptConfig,
  plain: Parameters,
  arena: Arena,
  pathOf: (path: string) => string | null,
): Promise<void> {
  const specs = new Map(parameterTable(config).map((spec) => [spec.path, spec]));
  for (const to of parameterTable(one)) {
    const path = pathOf(to.path);
    const from = path === null ? undefined : specs.get(path);
    if (!from) continue;
    if (isMatrix(from) && isMatrix(to)) {
      const matrix = from.of(parameters);
      writeRows(arena, to.of(plain), 0, await readRows(device, matrix, 0, matrix.rows));
    } else if (!isMatrix(from) && !isMatrix(to)) {
      writeVector(arena, to.of(plain), await readVector(device, from.of(parameters)));
    }
  }
}

/** What the meanings make of a residual stream in block `l`, (T, C). */
async function throughBlock(
  model: Gpt,
  oracle: Device,
  l: number,
  residual: Float32Array,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const rows = residual.length / model.config.nEmbd;
  const one: GptConfig = {
    ...model.config,
    nLayer: 1,
    nCtx: rows,
    vocabSize: rows,
    tiedHead: true,
  };
  return runPlain(
    oracle,
    one,
    residual,
    (arena, plain) =>
      copyParameters(model, one, plain, arena, (path) =>
        path.startsWith('h.0.') ? path.replace('h.0.', `h.${l}.`) : null,
      ),
    async (alone) => {
      const session = new Session(alone);
      let after: Float32Array = new Float32Array(0);
      try {
        const tokens = Array.from({ length: rows }, (_, r) => r);
        const onHidden = (layer: number, _from: number, values: Float32Array): void => {
          if (layer === 1) after = values.slice();
        };
        await session.append([tokens], { taps: { onHidden }, signal });
      } finally {
        session.dispose();
      }
      return after;
    },
  );
}

/** Logits of some rows of the head for one row of the residual stream. */
async function throughHead(
  model: Gpt,
  oracle: Device,
  residual: Float32Array,
  rows: Float32Array,
  count: number,
): Promise<Float32Array> {
  const none: GptConfig = {
    ...model.config,
    nLayer: 0,
    nCtx: 1,
    vocabSize: count,
    tiedHead: false,
  };
  return runPlain(
    oracle,
    none,
    residual,
    async (arena, plain) => {
      writeRows(arena, plain.lmHead.weight, 0, rows);
      await copyParameters(model, none, plain, arena, (path) =>
        path.startsWith('lnF.') ? path : null,
      );
    },
    async (alone) => {
      const session = new Session(alone);
      try {
        const [logits] = await session.append([[0]], { lastLogits: true });
        return logits;
      } finally {
        session.dispose();
      }
    },
  );
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
