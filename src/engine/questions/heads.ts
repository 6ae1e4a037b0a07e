// What heads look at: one's whole map, one token's rows, an atlas of every map, and what each head is known for.
import type { Answer, AttentionAtlas, HeadScores, Input } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { readAttentionRows, readMapSummary } from '../../model/attentionMaps.ts';
import { startingIds } from '../reading/startingIds.ts';
import { readAttention } from '../../model/reads.ts';
import type { GPT2 } from '../gpt2.ts';
import { ScoreSheet } from '../reading/headScores.ts';

/** The whole map of one head. Throws `inspect/head`, `inspect/size`. */
export function attentionMap(
  model: GPT2,
  { ids, layer, head, off }: Input<'attention'>,
  signal: AbortSignal | undefined,
): Promise<Answer<'attention'>> {
  const text = startingIds(ids, model.bosTokenId);
  return model.conversation(off).look(text, { signal }, async (firstVisible, session) => {
    const size = text.length - firstVisible;
    const weights = await readAttention(session, 0, layer, head, 1, size);
    return { layer, head, size, firstIndex: firstVisible, weights };
  });
}

/** Where token `query` looks, in every head. Throws `inspect/position` where there is no such row. */
export function attentionRows(
  model: GPT2,
  { ids, query, off }: Input<'attentionRows'>,
  signal: AbortSignal | undefined,
): Promise<Answer<'attentionRows'>> {
  const text = startingIds(ids, model.bosTokenId);
  return model.conversation(off).look(text, { signal }, async (firstIndex, session) => {
    checkPosition(query, firstIndex, text.length);
    const size = query - firstIndex + 1;
    const weights = await readAttentionRows(session, query - firstIndex);
    const { nLayer, nHead } = model.config;
    return { nLayer, nHead, query, firstIndex, size, weights };
  });
}

function checkPosition(position: number, firstIndex: number, length: number): void {
  if (Number.isInteger(position) && position >= firstIndex && position < length) return;
  throw new EngineError(
    `Token ${position} is not seen by the model: it sees ${firstIndex} to ${length - 1}.`,
    { code: 'inspect/position', hint: 'Counting starts at 0; choose a token that it sees.' },
  );
}

/**
 * Every head's map as a thumbnail of at most `cells` a side, and its scores. Other readers of the
 * conversation may take turns between two layers.
 */
export async function attentionAtlas(
  model: GPT2,
  { ids, cells, off }: Input<'atlas'>,
  signal: AbortSignal | undefined,
): Promise<AttentionAtlas> {
  if (!(Number.isInteger(cells) && cells >= 1)) {
    throw new EngineError(`cells is ${cells}; expected a whole number from 1 on.`, {
      code: 'inspect/size',
      hint: 'Ask for as many cells a side as a thumbnail has pixels.',
    });
  }
  const text = startingIds(ids, model.bosTokenId);
  const conversation = model.conversation(off);
  const firstIndex = conversation.windowFor(text.length);
  const visible = text.slice(firstIndex);
  const size = visible.length;
  const block = Math.ceil(size / cells);
  const side = Math.ceil(size / block);
  const { nLayer, nHead } = model.config;
  const thumbnails = new Float32Array(nLayer * nHead * side * side);
  const scores = new ScoreSheet(model.config, visible);
  for (let layer = 0; layer < nLayer; layer++) {
    const summary = await conversation.look(text, { signal }, (_, session) =>
      readMapSummary(session, layer, size, block),
    );
    thumbnails.set(summary.thumbnails, layer * nHead * side * side);
    scores.add(layer, summary.statistics);
  }
  return { ...scores.result(), firstIndex, cells: side, block, thumbnails };
}

/** What heads do on random tokens that come twice, or on a text; measured once a model. */
export async function probeHeads(
  model: GPT2,
  { text }: { readonly text?: string },
  signal: AbortSignal | undefined,
): Promise<HeadScores> {
  // A copy, because answers are given away: their arrays may move to another thread.
  return structuredClone(await model.readers.headScores(text, signal));
}
