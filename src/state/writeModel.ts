// Puts the model that is here where somebody wants it. Comes with the first save.
import type { ModelSummary, SaveEvent } from '../api.ts';
import type { SaveWish } from './facts/models.ts';
import type { SliceContext } from './slices/slice.ts';
import { writeFiles } from './writeFiles.ts';

interface Save {
  readonly model: ModelSummary;
  readonly wish: SaveWish;
  /** The folder that is being chosen; null for an archive. */
  readonly picked: Promise<FileSystemDirectoryHandle> | null;
  readonly signal: AbortSignal;
}

/** Errors and the end are told in the page's facts; after any error nothing is left of the attempt. */
export async function writeModel(
  { engine, set, say }: SliceContext<'saving'>,
  { model, wish: { to, dtype }, picked, signal }: Save,
): Promise<void> {
  const events = engine.save({ signal, ...(dtype === undefined ? {} : { dtype }) });
  const written = await writeFiles<Extract<SaveEvent, { type: 'start' }>>(events, {
    title: model.name,
    to,
    picked,
    signal,
    begins: () => set({ now: { to, file: '', done: 0, total: 0 }, last: null, error: null }),
    tell: (now) => set({ now: { to, ...now } }),
  });
  if (written.at === 'done') {
    const { name, bytes, start } = written;
    const { weights, layout } = start;
    set({ last: { to, name, bytes, dtype: start.dtype, weights, layout } });
    say(`Saved as ${name}.`);
  } else if (written.at === 'failed') set({ error: written.error });
  else if (signal.aborted) say('Saving was cancelled; nothing is left of it.');
}
