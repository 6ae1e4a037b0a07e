// Adapters made for tests, and what merging them gives, by plain loops in float64.
import { type SafetensorsInput, writeSafetensors } from '../../src/formats/safetensors.ts';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';
import { lowbias32 } from './random.ts';

export interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export type Tensors = Map<string, Matrix>;

/** All tensors of a file, in float32. */
export async function tensorsOf(file: Uint8Array): Promise<Tensors> {
  const source = openSafetensors(file);
  const tensors: Tensors = new Map();
  for (const [name, shape] of source.shapes) {
    if (source.unreadable?.has(name)) continue;
    tensors.set(name, { shape, data: new Float32Array(await source.read(name)) });
  }
  return tensors;
}

export function fileOf(tensors: Tensors): Uint8Array<ArrayBuffer> {
  const inputs = [...tensors].map(([name, { shape, data }]): [string, SafetensorsInput] => [
    name,
    { dtype: 'F32', shape, data },
  ]);
  return writeSafetensors(new Map(inputs));
}

/** Numbers between −size and size, the same for the same seed. */
export function matrix(seed: number, shape: readonly number[], size = 0.5): Matrix {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from(
    { length: count },
    (_, i) => (lowbias32(seed * 7919 + i) / 2 ** 31 - 1) * size,
  );
  return { shape, data };
}

/**
 * Adds s·B·A to a matrix: `a` is (rank × inputs), `b` (outputs × rank); `isInputFirst` where the matrix is stored
 * (inputs × outputs).
 */
export function addProduct(
  tensors: Tensors,
  name: string,
  { a, b, scale, isInputFirst }: { a: Matrix; b: Matrix; scale: number; isInputFirst: boolean },
): void {
  const weight = tensors.get(name);
  if (!weight) throw new Error(`No ${name}.`);
  const [rank, inputs] = a.shape;
  const [outputs] = b.shape;
  const data = new Float32Array(weight.data);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += b.data[o * rank + r] * a.data[r * inputs + i];
      const at = isInputFirst ? i * outputs + o : o * inputs + i;
      data[at] = weight.data[at] + scale * sum;
    }
  }
  tensors.set(name, { ...weight, data });
}
