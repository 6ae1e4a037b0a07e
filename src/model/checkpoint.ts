// From stored tensors to the layout that kernels read: rows of K contiguous weights, heads padded
// to whole vec4s, everything else padded to multiples of eight with zeros.
import type { TensorSource } from '../formats/tensorSource.ts';
import { type Arena, type Device, type Tensor, roundUp } from '../gpu/device.ts';
import type { HeadLayout } from '../kernels/attention.ts';
import {
  type WeightFormat,
  type WeightMatrix,
  createWeightMatrix,
  planTensor,
  planWeightMatrix,
  writeRows,
} from '../kernels/weightMatrix.ts';
import { type GptConfig, headSizeOf } from './config.ts';
import type { Layout, LinearNames, NormNames } from './layouts.ts';

export interface Norm {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface Linear {
  readonly weight: WeightMatrix;
  /** One tensor for each part of the weight. */
  readonly bias: readonly Tensor[];
}

export interface Block {
  readonly ln1: Norm;
  readonly attn: { readonly cAttn: Linear; readonly cProj: Linear };
  readonly ln2: Norm;
  readonly mlp: { readonly cFc: Linear; readonly cProj: Linear };
}

/** Every parameter of a model on its device. */
export interface Parameters {
  readonly wte: WeightMatrix;
  readonly wpe: WeightMatrix;
  readonly h: readonly Block[];
  readonly lnF: Norm;
  readonly lmHead: Linear;
}

/** Padded widths, in elements. */
export interface Widths {
  /** C' */
  readonly embd: number;
  /** Hidden layer of the MLP. */
  readonly inner: number;
  /** A, all heads side by side. */
  readonly heads: number;
  /** V' */
  readonly vocab: number;
  readonly head: HeadLayout;
}

export function widthsOf(config: GptConfig): Widths {
  const headSize = headSizeOf(config);
  const headStride = roundUp(headSize, 4);
  const partStride = config.nHead * headStride;
  return {
    embd: roundUp(config.nEmbd, 8),
    inner: roundUp(config.nInner, 8),
    heads: roundUp(partStride, 8),
    vocab: roundUp(config.vocabSize, 8),
    head: {
      nHead: config.nHead,
      headSize,
      headStride,
      partStride,
      rowStride: roundUp(3 * partStride, 8),
    },
  };
}

/** Parameters by shape alone, so that pipelines can compile before a weight has arrived. */
export function planParameters(
  device: Device,
  config: GptConfig,
  format: WeightFormat,
): Parameters {
  const w = widthsOf(config);
  const linear = (rows: number, columns: number): Linear => {
    const weight = planWeightMatrix(device, rows, columns, format);
    return { weight, bias: weight.parts.map(({ rows: n }) => planTensor([n], 'f32')) };
  };
  const norm = { weight: planTensor([w.embd], 'f32'), bias: planTensor([w.embd], 'f32') };
  const block: Block = {
    ln1: norm,
    attn: { cAttn: linear(w.head.rowStride, w.embd), cProj: linear(w.embd, w.heads) },
    ln2: norm,
    mlp: { cFc: linear(w.inner, w.embd), cProj: linear(w.embd, w.inner) },
  };
  const lmHead = linear(w.vocab, w.embd);
  const wpe = planWeightMatrix(device, roundUp(config.nCtx, 8), w.embd, format);
  return { wte: lmHead.weight, wpe, h: [block], lnF: norm, lmHead };
}

/** Index of each of `n` elements after padding; the identity where nothing is padded inside. */
export type Places = (i: number) => number;
export const inPlace: Places = (i) => i;

/** Where heads go, which are padded each for itself. */
export function placesOf(config: GptConfig): {
  readonly inHeads: Places;
  readonly inParts: Places;
} {
  const { headSize, headStride, partStride } = widthsOf(config).head;
  const { nEmbd } = config;
  /** Channel c of all heads side by side moves to where its head starts after padding. */
  const inHeads: Places = (c) => Math.floor(c / headSize) * headStride + (c % headSize);
  /** As `inHeads`, for queries, keys and values one after the other. */
  const inParts: Places = (n) => Math.floor(n / nEmbd) * partStride + inHeads(n % nEmbd);
  return { inHeads, inParts };
}

/**
 * Copies a stored (outputs × inputs) matrix, or its transpose, into zero-padded rows.
 * Works in tiles, because one side of a transposition always strides.
 */
function arrange(
  target: Float32Array,
  targetColumns: number,
  source: Float32Array,
  outputs: number,
  inputs: number,
  inputFirst: boolean,
  rowOf: Places,
  columnOf: Places,
): void {
  const rows = Int32Array.from({ length: outputs }, (_, n) => rowOf(n) * targetColumns);
  const columns = Int32Array.from({ length: inputs }, (_, k) => columnOf(k));
  if (!inputFirst) {
    for (let n = 0; n < outputs; n++) {
      const row = rows[n];
      const from = n * inputs;
      for (let k = 0; k < inputs; k++) target[row + columns[k]] = source[from + k];
    }
    return;
  }
  const tile = 32;
  for (let n0 = 0; n0 < outputs; n0 += tile) {
    const n1 = Math.min(outputs, n0 + tile);
    for (let k0 = 0; k0 < inputs; k0 += tile) {
      const k1 = Math.min(inputs, k0 + tile);
      for (let n = n0; n < n1; n++) {
        const row = rows[n];
        for (let k = k0; k < k1; k++) target[row + columns[k]] = source[k * outputs + n];
      }
    }
  }
}

/** Values that are read at a time; of a table (embeddings, head) also those that are uploaded. */
const PIECE_ELEMENTS = 1 << 20;

/**
 * Zeros to arrange values in, in one buffer that is used again: what a fresh one for every matrix leaves to
 * the collector is soon larger than all that is in use.
 */
class Scratch {
  #buffer = new ArrayBuffer(0);

