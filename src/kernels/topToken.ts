// The most probable token of each row of logits.
import plainSource from '../../shaders/topToken.wgsl?raw';
import workgroupSource from '../../shaders/topTokenWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { MOST_WORKGROUPS, type Variant, choose } from './variants.ts';

const interface_ = {
  params: { rows: 'u32', vocab: 'u32', stride: 'u32' },
  bindings: { logits: 'read', token: 'write', logprob: 'write' },
  overrides: [],
  meaning,
} as const;

const topTokenKernel = defineKernel({ name: 'topToken', source: plainSource, ...interface_ });

const topTokenWorkgroupKernel = defineKernel({
  name: 'topTokenWorkgroup',
  source: workgroupSource,
  ...interface_,
});

export interface TopTokenTensors {
  /** (R, V'). */
  readonly logits: Tensor;
  /** (R) u32. */
  readonly token: Tensor;
  readonly logprob: Tensor;
}

interface TopTokenCall {
  readonly tensors: TopTokenTensors;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
}

export const TOP_TOKEN: readonly Variant<TopTokenCall>[] = [
  {
    kernel: topTokenWorkgroupKernel,
    can: ({ params }) => params.rows <= MOST_WORKGROUPS,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) =>
      enc.dispatch(topTokenWorkgroupKernel, tensors, params, [params.rows, 1, 1], {}),
  },
  {
    kernel: topTokenKernel,
    fits: () => true,
    record: (enc, { tensors, params }) =>
      enc.dispatch(topTokenKernel, tensors, params, [Math.ceil(params.rows / 4), 1, 1], {}),
  },
];

/** Records token[r] = argmax logits[r], the lowest id among equals, and logprob[r] = ln p(token[r]). */
export function topToken(
  enc: Encoder,
  t: TopTokenTensors,
  sizes: { rows: number; vocab: number },
): void {
  const call = topTokenCall(t, sizes);
  choose(TOP_TOKEN, enc.traits, call).record(enc, call);
}

export function topTokenCall(
  t: TopTokenTensors,
  sizes: { rows: number; vocab: number },
): TopTokenCall {
  return { tensors: t, params: { ...sizes, stride: t.logits.shape.at(-1) ?? 0 } };
}

function meaning(
  { logits, token, logprob }: Arrays<'logits' | 'token' | 'logprob'>,
  s: Sizes<keyof typeof interface_.params>,
): void {
  for (let r = 0; r < s.rows; r++) {
    const row = logits.subarray(r * s.stride, r * s.stride + s.vocab);
    let best = 0;
    for (let v = 1; v < s.vocab; v++) if (row[v] > row[best]) best = v;
    let sum = 0;
    for (const v of row) sum += Math.exp(v - row[best]);
    token[r] = best;
    logprob[r] = -Math.log(sum);
  }
}
