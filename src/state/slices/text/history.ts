// Undo and redo: every change that loses something is a step.
import { commonLength, createTree } from '../../branches.ts';
import { NO_TEXT, restoreSnapshot, toPlainText, type Snapshot } from '../../tokenText.ts';
import type { View } from '../../view.ts';
import type { Desk, Moment, TextOptions } from './desk.ts';
import type { PromptDesk } from './prompt.ts';

/** The text as it stands, with what an edit has put aside of it. */
export interface Stood {
  readonly moment: Moment;
  readonly aside: Snapshot | null;
}

export function createHistory(options: TextOptions, desk: Desk, { tokenise }: PromptDesk) {
  const { text, get, together } = options;
  const { drafts } = desk;

  /** Puts a whole text in place of the one that stands; what the panels know of that one goes. */
  function put(step: Moment, view: Partial<View>, more: () => void): void {
    const goal = desk.isForeign(step.snapshot) ? toWords(step) : step;
    options.cancelPanels();
    const { prompt } = goal.snapshot;
    together(() => {
      desk.dropAside();
      desk.endEdit();
      drafts.tree = goal.tree;
      drafts.lastTyped = -Infinity;
      restoreSnapshot(text, goal.snapshot);
      desk.publish({
        prompt,
        tokenised: text.promptCount > 0 || text.pieces.length > 0 || prompt === '',
        stale: false,
        runStart: goal.runStart,
        undoDepth: drafts.undo.length,
        redoDepth: drafts.redo.length,
        forked: null,
        branchNote: '',
        dropped: goal.dropped,
        firstVisible: goal.firstVisible,
        hovered: null,
      });
      options.look({ selected: null, ...view });
      options.departs();
      options.forgetRun();
      more();
      desk.publishTree();
    });
    if (get().text.tokenised) options.refreshAll();
    else tokenise.ask();
  }

  function travel(from: Moment[], to: Moment[], announcement: string): void {
    if (from.length === 0) return;
    // What a stream has written until now is part of what undo keeps.
    options.abortRun();
    const step = from.pop();
    if (step === undefined) return;
    options.wrote();
    const { view, seed } = step.beside;
    to.push(
      desk.moment({
        ...(view === undefined ? {} : { view: get().view }),
        ...(seed === undefined ? {} : { seed: get().run.settings.seed }),
      }),
    );
    put(step, { ...view, selected: null }, () => {
      if (seed !== undefined) options.takeSeed(seed);
      options.say(announcement);
      if (drafts.undo.length === 0) options.undone();
    });
  }

  /** Whether just these tokens stand there, of just this prompt. */
  function isHere({ prompt, pieces }: Snapshot): boolean {
    const { length } = text.pieces;
    const isSame = pieces.length === length && commonLength(pieces, text.pieces) === length;
    return isSame && prompt === get().text.prompt && get().text.edited === null;
  }

  return {
    stands: (): Stood => ({
      moment: { ...desk.moment({}), tree: desk.settled() },
      aside: drafts.aside,
    }),
    /** What stood there stands there again. Undo has what stands there now, where that is another text. */
    standsAgain({ moment, aside }: Stood, view: Partial<View>): void {
      options.abortRun();
      if (!isHere(moment.snapshot)) desk.keepStep();
      put(moment, view, () => {
        if (aside === null || desk.isForeign(aside)) return;
        drafts.aside = aside;
        desk.publish({ setAside: aside.pieces.length - aside.promptCount });
      });
    },
    actions: {
      undo: () => travel(drafts.undo, drafts.redo, 'Undone.'),
      redo: () => travel(drafts.redo, drafts.undo, 'Done again.'),
    },
  };
}

/** Ids of another model mean nothing here; their text becomes a prompt. */
function toWords(moment: Moment): Moment {
  const prompt = toPlainText(moment.snapshot.pieces);
  return { ...moment, snapshot: { ...NO_TEXT, prompt }, tree: createTree(), runStart: null };
}
