// From stored tensors to the layout that kernels read: rows of K contiguous weights, heads padded
// to whole vec4s, everything else padded to multiples of eight with zeros.
import { type Arena, type Device, type Tensor, roundUp } from '../gpu/device.ts';
import { toHalf } from '../gpu/half.ts';
import type { HeadLayout } from '../kernels/attention.ts';
import {
  type WeightMatrix,
  createWeightMatrix,
  planTensor,
  planWeightMatrix,
} from '../kernels/weightMatrix.ts';
import { type GptConfig, headSizeOf } from './config.ts';
import type { Layout, LinearNames, NormNames } from './layouts.ts';

/** Reads tensors of a checkpoint one at a time, so that no more than one is held at once. */
export interface TensorSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Tensors whose type holds no weights (integers, booleans), by name. */
  readonly unreadable?: ReadonlyMap<string, string>;
  /** All values of a tensor in row-major order. */
  read(name: string): Promise<Float32Array>;
}

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
  format: 'f32' | 'f16',
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
type Places = (i: number) => number;
const inPlace: Places = (i) => i;

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

/**
 * Reads, arranges and uploads every parameter. `onTensor` hears each stored tensor as it is done.
 * The source's shapes must have been checked.
 */
export async function loadParameters(
  device: Device,
  arena: Arena,
  source: TensorSource,
  layout: Layout,
  config: GptConfig,
  format: 'f32' | 'f16',
  onTensor: (name: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Parameters> {
  const w = widthsOf(config);
  const { nEmbd, nInner, vocabSize, nCtx, nHead } = config;
  const { headSize, headStride, partStride } = w.head;
  const inputFirst = layout.storesInputFirst;
  const widest = Math.max(w.inner, w.head.rowStride, w.embd, w.vocab);
  // Absent biases share one vector of zeros: every binding must exist.
  const zeros = arena.zeros('zeros', [widest], 'f32');

  const read = async (name: string): Promise<Float32Array> => {
    signal?.throwIfAborted();
    const values = await source.read(name);
    onTensor(name);
    return values;
  };
  const matrix = (label: string, rows: number, columns: number, data: Float32Array): WeightMatrix =>
    createWeightMatrix(
      device,
      arena,
      label,
      rows,
      columns,
      format,
      format === 'f16' ? toHalf(data) : data,
    );
  const table = async (label: string, name: string, rows: number): Promise<WeightMatrix> => {
    const padded = new Float32Array(roundUp(rows, 8) * w.embd);
    arrange(padded, w.embd, await read(name), rows, nEmbd, false, inPlace, inPlace);
    return matrix(label, roundUp(rows, 8), w.embd, padded);
  };
  const vector = async (name: string, width: number): Promise<Tensor> => {
    const padded = new Float32Array(width);
    padded.set(await read(name));
    return arena.upload(name, [width], 'f32', padded);
  };
  const biasParts = (weight: WeightMatrix, name: string, bias: Float32Array | null): Tensor[] =>
    weight.parts.map(({ start, rows }) =>
      bias ? arena.upload(name, [rows], 'f32', bias.subarray(start, start + rows)) : zeros,
    );
  const norm = async (names: NormNames): Promise<Norm> => ({
    weight: await vector(names.weight, w.embd),
    bias: config.layerNormBias
      ? await vector(names.bias, w.embd)
      : arena.zeros(`${names.bias} (absent)`, [w.embd], 'f32'),
  });
  const linear = async (
    names: LinearNames,
    outputs: number,
    inputs: number,
    paddedOutputs: number,
    paddedInputs: number,
    columnOf: Places = inPlace,
  ): Promise<Linear> => {
    const padded = new Float32Array(paddedOutputs * paddedInputs);
    const stored = await read(names.weight);
    arrange(padded, paddedInputs, stored, outputs, inputs, inputFirst, inPlace, columnOf);
    const weight = matrix(names.weight, paddedOutputs, paddedInputs, padded);
    const bias = new Float32Array(paddedOutputs);
    if (config.bias) bias.set(await read(names.bias));
    return { weight, bias: biasParts(weight, names.bias, config.bias ? bias : null) };
  };
  /** Channel c of all heads side by side moves to where its head starts after padding. */
  const inHeads: Places = (c) => Math.floor(c / headSize) * headStride + (c % headSize);
  /** As `inHeads`, for queries, keys and values one after the other. */
  const inParts: Places = (n) => Math.floor(n / nEmbd) * partStride + inHeads(n % nEmbd);

  const cAttn = async (weights: readonly string[], biases: readonly string[]): Promise<Linear> => {
    const each = (3 * nEmbd) / weights.length;
    const padded = new Float32Array(w.head.rowStride * w.embd);
    const paddedBias = new Float32Array(w.head.rowStride);
    for (const [i, name] of weights.entries()) {
      const place: Places = (n) => inParts(i * each + n);
      arrange(padded, w.embd, await read(name), each, nEmbd, inputFirst, place, inPlace);
      if (config.qkvBias) {
        (await read(biases[i])).forEach((value, n) => (paddedBias[place(n)] = value));
      }
    }
    const weight = matrix(weights[0], w.head.rowStride, w.embd, padded);
    return { weight, bias: biasParts(weight, biases[0], config.qkvBias ? paddedBias : null) };
  };

  const wte = await table('wte', layout.wte, vocabSize);
  const wpe = await table('wpe', layout.wpe, nCtx);
  const h: Block[] = [];
  for (let l = 0; l < config.nLayer; l++) {
    const names = layout.block(l);
    h.push({
      ln1: await norm(names.ln1),
      attn: {
        cAttn: await cAttn(names.cAttn.weights, names.cAttn.biases),
        cProj: await linear(names.cProj, nEmbd, nHead * headSize, w.embd, w.heads, inHeads),
      },
      ln2: await norm(names.ln2),
      mlp: {
        cFc: await linear(names.cFc, nInner, nEmbd, w.inner, w.embd),
        cProj: await linear(names.mlpProj, nEmbd, nInner, w.embd, w.inner),
      },
    });
  }
  const lnF = await norm(layout.lnF);
  const headWeight = config.tiedHead ? wte : await table('lmHead', layout.lmHead, vocabSize);
  const lmHead = { weight: headWeight, bias: headWeight.parts.map(() => zeros) };
  return { wte, wpe, h, lnF, lmHead };
}
