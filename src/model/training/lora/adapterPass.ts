// What a LoRA adds to linear layers, y += s · B · A · dropout(x), on the way forward and on the way back. The layers' own
// weights stay as they are, in whatever format that is.
import type { Encoder, Tensor } from '../../../gpu/device.ts';
import { addDropped, dropoutMask, dropped } from '../../../kernels/dropout.ts';
import { linear } from '../../../kernels/linear.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../../kernels/linearBackward.ts';
import type { Linear } from '../../parameters.ts';
import type { MaskedPass } from '../dropout.ts';
import type { Factors } from './factors.ts';

/** The adapters of a model's layers, and what all of them work in. */
export interface Adapters {
  readonly of: ReadonlyMap<Linear, LinearAdapter>;
  /** The first of them that a pass comes to: nothing before it trains, so the way back ends there. */
  readonly first: Linear;
  readonly buffers: AdapterBuffers;
  readonly dropout: number;
  /** `encodeAdapter` and `encodeAdapterBackward`: they come with adapters, which few runs have. */
  readonly encode: typeof encodeAdapter;
  readonly encodeBackward: typeof encodeAdapterBackward;
}

/** Of one layer. */
export interface LinearAdapter {
  readonly factors: Factors;
  readonly gradients: Factors;
  /** (R, r') s · A · dropout(x), kept for the way back. */
  readonly lowered: Tensor;
  /** Where masks are made for it: a layer of its own, behind those of the model. */
  readonly maskLayer: number;
}

/** What adapters work in by turns. */
export interface AdapterBuffers {
  /** (R, r') gradients of B's input, and of A's output. */
  readonly dLowered: Tensor;
  readonly dScaled: Tensor;
  /** (2): s and 1. */
  readonly scales: Tensor;
  /** (r', r') s on the diagonal. */
  readonly scaling: Tensor;
  /** As long as the widest layer: biases that nobody has, and gradients of them that nobody reads. */
  readonly zeros: Tensor;
  readonly bin: Tensor;
  /** Bits of one layer's inputs; null where nothing is dropped, as is what follows. */
  readonly mask: Tensor | null;
  /** By width: (R, width) inputs of which some are dropped, and a gradient before it is added. */
  readonly inputs: ReadonlyMap<number, { readonly seen: Tensor; readonly sum: Tensor }>;
}

/** Which pass it is. */
export interface AdapterPass {
  readonly enc: Encoder;
  readonly adapters: Adapters | null;
  readonly rows: number;
  /** Null for a pass without dropout. */
  readonly moment: MaskedPass | null;
}

const [S, ONE] = [0, 1];

/** Records out += s · B · A · dropout(x), where the layer has an adapter. */
export function encodeAdapter(pass: AdapterPass, layer: Linear, x: Tensor, out: Tensor): void {
  const { enc, adapters, rows } = pass;
  const adapter = adapters?.of.get(layer);
  if (!adapters || !adapter) return;
  const { a, b } = adapter.factors;
  const { lowered } = adapter;
  const { scales: scale, zeros } = adapters.buffers;
  const seen = encodeSeen(pass, adapters, adapter, x);
  const add = { rows, accumulate: true, often: true } as const;
  // A switch only multiplies what is added.
  enc.clear(lowered);
  const down = { x: seen, weight: a, bias: a.parts.map(() => zeros), scale, out: lowered };
  linear(enc, down, { ...add, scaleIndex: S });
  const up = { x: lowered, weight: b, bias: b.parts.map(() => zeros), scale, out };
  linear(enc, up, { ...add, scaleIndex: ONE });
}

/**
 * Records the gradients of both factors, and adds to `dX`, which has the frozen weight's part, what flows back through
 * them; null where nobody needs it.
 */
export function encodeAdapterBackward(
  pass: AdapterPass,
  layer: Linear,
  { x, dOut, dX }: { readonly x: Tensor; readonly dOut: Tensor; readonly dX: Tensor | null },
  accumulate: boolean,
): void {
  const { enc, adapters, rows, moment } = pass;
  const adapter = adapters?.of.get(layer);
  if (!adapters || !adapter) return;
  const { factors, gradients: d, lowered } = adapter;
  const { dLowered, dScaled, scaling, scales: scale, zeros, bin, inputs } = adapters.buffers;
  const bins = (parts: readonly unknown[]): Tensor[] => parts.map(() => bin);

  const ofB = { dOut, x: lowered, dWeight: d.b, dBias: bins(d.b.parts) };
  linearBackwardWeight(enc, ofB, { rows, accumulate });
  linearBackwardInput(enc, { dOut, weight: factors.b, dX: dLowered }, { rows });
  const [rank] = scaling.shape;
  const part = { start: 0, rows: rank, tensor: scaling };
  const diagonal = { rows: rank, columns: rank, format: 'f32', parts: [part] } as const;
  const scaled = { x: dLowered, weight: diagonal, bias: [zeros], scale, out: dScaled };
  linear(enc, scaled, { rows, often: true });
  const seen = encodeSeen(pass, adapters, adapter, x);
  const ofA = { dOut: dScaled, x: seen, dWeight: d.a, dBias: bins(d.a.parts) };
  linearBackwardWeight(enc, ofA, { rows, accumulate });

  if (!dX) return;
  const back = { dOut: dScaled, weight: factors.a };
  const mask = moment && adapters.buffers.mask;
  const room = inputs.get(factors.a.columns);
  if (!mask || !room) {
    linearBackwardInput(enc, { ...back, dX }, { rows, accumulate: true });
    return;
  }
  // What the layer saw has done its work.
  linearBackwardInput(enc, { ...back, dX: room.seen }, { rows });
  const options = { rows, channels: factors.a.columns, maskStart: 0, keep: 1 - adapters.dropout };
  addDropped(enc, { x: dX, y: room.seen, mask, out: room.sum }, options);
  enc.copy(room.sum, dX);
}

/** What an adapter sees of its layer's inputs, with a mask that is the same on both ways. Padding counts as elements. */
function encodeSeen(
  { enc, rows, moment }: AdapterPass,
  { buffers: { mask, inputs }, dropout }: Adapters,
  { factors: { a }, maskLayer: layer }: LinearAdapter,
  x: Tensor,
): Tensor {
  const room = inputs.get(a.columns);
  if (!moment || !mask || !room) return x;
  const keep = 1 - dropout;
  const words = Math.ceil((rows * a.columns) / 32);
  const { seed, microStep: step } = moment;
  dropoutMask(enc, { out: mask }, { seed, step, layer, words, keep });
  const options = { rows, channels: a.columns, maskStart: 0, keep };
  dropped(enc, { x, mask, out: room.seen }, options);
  return room.seen;
}
