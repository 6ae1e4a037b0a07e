// The last position's stream taken apart: what the embedding, each head, each MLP and the biases put in, and what each of
// them is once it has gone through the final LayerNorm, whose scale is fixed, and the head.
import type { PartsOff } from './partsOff.ts';
import { readRows, readVector } from './readBack.ts';
import type { Session } from './session.ts';

export interface LogitParts {
  /** (V) after the token. */
  readonly logits: Float32Array;
  /** (L, H) */
  readonly heads: Float64Array;
  /** (L) */
  readonly biases: Float64Array;
  /** (L) */
  readonly mlps: Float64Array;
  readonly embedding: number;
  readonly final: number;
}

/** Which logit; with `against` less that one. */
export interface Wanted {
  readonly target: number;
  readonly against?: number | undefined;
}

/**
 * Reads one more token, and says what each part of the model adds to a logit after it, in float64 from what the device holds.
 * `choose` is shown the logits first. Where an attention is off, its heads add nothing, and `biases` is what stands in its
 * place.
 */
export async function addToLogits(
  session: Session,
  ids: readonly number[],
  off: PartsOff,
  choose: (logits: Float32Array) => Wanted,
): Promise<LogitParts> {
  const { config, device, widths, parameters } = session.model;
  const { nEmbd, nHead, nLayer } = config;
  const streams: Float32Array[] = [];
  const middles: Float32Array[] = [];
  const said: Float32Array[] = [];
  const [logits] = await session.append([ids], {
    lastLogits: true,
    taps: {
      onHidden: (depth, _from, values) => void (streams[depth] = values.slice(0, nEmbd)),
      onMiddle: (layer, _from, values) => void (middles[layer] = values.slice(0, nEmbd)),
      onHeads: (layer, _from, values) => void (said[layer] = values.slice(0, widths.heads)),
    },
  });
  const { target, against } = choose(logits);
  const up = await readRows(device, parameters.lmHead.weight, target, 1);
  const down =
    against === undefined
      ? new Float32Array(up.length)
      : await readRows(device, parameters.lmHead.weight, against, 1);
  const gain = await readVector(device, [parameters.lnF.weight]);
  const shift = await readVector(device, [parameters.lnF.bias]);
  // A logit is Σ (up − down) · (gain · (x − mean x) / scale + shift): linear in x once the scale is known.
  const direction = new Float64Array(nEmbd);
  const scale = scaleOf(streams[nLayer], config);
  let final = 0;
  let mean = 0;
  for (let c = 0; c < nEmbd; c++) {
    direction[c] = ((up[c] - down[c]) * gain[c]) / scale;
    mean += direction[c] / nEmbd;
    final += (up[c] - down[c]) * shift[c];
  }
  // The mean that is taken from x may as well be taken from what x is multiplied by.
  for (let c = 0; c < nEmbd; c++) direction[c] -= mean;

  const heads = new Float64Array(nLayer * nHead);
  const biases = new Float64Array(nLayer);
  const mlps = new Float64Array(nLayer);
  for (let l = 0; l < nLayer; l++) {
    mlps[l] = along(direction, streams[l + 1]) - along(direction, middles[l]);
    if (off.parts.some(({ part, layer }) => part === 'attention' && layer === l)) {
      biases[l] = along(direction, middles[l]) - along(direction, streams[l]);
      continue;
    }
    const { weight, bias } = parameters.h[l].attn.cProj;
    biases[l] = along(direction, await readVector(device, bias));
    const rows = await readRows(device, weight, 0, nEmbd);
    for (let h = 0; h < nHead; h++) {
      const from = h * widths.head.headStride;
      for (let d = from; d < from + widths.head.headSize; d++) {
        let through = 0;
        for (let c = 0; c < nEmbd; c++) through += direction[c] * rows[c * weight.columns + d];
        heads[l * nHead + h] += said[l][d] * through;
      }
    }
  }
  return { logits, heads, biases, mlps, embedding: along(direction, streams[0]), final };
}

function along(direction: Float64Array, values: Float32Array): number {
  return direction.reduce((sum, weight, c) => sum + weight * values[c], 0);
}

/** What the final LayerNorm divides by. */
function scaleOf(
  x: Float32Array,
  { nEmbd, layerNormEpsilon: epsilon, layerNormDenominator }: Session['model']['config'],
): number {
  const mean = x.reduce((sum, value) => sum + value, 0) / nEmbd;
  const squares = x.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const spread =
    layerNormDenominator === 'variance' ? squares / nEmbd : Math.sqrt(squares / (nEmbd - 1));
  return Math.sqrt(spread + epsilon);
}
