// The loaded model as files of one's own: a folder that is chosen, or one .zip that is downloaded.
import type { ModelSummary } from '../../api.ts';
import { EngineError, toErrorInfo } from '../../errors.ts';
import { modelOf } from '../facts/model.ts';
import type { SaveWish } from '../facts/models.ts';
import type { SliceContext } from './slice.ts';

interface PickerWindow {
  showDirectoryPicker?(options: object): Promise<FileSystemDirectoryHandle>;
}

export function createSaving(context: SliceContext<'saving'>) {
  const { store, get, set, work } = context;
  let controller: AbortController | null = null;

  /** Call it in a click: a browser lets nobody choose a folder otherwise. */
  function saveModel(wish: SaveWish): void {
    const model = modelOf(get());
    if (model === null || controller !== null) return;
    // Before anything is waited for.
    const picked = wish.to === 'folder' ? pickFolder() : null;
    // Whoever picks nothing is told below; until then nobody listens.
    picked?.catch(() => {});
    controller = new AbortController();
    work('save', true);
    void run(model, wish, picked, controller.signal);
  }

  async function run(
    model: ModelSummary,
    wish: SaveWish,
    picked: Promise<FileSystemDirectoryHandle> | null,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const { writeModel } = await import('../writeModel.ts');
      await writeModel(context, { model, wish, picked, signal });
    } catch (error) {
      // Its code could not be fetched.
      set({ error: toErrorInfo(error) });
    } finally {
      controller = null;
      set({ now: null });
      work('save', false);
    }
  }

  function cancelSave(): void {
    controller?.abort();
  }

  // What is loaded again, or gone, cannot be read on.
  store.subscribe((now, before) => {
    if (now.model.here === before.model.here && now.model.at === before.model.at) return;
    controller?.abort(
      new EngineError('The model was loaded again while it was being saved.', {
        code: 'save/replaced',
        hint: 'What was written of it is removed; save once more.',
      }),
    );
  });

  return {
    /** Another model: what was saved was the one before. */
    reset: () => set({ last: null, error: null }),
    actions: { saveModel, cancelSave },
  };
}

/** Call it in a click. Throws `save/no-folders`, and an `AbortError` where nobody chooses. */
export async function pickFolder(): Promise<FileSystemDirectoryHandle> {
  const page = window as PickerWindow;
  if (page.showDirectoryPicker === undefined) {
    throw new EngineError('This browser lets no page write into a folder.', {
      code: 'save/no-folders',
      hint: 'Save as .zip.',
    });
  }
  return page.showDirectoryPicker({ id: 'glass-gpt', mode: 'readwrite', startIn: 'downloads' });
}
