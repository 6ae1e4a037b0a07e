// The shape of an error that crosses.
import type { Reading } from './models.ts';

/** The shape of every error that crosses to the page: what is wrong, and what to do next. */
export interface ErrorInfo {
  /** Stable, slash-separated: `checkpoint/shape`, `tokens/context`, `device/lost`, `network/not-found`… */
  readonly code: string;
  readonly message: string;
  /** The next step, in words. */
  readonly hint: string;
  /** What somebody has to choose before it can go on. */
  readonly choice?: Choice;
  /** Of an adapter that is no model by itself: the model that it names, an id on a Hub or a path of another machine. */
  readonly baseModel?: string;
}

/** A question whose answer decides the numbers, and which no file answers: `nHead`, with all values that fit. */
export interface Choice {
  readonly key: keyof Reading;
  readonly choices: readonly (number | string)[];
}
