// What a lesson is. Its words are data; its numbers are measured on the model that is loaded, so that another model
// brings its own, and a lesson that is not true of a model says nothing about it.
import type { SamplingOptions } from '../../api.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import type { Actions } from '../../state/page.ts';
import type { Settings } from '../../state/settings.ts';
import type { AppState } from '../../state/store.ts';

/** Asks the loaded model, as the page does. */
export type Ask = Actions['ask'];
/** Switches its parts off in turn, as the page does. */
export type Sweep = Actions['sweep'];
/** Something that was done, since the view was uncovered (`then`). */
export type Deed = (now: AppState, then: AppState) => boolean;

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
  /** The head that stands in front when the step opens. */
  readonly head?: HeadRef;
  /** The token that is selected when the step opens. */
  readonly selected?: number;
  /** What to do, where the lesson does not know it before; `deeds` are then in place of its own. */
  readonly gesture?: string;
  readonly deeds?: readonly Deed[];
}

export interface Lesson {
  /** As answers are kept by it. */
  readonly id: string;
  readonly title: string;
  /** The text that it is about. */
  readonly prompt: string;
  /** Knobs that it begins with, where it is about numbers that the learner's own would bend. */
  readonly settings?: Partial<Settings>;
  /** What one sees, before anything is asked. */
  readonly words: string;
  readonly question: string;
  /** It asks for the learner’s own word, and none is right or wrong. */
  readonly isOwn?: boolean;
  /** What is in sight; all else is away while the lesson is open. */
  readonly shows: readonly Region[];
  /** What cannot be read before the question is answered. */
  readonly covers: readonly Region[];
  /** What it is about: it is framed. */
  readonly about: Region;
  /** The view of the inside that it opens. */
  readonly panel?: string;
  /** What to do once the view is there; a “click” is said as a “tap” where a finger does it. */
  readonly gesture: string;
  /** How the keyboard does it, where that is not plain. */
  readonly keys?: string;
  /** What the gesture presses, as a selector, where a phone may have it under the card. */
  readonly presses?: string;
  /** What the gesture opens, as a selector, where a phone may have it out of sight. */
  readonly opens?: string;
  /** When that is done: each of them once, in any order. */
  readonly deeds: readonly Deed[];
  /** Null where what it teaches is not so with this model. */
  readonly measure: (ask: Ask, sampling: SamplingOptions, sweep: Sweep) => Promise<Measured | null>;
}
