// What heads look at, recomputed from the cached queries and keys when somebody looks: never more
// than a small summary leaves the device.
import { attentionScores } from '../kernels/attentionScores.ts';
import { ROW_STATISTICS, attentionStatistics } from '../kernels/attentionStatistics.ts';
import { attentionThumbnails } from '../kernels/attentionThumbnails.ts';
import { causalSoftmax } from '../kernels/causalSoftmax.ts';
import type { Session } from './session.ts';

/** Elements of whole maps that wait on the device at once: 64 MiB of f32. */
const MOST_ELEMENTS = 1 << 24;

/** Where position `query` of a batch of one looks, in every head: (L, H, query + 1), rows sum to 1. */
export async function readAttentionRows(session: Session, query: number): Promise<Float32Array> {
  session.checkUsable();
  const { device, config, widths, scoreScales } = session.model;
  const { nLayer, nHead } = config;
  const seen = query + 1;
  const arena = device.createArena('attention rows');
  try {
    const out = arena.zeros('probabilities', [nLayer * nHead, 1, seen], 'f32');
    const enc = device.createEncoder();
    session.cache.layers.forEach((qkv, l) => {
      const sizes = { rows: 1, first: query, seen, sequence: 0, head: 0, heads: nHead };
      const own = { scoreScale: scoreScales[l], outHead: l * nHead };
      attentionScores(enc, { qkv, out }, { ...widths.head, ...sizes, ...own });
    });
    causalSoftmax(enc, out, query);
    const reading = enc.read(out, 0, nLayer * nHead * seen);
    enc.submit();
    return await reading;
  } finally {
    arena.dispose();
  }
}

export interface MapSummary {
  /** (H, T) each: weights from 0 to 1, and the entropy in bits. */
  readonly statistics: Readonly<Record<(typeof ROW_STATISTICS)[number], Float32Array>>;
  /** (H, P, P) with P = ⌈T / block⌉; empty where none were asked for. */
  readonly thumbnails: Float32Array;
}

/**
 * What the maps of one layer show over the first T = `size` cached tokens of a batch of one. With
 * `block`, each map also as a thumbnail. Maps beyond 64 MiB are worked through in groups of heads.
 */
export async function readMapSummary(
  session: Session,
  layer: number,
  size: number,
  block: number | null,
): Promise<MapSummary> {
  session.checkUsable();
  const { device, config, widths, scoreScales } = session.model;
  const { nHead } = config;
  const scoreScale = scoreScales[layer];
  const each = ROW_STATISTICS.length;
  const cells = block === null ? 0 : Math.ceil(size / block);
  const most = Math.min(device.traits.maxBindingBytes / 4, MOST_ELEMENTS);
  const group = Math.max(1, Math.min(nHead, Math.floor(most / (size * size))));
  const arena = device.createArena('attention maps');
  try {
    const x = arena.zeros('probabilities', [group, size, size], 'f32');
    const rows = arena.zeros('statistics', [group, size, each], 'f32');
    const small = arena.zeros('thumbnails', [nHead, cells, cells], 'f32');
    const tokens = Uint32Array.from(session.ids[0].slice(0, size));
    const ids = arena.upload('ids', [size], 'u32', tokens);
    const enc = device.createEncoder();
    const reading: Promise<Float32Array>[] = [];
    for (let head = 0; head < nHead; head += group) {
      const heads = Math.min(group, nHead - head);
      const sizes = { rows: size, first: 0, seen: size, sequence: 0, head, heads, scoreScale };
      attentionScores(
        enc,
        { qkv: session.cache.layers[layer], out: x },
        { ...widths.head, ...sizes },
      );
      // The last group may be smaller; what is left of the one before it is not read.
      causalSoftmax(enc, x, 0);
      attentionStatistics(enc, { x, ids, out: rows }, { size, heads });
      reading.push(enc.read(rows, 0, heads * size * each));
      if (block !== null) {
        attentionThumbnails(enc, { x, out: small }, { size, heads, block, outHead: head });
      }
    }
    if (block !== null) reading.push(enc.read(small, 0, nHead * cells * cells));
    enc.submit();
    const parts = await Promise.all(reading);
    const thumbnails = block === null ? new Float32Array(0) : (parts.pop() ?? new Float32Array(0));
    const column = (i: number): Float32Array => {
      const values = new Float32Array(nHead * size);
      parts.forEach((part, n) => {
        for (let r = 0; r < part.length / each; r++)
          values[n * group * size + r] = part[r * each + i];
      });
      return values;
    };
    const [previous, first, duplicate, induction, local, entropy] = ROW_STATISTICS.map((_, i) =>
      column(i),
    );
    return {
      statistics: { previous, first, duplicate, induction, local, entropy },
      thumbnails,
    };
  } finally {
    arena.dispose();
  }
}
