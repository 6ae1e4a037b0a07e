// Loss and rank of a target in each row of logits.
import source from '../../shaders/crossEntropy.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';

const crossEntropyKernel = defineKernel({
  name: 'crossEntropy',
  source,
  params: ['rows', 'vocab', 'stride'],
  bindings: { logits: 'read', targets: 'read', loss: 'write', rank: 'write' },
  overrides: [],
  meaning,
});

export interface CrossEntropyTensors {
  /** (R, V'). */
  readonly logits: Tensor;
  /** (R) u32; ids from the vocabulary's size on are ignored. */
  readonly targets: Tensor;
  readonly loss: Tensor;
  readonly rank: Tensor;
}

/** Records loss[r] = −ln p(target[r]) and rank[r]; both 0 where the target is ignored. */
export function crossEntropy(
  enc: Encoder,
  t: CrossEntropyTensors,
  sizes: { rows: number; vocab: number },
): void {
  const stride = t.logits.shape.at(-1) ?? 0;
  enc.dispatch(crossEntropyKernel, { ...t }, { ...sizes, stride }, [
    Math.ceil(sizes.rows / 4),
    1,
    1,
  ]);
}

function meaning(
  { logits, targets, loss, rank }: Arrays<'logits' | 'targets' | 'loss' | 'rank'>,
  s: Sizes<'rows' | 'vocab' | 'stride'>,
): void {
  for (let r = 0; r < s.rows; r++) {
    loss[r] = rank[r] = 0;
    const target = targets[r];
    if (target >= s.vocab) continue;
    const row = logits.subarray(r * s.stride, r * s.stride + s.vocab);
    let largest = -Infinity;
    for (const v of row) if (v > largest) largest = v;
    let sum = 0;
    for (const v of row) sum += Math.exp(v - largest);
    loss[r] = Math.log(sum) + largest - row[target];
    rank[r] = 1;
    for (const v of row) if (v > row[target]) rank[r]++;
  }
}
