// Embedding gather: wte[id] + wpe[position], over as many parts as wte was split into.
import source from '../../shaders/embedding.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { WEIGHT_FORMATS, type WeightMatrix, unpackRow } from './weightMatrix.ts';

export const embeddingKernel = defineKernel({
  name: 'embedding',
  source,
  params: {
    rows: 'u32',
    channels8: 'u32',
    tokens: 'u32',
    past: 'u32',
    partStart: 'u32',
    partRows: 'u32',
  },
  bindings: { ids: 'read', wte: 'read', wpe: 'read', out: 'write' },
  overrides: ['WEIGHT_FORMAT'],
  meaning,
});

export interface EmbeddingTensors {
  /** (R) token ids, already checked against the vocabulary. */
  readonly ids: Tensor;
  readonly wte: WeightMatrix;
  readonly wpe: WeightMatrix;
  /** (R, C'). */
  readonly out: Tensor;
}

/** Records out[r] = wte[ids[r]] + wpe[past + r mod tokens]. */
export function embedding(
  enc: Encoder,
  t: EmbeddingTensors,
  sizes: { rows: number; tokens: number; past: number },
): void {
  const channels8 = t.wte.columns / 8;
  for (const part of t.wte.parts) {
    enc.dispatch(
      embeddingKernel,
      { ids: t.ids, wte: part.tensor, wpe: t.wpe.parts[0].tensor, out: t.out },
      { ...sizes, channels8, partStart: part.start, partRows: part.rows },
      [Math.ceil(channels8 / 64), sizes.rows, 1],
      { WEIGHT_FORMAT: WEIGHT_FORMATS.indexOf(t.wte.format) },
    );
  }
}

type Size = 'rows' | 'channels8' | 'tokens' | 'past' | 'partStart' | 'partRows' | 'WEIGHT_FORMAT';

/** out[r, c] = wte[ids[r], c] + wpe[past + r mod T, c] */
function meaning(
  { ids, wte, wpe, out }: Arrays<'ids' | 'wte' | 'wpe' | 'out'>,
  s: Sizes<Size>,
): void {
  const channels = s.channels8 * 8;
  for (let r = 0; r < s.rows; r++) {
    const row = ids[r] - s.partStart;
    if (row < 0 || row >= s.partRows) continue;
    const position = s.past + (r % s.tokens);
    for (let c = 0; c < channels; c++) {
      out[r * channels + c] = wte[row * channels + c] + wpe[position * channels + c];
    }
  }
}

/**
 * The meaning for matrices that lie packed in memory: only the rows that are asked for are unpacked. `ids`
 * is u32, `out` f32.
 */
export function packedEmbedding(
  { ids, wte, wpe, out }: Arrays<'ids' | 'wte' | 'wpe' | 'out'>,
  s: Sizes<Size>,
): void {
  const channels = s.channels8 * 8;
  const format = WEIGHT_FORMATS[s.WEIGHT_FORMAT];
  const [token, position] = [new Float32Array(channels), new Float32Array(channels)];
  for (let r = 0; r < s.rows; r++) {
    const row = ids[r] - s.partStart;
    if (row < 0 || row >= s.partRows) continue;
    unpackRow(wte, row, format, token);
    unpackRow(wpe, s.past + (r % s.tokens), format, position);
    for (let c = 0; c < channels; c++) out[r * channels + c] = token[c] + position[c];
  }
}
