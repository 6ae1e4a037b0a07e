// From a device back to the tensors that GPT2LMHeadModel stores, or the notebook's class: unpadded, and Conv1D
// weights input first, a piece at a time.
import type { Device } from '../gpu/device.ts';
import { halfToFloat, toHalf } from '../gpu/half.ts';
import type { WeightMatrix } from '../kernels/weightMatrix.ts';
import type { GptConfig } from './config.ts';
import type { Gpt } from './gpt.ts';
import { HUGGING_FACE, type Layout, NOTEBOOK, isInputFirst } from './layouts.ts';
import {
  type MatrixSpec,
  type Parameters,
  type PlacedMatrix,
  inPlace,
  isMatrix,
  parameterTable,
} from './parameters.ts';
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
 * The model's tensors by the names of a codebase that computes the same with them: transformers, or, for a LayerNorm by
 * standard deviation, which transformers has no GPT-2 for, the notebook's. `F16` stores matrices in halves, and vectors
 * where every one of their values is a half; the others stay F32, so that nothing is rounded that the device keeps
 * whole. Biases that the model lacks and the codebase has are zeros; a tied head is left out where the codebase ties it.
 * Vectors are read now, matrices when their chunks are asked for. What lies like parameters (moments) is exported alike.
 */
export async function exportTensors(
  { device, config, parameters: p }: Pick<Gpt, 'device' | 'config' | 'parameters'>,
  dtype: 'F32' | 'F16',
): Promise<Map<string, ExportedTensor>> {
  const layout = savedLayout(config);
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
  // The notebook's class has queries, keys and values without biases, if it is told so, and never a tied head.
  const isNotebook = layout === NOTEBOOK;
  const qkvBias = config.qkvBias || !isNotebook;
  const tiedHead = config.tiedHead && !isNotebook;
  const all = { ...config, qkvBias, bias: true, layerNormBias: true, tiedHead };
  for (const spec of parameterTable(all)) {
    const names = layout.namesOf(spec.path);
    const rows = spec.shape[0] / names.length;
    const padded =
      isMatrix(spec) || !had.has(spec.path) ? null : await readVector(device, spec.of(p));
    for (const [part, name] of names.entries()) {
      const first = part * rows;
      if (!isMatrix(spec)) {
        const value = (n: number): number => padded?.[spec.rowOf(first + n)] ?? 0;
        vector(
          name,
          Float32Array.from({ length: rows }, (_, n) => value(n)),
        );
        continue;
      }
      const [, columns] = spec.shape;
      const isTransposed = isInputFirst(layout, spec);
      tensors.set(name, {
        dtype,
        shape: isTransposed ? [columns, rows] : [rows, columns],
        chunks: () => {
          if (isTransposed) return conv1dChunks(device, spec, p, dtype);
          const isPlain = spec.rowOf === inPlace && spec.columnOf === inPlace;
          if (isPlain) return tableChunks(device, spec, p, dtype);
          return linearChunks(device, spec, spec.of(p), dtype, first, rows);
        },
      });
    }
  }
  return tensors;
}

/** Whose names a model is saved under: the codebase's that computes the same numbers with it. */
export function savedLayout({ layerNormDenominator }: GptConfig): Layout {
  return layerNormDenominator === 'std' ? NOTEBOOK : HUGGING_FACE;
}

/** Rows `first` … `first + rows` of a matrix whose rows or columns lie padded inside; it is read whole. */
export async function* linearChunks(
  device: Device,
  spec: PlacedMatrix,
  matrix: WeightMatrix,
  dtype: ExportedTensor['dtype'],
  first: number,
  rows: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const [, width] = spec.shape;
  const padded = await readRows(device, matrix, 0, matrix.rows);
  const columns = Int32Array.from({ length: width }, (_, k) => spec.columnOf(k));
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const values = new Float32Array(count * width);
    for (let r = 0; r < count; r++) {
      const from = spec.rowOf(first + row + r) * matrix.columns;
      for (let k = 0; k < width; k++) values[r * width + k] = padded[from + columns[k]];
    }
    yield toBytes(values, dtype);
  }
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
