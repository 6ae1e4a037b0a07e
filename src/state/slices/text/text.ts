// The text: the slice that owns it, put together from its desk, its prompt, its branches and its history.
import type { ModelSummary, TokenScores } from '../../../api.ts';
import { createTree, currentOf, type Tree } from '../../branches.ts';
import type { TextFacts } from '../../facts/text.ts';
import { modelOf } from '../../facts/model.ts';
import { identityOf } from '../../modelName.ts';
import type { Recipe } from '../../runs.ts';
import {
  append,
  fillScores,
  NO_TEXT,
  restoreSnapshot,
  toPlainText,
  truncate,
  type Snapshot,
} from '../../tokenText.ts';
import type { View } from '../../view.ts';
import { createDesk, type Moment, type TextOptions } from './desk.ts';
import { createForks } from './forks.ts';
import { createHistory, type Stood } from './history.ts';
import { createPrompt } from './prompt.ts';

export type TextSlice = ReturnType<typeof createText>;

export function createText(options: TextOptions) {
  const { text, get, set, together } = options;
  const desk = createDesk(options);
  const prompt = createPrompt(options, desk);
  const forks = createForks(options, desk);
  const history = createHistory(options, desk, prompt);
  const { drafts } = desk;

  /** What takes the place of the text because a run is looked into, or no more; null where it stays. */
  function otherText(
    model: ModelSummary,
    before: ModelSummary | null,
    start: string | undefined,
  ): (Partial<Moment> & { readonly prompt: string }) | null {
    const { own, prompt: now } = get().text;
    const { origin } = model;
    if (origin?.run === undefined) {
      const moment = drafts.own;
      drafts.own = null;
      set({ own: null });
      if (own === null) return null;
      const isWhole = moment?.snapshot.pieces.length && !desk.isForeign(moment.snapshot, model);
      return { ...(isWhole && moment), prompt: own };
    }
    const last = before?.origin?.run?.id;
    // Of one run, step after step, and after a reload, what stands there is about it.
    const isNew = own === null || (last !== undefined && last !== origin.run.id);
    if (!isNew || start === undefined) return null;
    if (own === null) {
      drafts.own = { ...desk.moment({}), tree: desk.settled() };
      set({ own: now });
    }
    return start === now ? null : { prompt: start };
  }

  return {
    publish: desk.publish,
    seenFrom: (length: number) => desk.seenFrom(length),
    textHere: desk.textHere,
    stands: history.stands,
    standsAgain: (stood: Stood, view: Partial<View>) => history.standsAgain(stood, view),
    tree: (): Tree => drafts.tree,
    tokenised: prompt.tokenised,
    tokenise: () => prompt.tokenise.ask(),
    ...forks.runs,
    /** A text takes the place of none, as it was once left. */
    restore(snapshot: Snapshot): void {
      restoreSnapshot(text, snapshot);
      desk.publish({ tokenised: true, runStart: snapshot.promptCount });
    },
    /** Where the last run began, for writing it again. */
    lastStart: () => get().text.runStart ?? text.promptCount,
    /** An empty prompt is given its beginning-of-text token by the engine; the text shows it. */
    addStartToken(promptIds: readonly number[]): void {
      const [first] = promptIds;
      if (text.pieces.length > 0 || promptIds.length !== 1 || first === undefined) return;
      // Without a tokenizer it has no name but its number, as all tokens then.
      const number = `${first} `;
      const piece =
        modelOf(get())?.reads === 'ids'
          ? { bytes: [...new TextEncoder().encode(number)], text: number, special: false }
          : { bytes: [], text: '<|endoftext|>', special: true };
      append(text, { id: first, ...piece }, Number.NaN, 0);
      text.promptCount = 1;
      desk.own();
      text.epoch += 1;
      set({ runStart: 1 });
    },
    write(piece: Snapshot['pieces'][number], logprob: number, rank: number, recipe: Recipe): void {
      append(text, piece, logprob, rank, recipe);
    },
    score(scores: TokenScores): void {
      fillScores(text, scores);
      desk.publish();
    },
    /** Something is to be said at the branches. */
    noteBranches: (branchNote: string) => set({ branchNote }),
    /** How many tokens the first candidates after a fork took. */
    costs(computed: number | null): void {
      const { forked } = get().text;
      if (forked !== null && forked.computed === null) set({ forked: { ...forked, computed } });
    },
    sees(firstVisible: number): void {
      if (firstVisible !== get().text.firstVisible) set({ firstVisible });
    },
    /** The same, and that of the prompt so much was never read. */
    dropped: (dropped: number) => set({ dropped }),
    hover(hovered: number | null): void {
      if (hovered !== get().text.hovered) set({ hovered });
    },
    /**
     * Makes the text fit a model that comes: what was typed since the tokens were read stays what was
     * typed, and ids that mean nothing to it become the prompt. A run that is looked into brings a text of its own
     * (`start`), in whose place any other model has again what stood there. Gives the prompt.
     */
    fit(model: ModelSummary, before: ModelSummary | null, start: string | undefined): string {
      if (drafts.aside !== null && desk.isForeign(drafts.aside, model)) desk.dropAside();
      prompt.collapse();
      const { prompt: typed, stale } = get().text;
      const other = otherText(model, before, start);
      if (other === null && (stale || !desk.isForeign(text, model))) {
        if (stale) truncate(text, 0);
        text.owner = identityOf(model);
        return typed;
      }
      const words = other?.prompt ?? toPlainText(text.pieces);
      desk.keepStep();
      desk.dropAside();
      restoreSnapshot(text, other?.snapshot ?? NO_TEXT);
      text.owner = identityOf(model);
      set({ runStart: other?.runStart ?? null, stale: false });
      drafts.tree = other?.tree ?? createTree();
      desk.publishTree();
      return words;
    },
    /** Shows a text with all its branches, and the view it was recorded with. */
    showTree(recorded: Tree, view: Partial<View>, facts: Partial<TextFacts> = {}): void {
      options.abortRun();
      options.cancelPanels();
      prompt.tokenise.cancel();
      together(() => {
        desk.dropAside();
        // The same text may have grown branches here that the link does not know.
        if (drafts.tree.branches.length > recorded.branches.length) {
          desk.keepStep({ view: get().view });
        }
        drafts.tree = recorded;
        const { snapshot, runStart } = currentOf(recorded);
        forks.show(snapshot, { runStart, ...facts }, view);
      });
    },
    actions: { ...prompt.actions, ...forks.actions, ...history.actions },
  };
}
