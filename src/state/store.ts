// The page's facts, small enough to print. Tokens live in `TokenText`; the store has their numbers.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { NO_ANATOMY, type AnatomyState } from './facts/anatomy.ts';
import { NO_ATTENTION, type AttentionState } from './facts/attention.ts';
import { NO_LENS, type LensState } from './facts/lens.ts';
import type { ModelFacts } from './facts/model.ts';
import {
  NO_MODELS,
  NOT_CHECKED,
  NOT_SAVED,
  NOTHING_KEPT,
  NOTHING_MEASURED,
  type CheckState,
  type KeptState,
  type MeasuredState,
  type ModelsState,
  type SavingState,
} from './facts/models.ts';
import type { PageFacts, Work } from './facts/page.ts';
import { ALL_PARTS_ON, type PartsState } from './facts/parts.ts';
import { NO_REPLAY, type ReplayState } from './facts/replay.ts';
import type { NextFacts, RunState } from './facts/run.ts';
import { NO_SAMPLER, type SamplerState } from './facts/sampler.ts';
import type { TextFacts } from './facts/text.ts';
import type { Saved } from './persist.ts';
import type { Recording } from './replay.ts';
import { isSameRecipe } from './runs.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from './settings.ts';
import { createTokenText, restoreSnapshot, type Snapshot, type TokenText } from './tokenText.ts';
import type { UrlState } from './urlState.ts';
import { FIRST_VIEW, type View } from './view.ts';

/** Openings that suit a model raised on fairy tales; the first greets a first visit. */
export const EXAMPLES: readonly string[] = [
  'Once upon a time there was a little fox who',
  'The king said to his daughter,',
  '"Who are you?" asked the bear. "I am',
];

/** How the recorded story goes on from the first of them: with this seed, so many tokens, at the page's own settings. */
export const STORY = { seed: 4, written: 34 };

export interface AppState {
  readonly model: ModelFacts;
  readonly text: TextFacts;
  readonly run: RunState;
  readonly next: NextFacts;
  readonly view: View;
  readonly attention: AttentionState;
  readonly lens: LensState;
  readonly parts: PartsState;
  readonly sampler: SamplerState;
  readonly anatomy: AnatomyState;
  readonly replay: ReplayState;
  readonly models: ModelsState;
  readonly kept: KeptState;
  readonly measured: MeasuredState;
  readonly check: CheckState;
  readonly saving: SavingState;
  readonly page: PageFacts;
  readonly busy: ReadonlySet<Work>;
}

export type AppStore = StoreApi<AppState>;

/** The facts before anything has run: the address wins over what was saved. */
export function createAppStore(
  url: UrlState,
  saved: Saved | null,
): { store: AppStore; text: TokenText; savedOver: Saved | null } {
  const text = createTokenText();
  const savedText = saved?.text ?? null;
  const fromUrl =
    url.recording === undefined
      ? url.prompt !== undefined && url.prompt !== savedText?.prompt
      : !isSaved(url.recording, savedText);
  if (!fromUrl && savedText !== null) restoreSnapshot(text, savedText);
  const prompt = url.prompt ?? (fromUrl ? '' : savedText?.prompt) ?? EXAMPLES[0] ?? '';
  const store = createStore<AppState>(() => ({
    model: {
      at: 'none',
      here: null,
      wish: {
        source: '',
        device: url.device ?? 'auto',
        dtype: url.dtype,
        linked: url.deviceLinked ?? false,
      },
      losses: [],
    },
    text: {
      prompt,
      tokenised: false,
      unread: null,
      edited: null,
      stale: false,
      epoch: text.epoch,
      length: text.pieces.length,
      promptCount: text.promptCount,
      scored: 0,
      runStart: null,
      dropped: 0,
      firstVisible: 0,
      hovered: null,
      undoDepth: 0,
      redoDepth: 0,
      branches: [],
      branchNote: '',
      forked: null,
      own: null,
      setAside: 0,
    },
    run: {
      settings: { ...DEFAULT_SETTINGS, ...saved?.settings, ...url.settings },
      chosen: Object.keys(saved?.settings ?? {}).length > 0 || Object.keys(url.settings).length > 0,
      queued: false,
      last: null,
      by: fromUrl ? null : (saved?.by ?? null),
      off: null,
    },
    next: { distribution: null, at: 0, epoch: 0 },
    // Parts that are off belong to the text that was written without them.
    view: {
      ...FIRST_VIEW,
      ...saved?.view,
      workspace: url.workspace ?? FIRST_VIEW.workspace,
      lesson: url.lesson ?? FIRST_VIEW.lesson,
      ...(fromUrl ? { off: [] } : {}),
    },
    attention: NO_ATTENTION,
    lens: NO_LENS,
    parts: ALL_PARTS_ON,
    sampler: NO_SAMPLER,
    anatomy: NO_ANATOMY,
    replay: { ...NO_REPLAY, asRecorded: url.recording !== undefined },
    models: NO_MODELS,
    kept: NOTHING_KEPT,
    measured: NOTHING_MEASURED,
    check: NOT_CHECKED,
    saving: NOT_SAVED,
    page: {
      verdict: null,
      verdictLate: false,
      notes: url.notes,
      replaced: fromUrl && isOwn(savedText),
      stillOff: fromUrl ? [] : (saved?.view.off ?? []),
      problem: null,
      story: false,
      theme: saved?.theme ?? 'auto',
      done: saved?.done ?? [],
      announcement: '',
      storage: 'kept',
      treeStored: true,
    },
    busy: new Set(),
  }));
  return { store, text, savedOver: fromUrl && savedText !== null ? saved : null };
}

/** Whether a text is more than an example or the recorded story, as nobody has touched them. */
function isOwn(text: Snapshot | null): boolean {
  if (text === null || isStory(text)) return false;
  return text.pieces.length > text.promptCount || !['', ...EXAMPLES].includes(text.prompt);
}

/** Whether a text is what a first visit finds: all of it behind the first example was written by the story's own recipe. */
function isStory({ prompt, promptCount, pieces, runs }: Snapshot): boolean {
  const [run] = runs;
  return (
    prompt === EXAMPLES[0] &&
    run?.start === promptCount &&
    run.end === pieces.length &&
    run.end - run.start === STORY.written &&
    isSameRecipe(run, { ...STORY, settings: toSamplingOptions(DEFAULT_SETTINGS), off: [] })
  );
}

/** Whether a link says what is stored anyway: then nothing is lost by opening it. */
function isSaved({ texts, here }: Recording, saved: Snapshot | null): boolean {
  const ids = texts[here]?.ids ?? [];
  return ids.length === saved?.pieces.length && ids.every((id, i) => saved.pieces[i]?.id === id);
}
