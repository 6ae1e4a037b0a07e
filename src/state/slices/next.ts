// The bars: what could come next, or could have stood where a token is selected.
import type { NextFacts } from '../facts/run.ts';
import { toSamplingOptions } from '../settings.ts';
import { createLatest } from '../latest.ts';
import { toIds } from '../tokenText.ts';
import { staleness, type Slice, type SliceContext } from './slice.ts';
import type { TextSlice } from './text/text.ts';

/** How many candidates the bars show. */
export const TOP = 20;
const SCORE_DELAY_MS = 250;

export function createNext(context: SliceContext<'next'>, writing: TextSlice) {
  const { engine, text, get, set, together, answers } = context;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What the bars that are shown answer; null where a run showed them, or another model. */
  let answered: readonly unknown[] | null = null;
  const isFree = (): boolean => context.answerable() && !get().busy.has('run');

  const distribution = createLatest<void>(async (_, signal) => {
    if (!isFree()) return;
    const { selected, off } = get().view;
    const at = selected ?? text.pieces.length;
    const { epoch } = text;
    const { settings } = get().run;
    const asked = [get().model.here, epoch, at, off, settings];
    // Looking elsewhere changes nothing here, and what is looked at waits behind it.
    if (answered !== null && asked.every((fact, i) => fact === answered?.[i])) return;
    try {
      const options = toSamplingOptions(settings);
      const input = { ids: toIds(text, at), off, options, top: TOP };
      const result = await engine.ask('distribution', input, signal);
      if (signal.aborted || text.epoch !== epoch || get().busy.has('run')) return;
      answered = asked;
      const show = (): void => {
        set({ distribution: result, at, epoch });
        if (at !== text.pieces.length) return;
        writing.costs(result.computed ?? null);
        const { firstVisible } = result;
        if (firstVisible === undefined) return;
        writing.sees(firstVisible);
        if (text.promptCount === text.pieces.length) writing.dropped(firstVisible);
      };
      answers.tell(() => together(show));
      // Only the view of attention asks for more that is there as soon.
      if (get().view.panel !== 'attention') answers.end();
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  /** How likely each token was. */
  const scores = createLatest<void>(async (_, signal) => {
    if (!isFree() || text.pieces.length < 2) return;
    const { length } = text.pieces;
    const isStale = staleness(context, signal);
    try {
      const result = await engine.ask('score', { ids: toIds(text), off: get().view.off }, signal);
      if (!isStale() && text.pieces.length === length) writing.score(result);
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  function scoreSoon(): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // The bars first: they say what a fork took to compute, and scores read the same cache.
      if (distribution.busy) scoreSoon();
      else scores.ask();
    }, SCORE_DELAY_MS);
  }

  const slice: Slice = {
    refresh() {
      distribution.ask();
    },
    cancel() {
      clearTimeout(timer);
      distribution.cancel();
      scores.cancel();
    },
  };

  return {
    slice,
    /** Scores the text, once it has come to rest. */
    scoreSoon,
    /** Other settings: the same token, sampled in another way. */
    ask: () => distribution.ask(),
    show(shown: NextFacts): void {
      answered = null;
      set(shown);
    },
    /** Candidates of another model could be chosen. */
    forget(): void {
      answered = null;
      set({ distribution: null });
    },
  };
}
