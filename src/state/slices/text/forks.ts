// Where the text goes another way: a chosen candidate, a run that is written anew, and the branches that
// come of it.
import type { Candidate } from '../../../api.ts';
import {
  commonLength,
  currentOf,
  dropBeginnings,
  findBranch,
  fork,
  joinEqual,
  remove,
  switchTo,
} from '../../branches.ts';
import type { TextFacts } from '../../facts/text.ts';
import { append, restoreSnapshot, toPlainText, truncate, type Snapshot } from '../../tokenText.ts';
import type { View } from '../../view.ts';
import type { Desk, Moment, TextOptions } from './desk.ts';

export function createForks(options: TextOptions, desk: Desk) {
  const { text, get, set, together } = options;
  const { drafts } = desk;

  /** The text as it stands stays a branch; what happens next happens to another one. */
  function branchOff(): void {
    const grown = fork(desk.settled());
    drafts.tree = grown.tree;
    if (grown.dropped !== null) {
      const words = grown.dropped.words.trim();
      set({ branchNote: `The oldest branch end (“${words.slice(0, 30)}…”) was let go.` });
    }
  }

  /** Puts a whole text in place of the one that stands. */
  function show(snapshot: Snapshot, facts: Partial<TextFacts>, view: Partial<View> = {}): void {
    together(() => {
      desk.endEdit();
      restoreSnapshot(text, snapshot);
      desk.publish({
        prompt: snapshot.prompt,
        tokenised: true,
        unread: null,
        stale: false,
        hovered: null,
        ...desk.seenFrom(text.pieces.length),
        ...facts,
      });
      options.look({ selected: null, ...view });
      options.forgetRun();
      desk.publishTree();
    });
    options.refreshAll();
  }

  const isOther = (id: number): boolean =>
    id !== drafts.tree.current && drafts.tree.branches.some((branch) => branch.id === id);

  function switchBranch(id: number): void {
    if (!isOther(id)) return;
    // Its end may make two branches one.
    options.abortRun();
    if (!isOther(id)) return;
    together(() => {
      desk.pushUndo();
      desk.dropAside();
      options.cancelPanels();
      drafts.tree = dropBeginnings(switchTo(desk.settled(), id));
      const { snapshot, runStart } = currentOf(drafts.tree);
      const at = commonLength(text.pieces, snapshot.pieces);
      options.say('Another branch.');
      show(snapshot, { runStart, forked: { at, computed: null } });
    });
  }

  function deleteBranch(id: number): void {
    if (!isOther(id)) return;
    together(() => {
      desk.pushUndo();
      drafts.tree = remove(drafts.tree, id);
      options.say('Branch deleted. Undo brings it back.');
      desk.publishTree();
    });
  }

  /** Puts a candidate at the place the next-token panel is about; what stood there is a branch. */
  function choose(candidate: Candidate): void {
    // The tokens are still those of the prompt before.
    if (!get().text.tokenised) return;
    const { distribution, epoch } = get().next;
    // Those of the text as it is are on their way.
    if (epoch !== text.epoch) return;
    const { piece } = candidate;
    const at = Math.min(get().next.at, text.pieces.length);
    if (text.pieces[at]?.id === piece.id) {
      options.say('This token stands there already.');
      return;
    }
    const there = findBranch(drafts.tree, text.pieces, at, piece.id);
    if (there !== undefined) {
      switchBranch(there.id);
      return;
    }
    options.abortRun();
    together(() => {
      desk.pushUndo();
      desk.dropAside();
      options.cancelPanels();
      let { prompt } = get().text;
      const forks = at < text.pieces.length;
      if (forks) {
        branchOff();
        if (at < text.promptCount) prompt = toPlainText(text.pieces.slice(0, at));
        truncate(text, at);
      }
      // Scores of the whole text follow; until then the panel's own numbers stand.
      append(text, piece, Math.log(candidate.rawProbability), rankIn(distribution?.top, candidate));
      desk.own();
      desk.publish({
        prompt,
        tokenised: true,
        unread: null,
        runStart: at,
        hovered: null,
        forked: forks ? { at, computed: null } : null,
        ...desk.seenFrom(text.pieces.length),
      });
      options.look({ selected: null });
      options.forgetRun();
      desk.publishTree();
      options.used('choose');
    });
    options.refreshAll();
  }

  return {
    show,
    runs: {
      /** Makes the text ready for a run; `from` writes anew from there, in a branch of its own. */
      beginRun(from: number | undefined, beside: Moment['beside']): void {
        together(() => {
          desk.pushUndo(beside);
          desk.dropAside();
          if (from !== undefined && from < text.pieces.length) {
            branchOff();
            truncate(text, from);
          }
          desk.own();
          desk.publish({ runStart: text.pieces.length, ...desk.seenFrom(text.pieces.length) });
          desk.publishTree();
        });
      },
      endRun(): void {
        if (drafts.tree.branches.length < 2) return;
        drafts.tree = joinEqual(desk.settled());
        desk.publishTree();
      },
      /** The tokens that tell a new branch from the others come with the stream. */
      nameBranch(): void {
        const { branches } = get().text;
        if (branches.some(({ current, level, to }) => current && level > 1 && to === null)) {
          desk.publishTree();
        }
      },
    },
    actions: { choose, switchBranch, deleteBranch },
  };
}

/** Rank by the model's own probability; 0 where the list does not show it. */
function rankIn(top: readonly Candidate[] | undefined, candidate: Candidate): number {
  if (top === undefined) return 0;
  const better = top.filter(({ logit }) => logit > candidate.logit).length;
  // The list is ordered by the sampled probability: one that lost to a worse one may not be alone.
  const ordered = top.every(({ logit }, i) => i === 0 || logit <= (top[i - 1]?.logit ?? Infinity));
  return ordered ? better + 1 : 0;
}
