// From stored tensors to the layout that kernels read: rows of K contiguous weights, heads padded
// to whole vec4s, everything else padded to multiples of eight with zeros.
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import { type Arena, type Device, type Tensor, elementCount } from '../gpu/device.ts';
import {
  type WeightFormat,
  type WeightMatrix,
  createWeightMatrix,
  planTensor,
  planWeightMatrix,
  writeRows,
} from '../kernels/weightMatrix.ts';
import type { GptConfig } from './config.ts';
import { type Layout, isInputFirst } from './layouts.ts';
import {
  type Parameters,
  type PlacedMatrix,
  type Places,
  type VectorSpec,
  createParameters,
  inPlace,
  isMatrix,
  parameterTable,
} from './parameters.ts';
import { writeVector } from './readBack.ts';

/** Parameters by shape alone, so that pipelines can compile before a weight has arrived. */
export function planParameters(
  device: Device,
  config: GptConfig,
  format: WeightFormat,
): Parameters {
  return createParameters(config, {
    matrix: ({ padded: [rows, columns] }) => planWeightMatrix(device, rows, columns, format),
    vector: (_path, length) => planTensor([length], 'f32'),
  });
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
  if (!inputFirst && columnOf === inPlace) {
    for (let n = 0; n < outputs; n++) {
      target.set(source.subarray(n * inputs, (n + 1) * inputs), rowOf(n) * targetColumns);
    }
    return;
  }
  const columns = new Int32Array(inputs);
  for (let k = 0; k < inputs; k++) columns[k] = columnOf(k);
  if (!inputFirst) {
    for (let n = 0; n < outputs; n++) {
      const row = rowOf(n) * targetColumns;
      const from = n * inputs;
      for (let k = 0; k < inputs; k++) target[row + columns[k]] = source[from + k];
    }
    return;
  }
  const rows = new Int32Array(outputs);
  for (let n = 0; n < outputs; n++) rows[n] = rowOf(n) * targetColumns;
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

/** Throws `checkpoint/not-finite`: with one such weight, whatever the model says is no number. */
function checkFinite(name: string, values: Float32Array, from: number): void {
  let at = 0;
  // No comparison with NaN holds.
  while (at < values.length && Math.abs(values[at]) < Infinity) at++;
  if (at === values.length) return;
  throw new EngineError(`${name} has the value ${values[at]} at place ${from + at}.`, {
    code: 'checkpoint/not-finite',
    hint: 'The file is damaged, or its training ended in numbers that are none: load another one.',
  });
}

/** Values that are read at a time; of a table (embeddings, head) also those that are uploaded. */
const PIECE_ELEMENTS = 1 << 20;

/**
 * Room to arrange values in, in one buffer that is used again: what a fresh one for every matrix leaves to
 * the collector is soon larger than all that is in use.
 */
class Scratch {
  #room: Float32Array;

  /** `length` floats will do for most. */
  constructor(length: number) {
    this.#room = new Float32Array(length);
  }

  /** For `length` values of which `count` will be written; zeros where those are not all. Good until the next are taken. */
  take(length: number, count: number): Float32Array {
    if (this.#room.length < length) this.#room = new Float32Array(length);
    const room = this.#room.subarray(0, length);
    return count < length ? room.fill(0) : room;
  }
}

/** A matrix to be filled: how it lies, where, and under which names it is stored, one or several of equal rows. */
export interface MatrixFilling {
  readonly spec: PlacedMatrix;
  readonly matrix: WeightMatrix;
  readonly names: readonly string[];
  /** Whether it is stored (inputs, outputs). */
  readonly isInputFirst: boolean;
}

/** As `MatrixFilling`, for a vector, which lies in one tensor after the other. */
interface VectorFilling {
  readonly spec: Pick<VectorSpec, 'shape' | 'padded' | 'rowOf'>;
  readonly tensors: readonly Tensor[];
  readonly names: readonly string[];
}

/** A stored tensor, and where its rows go: of queries, keys and values, each is a third of one parameter. */
interface Stored {
  readonly name: string;
  readonly rowOf: Places;
}

/** Takes one stored tensor from the source to the device. */
type Placing = (name: string) => Promise<void>;

/** Parameters of zeros on a device, named as a checkpoint names them. */
export function zeroParameters(
  device: Pick<Device, 'traits'>,
  arena: Pick<Arena, 'zeros'>,
  layout: Layout,
  config: GptConfig,
  format: WeightFormat,
): Parameters {
  return createParameters(config, {
    matrix: ({ path, padded: [rows, columns] }) =>
      createWeightMatrix(device, arena, layout.namesOf(path)[0], rows, columns, format),
    vector: (path, length) => arena.zeros(path, [length], 'f32'),
  });
}

/**
 * Reads, arranges and uploads every parameter, in the order in which the source has them, into `parameters`, whose
 * padding is zeros. `onTensor` hears each stored tensor as it is done. The source's shapes must have been checked.
 * Throws `checkpoint/not-finite`.
 */
export async function fillParameters(
  arena: Pick<Arena, 'write'>,
  parameters: Parameters,
  source: TensorSource,
  layout: Layout,
  config: GptConfig,
  onTensor: (name: string) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const fillings = parameterTable(config).map((spec): MatrixFilling | VectorFilling => {
    const names = layout.namesOf(spec.path);
    return isMatrix(spec)
      ? { spec, matrix: spec.of(parameters), names, isInputFirst: isInputFirst(layout, spec) }
      : { spec, tensors: spec.of(parameters), names };
  });
  await fillAll(arena, fillings, source, onTensor, signal);
}

/** As `fillParameters`, for whatever lies as parameters do. */
export async function fillAll(
  arena: Pick<Arena, 'write'>,
  fillings: readonly (MatrixFilling | VectorFilling)[],
  source: TensorSource,
  onTensor: (name: string) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const placings = new Map<string, Placing>();
  // Memory that nothing comes to lie in costs a small model more time than its weights.
  const largest = Math.max(0, ...[...source.shapes.values()].map(elementCount));
  const room = new Float32Array(Math.min(PIECE_ELEMENTS, largest));
  const scratch = new Scratch(room.length);
  const read = async (name: string, from = 0, count?: number): Promise<Float32Array> => {
    const values = await source.read(name, from, count, room);
    checkFinite(name, values, from);
    return values;
  };

  const vector = ({ spec, tensors }: VectorFilling, stored: readonly Stored[]): void => {
    const values = new Float32Array(spec.padded[0]);
    for (const { name, rowOf } of stored) {
      placings.set(name, async () => {
        (await read(name)).forEach((value, n) => (values[rowOf(n)] = value));
        writeVector(arena, tensors, values);
      });
    }
  };
  /** A matrix that is stored as it lies here, but for padding: it is uploaded in pieces. */
  const rowByRow = ({ spec, matrix }: MatrixFilling, { name }: Stored): void => {
    const [rows, width] = spec.shape;
    const step = Math.max(8, Math.floor(PIECE_ELEMENTS / width / 8) * 8);
    placings.set(name, async () => {
      for (let row = 0; row < rows; row += step) {
        signal?.throwIfAborted();
        const count = Math.min(step, rows - row);
        const values = await read(name, row * width, count * width);
        const columns = spec.padded[1];
        if (columns === width && spec.columnOf === inPlace) {
          writeRows(arena, matrix, row, values);
          continue;
        }
        const padded = scratch.take(count * columns, values.length);
        arrange(padded, columns, values, count, width, false, inPlace, spec.columnOf);
        writeRows(arena, matrix, row, padded);
      }
    });
  };
  /** A matrix that is put together on this side: transposed, or out of three. */
  const assembled = (filling: MatrixFilling, stored: readonly Stored[]): void => {
    const { spec, matrix, isInputFirst: inputFirst } = filling;
    const outputs = spec.shape[0] / stored.length;
    const inputs = spec.shape[1];
    const size = spec.padded[0] * spec.padded[1];
    const [rows, width] = inputFirst ? [inputs, outputs] : [outputs, inputs];
    const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
    let padded: Float32Array | null = null;
    let missing = stored.length;
    for (const { name, rowOf } of stored) {
      placings.set(name, async () => {
        // Other matrices may come between the parts of this one.
        padded ??=
          stored.length === 1 ? scratch.take(size, outputs * inputs) : new Float32Array(size);
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
          const toColumn = inputFirst ? later(spec.columnOf) : spec.columnOf;
          arrange(padded, spec.padded[1], values, n, k, inputFirst, toRow, toColumn);
        }
        if (--missing > 0) return;
        writeRows(arena, matrix, 0, padded);
        padded = null;
      });
    }
  };

  for (const filling of fillings) {
    const { spec, names } = filling;
    const each = spec.shape[0] / names.length;
    const stored = names.map((name, i): Stored => {
      const rowOf: Places = i === 0 ? spec.rowOf : (n) => spec.rowOf(i * each + n);
      return { name, rowOf };
    });
    if ('tensors' in filling) vector(filling, stored);
    else if (spec.rowOf === inPlace && !filling.isInputFirst) rowByRow(filling, stored[0]);
    else assembled(filling, stored);
  }

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
}
