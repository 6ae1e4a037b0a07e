// What the loaded model is made of; asked once a model, when somebody looks.
import { createLatest } from '../latest.ts';
import type { Slice, SliceContext } from './slice.ts';
import { modelOf } from '../facts/model.ts';

export function createAnatomy(context: SliceContext) {
  const { engine, get, set } = context;

  const tree = createLatest<void>(async (_, signal) => {
    const { at: phase } = get().model;
    const { panel } = get().view;
    const model = modelOf(get());
    if (panel !== 'model' || phase !== 'here' || get().anatomy.tree !== null) return;
    try {
      const anatomy = await engine.ask('anatomy', {}, signal);
      if (!signal.aborted && modelOf(get()) === model) set({ anatomy: { tree: anatomy } });
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  const slice: Slice = {
    refresh: () => tree.ask(),
    // It is about the model: the text may change as it likes.
    cancel() {},
    reset() {
      tree.cancel();
      set({ anatomy: { tree: null } });
    },
  };
  return { slice };
}
