// The page's facts, small enough to print. Tokens live in `TokenText`; the store has their numbers.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Distribution, ErrorInfo, GpuVerdict } from '../api.ts';
import type { BranchFacts } from './branches.ts';
import type { Saved, Theme } from './persist.ts';
import type { Recording } from './replay.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { NO_ANATOMY, type AnatomyState } from './facts/anatomy.ts';
import { NO_ATTENTION, type AttentionState } from './facts/attention.ts';
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
import { NO_LENS, type LensState } from './facts/lens.ts';
import { ALL_PARTS_ON, type PartsState } from './facts/parts.ts';
import { NO_REPLAY, type ReplayState } from './facts/replay.ts';
import { NO_SAMPLER, type SamplerState } from './facts/sampler.ts';
import { createTokenText, restoreSnapshot, type Snapshot, type TokenText } from './tokenText.ts';
import type { UrlState } from './urlState.ts';
import type { View } from './view.ts';

/** Openings that suit a model raised on fairy tales; the first greets a first visit. */
export const EXAMPLES: readonly string[] = [
  'Once upon a time there was a little fox who',
  'The king said to his daughter,',
  '"Who are you?" asked the bear. "I am',
];

/** In the story model this head finds the noun that `who` stands for: a good first sight. */
const FIRST_LAYER = 4;
const FIRST_HEAD = 1;
const FIRST_PANEL = 'attention';

const REPLACED = 'This link’s text stands in place of your own. Undo brings yours back.';

export interface RunFacts {
  readonly seed: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly promptMs: number;
  readonly reason: 'length' | 'eos' | 'stop' | 'aborted' | 'failed' | null;
  readonly stop?: string;
}

export interface Problem {
  readonly info: ErrorInfo;
  /** What failed, which decides what "try again" does. */
  readonly during: 'load' | 'generate' | 'panels' | 'measure';
}

/** The text's numbers; its tokens live in `TokenText`. */
export interface TextFacts {
  readonly prompt: string;
  /** Whether the tokens belong to the prompt as it stands. */
  readonly tokenised: boolean;
  readonly epoch: number;
  readonly length: number;
  readonly promptCount: number;
  readonly scored: number;
  /** Tokens before this index were never read: the prompt is longer than the context. */
  readonly dropped: number;
  /** Tokens before this index are no longer seen by the model. */
  readonly firstVisible: number;
  readonly hovered: number | null;
  readonly undoDepth: number;
  readonly redoDepth: number;
  /** The other continuations beside the text, in reading order; empty where there is but one. */
  readonly branches: readonly BranchFacts[];
  /** What happened to branches by itself, in words. */
  readonly branchNote: string;
  /**
   * Where the text parts from the branch that was shown before, and how many tokens had to be
   * computed for the candidates after it; null after any other change.
   */
  readonly forked: { readonly at: number; readonly computed: number | null } | null;
  /** How many generated tokens an edit of the prompt put aside. */
  readonly setAside: number;
}

/** How tokens are written, and what the last run was like. */
export interface RunState {
  readonly settings: Settings;
  /** Whether anybody chose them; if not, each model's own defaults apply. */
  readonly chosen: boolean;
  /** Generate was asked for before the model was there. */
  readonly queued: boolean;
  readonly last: RunFacts | null;
}

/** The bars. */
export interface NextFacts {
  readonly distribution: Distribution | null;
  /** Index of the token that `distribution` is about; the text's length is the next one. */
  readonly at: number;
}

export interface PageFacts {
  readonly verdict: GpuVerdict | null;
  readonly verdictLate: boolean;
  readonly notes: readonly string[];
  readonly problem: Problem | null;
  readonly theme: Theme;
  /** Gestures that were found, for the tips. */
  readonly done: readonly string[];
  readonly announcement: string;
  readonly storageWorks: boolean;
  /** False where the branches are too large to be stored. */
  readonly treeStored: boolean;
}

/** What takes the engine's time until it ends. */
export type Work = 'run' | 'sweep' | 'measure' | 'costs' | 'save' | 'check';

export function withWork(busy: ReadonlySet<Work>, work: Work, isOn: boolean): ReadonlySet<Work> {
  const now = new Set(busy);
  if (isOn) now.add(work);
  else now.delete(work);
  return now;
}

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

/** Facts of several parts. */
export type Patch = {
  readonly [N in keyof AppState]?: N extends 'model' | 'busy' ? AppState[N] : Partial<AppState[N]>;
};

/** Changes facts of several parts at once. */
export function change(store: AppStore, patch: Patch): void {
  const { model, busy, ...rest } = patch;
  store.setState((state) => {
    const parts = Object.entries(rest).map(([name, facts]) => [
      name,
      { ...state[name as keyof typeof rest], ...facts },
    ]);
    return {
      ...(Object.fromEntries(parts) as Partial<AppState>),
      ...(model === undefined ? {} : { model }),
      ...(busy === undefined ? {} : { busy }),
    };
  });
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
      wish: { source: '', device: url.device ?? 'auto', dtype: url.dtype },
    },
    text: {
      prompt,
      tokenised: false,
      epoch: text.epoch,
      length: text.pieces.length,
      promptCount: text.promptCount,
      scored: 0,
      dropped: 0,
      firstVisible: 0,
      hovered: null,
      undoDepth: 0,
      redoDepth: 0,
      branches: [],
      branchNote: '',
      forked: null,
      setAside: 0,
    },
    run: {
      settings: { ...DEFAULT_SETTINGS, ...saved?.settings, ...url.settings },
      chosen: Object.keys(saved?.settings ?? {}).length > 0 || Object.keys(url.settings).length > 0,
      queued: false,
      last: null,
    },
    next: { distribution: null, at: 0 },
    view: {
      panel: saved?.panel ?? FIRST_PANEL,
      selected: null,
      layer: saved?.layer ?? FIRST_LAYER,
      head: saved?.head ?? FIRST_HEAD,
      pins: saved?.pins ?? [],
      mode: saved?.atlasMode ?? 'rows',
      sort: saved?.atlasSort ?? 'position',
      filter: null,
      keyToken: null,
      dim: saved?.dimSink ?? true,
      scale: saved?.scale ?? 'sqrt',
      off: [],
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
      notes: fromUrl && isOwn(savedText) ? [...url.notes, REPLACED] : url.notes,
      problem: null,
      theme: saved?.theme ?? 'auto',
      done: saved?.done ?? [],
      announcement: '',
      storageWorks: true,
      treeStored: true,
    },
    busy: new Set(),
  }));
  return { store, text, savedOver: fromUrl && savedText !== null ? saved : null };
}

/** Whether a text is more than an example nobody has touched. */
function isOwn(text: Snapshot | null): boolean {
  if (text === null) return false;
  return text.pieces.length > text.promptCount || !['', ...EXAMPLES].includes(text.prompt);
}

/** Whether a link says what is stored anyway: then nothing is lost by opening it. */
function isSaved({ texts, here }: Recording, saved: Snapshot | null): boolean {
  const ids = texts[here]?.ids ?? [];
  return ids.length === saved?.pieces.length && ids.every((id, i) => saved.pieces[i]?.id === id);
}
