// Runs: tokens come one by one and are written into the text. Nothing here copies the text; the store
// hears of a run once a frame.
import { toErrorInfo } from '../../errors.ts';
import { isSameJson } from '../../json.ts';
import { modelOf } from '../facts/model.ts';
import type { NextFacts, RunEnd, RunFacts, RunState, Writer } from '../facts/run.ts';
import { isSameRecipe, runAt, type Recipe } from '../runs.ts';
import {
  MAX_SEED,
  toGenerationOptions,
  toSamplingOptions,
  withDefaults,
  type Settings,
} from '../settings.ts';
import { toIds, toPlainText } from '../tokenText.ts';
import { TOP } from './next.ts';
import type { SliceContext } from './slice.ts';
import type { TextSlice } from './text/text.ts';

/** Bars that change more often cannot be read, and drawing them takes the processor from the model. */
const PANELS_WHILE_STREAMING_MS = 125;

/** A page that does not draw its first token by then, in ms, is not looked at. */
const HIDDEN_MS = 250;

interface RunOptions extends SliceContext<'run'> {
  readonly writing: TextSlice;
  readonly frame: (callback: () => void) => void;
  readonly cancelPanels: () => void;
  /** A token came. */
  readonly onToken: () => void;
  /** The bars of a token that was just drawn. */
  readonly showNext: (next: NextFacts) => void;
  /** A run begins: what was checked beside the text ends, and what went wrong before is over. */
  readonly begins: () => void;
  /** The model is not there because it could not be loaded. */
  readonly loadAgain: () => void;
}

/** A run that writes. */
interface Writing {
  readonly controller: AbortController;
  /** To its last token; the store hears of it less often. Null before its first answer. */
  facts: Omit<RunFacts, 'reason'> | null;
}

