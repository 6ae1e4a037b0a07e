// What heads may be called for in a text.
import type { HeadNames, Input } from '../../api.ts';
import type { GPT2 } from '../gpt2.ts';
import { LEAST_ROWS, NameSheet, readLayerKeys } from '../reading/headNames.ts';
import { startingIds } from '../reading/startingIds.ts';

/**
 * Every head's scores over `ids` beside those of its shuffles; over `standIn`, or plain English, where `ids` are too few.
 * Other readers of the conversation may take turns between two layers, and whoever is asked something else meanwhile has his
 * turn every 40 ms.
 */
export async function headNames(
  model: GPT2,
  { ids, off, standIn }: Input<'headNames'>,
  signal: AbortSignal | undefined,
): Promise<HeadNames> {
  const text = startingIds(ids, model.bosTokenId);
  const conversation = model.conversation(off);
  const visible = text.slice(conversation.windowFor(text.length));
  // The first token's row shows nothing.
  if (visible.length <= LEAST_ROWS) {
    // A copy, for a worker gives its answer's memory away.
    return structuredClone(await model.readers.standInNames(standIn, signal));
  }
  const texts = visible.map((id) => model.vocabulary.pieceOf(id).text);
  const own = await model.readers.inProbe(signal);
  const sheet = new NameSheet(model.config, visible, texts, own);
  for (let layer = 0; layer < model.config.nLayer; layer++) {
    signal?.throwIfAborted();
    const keys = await conversation.look(text, { signal }, (_, session) =>
      readLayerKeys(session, layer, visible.length),
    );
    await sheet.add(layer, keys, signal);
  }
  return sheet.result();
}
