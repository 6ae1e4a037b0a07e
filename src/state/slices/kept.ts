// What this browser keeps of models: looked at, deleted, promised to stay.
import { toErrorInfo } from '../../errors.ts';
import type { SliceContext } from './slice.ts';

export function createKept({ engine, set, say }: SliceContext<'kept'>) {
  /** Looks again; what could not be done before stays told. */
  async function refresh(failed?: unknown): Promise<void> {
    if (failed !== undefined) set({ error: toErrorInfo(failed) });
    try {
      const [stored, storage] = await Promise.all([
        engine.ask('storedModels', {}),
        engine.ask('storageFacts', {}),
      ]);
      set({ stored, storage });
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }

  async function change(work: () => Promise<unknown>): Promise<void> {
    set({ error: null });
    try {
      await work();
      await refresh();
    } catch (error) {
      await refresh(error);
    }
  }

  return {
    refresh,
    fail: (error: unknown) => set({ error: toErrorInfo(error) }),
    /** Nobody looks any more. */
    close: () => set({ error: null }),
    actions: {
      deleteStored(key: string): void {
        void change(async () => {
          const { freedBytes } = await engine.ask('deleteStored', { key });
          say(`Deleted; ${Math.round(freedBytes / 1e6)} MB are free again.`);
        });
      },
      deleteAllStored: () => void change(async () => engine.ask('deleteAllStored', {})),
      persistStorage(): void {
        void change(async () => {
          // Only a page may ask for it; what the engine asks from its worker is whether it is so.
          if (await navigator.storage.persist()) return;
          say('The browser did not promise it. A bookmark or installing the page often helps.');
        });
      },
    },
  };
}
