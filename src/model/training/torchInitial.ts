// PyTorch's generator, as what the initial values of a model are drawn from.
import type { InitialRandom } from './initialise.ts';
import { TorchNormal } from './torchNormal.ts';
import type { TorchRandom } from './torchRandom.ts';

/** As a program in PyTorch, which has drawn nothing else since its seed or has come to where `random` stands. */
export function torchInitial(random: TorchRandom): InitialRandom {
  return {
    draw(_number, size, distribution) {
      if (distribution.kind === 'constant') return (values) => values.fill(distribution.value);
      if (distribution.kind === 'uniform') {
        return (values) => random.uniform(values, -distribution.bound, distribution.bound);
      }
      const normal = new TorchNormal(random, size, distribution.std);
      return (values) => normal.fill(values);
    },
    skip(size, { kind }) {
      if (kind === 'uniform') random.skip(size);
      else if (kind === 'normal') TorchNormal.skip(random, size);
    },
  };
}
