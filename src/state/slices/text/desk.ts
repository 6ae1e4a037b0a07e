// The text on the desk, with what is kept beside its tokens: branches, undo, and what an edit put aside.
// These hold whole texts, so the store has their numbers.
import type { ModelSummary } from '../../../api.ts';
import { windowStart } from '../../../window.ts';
import { createTree, describeTree, settle, type Tree } from '../../branches.ts';
import { modelOf } from '../../facts/model.ts';
import type { TextFacts } from '../../facts/text.ts';
import { identityOf } from '../../modelName.ts';
import { lookAt, NO_TEXT, takeSnapshot, type Snapshot } from '../../tokenText.ts';
import type { View } from '../../view.ts';
import type { SliceContext } from '../slice.ts';

const UNDO_LEVELS = 100;
/** Signs and tokens of all levels together, of long texts: some 100 MB. */
const UNDO_SIZE = 20_000_000;

/** The whole text with its branches at one moment. */
export interface Moment {
  readonly snapshot: Snapshot;
  readonly tree: Tree;
  readonly runStart: number | null;
  readonly dropped: number;
  readonly firstVisible: number;
  /** What the step changed beside the text, as it was before. */
  readonly beside: { readonly view?: View; readonly seed?: number | null };
}

/** Tokens from one index to before another are to be those of other words. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly words: string;
}

export interface TextOptions extends SliceContext<'text'> {
  /** Ends the stream that runs; its tokens stay. */
  readonly abortRun: () => void;
  readonly cancelPanels: () => void;
  /** The page is no longer as its address recorded it. */
  readonly departs: () => void;
  /** The last run says nothing of the text as it is now. */
  readonly forgetRun: () => void;
  /** Settings as they were before a step. */
  readonly takeSeed: (seed: number | null) => void;
  /** The branches of the restored text. */
  readonly tree: Tree | null;
  /** The prompt that stood there before this tab looked into a run; null where it did not. */
  readonly own: string | null;
  /** What the address replaced, for undo. */
  readonly before: { readonly snapshot: Snapshot; readonly tree: Tree | null } | null;
  /** The person wrote something: what the address replaced is not the last that they wrote any more. */
  readonly wrote: () => void;
  /** Every step was taken back: what the address replaced stands there again. */
  readonly undone: () => void;
}

function sizeOf({ snapshot }: Moment): number {
  return snapshot.prompt.length + snapshot.pieces.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

export type Desk = ReturnType<typeof createDesk>;

export function createDesk(options: TextOptions) {
  const { text, get, set } = options;
  const drafts = {
    tree: options.tree ?? createTree(),
    undo: [] as Moment[],
    redo: [] as Moment[],
    aside: null as Snapshot | null,
    /** What stood there before a run was looked into; after a reload its prompt alone is known. */
    own: null as Moment | null,
    /** Which tokens give way to which words, where somebody writes in the text; null where that was read. */
    edit: null as Edit | null,
    /** When the last letter was typed, in milliseconds since 1970. */
    lastTyped: -Infinity,
  };
  set({ own: options.own });
  // After a reload the last run is known by what it wrote.
  const lastRun = text.runs.at(-1);
  set({ runStart: lastRun?.end === text.pieces.length ? lastRun.start : null });
  if (options.before !== null) {
    const { snapshot, tree } = options.before;
    const nothing = { runStart: null, dropped: 0, firstVisible: 0, beside: {} };
    drafts.undo.push({ snapshot, tree: tree ?? createTree(), ...nothing });
    set({ undoDepth: 1 });
  }
  if (drafts.tree.branches.length > 1) publishTree();

  /** Puts the text's numbers into the store. */
  function publish(facts: Partial<TextFacts> = {}): void {
    set({
      epoch: text.epoch,
      length: text.pieces.length,
      promptCount: text.promptCount,
      scored: text.scored,
      ...facts,
    });
  }

  /** The text as it stands; without tokens where those are of older words. */
  function textNow(
    take = takeSnapshot,
    { edited }: Pick<TextFacts, 'edited'> = get().text,
  ): Snapshot {
    const { prompt, stale } = get().text;
    if (edited !== null) return { ...NO_TEXT, prompt: edited };
    return stale ? { ...NO_TEXT, prompt } : take(text, prompt);
  }

  function settled(): Tree {
    // A branch is its tokens; what is being written becomes some, or is in a step for undo.
    return settle(drafts.tree, textNow(takeSnapshot, { edited: null }), get().text.runStart);
  }

  function publishTree(): void {
    if (drafts.tree.branches.length > 1) set({ branches: describeTree(settled()) });
    else if (get().text.branches.length > 0) set({ branches: [] });
  }

  function moment(beside: Moment['beside']): Moment {
    const { runStart, dropped, firstVisible } = get().text;
    return { snapshot: textNow(), tree: drafts.tree, runStart, dropped, firstVisible, beside };
  }

  /** A step for undo that is no deed of the person. */
  function keepStep(beside: Moment['beside'] = {}): void {
    drafts.undo.push(moment(beside));
    const isTooMuch = (): boolean =>
      drafts.undo.length > UNDO_LEVELS || sum(drafts.undo.map(sizeOf)) > UNDO_SIZE;
    while (drafts.undo.length > 1 && isTooMuch()) drafts.undo.shift();
    drafts.redo.length = 0;
    drafts.lastTyped = -Infinity;
    set({ undoDepth: drafts.undo.length, redoDepth: 0, forked: null, branchNote: '' });
    options.departs();
  }

  return {
    drafts,
    publish,
    /** The text as it is to be stored. */
    textHere: () => textNow(lookAt),
    /** What was written in the text is no more to be read: its tokens have come, or another text has. */
    endEdit(): void {
      drafts.edit = null;
      if (get().text.edited !== null) set({ edited: null });
    },
    settled,
    publishTree,
    moment,
    keepStep,
    /** Before the person changes something. */
    pushUndo(beside: Moment['beside'] = {}): void {
      options.wrote();
      keepStep(beside);
    },
    /** The tokens are the loaded model's from now on. */
    own(): void {
      const model = modelOf(get());
      if (model !== null) text.owner = identityOf(model);
    },
    isForeign(
      { owner, pieces }: Pick<Snapshot, 'owner' | 'pieces'>,
      model: ModelSummary | null = modelOf(get()),
    ): boolean {
      if (model === null || pieces.length === 0) return false;
      // What nobody owns came from an older version of this page, or from nowhere.
      if (owner !== '' && owner !== identityOf(model)) return true;
      return pieces.some(({ id }) => id >= model.vocabSize);
    },
    dropAside(): void {
      drafts.aside = null;
      if (get().text.setAside > 0) set({ setAside: 0 });
    },
    /** What the model will see of a text of this length, until the engine says it. */
    seenFrom(length: number): Pick<TextFacts, 'dropped' | 'firstVisible'> {
      const first = windowStart(length, modelOf(get())?.nCtx ?? Infinity);
      return { dropped: Math.min(first, text.promptCount), firstVisible: first };
    },
  };
}
