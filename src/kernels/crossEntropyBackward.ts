// Loss of each target and the gradient of its logits, in their place.
import plainSource from '../../shaders/crossEntropyBackward.wgsl?raw';
import workgroupSource from '../../shaders/crossEntropyBackwardWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, type TwinTools, defineKernel, floatBits } from '../gpu/kernel.ts';
import { MOST_WORKGROUPS, type Variant, choose } from './variants.ts';
import { addressOf } from './wasm/address.ts';

const interface_ = {
  params: { rows: 'u32', vocab: 'u32', stride4: 'u32', start: 'u32', scale: 'f32' },
  bindings: { targets: 'read', logits: 'write', loss: 'write' },
  overrides: [],
  meaning,
  twin,
} as const;

const crossEntropyBackwardKernel = defineKernel({
  name: 'crossEntropyBackward',
  source: plainSource,
  ...interface_,
});

const crossEntropyBackwardWorkgroupKernel = defineKernel({
  name: 'crossEntropyBackwardWorkgroup',
  source: workgroupSource,
  ...interface_,
});

export interface CrossEntropyBackwardTensors {
  /** (·, V') logits of some rows, V' a multiple of 4; their gradient afterwards, zeros beyond the vocabulary. */
  readonly logits: Tensor;
  /** (R) u32; ids from the vocabulary's size on are ignored. */
  readonly targets: Tensor;
  /** (R), rows `start` … `start + rows` are written; 0 where the target is ignored. */
  readonly loss: Tensor;
}

export interface CrossEntropyBackwardOptions {
  /** Rows of logits, from 0 on. */
  readonly rows: number;
  /** True V, without padding. */
  readonly vocab: number;
  /** Which row of `targets` and `loss` the first row of logits is. */
  readonly start: number;
  /** What each row's loss counts: 1 / (targets that count) for their mean. */
  readonly scale: number;
}

interface CrossEntropyBackwardCall {
  readonly tensors: CrossEntropyBackwardTensors;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
}

export const CROSS_ENTROPY_BACKWARD: readonly Variant<CrossEntropyBackwardCall>[] = [
  {
    kernel: crossEntropyBackwardWorkgroupKernel,
    can: ({ params }) => params.rows <= MOST_WORKGROUPS,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) =>
      enc.dispatch(
        crossEntropyBackwardWorkgroupKernel,
        { ...tensors },
        params,
        [params.rows, 1, 1],
        {},
      ),
  },
  {
    kernel: crossEntropyBackwardKernel,
    fits: () => true,
    record: (enc, { tensors, params }) =>
      enc.dispatch(
        crossEntropyBackwardKernel,
        { ...tensors },
        params,
        [Math.ceil(params.rows / 4), 1, 1],
        {},
      ),
  },
];

/** Records loss[start + r] = −ln p(target) and logits[r] ← scale · (p − onehot(target)), zeros where it is ignored. */
export function crossEntropyBackward(
  enc: Encoder,
  t: CrossEntropyBackwardTensors,
  o: CrossEntropyBackwardOptions,
): void {
  const call = crossEntropyBackwardCall(t, o);
  choose(CROSS_ENTROPY_BACKWARD, enc.traits, call).record(enc, call);
}

export function crossEntropyBackwardCall(
  { logits, targets, loss }: CrossEntropyBackwardTensors,
  { rows, vocab, start, scale }: CrossEntropyBackwardOptions,
): CrossEntropyBackwardCall {
  const stride4 = (logits.shape.at(-1) ?? 0) / 4;
  return { tensors: { logits, targets, loss }, params: { rows, vocab, stride4, start, scale } };
}

/** loss = ln Σ e^logit − logit[target];  logits ← scale · (softmax − onehot) */
function meaning(
  { targets, logits, loss }: Arrays<keyof typeof interface_.bindings>,
  s: Sizes<keyof typeof interface_.params>,
): void {
  const stride = s.stride4 * 4;
  for (let r = 0; r < s.rows; r++) {
    const row = logits.subarray(r * stride, (r + 1) * stride);
    const target = targets[s.start + r];
    loss[s.start + r] = 0;
    row.fill(0, s.vocab);
    if (target >= s.vocab) row.fill(0);
    if (target >= s.vocab) continue;
    let largest = -Infinity;
    for (let v = 0; v < s.vocab; v++) if (row[v] > largest) largest = row[v];
    let sum = 0;
    for (let v = 0; v < s.vocab; v++) sum += Math.exp(row[v] - largest);
    loss[s.start + r] = Math.log(sum) + largest - row[target];
    for (let v = 0; v < s.vocab; v++) {
      row[v] = s.scale * (Math.exp(row[v] - largest) / sum - (v === target ? 1 : 0));
    }
  }
}

/** In place, so that nothing of it may be done twice: on one thread, which the product before it outweighs a hundredfold. */
function twin(
  tools: TwinTools,
): (
  arrays: Arrays<keyof typeof interface_.bindings>,
  sizes: Sizes<keyof typeof interface_.params>,
) => void {
  return ({ targets, logits, loss }, s) =>
    tools.call('crossEntropyBackward', [
      addressOf('targets', targets, s.start + s.rows),
      addressOf('logits', logits, s.rows * s.stride4 * 4),
      addressOf('loss', loss, s.start + s.rows),
      s.rows,
      s.vocab,
      s.stride4,
      s.start,
      floatBits(s.scale),
    ]);
}