export function createRun(options: RunOptions) {
  const { engine, text, get, set, together, writing: page } = options;
  let current: Writing | null = null;

  /** What ends with every run. */
  function ends(last: RunFacts | null): void {
    current = null;
    together(() => {
      page.publish();
      set({ last, off: null });
      options.work('run', false);
      page.endRun();
    });
  }

  /** Ends the stream and keeps the text, without waiting for the engine to hear of it. */
  function abort(reason: RunEnd = 'aborted'): void {
    if (current === null) return;
    const { controller, facts } = current;
    controller.abort();
    ends(facts === null ? null : { ...facts, reason });
  }

  function stop(): void {
    if (get().run.queued) set({ queued: false });
    if (current === null) return;
    together(() => {
      abort();
      options.say('Stopped. The text is kept.');
      options.used('generate');
    });
    options.refreshAll();
  }

  function writer(): Writer | null {
    const model = modelOf(get());
    return model === null ? null : { device: model.device.kind, dtype: model.dtype };
  }

  /** Whether a run from `start` would write just what stands there now. */
  function writesSame(start: number, seed: number): boolean {
    const { settings, by, last } = get().run;
    const before = runAt(text.runs, start);
    const now = { seed, settings: toSamplingOptions(settings), off: get().view.off };
    if (before?.end !== text.pieces.length || !isSameRecipe(before, now)) return false;
    // Another device or precision rounds otherwise.
    const here = writer();
    if (by !== null && (by.device !== here?.device || by.dtype !== here.dtype)) return false;
    const there = text.pieces.slice(start);
    const stopsIn = (pieces: typeof there): boolean => {
      const words = toPlainText(pieces);
      return settings.stop.some((one) => words.includes(one));
    };
    const { length } = there;
    if (length > settings.max_new_tokens || stopsIn(there.slice(0, -1))) return false;
    return length === settings.max_new_tokens || stopsIn(there) || last?.reason === 'eos';
  }

  /** Writes the last run anew; a fixed seed would write the same again, so the next one is taken. */
  function regenerate(): void {
    const start = page.lastStart();
    const { settings } = get().run;
    if (text.pieces.length <= start || get().busy.has('run') || get().model.at !== 'here') {
      void write(settings, text.pieces.length > start ? start : undefined);
      return;
    }
    const old = settings.seed ?? -1;
    if (!writesSame(start, old)) {
      void write(settings, start);
    } else if (settings.do_sample) {
      const seed = old === MAX_SEED ? 0 : old + 1;
      const words = `Seed ${old} would write the same again, so seed ${seed} is taken.`;
      void write({ ...settings, seed }, start, { words, seed: settings.seed });
    } else {
      const words = 'Without sampling the model writes the same again.';
      page.noteBranches(words);
      options.say(words);
    }
  }

  /** `other`: a run with another seed than the person set, with the words for it and the seed of before. */
  async function write(
    settings: Settings,
    from?: number,
    other?: { readonly words: string; readonly seed: number | null },
  ): Promise<void> {
    if (get().busy.has('run')) return;
    if (get().model.at !== 'here') {
      set({ queued: true });
      if (get().model.at === 'failed') options.loadAgain();
      return;
    }
    const mine: Writing = { controller: new AbortController(), facts: null };
    const { signal } = mine.controller;
    const { off } = get().view;
    current = mine;
    options.cancelPanels();
    together(() => {
      set({ queued: false, off });
      options.begins();
      options.look({ selected: null });
      options.work('run', true);
    });
    let scheduled = false;
    let next: NextFacts | null = null;
    let firstVisible: number | null = null;
    let facts: Omit<RunFacts, 'reason'> = { seed: 0, tokens: 0, tokensPerSecond: 0, promptMs: 0 };
    let recipe: Recipe = { seed: 0, settings: toSamplingOptions(settings), off };
    let reason: RunEnd = 'failed';
    const flush = (): void => {
      scheduled = false;
      if (current !== mine) return;
      together(() => {
        page.publish();
        if (firstVisible !== null) page.sees(firstVisible);
        if (next === null) return;
        options.showNext(next);
        next = null;
      });
    };
    try {
      await page.tokenised();
      if (current !== mine) return;
      together(() => {
        page.beginRun(from, other === undefined ? {} : { seed: other.seed });
        set({ last: null, by: writer() });
        if (other !== undefined) {
          set({ settings: { ...get().run.settings, seed: settings.seed }, chosen: true });
          page.noteBranches(other.words);
        }
        options.say(settings.max_new_tokens > 1 ? `${other?.words ?? ''} Generating.`.trim() : '');
      });
      const stream = engine.generate({
        ids: toIds(text),
        options: toGenerationOptions(settings),
        off,
        signal,
        top: TOP,
        distributionMs: PANELS_WHILE_STREAMING_MS,
      });
      for await (const event of stream) {
        if (current !== mine) return;
        switch (event.type) {
          case 'start': {
            facts = { ...facts, seed: event.seed, promptMs: event.promptMs };
            mine.facts = facts;
            recipe = { ...recipe, seed: event.seed };
            together(() => {
              page.addStartToken(event.promptIds);
              page.publish({
                firstVisible: event.firstVisible,
                dropped: Math.min(event.firstVisible, text.promptCount),
              });
              set({ last: { ...facts, reason: null } });
            });
            break;
          }
          case 'token': {
            page.write(event.piece, event.logprob, event.rank, recipe);
            facts = {
              ...facts,
              tokens: facts.tokens + 1,
              tokensPerSecond: event.tokensPerSecond ?? 0,
            };
            mine.facts = facts;
            if (event.distribution !== null) {
              set({ last: { ...facts, reason: null } });
              if (get().view.selected === null) {
                next = {
                  distribution: event.distribution,
                  at: text.pieces.length - 1,
                  epoch: text.epoch,
                };
              }
              page.nameBranch();
            }
            if (facts.tokens === 1) {
              await drawn(flush);
              if (current !== mine) return;
            } else if (!scheduled) {
              scheduled = true;
              options.frame(flush);
            }
            options.onToken();
            break;
          }
          case 'window':
            ({ firstVisible } = event);
            break;
          case 'done':
            ({ reason } = event);
            if (event.stop !== undefined) facts = { ...facts, stop: event.stop };
            break;
        }
      }
    } catch (error) {
      if (current !== mine) return;
      // The loss itself is told where it is mended.
      const { code } = toErrorInfo(error);
      if (code === 'device/lost') reason = 'lost';
      else if (code === 'engine/superseded') reason = 'replaced';
      else if (signal.aborted) reason = 'aborted';
      else options.report(error, 'generate');
    }
    if (current !== mine) return;
    // Whoever brings the model back asks everything anew.
    const isGone = reason === 'lost' || reason === 'replaced';
    const count = `${facts.tokens} ${facts.tokens === 1 ? 'token' : 'tokens'}`;
    const words = toPlainText(text.pieces.slice(page.lastStart()));
    together(() => {
      flush();
      ends({ ...facts, reason });
      if (!isGone) options.say(`Finished: ${count}. ${words}`);
      options.used(settings.max_new_tokens > 1 ? 'generate' : 'step');
    });
    if (!isGone) options.refreshAll();
  }

  /** Resolves when `flush` has been called in a frame and that is on the screen; or after a while, if the page is hidden. */
  function drawn(flush: () => void): Promise<void> {
    return new Promise((resolve) => {
      const later = setTimeout(resolve, HIDDEN_MS);
      options.frame(() => {
        flush();
        // Behind the frame.
        setTimeout(() => {
          clearTimeout(later);
          resolve();
        });
      });
    });
  }

  /** The page's defaults with the model's own, where nobody chose. */
  function takeDefaults(): void {
    if (!get().run.chosen) reset();
  }

  function reset(): void {
    const { settings, notes } = withDefaults(modelOf(get())?.defaults);
    const { settings: before } = get().run;
    // Another step of a run brings the same, and whoever shows them has nothing to do.
    const isSame = isSameJson(settings, before);
    together(() => {
      set({ settings: isSame ? before : settings, chosen: false });
      options.note(notes.filter((words) => !get().page.notes.includes(words)));
    });
  }

  return {
    abort,
    takeDefaults,
    /** The last run says nothing of the text as it is now. */
    forget: () => set({ last: null }),
    takeSeed: (seed: number | null) => set({ settings: { ...get().run.settings, seed } }),
    change: (patch: Partial<Settings>) =>
      set({ settings: { ...get().run.settings, ...patch }, chosen: true }),
    reset,
    /** What was so before, or what the model brings where nobody had chosen. */
    recall({ settings, chosen, by }: Pick<RunState, 'settings' | 'chosen' | 'by'>): void {
      set({ settings, chosen, by });
      takeDefaults();
    },
    unqueue: () => set({ queued: false }),
    actions: {
      generate: () => void write(get().run.settings),
      stop,
      /** Draws go by position, so under a fixed seed steps write what one run would. */
      step: () => void write({ ...get().run.settings, max_new_tokens: 1, stop: [] }),
      regenerate,
    },
  };
}
