// The prompt under a person's hands: nothing waits for the model but its tokens.
import type { TokenPiece } from '../../../api.ts';
import { toErrorInfo } from '../../../errors.ts';
import { createTree } from '../../branches.ts';
import { modelOf } from '../../facts/model.ts';
import { createLatest } from '../../latest.ts';
import {
  append,
  replacePrompt,
  replaceTokens,
  takeSnapshot,
  toPlainText,
  truncate,
  type Snapshot,
} from '../../tokenText.ts';
import type { View } from '../../view.ts';
import type { Desk, Edit, TextOptions } from './desk.ts';

/** Typing within this time is one step for undo. */
const TYPING_PAUSE_MS = 1500;

/** Whether an error says that the model has no token for something in the text. */
export function isAboutWords(code: string): boolean {
  return code === 'tokens/ids' || code === 'tokenizer/byte';
}

export type PromptDesk = ReturnType<typeof createPrompt>;

export function createPrompt(options: TextOptions, desk: Desk) {
  const { engine, text, get, set, together } = options;
  const { drafts } = desk;

  /** The question on its way, and what it is about: the run that waits for it asks nothing again. */
  let asked: { about: readonly unknown[]; pieces: Promise<readonly TokenPiece[]> } | null = null;

  function piecesOf(words: string, isWithin: boolean): Promise<readonly TokenPiece[]> {
    const { controlWords } = get().view;
    const about = [words, isWithin, get().model.here, controlWords];
    if (asked?.about.every((fact, i) => fact === about[i])) return asked.pieces;
    const pieces = engine.ask('tokenize', {
      text: words,
      ...(isWithin && { isWithin }),
      ...(controlWords ? {} : { controlWords }),
    });
    const mine = { about, pieces };
    asked = mine;
    const forget = (): void => {
      if (asked === mine) asked = null;
    };
    pieces.then(forget, forget);
    return pieces;
  }

  async function readPrompt(): Promise<boolean> {
    const { prompt } = get().text;
    const { edit } = drafts;
    const words = edit === null ? prompt : edit.words;
    const pieces = words === '' ? [] : await piecesOf(words, edit !== null && edit.from > 0);
    const isOther = get().text.prompt !== prompt || drafts.edit !== edit;
    if (isOther || get().text.tokenised || modelOf(get()) === null) return false;
    together(() => {
      if (edit === null) replacePrompt(text, pieces);
      else takeEdit(edit, pieces);
      desk.own();
      desk.publish({
        tokenised: true,
        unread: null,
        stale: false,
        ...desk.seenFrom(text.pieces.length),
      });
    });
    return true;
  }

  /** The tokens of what somebody wrote in the text. It is of the prompt where that changed, or is all that there is. */
  function takeEdit({ from, to }: Edit, pieces: readonly TokenPiece[]): void {
    const { promptCount } = text;
    const isAlone = text.pieces.length === promptCount;
    const [first, last] = replaceTokens(text, from, to, pieces);
    desk.endEdit();
    // Back to what it was before anybody asked.
    if (first === to && last === to) return;
    if (isAlone || first < promptCount) {
      text.promptCount = isAlone
        ? text.pieces.length
        : from + pieces.length + Math.max(0, promptCount - to);
      // Branches belong to the words they grew from.
      drafts.tree = createTree();
      set({ prompt: toPlainText(text.pieces.slice(0, text.promptCount)), runStart: null });
    } else set({ runStart: last });
    desk.publishTree();
  }

  /** What is written in the text is the prompt where the model cannot read it, or none is there that could. */
  function collapse(): void {
    const { edited } = get().text;
    if (edited === null) return;
    truncate(text, 0);
    drafts.tree = createTree();
    desk.endEdit();
    desk.publish({ prompt: edited, tokenised: false, stale: true, runStart: null });
    desk.publishTree();
  }

  const tokenise = createLatest<void>(async () => {
    if (modelOf(get()) === null) return;
    try {
      if (await readPrompt()) options.refreshAll();
    } catch (error) {
      const { code, message, hint } = toErrorInfo(error);
      // What somebody is typing is no failure; whoever sends it off is told in another way.
      if (isAboutWords(code)) {
        together(() => {
          collapse();
          set({ unread: `${message} ${hint}` });
        });
      } else options.report(error, 'panels');
    }
  });

  async function tokenised(): Promise<void> {
    if (get().text.tokenised) return;
    tokenise.cancel();
    await readPrompt();
  }

  function setPrompt(prompt: string): void {
    if (prompt !== get().text.prompt) write(prompt);
  }

  /**
   * Somebody wrote in the text, which reads `words` now: of the tokens of before, those of `edit` are to be others. What
   * stands behind stays. `isNew` is a step for undo by itself.
   */
  function editText(words: string, edit: Edit, isNew: boolean): void {
    options.abortRun();
    together(() => {
      const now = Date.now();
      if (isNew || now - drafts.lastTyped > TYPING_PAUSE_MS) desk.pushUndo();
      drafts.lastTyped = now;
      desk.dropAside();
      options.cancelPanels();
      // Tokens of older words are none that anybody could go on from.
      if (get().text.stale) truncate(text, 0);
      drafts.edit = edit;
      desk.publish({
        edited: words,
        tokenised: false,
        unread: null,
        stale: false,
        hovered: null,
        forked: null,
      });
      options.look({ selected: null });
      options.forgetRun();
      if (modelOf(get()) === null) collapse();
    });
    tokenise.ask();
  }

  /** Replaces the prompt, or reads it anew; `view` is what the same step changes of what is looked at. */
  function write(prompt: string, view: Partial<View> = {}): void {
    options.abortRun();
    together(() => {
      const now = Date.now();
      const hasRun = text.pieces.length > text.promptCount;
      const loses = hasRun || drafts.edit !== null || drafts.tree.branches.length > 1;
      const isOther = Object.keys(view).length > 0;
      if (loses || isOther || now - drafts.lastTyped > TYPING_PAUSE_MS) {
        desk.pushUndo(isOther ? { view: get().view } : {});
      }
      drafts.lastTyped = now;
      if (hasRun) {
        drafts.aside = takeSnapshot(text, get().text.prompt);
        truncate(text, text.promptCount);
        set({ setAside: drafts.aside.pieces.length - drafts.aside.promptCount });
      }
      // Branches belong to the words they grew from.
      drafts.tree = createTree();
      desk.endEdit();
      options.cancelPanels();
      const facts = {
        prompt,
        tokenised: false,
        unread: null,
        stale: true,
        runStart: null,
        hovered: null,
      };
      desk.publish(facts);
      options.look({ selected: null, ...view });
      options.forgetRun();
      desk.publishTree();
    });
    tokenise.ask();
  }

  /** Appends the generated tokens that an edit of the prompt put aside. */
  async function putBack(): Promise<void> {
    if (drafts.aside === null || modelOf(get()) === null) return;
    try {
      await tokenised();
    } catch (error) {
      options.report(error, 'panels');
      return;
    }
    // Another model may have come meanwhile, to which these tokens mean nothing.
    const tokens = drafts.aside as Snapshot | null;
    if (tokens === null) return;
    together(() => {
      desk.pushUndo();
      // Without a recipe: after this prompt the model might have written something else.
      for (const piece of tokens.pieces.slice(tokens.promptCount)) {
        append(text, piece, Number.NaN, 0);
      }
      desk.dropAside();
      desk.publish(desk.seenFrom(text.pieces.length));
    });
    options.refreshAll();
  }

  return {
    tokenise,
    tokenised,
    collapse,
    actions: {
      setPrompt,
      editText,
      /** Replaces everything by a new prompt, as one step; what was written behind the same one goes `anew` alone. */
      takePrompt(prompt: string, anew = false): void {
        drafts.lastTyped = -Infinity;
        if (anew && text.pieces.length > text.promptCount) write(prompt);
        else setPrompt(prompt);
        desk.dropAside();
        drafts.lastTyped = -Infinity;
      },
      putBack,
      /** Whether names of the model's control words are tokens of the prompt; which is read anew where it has some. */
      setControlWords(controlWords: boolean): void {
        const { prompt } = get().text;
        const words = modelOf(get())?.controlWords ?? [];
        if (controlWords === get().view.controlWords) return;
        if (words.some((word) => prompt.includes(word))) write(prompt, { controlWords });
        else options.look({ controlWords });
      },
    },
  };
}
