// The logit lens: any row of the residual stream through the final LayerNorm and the head, as if
// the model ended there. Rows come from the caller; nothing is kept.
import type { Arena, Encoder, Tensor } from '../gpu/device.ts';
import { crossEntropy } from '../kernels/crossEntropy.ts';
import { topToken } from '../kernels/topToken.ts';
import { disposedError } from './disposed.ts';
import { encodeLogits, encodeNorm } from './forward.ts';
import type { Gpt } from './gpt.ts';
import { LOGITS_CHUNK_BYTES } from './reads.ts';

/** Rows that go through the head at a time: bounded memory, and an abort is heard between them. */
export function lensRowsPerPass({ device, widths }: Gpt): number {
  const fitting = Math.floor(LOGITS_CHUNK_BYTES / (widths.vocab * 4));
  return Math.max(1, Math.min(fitting, device.traits.rowsPerPass));
}

/** The most probable token of every row (R, C) of the residual stream, and ln of its probability. */
export async function readTopTokens(
  model: Gpt,
  residual: readonly Float32Array[],
): Promise<{ tokens: Uint32Array; logprobs: Float32Array }> {
  const rows = residual.length;
  return withLogits(model, residual, async (enc, arena, logits) => {
    const t = {
      logits,
      token: arena.zeros('token', [rows], 'u32'),
      logprob: arena.zeros('logprob', [rows], 'f32'),
    };
    topToken(enc, t, { rows, vocab: model.config.vocabSize });
    const reading = [enc.readU32(t.token, 0, rows), enc.read(t.logprob, 0, rows)] as const;
    enc.submit();
    const [tokens, logprobs] = await Promise.all(reading);
    return { tokens, logprobs };
  });
}

/** Rank of one token at every row (R, C) of the residual stream, and ln of its probability. */
export async function readTokenScores(
  model: Gpt,
  residual: readonly Float32Array[],
  token: number,
): Promise<{ ranks: Uint32Array; logprobs: Float32Array }> {
  const rows = residual.length;
  return withLogits(model, residual, async (enc, arena, logits) => {
    const t = {
      logits,
      targets: arena.upload('targets', [rows], 'u32', new Uint32Array(rows).fill(token)),
      loss: arena.zeros('loss', [rows], 'f32'),
      rank: arena.zeros('rank', [rows], 'u32'),
    };
    crossEntropy(enc, t, { rows, vocab: model.config.vocabSize });
    const reading = [enc.readU32(t.rank, 0, rows), enc.read(t.loss, 0, rows)] as const;
    enc.submit();
    const [ranks, losses] = await Promise.all(reading);
    return { ranks, logprobs: losses.map((loss) => -loss) };
  });
}

/** Logits (V) of one row (C) of the residual stream. */
export async function readLogitsOf(model: Gpt, residual: Float32Array): Promise<Float32Array> {
  return withLogits(model, [residual], (enc, _arena, logits) => {
    const reading = enc.read(logits, 0, model.config.vocabSize);
    enc.submit();
    return reading;
  });
}

/** Records logits (R, V') of the rows; `use` records what it wants of them, submits and reads. */
async function withLogits<T>(
  model: Gpt,
  residual: readonly Float32Array[],
  use: (enc: Encoder, arena: Arena, logits: Tensor) => Promise<T>,
): Promise<T> {
  if (model.disposed) throw disposedError();
  const { device, widths, parameters: p } = model;
  const rows = residual.length;
  // Kernels read padded rows; zeros beyond C.
  const values = new Float32Array(rows * widths.embd);
  residual.forEach((row, r) => values.set(row, r * widths.embd));
  const arena = device.createArena('lens');
  try {
    const x = arena.upload('residual', [rows, widths.embd], 'f32', values);
    const normed = arena.zeros('normed', [rows, widths.embd], 'f32');
    const logits = arena.zeros('logits', [rows, widths.vocab], 'f32');
    const enc = device.createEncoder();
    encodeNorm(enc, model, p.lnF, x, normed, rows);
    encodeLogits(enc, model, normed, logits, { rows });
    return await use(enc, arena, logits);
  } finally {
    arena.dispose();
  }
}
