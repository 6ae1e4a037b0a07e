// From a device back to the tensors that GPT2LMHeadModel stores: unpadded, and Conv1D weights input
// first, a piece at a time.
import { EngineError } from '../errors.ts';
import type { Device, Tensor } from '../gpu/device.ts';
import { halfToFloat, toHalf } from '../gpu/half.ts';
import type { WeightMatrix } from '../kernels/weightMatrix.ts';
import { type Linear, type Norm, type Places, inPlace, placesOf } from './checkpoint.ts';
import type { Gpt } from './gpt.ts';
import { readBias, readRows, readVector } from './readBack.ts';

/** A tensor to be written, in the order in which its bytes go. */
export interface ExportedTensor {
  readonly dtype: 'F32' | 'F16';
  readonly shape: readonly number[];
  /** All elements, row-major, little-endian. */
  chunks(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Elements of a piece, at most. */
const PIECE_ELEMENTS = 1 << 20;

/**
 * The model's tensors by the names that transformers reads. `F16` stores matrices in halves, and
 * vectors where every one of their values is a half; the others stay F32, so that nothing is rounded
 * that the device keeps whole. Biases that the model lacks are zeros; a tied head is left out.
 * Throws `save/layernorm` for a LayerNorm that GPT-2 does not know.
 */
export async function exportTensors(
  { device, config, parameters: p }: Gpt,
  dtype: 'F32' | 'F16',
): Promise<Map<string, ExportedTensor>> {
  if (config.layerNormDenominator === 'std') {
    throw new EngineError(
      'This model normalises by √(standard deviation + ε), which transformers has no GPT-2 for.',
      {
        code: 'save/layernorm',
        hint: 'Train it with LayerNorm by variance, or keep the checkpoint of its own codebase.',
      },
    );
  }
  const { nEmbd, nInner, nCtx, vocabSize } = config;
  const tensors = new Map<string, ExportedTensor>();
  const vector = (name: string, values: Float32Array): void => {
    const halves = dtype === 'F16' ? toHalf(values) : null;
    const isExact = halves?.every((half, i) => Object.is(halfToFloat(half), values[i]));
    tensors.set(name, {
      dtype: isExact ? 'F16' : 'F32',
      shape: [values.length],
      chunks: () => oneChunk(isExact && halves ? halves : values),
    });
  };
  const norm = async (name: string, { weight, bias }: Norm): Promise<void> => {
    const read = async (tensor: Tensor): Promise<Float32Array> =>
      (await readVector(device, tensor)).slice(0, nEmbd);
    vector(`${name}.weight`, await read(weight));
    vector(`${name}.bias`, await read(bias));
  };
  const table = (name: string, matrix: WeightMatrix, rows: number): void => {
    tensors.set(name, {
      dtype,
      shape: [rows, nEmbd],
      chunks: () => tableChunks(device, matrix, rows, nEmbd, dtype),
    });
  };
  const conv1d = async (
    name: string,
    { weight, bias }: Linear,
    outputs: number,
    inputs: number,
    rowOf: Places = inPlace,
    columnOf: Places = inPlace,
  ): Promise<void> => {
    tensors.set(`${name}.weight`, {
      dtype,
      shape: [inputs, outputs],
      chunks: () => conv1dChunks(device, weight, outputs, inputs, rowOf, columnOf, dtype),
    });
    const padded = await readBias(device, weight, bias);
    vector(
      `${name}.bias`,
      Float32Array.from({ length: outputs }, (_, n) => padded[rowOf(n)]),
    );
  };

  const { inHeads, inParts } = placesOf(config);
  table('transformer.wte.weight', p.wte, vocabSize);
  table('transformer.wpe.weight', p.wpe, nCtx);
  for (const [l, { ln1, attn, ln2, mlp }] of p.h.entries()) {
    const h = `transformer.h.${l}`;
    await norm(`${h}.ln_1`, ln1);
    await conv1d(`${h}.attn.c_attn`, attn.cAttn, 3 * nEmbd, nEmbd, inParts);
    await conv1d(`${h}.attn.c_proj`, attn.cProj, nEmbd, nEmbd, inPlace, inHeads);
    await norm(`${h}.ln_2`, ln2);
    await conv1d(`${h}.mlp.c_fc`, mlp.cFc, nInner, nEmbd);
    await conv1d(`${h}.mlp.c_proj`, mlp.cProj, nEmbd, nInner);
  }
  await norm('transformer.ln_f', p.lnF);
  if (!config.tiedHead) table('lm_head.weight', p.lmHead.weight, vocabSize);
  return tensors;
}

async function* tableChunks(
  device: Device,
  matrix: WeightMatrix,
  rows: number,
  width: number,
  dtype: ExportedTensor['dtype'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / matrix.columns));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const padded = await readRows(device, matrix, row, count);
    const values = new Float32Array(count * width);
    for (let r = 0; r < count; r++) {
      const from = r * matrix.columns;
      values.set(padded.subarray(from, from + width), r * width);
    }
    yield toBytes(values, dtype);
  }
}

/** The matrix is read whole, for it goes out across its rows; it leaves in pieces. */
async function* conv1dChunks(
  device: Device,
  matrix: WeightMatrix,
  outputs: number,
  inputs: number,
  rowOf: Places,
  columnOf: Places,
  dtype: ExportedTensor['dtype'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const padded = await readRows(device, matrix, 0, matrix.rows);
  const rows = Int32Array.from({ length: outputs }, (_, n) => rowOf(n) * matrix.columns);
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / outputs));
  for (let first = 0; first < inputs; first += step) {
    const count = Math.min(step, inputs - first);
    const columns = Int32Array.from({ length: count }, (_, k) => columnOf(first + k));
    const values = new Float32Array(count * outputs);
    for (let n = 0; n < outputs; n++) {
      for (let k = 0; k < count; k++) values[k * outputs + n] = padded[rows[n] + columns[k]];
    }
    yield toBytes(values, dtype);
  }
}

async function* oneChunk(
  values: Float32Array | Uint16Array,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield await Promise.resolve(bytesOf(values));
}

function toBytes(values: Float32Array, dtype: ExportedTensor['dtype']): Uint8Array<ArrayBuffer> {
  return bytesOf(dtype === 'F16' ? toHalf(values) : values);
}

/** A copy, for whoever takes a chunk may give its memory away. */
function bytesOf(values: Float32Array | Uint16Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
}
