// What a lesson is. Its words are data; its numbers are measured on the model that is loaded, so that another model
// brings its own, and a lesson that is not true of a model says nothing about it.
import type { SamplingOptions, TokenPiece } from '../../api.ts';
import type { Actions } from '../../state/page.ts';
import type { AppState } from '../../state/store.ts';

/** Asks the loaded model, as the page does. */
export type Ask = Actions['ask'];

/** A part of the page, by its `data-region`. */
export type Region = 'composer' | 'sampler' | 'text' | 'next' | 'inside';

/** What a lesson found on the loaded model. */
export interface Measured {
  /** What there is to choose from; empty where the learner writes an answer. */
  readonly choices: readonly string[];
  /** What is so: one of the choices, or what the model itself would answer. */
  readonly answer: string;
  /** What is to be remembered, with the model's numbers. */
  readonly sentence: string;
  /** What the model thinks of what a learner wrote; nothing where there is no more to say. */
  readonly ofWritten?: (written: string) => Promise<string>;
}

export interface Lesson {
  /** As answers are kept by it. */
  readonly id: string;
  readonly title: string;
  /** The text that it is about. */
  readonly prompt: string;
  /** What one sees, before anything is asked. */
  readonly words: string;
  readonly question: string;
  /** What is in sight; all else is away while the lesson is open. */
  readonly shows: readonly Region[];
  /** What cannot be read before the question is answered. */
  readonly covers: readonly Region[];
  /** What it is about: it is framed. */
  readonly about: Region;
  /** The view of the inside that it opens. */
  readonly panel?: string;
  /** What to do once the view is there. */
  readonly gesture: string;
  /** Whether that was done, since the view was uncovered (`then`). */
  readonly isDone: (now: AppState, then: AppState) => boolean;
  /** Null where what it teaches is not so with this model. */
  readonly measure: (ask: Ask, sampling: SamplingOptions) => Promise<Measured | null>;
}

export async function idsOf(ask: Ask, text: string): Promise<readonly number[]> {
  return (await ask('tokenize', { text })).map(({ id }) => id);
}

/** The pieces of a word as it stands within a text, behind a space. */
export async function piecesOf(ask: Ask, word: string): Promise<readonly TokenPiece[]> {
  return ask('tokenize', { text: ` ${word}`, isWithin: true });
}

/** How surprised the model is by what comes after a text, in bits; all of its pieces together. */
export async function surpriseOf(ask: Ask, before: string, after: string): Promise<number> {
  const start = await idsOf(ask, before);
  const ids = await idsOf(ask, before + after);
  const { logprobs } = await ask('score', { ids });
  return -logprobs.slice(start.length).reduce((sum, ln) => sum + ln, 0) / Math.LN2;
}

/** Numbers in rising order, each once, as words. */
export function choicesOf(numbers: readonly number[], words: (number: number) => string): string[] {
  return [...new Set(numbers)].toSorted((a, b) => a - b).map(words);
}
