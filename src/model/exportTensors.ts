// From a device back to the tensors that GPT2LMHeadModel stores: unpadded, and Conv1D weights input
// first, a piece at a time.
import { EngineError } from '../errors.ts';
import type { Device } from '../gpu/device.ts';
import { halfToFloat, toHalf } from '../gpu/half.ts';
import type { Gpt } from './gpt.ts';
import { HUGGING_FACE, isInputFirst } from './layouts.ts';
import { type MatrixSpec, type Parameters, isMatrix, parameterTable } from './parameters.ts';
import { readRows, readVector } from './readBack.ts';

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
  const had = new Set(parameterTable(config).map(({ path }) => path));
  const everyBias = { ...config, qkvBias: true, bias: true, layerNormBias: true };
  for (const spec of parameterTable(everyBias)) {
    const [name] = HUGGING_FACE.namesOf(spec.path);
    if (!isMatrix(spec)) {
      const [length] = spec.shape;
      const padded = had.has(spec.path) ? await readVector(device, spec.of(p)) : null;
      vector(
        name,
        Float32Array.from({ length }, (_, n) => padded?.[spec.rowOf(n)] ?? 0),
      );
    } else if (isInputFirst(HUGGING_FACE, spec)) {
      const shape = spec.shape.toReversed();
      tensors.set(name, { dtype, shape, chunks: () => conv1dChunks(device, spec, p, dtype) });
    } else {
      const { shape } = spec;
      tensors.set(name, { dtype, shape, chunks: () => tableChunks(device, spec, p, dtype) });
    }
  }
  return tensors;
}

async function* tableChunks(
  device: Device,
  spec: MatrixSpec,
  p: Parameters,
  dtype: ExportedTensor['dtype'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const matrix = spec.of(p);
  const [rows, width] = spec.shape;
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
  spec: MatrixSpec,
  p: Parameters,
  dtype: ExportedTensor['dtype'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const matrix = spec.of(p);
  const { rowOf, columnOf } = spec;
  const [outputs, inputs] = spec.shape;
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
