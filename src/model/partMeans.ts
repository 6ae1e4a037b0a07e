// What every part puts out on average over a text: what mean ablation puts in its place.
import type { Arena, Tensor } from '../gpu/device.ts';
import { linear } from '../kernels/linear.ts';
import type { Gpt } from './gpt.ts';
import type { PartMeans } from './partsOff.ts';
import { Session } from './session.ts';

/** Measures the means over `ids`, with every part on; they stay in `kept`, which the caller owns. */
export async function measurePartMeans(
  model: Gpt,
  kept: Arena,
  ids: readonly number[],
): Promise<PartMeans> {
  const { device, config, widths } = model;
  const { nLayer } = config;
  const heads = new Float64Array(nLayer * widths.heads);
  const inner = new Float64Array(nLayer * widths.inner);
  const average =
    (sums: Float64Array, width: number) =>
    (layer: number, _from: number, values: Float32Array): void => {
      values.forEach((value, i) => (sums[layer * width + (i % width)] += value / ids.length));
    };
  const session = new Session(model, { capacity: ids.length });
  try {
    const onHeads = average(heads, widths.heads);
    const onInner = average(inner, widths.inner);
    await session.append([ids], { taps: { onHeads, onInner } });
  } finally {
    session.dispose();
  }
  const scratch = device.createArena('means of inner layers');
  try {
    const upload = (arena: Arena, label: string, sums: Float64Array): Tensor =>
      arena.upload(label, [nLayer, sums.length / nLayer], 'f32', Float32Array.from(sums));
    const head = upload(kept, 'heads', heads);
    const hidden = upload(scratch, 'inner', inner);
    const attention = kept.zeros('attention', [nLayer, widths.embd], 'f32');
    const mlp = kept.zeros('mlp', [nLayer, widths.embd], 'f32');
    const enc = device.createEncoder();
    // Projections are linear, so the mean of what they put out is what they make of the mean.
    model.parameters.h.forEach((block, l) => {
      const options = { rows: 1, xStart: l, outRows: { tokens: 1, capacity: 1, start: l } };
      const scale = model.allOn;
      linear(enc, { x: head, ...block.attn.cProj, scale, out: attention }, options);
      linear(enc, { x: hidden, ...block.mlp.cProj, scale, out: mlp }, options);
    });
    enc.submit();
    await device.idle();
    return { head, headValues: Float32Array.from(heads), attention, mlp };
  } finally {
    scratch.dispose();
  }
}
