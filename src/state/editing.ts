// The text under a person's hands: prompt, choices, branches, undo. Every change that loses something
// is a step that undo takes back; nothing here waits for the model but the tokens of a new prompt.
import type { Candidate, ModelSummary } from '../api.ts';
import {
  commonLength,
  createTree,
  currentOf,
  describeTree,
  dropBeginnings,
  findBranch,
  fork,
  joinEqual,
  remove,
  settle,
  switchTo,
  type Tree,
} from './branches.ts';
import { createLatest } from './latest.ts';
import { identityOf } from './modelName.ts';
import type { SliceContext } from './slices/slice.ts';
import type { AppState, Patch } from './store.ts';
import {
  append,
  NO_TEXT,
  replacePrompt,
  restoreSnapshot,
  takeSnapshot,
  toPlainText,
  truncate,
  type Snapshot,
} from './tokenText.ts';
import { modelOf } from './facts/model.ts';

const UNDO_LEVELS = 100;
/** Typing within this time is one step for undo. */
const TYPING_PAUSE_MS = 1500;

/** The whole text with its branches at one moment. */
export interface Moment {
  readonly snapshot: Snapshot;
  readonly tree: Tree;
  readonly runStart: number | null;
  readonly dropped: number;
  readonly firstVisible: number;
}

export interface EditingOptions extends SliceContext {
  /** Ends the stream that runs; its tokens stay. */
  readonly abortRun: () => void;
  readonly cancelPanels: () => void;
  /** The branches of the restored text. */
  readonly tree: Tree | null;
  /** What the address replaced, for undo. */
  readonly before: { readonly snapshot: Snapshot; readonly tree: Tree | null } | null;
  /** The person wrote something: what the address replaced is not the last that they wrote any more. */
  readonly wrote: () => void;
}

export type Editing = ReturnType<typeof createEditing>;

