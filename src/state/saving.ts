// The loaded model as files of one's own: a folder that is chosen, or one .zip that is downloaded.
import type { ModelSummary } from '../api.ts';
import { EngineError, toErrorInfo } from '../errors.ts';
import type { SaveWish } from './facts/models.ts';
import type { SliceContext } from './slices/slice.ts';
import { modelOf } from './facts/model.ts';
import { withWork } from './store.ts';

interface PickerWindow {
  showDirectoryPicker?(options: object): Promise<FileSystemDirectoryHandle>;
}

export function createSaving(context: SliceContext) {
  const { store, get, set } = context;
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
    set({ busy: withWork(get().busy, 'save', true) });
    void run(model, wish, picked, controller.signal);
  }

  async function run(
    model: ModelSummary,
    wish: SaveWish,
    picked: Promise<FileSystemDirectoryHandle> | null,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const { writeModel } = await import('./writeModel.ts');
      await writeModel(context, { model, wish, picked, signal });
    } catch (error) {
      // Its code could not be fetched.
      set({ saving: { error: toErrorInfo(error) } });
    } finally {
      controller = null;
      set({ saving: { now: null }, busy: withWork(get().busy, 'save', false) });
    }
  }

  function cancelSave(): void {
    controller?.abort();
  }

  // What is loaded again, or gone, cannot be read on.
  store.subscribe((now, before) => {
    if (modelOf(now) === modelOf(before) && now.model.at === before.model.at) return;
    controller?.abort(
      new EngineError('The model was loaded again while it was being saved.', {
        code: 'save/replaced',
        hint: 'What was written of it is removed; save once more.',
      }),
    );
  });

  return { actions: { saveModel, cancelSave } };
}

async function pickFolder(): Promise<FileSystemDirectoryHandle> {
  const page = window as PickerWindow;
  if (page.showDirectoryPicker === undefined) {
    throw new EngineError('This browser lets no page write into a folder.', {
      code: 'save/no-folders',
      hint: 'Save as .zip.',
    });
  }
  return page.showDirectoryPicker({ id: 'glass-gpt', mode: 'readwrite', startIn: 'downloads' });
}
