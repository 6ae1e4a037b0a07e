// The prompt under a person's hands: nothing waits for the model but its tokens.
import type { TokenPiece } from '../../../api.ts';
import { toErrorInfo } from '../../../errors.ts';
import { createTree } from '../../branches.ts';
import { modelOf } from '../../facts/model.ts';
import { createLatest } from '../../latest.ts';
import {
  append,
  replacePrompt,
  takeSnapshot,
  toPlainText,
  truncate,
  type Snapshot,
} from '../../tokenText.ts';
import type { View } from '../../view.ts';
import type { Desk, TextOptions } from './desk.ts';

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

  function piecesOf(prompt: string): Promise<readonly TokenPiece[]> {
    const { controlWords } = get().view;
    const about = [prompt, get().model.here, controlWords];
    if (asked?.about.every((fact, i) => fact === about[i])) return asked.pieces;
    const pieces = engine.ask('tokenize', {
      text: prompt,
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
    const pieces = prompt === '' ? [] : await piecesOf(prompt);
    if (get().text.prompt !== prompt || get().text.tokenised || modelOf(get()) === null) {
      return false;
    }
    replacePrompt(text, pieces);
    desk.own();
    desk.publish({
      tokenised: true,
      unread: null,
      stale: false,
      ...desk.seenFrom(text.pieces.length),
    });
    return true;
  }

  const tokenise = createLatest<void>(async () => {
    if (modelOf(get()) === null) return;
    try {
      if (await readPrompt()) options.refreshAll();
    } catch (error) {
      const { code, message, hint } = toErrorInfo(error);
      // What somebody is typing is no failure; whoever sends it off is told in another way.
      if (isAboutWords(code)) set({ unread: `${message} ${hint}` });
      else options.report(error, 'panels');
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

  /** Replaces the prompt, or reads it anew; `view` is what the same step changes of what is looked at. */
  function write(prompt: string, view: Partial<View> = {}): void {
    options.abortRun();
    together(() => {
      const now = Date.now();
      const hasRun = text.pieces.length > text.promptCount;
      const loses = hasRun || drafts.tree.branches.length > 1;
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
    actions: {
      setPrompt,
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
      /** Makes the whole text the prompt; its tokens stay as they are until it is edited. */
      continueEditing(): void {
        if (text.pieces.length === text.promptCount) return;
        options.abortRun();
        together(() => {
          desk.pushUndo();
          desk.dropAside();
          const prompt = toPlainText(text.pieces);
          text.promptCount = text.pieces.length;
          text.epoch += 1;
          desk.publish({ prompt, runStart: null });
          options.forgetRun();
          desk.publishTree();
        });
      },
    },
  };
}
