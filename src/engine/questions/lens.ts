// The questions about what a text is on its way through the depths: the logit lens, and the norms
// of the residual stream. A trace keeps what they need.
import type { Input, LensCell, LensColumns, LensCurve, Looked, ResidualNorms } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { checkTokenId } from '../../model/checkTokens.ts';
import { readLogitsOf, readTokenScores } from '../../model/lens.ts';
import { startingIds } from '../reading/startingIds.ts';
import type { GPT2 } from '../gpt2.ts';
import { entropyBits, softmax, topIds } from '../sampling/sampler.ts';
import type { TracedPosition } from '../reading/trace.ts';

/** The lens over some columns; those that the model does not see are left out. */
export async function lensColumns(
  model: GPT2,
  { ids, from, count, off }: Input<'lens'>,
  signal?: AbortSignal,
): Promise<LensColumns> {
  const text = startingIds(ids, model.bosTokenId);
  const seen = await model.trace(off).columns(text, from, from + count, signal);
  const depths = model.config.nLayer + 1;
  const tokens = new Uint32Array(seen.columns.length * depths);
  const logprobs = new Float32Array(seen.columns.length * depths);
  seen.columns.forEach((column, i) => {
    tokens.set(column.tokens, i * depths);
    logprobs.set(column.logprobs, i * depths);
  });
  const pieces = [...new Set(tokens)].map((id) => model.vocabulary.pieceOf(id));
  const { firstIndex, from: start, columns } = seen;
  return { firstIndex, from: start, count: columns.length, depths, tokens, logprobs, pieces };
}

/** One cell in full: its `top` most probable tokens. Throws `inspect/depth`, `inspect/position`. */
export async function lensCell(
  model: GPT2,
  { position, depth, top, ...looked }: Input<'lensCell'>,
  signal?: AbortSignal,
): Promise<LensCell> {
  const { residual } = await traced(model, looked, position, signal);
  if (!Number.isInteger(depth) || depth < 0 || depth >= residual.length) {
    throw new EngineError(
      `There is no depth ${depth}: depths run from 0 to ${residual.length - 1}.`,
      {
        code: 'inspect/depth',
        hint: 'Depth 0 is the embedding, depth l the residual after l blocks.',
      },
    );
  }
  const logits = await readLogitsOf(model.gpt, residual[depth]);
  const probabilities = softmax(Float64Array.from(logits));
  const best = topIds(probabilities, probabilities, Math.min(top, probabilities.length));
  return {
    position,
    depth,
    top: best.map((id) => ({
      piece: model.vocabulary.pieceOf(id),
      probability: probabilities[id],
    })),
    entropyBits: entropyBits(probabilities),
  };
}

/** One token through the depths. Throws `inspect/position`, `tokens/vocabulary`. */
export async function lensCurve(
  model: GPT2,
  { position, token, ...looked }: Input<'lensCurve'>,
  signal?: AbortSignal,
): Promise<LensCurve> {
  checkTokenId(token, model.config);
  const { residual } = await traced(model, looked, position, signal);
  const scores = await readTokenScores(model.gpt, residual, token);
  return { position, piece: model.vocabulary.pieceOf(token), ...scores };
}

/** How large everything is at one position. Throws `inspect/position`. */
export async function residualNorms(
  model: GPT2,
  { position, ...looked }: Input<'residualNorms'>,
  signal?: AbortSignal,
): Promise<ResidualNorms> {
  const { residual, attention, mlp } = await traced(model, looked, position, signal);
  return {
    position,
    residual: Float32Array.from(residual, norm),
    // Copies: an answer may be transferred to another thread.
    attention: attention.slice(),
    mlp: mlp.slice(),
  };
}

function traced(
  model: GPT2,
  { ids, off }: Looked,
  position: number,
  signal: AbortSignal | undefined,
): Promise<TracedPosition> {
  return model.trace(off).position(startingIds(ids, model.bosTokenId), position, signal);
}

function norm(row: Float32Array): number {
  let squares = 0;
  for (const value of row) squares += value * value;
  return Math.sqrt(squares);
}
