// What a session can be asked about the tokens it holds: logits, scores, attention. Nothing is kept;
// all of it is computed from the cache when somebody asks.
import { EngineError } from '../errors.ts';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { attentionScores } from '../kernels/attentionScores.ts';
import { causalSoftmax } from '../kernels/causalSoftmax.ts';
import { crossEntropy } from '../kernels/crossEntropy.ts';
import { encodeLogits } from './forward.ts';
import { withoutPadding } from './padding.ts';
import type { Session } from './session.ts';

/** Logits computed at a time when many positions are asked for, in bytes. */
export const LOGITS_CHUNK_BYTES = 32 << 20;

/** Largest stack of whole attention maps that is handed out at once, in elements. */
export const MOST_ATTENTION_ELEMENTS = 1 << 27;

/** Logits of positions `from` … `from + count` of one sequence, in chunks of whole rows. */
export async function readLogits(
  session: Session,
  sequence: number,
  from: number,
  count: number,
  use: (rows: { start: number; count: number; logits: Float32Array }) => void,
): Promise<void> {
  const { config, widths } = session.model;
  await forLogits(session, sequence, from, count, async (enc, logits, start, rows) => {
    const reading = enc.read(logits, 0, rows * widths.vocab);
    enc.submit();
    const padded = await reading;
    use({
      start,
      count: rows,
      logits: withoutPadding(padded, rows, widths.vocab, config.vocabSize),
    });
  });
}

/**
 * Loss (−ln p) and rank of `targets[i]` at position `from + i`. Ids outside the vocabulary, −1
 * among them, are ignored: loss 0, rank 0.
 */
export async function readScores(
  session: Session,
  sequence: number,
  from: number,
  targets: readonly number[],
  signal?: AbortSignal,
): Promise<{ loss: Float32Array; rank: Uint32Array }> {
  const loss = new Float32Array(targets.length);
  const rank = new Uint32Array(targets.length);
  const arena = session.model.device.createArena('score');
  try {
    await forLogits(session, sequence, from, targets.length, async (enc, logits, start, rows) => {
      signal?.throwIfAborted();
      const at = start - from;
      const wanted = Uint32Array.from(targets.slice(at, at + rows));
      const t = {
        logits,
        targets: arena.upload('targets', [rows], 'u32', wanted),
        loss: arena.zeros('loss', [rows], 'f32'),
        rank: arena.zeros('rank', [rows], 'u32'),
      };
      crossEntropy(enc, t, { rows, vocab: session.model.config.vocabSize });
      const reading = [enc.read(t.loss, 0, rows), enc.readU32(t.rank, 0, rows)] as const;
      enc.submit();
      const [losses, ranks] = await Promise.all(reading);
      loss.set(losses, at);
      rank.set(ranks, at);
    });
  } finally {
    arena.dispose();
  }
  return { loss, rank };
}

/**
 * Softmaxed attention of `heads` heads from `head` on, (heads, T, T) over the first T = `size`
 * cached tokens (all by default), recomputed from the cached queries and keys.
 */
export async function readAttention(
  session: Session,
  sequence: number,
  layer: number,
  head: number,
  heads: number,
  size: number = session.length,
): Promise<Float32Array> {
  session.checkUsable();
  const { device, config, widths, scoreScales } = session.model;
  if (!(layer >= 0 && layer < config.nLayer) || !(head >= 0 && head + heads <= config.nHead)) {
    throw new EngineError(
      `Layer ${layer}, head ${head}: the model has ${config.nLayer} layers of ${config.nHead} heads.`,
      { code: 'inspect/head', hint: 'Counting starts at 0.' },
    );
  }
  if (heads * size * size > MOST_ATTENTION_ELEMENTS) throw attentionTooLarge(heads, size);
  const arena = device.createArena('attention');
  try {
    const out = arena.zeros('probabilities', [heads, size, size], 'f32');
    const enc = device.createEncoder();
    const scoreScale = scoreScales[layer];
    const sizes = { rows: size, first: 0, seen: size, sequence, head, heads, scoreScale };
    attentionScores(enc, { qkv: session.cache.layers[layer], out }, { ...widths.head, ...sizes });
    causalSoftmax(enc, out, 0);
    const reading = enc.read(out, 0, heads * size * size);
    enc.submit();
    return await reading;
  } finally {
    arena.dispose();
  }
}

/** Computes logits of some positions, in chunks; `each` records what it wants of one, submits and reads. */
async function forLogits(
  session: Session,
  sequence: number,
  from: number,
  count: number,
  each: (enc: Encoder, logits: Tensor, start: number, rows: number) => Promise<void>,
): Promise<void> {
  session.checkUsable();
  const { device, widths } = session.model;
  const { final } = session.cache;
  const most = Math.max(1, Math.floor(LOGITS_CHUNK_BYTES / (widths.vocab * 4)));
  const arena = device.createArena('logits');
  try {
    const logits = arena.zeros('logits', [Math.min(most, count), widths.vocab], 'f32');
    for (let start = from; start < from + count; start += most) {
      session.checkUsable();
      const rows = Math.min(most, from + count - start);
      const enc = device.createEncoder();
      const xStart = sequence * final.shape[1] + start;
      encodeLogits(enc, session.model, final, logits, { rows, xStart });
      await each(enc, logits, start, rows);
    }
  } finally {
    arena.dispose();
  }
}

export function attentionTooLarge(heads: number, size: number): EngineError {
  return new EngineError(
    `${heads} attention maps of ${size} × ${size} are ${heads * size * size} numbers; at most ${MOST_ATTENTION_ELEMENTS} are handed out at once.`,
    { code: 'inspect/size', hint: 'Shorten the text or ask for fewer heads.' },
  );
}