  /** Good until the next are taken. */
  take(length: number): Float32Array<ArrayBuffer> {
    if (this.#buffer.byteLength < 4 * length) this.#buffer = new ArrayBuffer(4 * length);
    return new Float32Array(this.#buffer, 0, length).fill(0);
  }
}

/** Takes one stored tensor from the source to the device. */
type Placing = (name: string) => Promise<void>;

/**
 * Reads, arranges and uploads every parameter, in the order in which the source has them.
 * `onTensor` hears each stored tensor as it is done. The source's shapes must have been checked.
 */
export async function loadParameters(
  device: Device,
  arena: Arena,
  source: TensorSource,
  layout: Layout,
  config: GptConfig,
  format: WeightFormat,
  onTensor: (name: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Parameters> {
  const w = widthsOf(config);
  const { nEmbd, nInner, vocabSize, nCtx } = config;
  const inputFirst = layout.storesInputFirst;
  const widest = Math.max(w.inner, w.head.rowStride, w.embd, w.vocab);
  // Absent biases share one vector of zeros: every binding must exist.
  const zeros = arena.zeros('zeros', [widest], 'f32');
  const placings = new Map<string, Placing>();
  const scratch = new Scratch();
  const room = new Float32Array(PIECE_ELEMENTS);
  const read = (name: string, from?: number, count?: number): Promise<Float32Array> =>
    source.read(name, from, count, room);

  const write = (matrix: WeightMatrix, firstRow: number, data: Float32Array): void =>
    writeRows(arena, matrix, firstRow, data);
  const matrix = (label: string, rows: number, columns: number): WeightMatrix =>
    createWeightMatrix(device, arena, label, rows, columns, format);

  const table = (label: string, name: string, rows: number): WeightMatrix => {
    const whole = matrix(label, roundUp(rows, 8), w.embd);
    const step = Math.max(8, Math.floor(PIECE_ELEMENTS / nEmbd / 8) * 8);
    placings.set(name, async () => {
      for (let row = 0; row < rows; row += step) {
        signal?.throwIfAborted();
        const count = Math.min(step, rows - row);
        const stored = await read(name, row * nEmbd, count * nEmbd);
        const padded = scratch.take(count * w.embd);
        arrange(padded, w.embd, stored, count, nEmbd, false, inPlace, inPlace);
        write(whole, row, padded);
      }
    });
    return whole;
  };
  const vector = (name: string, width: number): Tensor => {
    const tensor = arena.zeros(name, [width], 'f32');
    placings.set(name, async () => arena.write(tensor, await read(name)));
    return tensor;
  };
  /** A bias for each part of a weight; `stored` are its tensors, each with its places. */
  const biasParts = (
    weight: WeightMatrix,
    label: string,
    stored: readonly (readonly [name: string, placeOf: Places])[],
  ): Tensor[] => {
    if (stored.length === 0) return weight.parts.map(() => zeros);
    const parts = weight.parts.map(({ rows }) => arena.zeros(label, [rows], 'f32'));
    const values = new Float32Array(weight.rows);
    for (const [name, placeOf] of stored) {
      placings.set(name, async () => {
        (await read(name)).forEach((value, n) => (values[placeOf(n)] = value));
        weight.parts.forEach(({ start, rows }, i) =>
          arena.write(parts[i], values.subarray(start, start + rows)),
        );
      });
    }
    return parts;
  };
  const norm = (names: NormNames): Norm => ({
    weight: vector(names.weight, w.embd),
    bias: config.layerNormBias
      ? vector(names.bias, w.embd)
      : arena.zeros(`${names.bias} (absent)`, [w.embd], 'f32'),
  });
  /** A matrix that is put together on this side: transposed, padded, or out of three. */
  const assembled = (
    stored: readonly (readonly [name: string, rowOf: Places])[],
    outputs: number,
    inputs: number,
    paddedOutputs: number,
    paddedInputs: number,
    columnOf: Places,
  ): WeightMatrix => {
    const whole = matrix(stored[0][0], paddedOutputs, paddedInputs);
    const size = paddedOutputs * paddedInputs;
    const [rows, width] = inputFirst ? [inputs, outputs] : [outputs, inputs];
    const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
    let padded: Float32Array | null = null;
    let missing = stored.length;
    for (const [name, rowOf] of stored) {
      placings.set(name, async () => {
        // Other matrices may come between the parts of this one.
        padded ??= stored.length === 1 ? scratch.take(size) : new Float32Array(size);
        for (let row = 0; row < rows; row += step) {
          signal?.throwIfAborted();
          const count = Math.min(step, rows - row);
          const values = await read(name, row * width, count * width);
          const later =
            (placeOf: Places): Places =>
            (i) =>
              placeOf(row + i);
          const [n, k] = inputFirst ? [outputs, count] : [count, inputs];
          const toRow = inputFirst ? rowOf : later(rowOf);
          const toColumn = inputFirst ? later(columnOf) : columnOf;
          arrange(padded, paddedInputs, values, n, k, inputFirst, toRow, toColumn);
        }
        if (--missing > 0) return;
        write(whole, 0, padded);
        padded = null;
      });
    }
    return whole;
  };
  const linear = (
    names: LinearNames,
    outputs: number,
    inputs: number,
    paddedOutputs: number,
    paddedInputs: number,
    columnOf: Places = inPlace,
  ): Linear => {
    const stored = [[names.weight, inPlace]] as const;
    const weight = assembled(stored, outputs, inputs, paddedOutputs, paddedInputs, columnOf);
    const bias = config.bias ? ([[names.bias, inPlace]] as const) : [];
    return { weight, bias: biasParts(weight, names.bias, bias) };
  };
  const { inHeads, inParts } = placesOf(config);
  const cAttn = (weights: readonly string[], biases: readonly string[]): Linear => {
    const each = (3 * nEmbd) / weights.length;
    const placed = (names: readonly string[]): (readonly [string, Places])[] =>
      names.map((name, i) => [name, (n) => inParts(i * each + n)]);
    const weight = assembled(placed(weights), each, nEmbd, w.head.rowStride, w.embd, inPlace);
    return { weight, bias: biasParts(weight, biases[0], config.qkvBias ? placed(biases) : []) };
  };

  const wte = table('wte', layout.wte, vocabSize);
  const wpe = table('wpe', layout.wpe, nCtx);
  const h = Array.from({ length: config.nLayer }, (_, l): Block => {
    const names = layout.block(l);
    return {
      ln1: norm(names.ln1),
      attn: {
        cAttn: cAttn(names.cAttn.weights, names.cAttn.biases),
        cProj: linear(names.cProj, nEmbd, nEmbd, w.embd, w.heads, inHeads),
      },
      ln2: norm(names.ln2),
      mlp: {
        cFc: linear(names.cFc, nInner, nEmbd, w.inner, w.embd),
        cProj: linear(names.mlpProj, nEmbd, nInner, w.embd, w.inner),
      },
    };
  });
  const lnF = norm(layout.lnF);
  const headWeight = config.tiedHead ? wte : table('lmHead', layout.lmHead, vocabSize);
  const lmHead = { weight: headWeight, bias: headWeight.parts.map(() => zeros) };

  for (const name of source.shapes.keys()) {
    const place = placings.get(name);
    // A head that is stored although it is tied, for example.
    if (!place) continue;
    signal?.throwIfAborted();
    await place(name);
    placings.delete(name);
    onTensor(name);
  }
  const [absent] = placings.keys();
  if (absent !== undefined) throw new Error(`${absent} was never read.`);
  return { wte, wpe, h, lnF, lmHead };
}
