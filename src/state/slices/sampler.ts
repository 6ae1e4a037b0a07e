// The sampler under a microscope: the way from the model's distribution to one token.
import { NO_SAMPLER, type SamplerView } from '../facts/sampler.ts';
import { createLatest } from '../latest.ts';
import { createPace } from '../pace.ts';
import { runAt, type RunRecord } from '../runs.ts';
import { toSamplingOptions } from '../settings.ts';
import { toIds } from '../tokenText.ts';
import { staleness, type Slice, type SliceContext } from './slice.ts';

/** Candidates of both ends that are followed through the steps. */
const TOP = 12;

export function createSampler(context: SliceContext<'sampler'>) {
  const { engine, text, get, set, store } = context;
  const pace = createPace();
  const isOpen = (): boolean => get().view.panel === 'sampling';

  const steps = createLatest<void>(async (_, signal) => {
    if (!isOpen() || !context.answerable()) return;
    const { settings } = get().run;
    const { selected } = get().view;
    const generating = get().busy.has('run');
    // While tokens stream it is about the one that was drawn last.
    const at = selected ?? (generating ? Math.max(0, text.pieces.length - 1) : text.pieces.length);
    const isStale = staleness(context, signal);
    const run = runAt(text.runs, at) ?? null;
    const { seed, seedOf } = seedAt(run);
    const options = toSamplingOptions(settings);
    const input = { ids: toIds(text, at), off: context.off(), options, seed, top: TOP };
    try {
      const answer = await pace.timed(() => engine.ask('samplerSteps', input, signal));
      if (isStale()) return;
      set({ shown: { at, steps: answer, options, run, seedOf } });
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  function seedAt(run: RunRecord | null): { seed: number; seedOf: SamplerView['seedOf'] } {
    const { settings } = get().run;
    if (run !== null) return { seed: run.seed, seedOf: 'run' };
    return settings.seed === null
      ? { seed: 0, seedOf: 'none' }
      : { seed: settings.seed, seedOf: 'settings' };
  }

  store.subscribe((now, before) => {
    if (now.run.settings !== before.run.settings && !now.busy.has('run')) steps.ask();
  });

  const slice: Slice = {
    refresh() {
      if (isOpen()) steps.ask();
    },
    onToken() {
      if (isOpen() && !steps.busy && pace.due()) steps.ask();
    },
    cancel: () => steps.cancel(),
    turn() {},
    reset() {
      set(NO_SAMPLER);
    },
  };
  return { slice };
}
