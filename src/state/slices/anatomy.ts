// What the loaded model is made of; asked once a model, when somebody looks.
import { createLatest } from '../latest.ts';
import type { Slice, SliceContext } from './slice.ts';

export function createAnatomy(context: SliceContext<'anatomy'>) {
  const { engine, get, set } = context;

  const tree = createLatest<void>(async (_, signal) => {
    const { here, at } = get().model;
    if (get().view.panel !== 'model' || at !== 'here' || get().anatomy.tree !== null) return;
    try {
      const anatomy = await engine.ask('anatomy', {}, signal);
      if (!signal.aborted && get().model.here === here) set({ tree: anatomy });
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  const slice: Slice = {
    refresh: () => tree.ask(),
    // It is about the model: the text may change as it likes.
    cancel() {},
    // It is made of the same.
    turn() {},
    reset() {
      tree.cancel();
      set({ tree: null });
    },
  };
  return { slice };
}
