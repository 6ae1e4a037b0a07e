// Loss and rank of a target in each row of logits.
import plainSource from '../../shaders/crossEntropy.wgsl?raw';
import workgroupSource from '../../shaders/crossEntropyWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { MOST_WORKGROUPS, type Variant, choose } from './variants.ts';

const interface_ = {
  params: { rows: 'u32', vocab: 'u32', stride: 'u32' },
  bindings: { logits: 'read', targets: 'read', loss: 'write', rank: 'write' },
  overrides: [],
  meaning,
} as const;

const crossEntropyKernel = defineKernel({
  name: 'crossEntropy',
  source: plainSource,
  ...interface_,
});

const crossEntropyWorkgroupKernel = defineKernel({
  name: 'crossEntropyWorkgroup',
  source: workgroupSource,
  ...interface_,
});

export interface CrossEntropyTensors {
  /** (R, V'). */
  readonly logits: Tensor;
  /** (R) u32; ids from the vocabulary's size on are ignored. */
  readonly targets: Tensor;
  readonly loss: Tensor;
  readonly rank: Tensor;
}

interface CrossEntropyCall {
  readonly tensors: CrossEntropyTensors;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
}

export const CROSS_ENTROPY: readonly Variant<CrossEntropyCall>[] = [
  {
    kernel: crossEntropyWorkgroupKernel,
    can: ({ params }) => params.rows <= MOST_WORKGROUPS,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) =>
      enc.dispatch(crossEntropyWorkgroupKernel, tensors, params, [params.rows, 1, 1], {}),
  },
  {
    kernel: crossEntropyKernel,
    fits: () => true,
    record: (enc, { tensors, params }) =>
      enc.dispatch(crossEntropyKernel, tensors, params, [Math.ceil(params.rows / 4), 1, 1], {}),
  },
];

/** Records loss[r] = −ln p(target[r]) and rank[r]; both 0 where the target is ignored. */
export function crossEntropy(
  enc: Encoder,
  t: CrossEntropyTensors,
  sizes: { rows: number; vocab: number },
): void {
  const call = crossEntropyCall(t, sizes);
  choose(CROSS_ENTROPY, enc.traits, call).record(enc, call);
}

export function crossEntropyCall(
  t: CrossEntropyTensors,
  sizes: { rows: number; vocab: number },
): CrossEntropyCall {
  return { tensors: t, params: { ...sizes, stride: t.logits.shape.at(-1) ?? 0 } };
}

function meaning(
  { logits, targets, loss, rank }: Arrays<'logits' | 'targets' | 'loss' | 'rank'>,
  s: Sizes<keyof typeof interface_.params>,
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