export function createEditing(options: EditingOptions) {
  const { engine, text, get, set, abortRun, cancelPanels, refreshAll } = options;
  const undoSteps: Moment[] = [];
  const redoSteps: Moment[] = [];
  let tree = options.tree ?? createTree();
  /** After a reload the last run is known by what it wrote. */
  const lastRun = text.runs.at(-1);
  let runStart = lastRun?.end === text.pieces.length ? lastRun.start : null;
  let lastTyped = -Infinity;
  /** The tokens are those of an older prompt than the store's. */
  let stale = false;
  let aside: Snapshot | null = null;

  if (options.before !== null) {
    const { snapshot, tree: old } = options.before;
    undoSteps.push({
      snapshot,
      tree: old ?? createTree(),
      runStart: null,
      dropped: 0,
      firstVisible: 0,
    });
    set({ text: { undoDepth: 1 } });
  }
  if (tree.branches.length > 1) publishTree();

  /** Puts the text's numbers into the store. */
  function publish(patch: Patch = {}): void {
    set({
      ...patch,
      text: {
        epoch: text.epoch,
        length: text.pieces.length,
        promptCount: text.promptCount,
        scored: text.scored,
        ...patch.text,
      },
    });
  }

  /** The text as it stands; without tokens where those are of an older prompt. */
  function textNow(): Snapshot {
    const { prompt } = get().text;
    return stale ? { ...NO_TEXT, prompt } : takeSnapshot(text, prompt);
  }

  /** The tokens are the loaded model's from now on. */
  function own(): void {
    const model = modelOf(get());
    if (model !== null) text.owner = identityOf(model);
  }

  function settled(): Tree {
    return settle(tree, textNow(), runStart);
  }

  function publishTree(): void {
    if (tree.branches.length > 1) set({ text: { branches: describeTree(settled()) } });
    else if (get().text.branches.length > 0) set({ text: { branches: [] } });
  }

  // ── undo ────────────────────────────────────────────────────────────────────────────────────

  function moment(): Moment {
    const { dropped, firstVisible } = get().text;
    return { snapshot: textNow(), tree, runStart, dropped, firstVisible };
  }

  /** Before the person changes something. */
  function pushUndo(): void {
    options.wrote();
    keepStep();
  }

  function keepStep(): void {
    undoSteps.push(moment());
    if (undoSteps.length > UNDO_LEVELS) undoSteps.shift();
    redoSteps.length = 0;
    lastTyped = -Infinity;
    set({
      text: { undoDepth: undoSteps.length, redoDepth: 0, forked: null, branchNote: '' },
      replay: { asRecorded: false },
    });
  }

  function isForeign(
    { owner, pieces }: Pick<Snapshot, 'owner' | 'pieces'>,
    model = modelOf(get()),
  ): boolean {
    if (model === null || pieces.length === 0) return false;
    // What nobody owns came from an older version of this page, or from nowhere.
    if (owner !== '' && owner !== identityOf(model)) return true;
    return pieces.some(({ id }) => id >= model.vocabSize);
  }

  function travel(from: Moment[], to: Moment[], announcement: string): void {
    if (from.length === 0) return;
    // What a stream has written until now is part of what undo keeps.
    abortRun();
    const step = from.pop();
    if (step === undefined) return;
    options.wrote();
    const goal = isForeign(step.snapshot) ? toWords(step) : step;
    to.push(moment());
    cancelPanels();
    dropAside();
    ({ tree, runStart } = goal);
    restoreSnapshot(text, goal.snapshot);
    stale = false;
    lastTyped = -Infinity;
    const { prompt } = goal.snapshot;
    const known = text.promptCount > 0 || text.pieces.length > 0 || prompt === '';
    publish({
      text: {
        prompt,
        tokenised: known,
        undoDepth: undoSteps.length,
        redoDepth: redoSteps.length,
        forked: null,
        branchNote: '',
        dropped: goal.dropped,
        firstVisible: goal.firstVisible,
        hovered: null,
      },
      replay: { asRecorded: false },
      view: { selected: null },
      run: { last: null },
      page: { announcement },
    });
    publishTree();
    if (known) refreshAll();
    else tokenise.ask(prompt);
  }

  // ── the prompt ──────────────────────────────────────────────────────────────────────────────

  async function readPrompt(): Promise<boolean> {
    const { prompt } = get().text;
    const pieces = prompt === '' ? [] : await engine.ask('tokenize', { text: prompt });
    if (get().text.prompt !== prompt || get().text.tokenised || modelOf(get()) === null)
      return false;
    replacePrompt(text, pieces);
    own();
    stale = false;
    publish({ text: { tokenised: true, ...seenFrom(text.pieces.length) } });
    return true;
  }

  const tokenise = createLatest<string>(async () => {
    if (modelOf(get()) === null) return;
    try {
      if (await readPrompt()) refreshAll();
    } catch (error) {
      options.report(error, 'panels');
    }
  });

  async function tokenised(): Promise<void> {
    if (get().text.tokenised) return;
    tokenise.cancel();
    await readPrompt();
  }

  /** What the model will see of a text of this length, until the engine says it exactly. */
  function seenFrom(length: number): Pick<AppState['text'], 'dropped' | 'firstVisible'> {
    const first = Math.max(0, length - (modelOf(get())?.nCtx ?? Infinity));
    return { dropped: Math.min(first, text.promptCount), firstVisible: first };
  }

  function setPrompt(prompt: string): void {
    if (prompt === get().text.prompt) return;
    abortRun();
    const now = Date.now();
    const hasRun = text.pieces.length > text.promptCount;
    const loses = hasRun || tree.branches.length > 1;
    if (loses || now - lastTyped > TYPING_PAUSE_MS) pushUndo();
    lastTyped = now;
    if (hasRun) {
      aside = takeSnapshot(text, get().text.prompt);
      truncate(text, text.promptCount);
      set({ text: { setAside: aside.pieces.length - aside.promptCount } });
    }
    runStart = null;
    // Branches belong to the words they grew from.
    tree = createTree();
    stale = true;
    cancelPanels();
    publish({
      text: { prompt, tokenised: false, hovered: null },
      view: { selected: null },
      run: { last: null },
    });
    publishTree();
    tokenise.ask(prompt);
  }

  function dropAside(): void {
    aside = null;
    if (get().text.setAside > 0) set({ text: { setAside: 0 } });
  }

  /** Appends the generated tokens that an edit of the prompt put aside. */
  async function putBack(): Promise<void> {
    if (aside === null || modelOf(get()) === null) return;
    try {
      await tokenised();
    } catch (error) {
      options.report(error, 'panels');
      return;
    }
    // Another model may have come meanwhile, to which these tokens mean nothing.
    const tokens = aside as Snapshot | null;
    if (tokens === null) return;
    pushUndo();
    // Without a recipe: after this prompt the model might have written something else.
    for (const piece of tokens.pieces.slice(tokens.promptCount)) append(text, piece, Number.NaN, 0);
    dropAside();
    publish({ text: seenFrom(text.pieces.length) });
    refreshAll();
  }

  // ── branches ────────────────────────────────────────────────────────────────────────────────

  /** The text as it stands stays a branch; what happens next happens to another one. */
  function branchOff(): void {
    const grown = fork(settled());
    ({ tree } = grown);
    if (grown.dropped !== null) {
      const words = grown.dropped.words.trim();
      set({ text: { branchNote: `The oldest branch end (“${words.slice(0, 30)}…”) was let go.` } });
    }
  }

  function show(snapshot: Snapshot, patch: Patch): void {
    restoreSnapshot(text, snapshot);
    stale = false;
    publish({
      ...patch,
      text: {
        prompt: snapshot.prompt,
        tokenised: true,
        hovered: null,
        ...seenFrom(text.pieces.length),
        ...patch.text,
      },
      view: { selected: null, ...patch.view },
      run: { last: null },
    });
    publishTree();
    refreshAll();
  }

  function switchBranch(id: number): void {
    if (id === tree.current || !tree.branches.some((branch) => branch.id === id)) return;
    // Its end may make two branches one.
    abortRun();
    if (id === tree.current || !tree.branches.some((branch) => branch.id === id)) return;
    pushUndo();
    dropAside();
    cancelPanels();
    tree = dropBeginnings(switchTo(settled(), id));
    const { snapshot } = currentOf(tree);
    ({ runStart } = currentOf(tree));
    const at = commonLength(text.pieces, snapshot.pieces);
    show(snapshot, {
      text: { forked: { at, computed: null } },
      page: { announcement: 'Another branch.' },
    });
  }

  function deleteBranch(id: number): void {
    if (id === tree.current || !tree.branches.some((branch) => branch.id === id)) return;
    pushUndo();
    tree = remove(tree, id);
    set({ page: { announcement: 'Branch deleted. Undo brings it back.' } });
    publishTree();
  }

  /** Puts a candidate at the place the next-token panel is about; what stood there is a branch. */
  function choose(candidate: Candidate): void {
    // The tokens are still those of the prompt before.
    if (!get().text.tokenised) return;
    const { distribution } = get().next;
    const { piece } = candidate;
    const at = Math.min(get().next.at, text.pieces.length);
    if (text.pieces[at]?.id === piece.id) {
      set({ page: { announcement: 'This token stands there already.' } });
      return;
    }
    const there = findBranch(tree, text.pieces, at, piece.id);
    if (there !== undefined) {
      switchBranch(there.id);
      return;
    }
    abortRun();
    pushUndo();
    dropAside();
    cancelPanels();
    let { prompt } = get().text;
    const forks = at < text.pieces.length;
    if (forks) {
      branchOff();
      if (at < text.promptCount) prompt = toPlainText(text.pieces.slice(0, at));
      truncate(text, at);
    }
    // Scores of the whole text follow; until then the panel's own numbers stand.
    append(text, piece, Math.log(candidate.rawProbability), rankIn(distribution?.top, candidate));
    own();
    runStart = at;
    publish({
      text: {
        prompt,
        tokenised: true,
        hovered: null,
        forked: forks ? { at, computed: null } : null,
        ...seenFrom(text.pieces.length),
      },
      view: { selected: null },
      run: { last: null },
    });
    publishTree();
    options.used('choose');
    refreshAll();
  }

  // ── runs ────────────────────────────────────────────────────────────────────────────────────

  /** Makes the text ready for a run; `from` writes anew from there, in a branch of its own. */
  function beginRun(from: number | undefined): void {
    pushUndo();
    dropAside();
    if (from !== undefined && from < text.pieces.length) {
      branchOff();
      truncate(text, from);
    }
    own();
    runStart = text.pieces.length;
    publishTree();
  }

  function endRun(): void {
    if (tree.branches.length < 2) return;
    tree = joinEqual(settled());
    publishTree();
  }

  /** An empty prompt is given its beginning-of-text token by the engine; the text shows it. */
  function addStartToken(promptIds: readonly number[]): void {
    const first = promptIds[0];
    if (text.pieces.length > 0 || promptIds.length !== 1 || first === undefined) return;
    append(text, { id: first, bytes: [], text: '<|endoftext|>', special: true }, Number.NaN, 0);
    text.promptCount = 1;
    own();
    runStart = 1;
    text.epoch += 1;
  }

  return {
    publish,
    tokenised,
    tokenise: () => tokenise.ask(get().text.prompt),
    seenFrom,
    beginRun,
    endRun,
    /** The tokens that tell a new branch from the others come with the stream. */
    nameBranch(): void {
      if (
        get().text.branches.some(({ current, level, to }) => current && level > 1 && to === null)
      ) {
        publishTree();
      }
    },
    addStartToken,
    /** Where the last run began, for writing it again. */
    lastStart: () => runStart ?? text.promptCount,
    tree: () => tree,
    textNow,
    /**
     * Makes the text fit a model that comes: what was typed since the tokens were read stays what was
     * typed, and ids that mean nothing to it become the prompt. Gives the prompt.
     */
    fit(model: ModelSummary): string {
      if (aside !== null && isForeign(aside, model)) dropAside();
      const { prompt } = get().text;
      const isOther = isForeign(text, model);
      if (stale) truncate(text, 0);
      if (stale || !isOther) {
        text.owner = identityOf(model);
        return prompt;
      }
      const words = toPlainText(text.pieces);
      keepStep();
      dropAside();
      truncate(text, 0);
      text.owner = identityOf(model);
      runStart = null;
      tree = createTree();
      publishTree();
      return words;
    },
    /** Shows a text with all its branches as it was recorded. */
    showTree(recorded: Tree, patch: Patch): void {
      abortRun();
      cancelPanels();
      dropAside();
      tokenise.cancel();
      // The same text may have grown branches here that the link does not know.
      if (tree.branches.length > recorded.branches.length) keepStep();
      tree = recorded;
      ({ runStart } = currentOf(tree));
      show(currentOf(tree).snapshot, patch);
    },
    actions: {
      setPrompt,
      /** Replaces everything by a new prompt, as one step. */
      takePrompt(prompt: string): void {
        lastTyped = -Infinity;
        setPrompt(prompt);
        dropAside();
        lastTyped = -Infinity;
      },
      putBack,
      /** Makes the whole text the prompt; its tokens stay as they are until it is edited. */
      continueEditing(): void {
        if (text.pieces.length === text.promptCount) return;
        abortRun();
        pushUndo();
        dropAside();
        const prompt = toPlainText(text.pieces);
        text.promptCount = text.pieces.length;
        text.epoch += 1;
        runStart = null;
        publish({ text: { prompt }, run: { last: null } });
        publishTree();
      },
      undo: () => travel(undoSteps, redoSteps, 'Undone.'),
      redo: () => travel(redoSteps, undoSteps, 'Done again.'),
      choose,
      switchBranch,
      deleteBranch,
    },
  };
}

/** Ids of another model mean nothing here; their text becomes a prompt. */
function toWords(moment: Moment): Moment {
  const prompt = toPlainText(moment.snapshot.pieces);
  return { ...moment, snapshot: { ...NO_TEXT, prompt }, tree: createTree(), runStart: null };
}

/** Rank by the model's own probability; 0 where the list does not show it. */
function rankIn(top: readonly Candidate[] | undefined, candidate: Candidate): number {
  if (top === undefined) return 0;
  const better = top.filter(({ logit }) => logit > candidate.logit).length;
  // The list is ordered by the sampled probability: one that lost to a worse one may not be alone.
  const ordered = top.every(({ logit }, i) => i === 0 || logit <= (top[i - 1]?.logit ?? Infinity));
  return ordered ? better + 1 : 0;
}
