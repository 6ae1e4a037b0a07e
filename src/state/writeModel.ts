// Pulls a model out of the engine, chunk by chunk, and puts it where somebody wants it. Comes with the
// first save.
import type { ModelSummary, SaveRequest } from '../api.ts';
import type { SaveWish } from './facts/models.ts';
import { createFolder, createZip, isAbort, toSaveError, type SaveTarget } from './saveTarget.ts';
import type { SliceContext } from './slices/slice.ts';
import type { SavingState } from './facts/models.ts';

/** How often progress is drawn. */
const PROGRESS_MS = 150;

interface Save {
  readonly model: ModelSummary;
  readonly wish: SaveWish;
  /** The folder that is being chosen; null for an archive. */
  readonly picked: Promise<FileSystemDirectoryHandle> | null;
  readonly signal: AbortSignal;
}

type SavedFacts = Omit<NonNullable<SavingState['last']>, 'to' | 'name'>;

/** Errors and the end are told in the page's facts; after any error nothing is left of the attempt. */
export async function writeModel(
  { engine, get, set, say }: SliceContext<'saving'>,
  { model, wish: { to, dtype }, picked, signal }: Save,
): Promise<void> {
  const request: SaveRequest = { signal, ...(dtype === undefined ? {} : { dtype }) };
  let target: SaveTarget | null = null;
  try {
    const parent = (await picked) ?? null;
    set({ now: { to, file: '', done: 0, total: 0 }, last: null, error: null });
    let [done, last] = [0, 0];
    let facts: SavedFacts = {
      bytes: 0,
      dtype: 'fp32',
      weights: 'loaded',
      layout: 'huggingface',
    };
    for await (const event of engine.save(request)) {
      signal.throwIfAborted();
      switch (event.type) {
        case 'start': {
          const bytes = event.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          const { weights, layout } = event;
          facts = { bytes, dtype: event.dtype, weights, layout };
          target = await (parent === null
            ? createZip(model.name, event.files)
            : createFolder(parent, model.name));
          break;
        }
        case 'file':
          await target?.file(event.name);
          set({ now: { to, file: event.name, done, total: facts.bytes } });
          break;
        case 'bytes': {
          // The next chunk is made when this one is on the disk.
          await target?.write(event.bytes);
          done += event.bytes.length;
          const { now: saving } = get().saving;
          const now = performance.now();
          if (saving === null || now - last < PROGRESS_MS) break;
          last = now;
          set({ now: { ...saving, done } });
          break;
        }
        case 'done':
          break;
      }
    }
    signal.throwIfAborted();
    const name = (await target?.finish()) ?? model.name;
    target = null;
    set({ last: { to, name, ...facts } });
    say(`Saved as ${name}.`);
  } catch (error) {
    await target?.discard().catch(() => {});
    if (!isAbort(error)) set({ error: toSaveError(error, to) });
    else if (signal.aborted) say('Saving was cancelled; nothing is left of it.');
  }
}
