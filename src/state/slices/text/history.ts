// Undo and redo: every change that loses something is a step.
import { createTree } from '../../branches.ts';
import { NO_TEXT, restoreSnapshot, toPlainText } from '../../tokenText.ts';
import type { Desk, Moment, TextOptions } from './desk.ts';
import type { PromptDesk } from './prompt.ts';

export function createHistory(options: TextOptions, desk: Desk, { tokenise }: PromptDesk) {
  const { text, get, together } = options;
  const { drafts } = desk;

  function travel(from: Moment[], to: Moment[], announcement: string): void {
    if (from.length === 0) return;
    // What a stream has written until now is part of what undo keeps.
    options.abortRun();
    const step = from.pop();
    if (step === undefined) return;
    options.wrote();
    const goal = desk.isForeign(step.snapshot) ? toWords(step) : step;
    const { view, seed } = step.beside;
    to.push(
      desk.moment({
        ...(view === undefined ? {} : { view: get().view }),
        ...(seed === undefined ? {} : { seed: get().run.settings.seed }),
      }),
    );
    options.cancelPanels();
    const { prompt } = goal.snapshot;
    together(() => {
      desk.dropAside();
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
      options.look({ ...view, selected: null });
      if (seed !== undefined) options.takeSeed(seed);
      options.departs();
      options.forgetRun();
      options.say(announcement);
      if (drafts.undo.length === 0) options.undone();
      desk.publishTree();
    });
    if (get().text.tokenised) options.refreshAll();
    else tokenise.ask();
  }

  return {
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
