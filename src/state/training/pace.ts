// A tab that nobody sees trains on in its worker, unless the browser slows it: how much of its speed was left.

/** A tab that is hidden this long or less was looked away from. */
const SHORT_MS = 2000;
/** Steps a second are known from so many, and fewer that are missing are no loss. */
const LEAST_STEPS = 4;
/** A tab that made less than this share of its steps was slowed. */
const SLOWED = 0.5;

interface Moment {
  readonly step: number;
  readonly at: number;
}

/** How fast steps come while the tab is seen, and whether they came as fast while it was not. */
export class Pace {
  /** Since when steps are counted: the run began to run, or the tab was seen again. */
  #since: Moment | null = null;
  /** Set while the tab is hidden: steps a second by then. */
  #hidden: (Moment & { readonly rate: number }) | null = null;
  /** The first evaluation since then, and the newest: between them lie whole rounds. */
  #rounds: { readonly first: Moment; readonly last: Moment } | null = null;
  #step = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The run runs from this step on. */
  run(step: number): void {
    this.#step = step;
    this.#since = { step, at: this.#now() };
    this.#hidden = null;
    this.#rounds = null;
  }

  /** It runs no more, or waits: nothing is expected of it. */
  rest(): void {
    this.#since = null;
    this.#hidden = null;
    this.#rounds = null;
  }

  /** So many steps are done. */
  to(step: number): void {
    this.#step = step;
  }

  /** An evaluation is done: samples and checkpoints come round as it does. */
  evaluated(step: number): void {
    if (this.#since === null) return;
    const last = { step, at: this.#now() };
    this.#rounds = { first: this.#rounds?.first ?? last, last };
  }

  /** Seconds a step takes with all that is made between steps, over whole rounds; null before the first is whole. */
  secondsAStep(): number | null {
    if (this.#rounds === null) return null;
    const { first, last } = this.#rounds;
    return last.step > first.step ? (last.at - first.at) / 1000 / (last.step - first.step) : null;
  }

  hide(): void {
    if (this.#since === null || this.#hidden !== null) return;
    const at = this.#now();
    const steps = this.#step - this.#since.step;
    const rate = steps < LEAST_STEPS ? 0 : steps / (at - this.#since.at);
    this.#hidden = { step: this.#step, at, rate };
  }

  /** The tab is seen again, and what was made meanwhile is known: in words, where that was much less than before. */
  show(): string | null {
    const hidden = this.#hidden;
    if (hidden === null) return null;
    this.run(this.#step);
    const ms = this.#now() - hidden.at;
    const steps = this.#step - hidden.step;
    const expected = hidden.rate * ms;
    if (ms <= SHORT_MS || expected - steps < LEAST_STEPS || steps >= SLOWED * expected) return null;
    const inWords = (count: number): string =>
      `${count.toLocaleString('en')} ${count === 1 ? 'step' : 'steps'}`;
    const seconds = Math.round(ms / 1000);
    const time = seconds < 100 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
    return `The browser slowed this tab while it was hidden: ${inWords(steps)} in ${time}, where it makes ${Math.round(expected).toLocaleString('en')} in sight.`;
  }
}
