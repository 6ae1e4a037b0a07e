// A model on its device against the kernels' plain meanings on the processor: the same weights, read
// back, a block at a time, so that no more than one is held twice.
import type { Device, Tensor } from '../gpu/device.ts';
import { roundUp } from '../gpu/device.ts';
import { type WeightMatrix, createWeightMatrix, writeRows } from '../kernels/weightMatrix.ts';
import type { Linear, Norm, Parameters } from './checkpoint.ts';
import type { GptConfig } from './config.ts';
import { Gpt } from './gpt.ts';
import { readBias, readRows, readVector } from './readBack.ts';
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

/** A model on the processor that begins with rows of a residual stream instead of tokens. */
async function runPlain(
  oracle: Device,
  config: GptConfig,
  width: number,
  residual: Float32Array,
  build: (plain: PlainParameters) => Promise<Pick<Parameters, 'h' | 'lnF' | 'lmHead'>>,
  use: (model: Gpt) => Promise<Float32Array>,
): Promise<Float32Array> {
  const arena = oracle.createArena('plain check');
  const rows = residual.length / config.nEmbd;
  const matrix = (label: string, count: number, columns: number): WeightMatrix =>
    createWeightMatrix(oracle, arena, label, count, columns, 'f32');
  try {
    // Token r is row r of the residual stream, and positions add nothing.
    const wte = matrix('residual', roundUp(rows, 8), width);
    const wpe = matrix('nothing', roundUp(rows, 8), width);
    const padded = new Float32Array(rows * width);
    for (let r = 0; r < rows; r++) {
      padded.set(residual.subarray(r * config.nEmbd, (r + 1) * config.nEmbd), r * width);
    }
    writeRows(arena, wte, 0, padded);
    const rest = await build({
      matrix: (label, count, columns, values) => {
        const made = matrix(label, count, columns);
        writeRows(arena, made, 0, values);
        return made;
      },
      vector: (label, values) => arena.upload(label, [values.length], 'f32', values),
    });
    const model = new Gpt(oracle, arena, config, { wte, wpe, ...rest });
    try {
      return await use(model);
    } finally {
      model.dispose();
    }
  } finally {
    arena.dispose();
  }
}

interface PlainParameters {
  matrix(label: string, rows: number, columns: number, values: Float32Array): WeightMatrix;
  vector(label: string, values: Float32Array): Tensor;
}

/** What the meanings make of a residual stream in block `l`, (T, C). */
async function throughBlock(
  { device, config, parameters, widths }: Gpt,
  oracle: Device,
  l: number,
  residual: Float32Array,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const rows = residual.length / config.nEmbd;
  const block = parameters.h[l];
  const one: GptConfig = { ...config, nLayer: 1, nCtx: rows, vocabSize: rows };
  return runPlain(
    oracle,
    one,
    widths.embd,
    residual,
    async (plain) => {
      const norm = async ({ weight, bias }: Norm): Promise<Norm> => ({
        weight: plain.vector('weight', await readVector(device, weight)),
        bias: plain.vector('bias', await readVector(device, bias)),
      });
      const linear = async ({ weight, bias }: Linear): Promise<Linear> => {
        const values = await readRows(device, weight, 0, weight.rows);
        return {
          weight: plain.matrix('weight', weight.rows, weight.columns, values),
          bias: [plain.vector('bias', await readBias(device, weight, bias))],
        };
      };
      const ln1 = await norm(block.ln1);
      const nothing = plain.matrix('nothing', 8, widths.embd, new Float32Array(8 * widths.embd));
      return {
        h: [
          {
            ln1,
            attn: {
              cAttn: await linear(block.attn.cAttn),
              cProj: await linear(block.attn.cProj),
            },
            ln2: await norm(block.ln2),
            mlp: { cFc: await linear(block.mlp.cFc), cProj: await linear(block.mlp.cProj) },
          },
        ],
        lnF: ln1,
        lmHead: { weight: nothing, bias: [ln1.bias] },
      };
    },
    async (model) => {
      const session = new Session(model);
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
  { device, config, parameters: { lnF }, widths }: Gpt,
  oracle: Device,
  residual: Float32Array,
  rows: Float32Array,
  count: number,
): Promise<Float32Array> {
  const none: GptConfig = { ...config, nLayer: 0, nCtx: 1, vocabSize: count };
  const padded = roundUp(count, 8);
  return runPlain(
    oracle,
    none,
    widths.embd,
    residual,
    async (plain) => ({
      h: [],
      lnF: {
        weight: plain.vector('weight', await readVector(device, lnF.weight)),
        bias: plain.vector('bias', await readVector(device, lnF.bias)),
      },
      lmHead: {
        weight: plain.matrix('head', padded, widths.embd, rows),
        bias: [plain.vector('bias', new Float32Array(padded))],
      },
    }),
    async (model) => {
      const session = new Session(model);
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
