// GPT-2 124M without a file of weights: every value is a hash of its place, by a recipe.
import type { TensorSource } from '../../src/formats/tensorSource.ts';
import { lowbias32 } from './random.ts';

interface RecipeTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly first_values?: readonly number[];
}

export interface Recipe {
  readonly seed: number;
  readonly config?: Record<string, unknown>;
  readonly tensors: readonly RecipeTensor[];
}

/** Element i of tensor t is mean + std · √12 · (h / 2³² − ½), h = lowbias32(i + (t+1)·0x9E3779B1 + seed). */
export function recipeSource(recipe: Recipe): TensorSource {
  const byName = new Map(recipe.tensors.map((tensor, t) => [tensor.name, { ...tensor, t }]));
  return {
    shapes: new Map(recipe.tensors.map(({ name, shape }) => [name, shape])),
    read(name, from = 0, count) {
      const tensor = byName.get(name);
      if (!tensor) return Promise.reject(new Error(`The recipe has no ${name}.`));
      const values = new Float32Array(count ?? tensor.shape.reduce((a, b) => a * b, 1));
      const base = (Math.imul(tensor.t + 1, 0x9e3779b1) + recipe.seed + from) >>> 0;
      const spread = tensor.std * Math.sqrt(12);
      for (let i = 0; i < values.length; i++) {
        values[i] = tensor.mean + spread * (lowbias32((i + base) >>> 0) / 4294967296 - 0.5);
      }
      return Promise.resolve(values);
    },
  };
}
