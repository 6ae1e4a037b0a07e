// The points of a run: numbers that only grow, kept apart from the store, which has their count.
import type { RunPoint } from '../../api.ts';
import { asKept } from '../../runFiles.ts';

/** A smooth loss is a mean over about a twentieth of the curve, so many points at most to either side. */
const MOST_BESIDE = 50;

export class Curve {
  #count = 0;
  #steps = new Float64Array(256);
  #losses = new Float64Array(256);
  /** Sums of all losses before each point, and of all. */
  #sums = new Float64Array(257);
  #rates = new Float64Array(256);
  #norms = new Float64Array(256);

  get length(): number {
    return this.#count;
  }

  /** Views of what there is, valid until the next point. */
  get steps(): Float64Array {
    return this.#steps.subarray(0, this.#count);
  }
  get losses(): Float64Array {
    return this.#losses.subarray(0, this.#count);
  }
  /** The mean of the points around each: as many before as behind, at the end those before alone. */
  get smooth(): Float64Array {
    return Float64Array.from({ length: this.#count }, (_, i) => this.smoothOf(i));
  }

  /** The same of one point. */
  smoothOf(index: number): number {
    const beside = Math.min(MOST_BESIDE, Math.ceil(this.#count / 40));
    // At the beginning the loss falls fast: a mean of what is behind alone would hide where it began.
    const before = Math.min(beside, index);
    const from = index - before;
    const to = Math.min(this.#count, index + before + 1);
    return ((this.#sums[to] ?? 0) - (this.#sums[from] ?? 0)) / (to - from);
  }

  at(index: number): RunPoint | null {
    if (index < 0 || index >= this.#count) return null;
    return {
      step: this.#steps[index] ?? 0,
      loss: this.#losses[index] ?? 0,
      learning_rate: this.#rates[index] ?? 0,
      grad_norm: this.#norms[index] ?? 0,
    };
  }

  clear(): void {
    this.#count = 0;
  }

  /** Each has the other's points then. */
  exchange(other: Curve): void {
    [this.#count, other.#count] = [other.#count, this.#count];
    [this.#steps, other.#steps] = [other.#steps, this.#steps];
    [this.#losses, other.#losses] = [other.#losses, this.#losses];
    [this.#sums, other.#sums] = [other.#sums, this.#sums];
    [this.#rates, other.#rates] = [other.#rates, this.#rates];
    [this.#norms, other.#norms] = [other.#norms, this.#norms];
  }

  /** With the digits that are kept: what is saved of a run that runs is what is saved of it after a reload. */
  add(points: readonly RunPoint[]): void {
    for (const { step, loss, learning_rate, grad_norm } of points.map(asKept)) {
      // What is no number ends a run, and is told in words.
      if (!Number.isFinite(loss)) continue;
      // Told twice, it stands once.
      if (this.#count > 0 && step <= (this.#steps[this.#count - 1] ?? 0)) continue;
      if (this.#count === this.#steps.length) this.#grow();
      this.#steps[this.#count] = step;
      this.#losses[this.#count] = loss;
      this.#sums[this.#count + 1] = (this.#sums[this.#count] ?? 0) + loss;
      this.#rates[this.#count] = learning_rate;
      this.#norms[this.#count] = grad_norm;
      this.#count++;
    }
  }

  /** The smooth loss at the last point up to a step; null before the first. */
  smoothAt(step: number): number | null {
    const index = this.#indexAt(step);
    return index < 0 ? null : this.smoothOf(index);
  }

  /** The loss itself there. */
  lossAt(step: number): number | null {
    return this.at(this.#indexAt(step))?.loss ?? null;
  }

  /** Of the last point up to a step; −1 before the first. */
  #indexAt(step: number): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle] ?? 0) <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #grow(): void {
    const longer = (old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(old.length * 2 + 1);
      next.set(old);
      return next;
    };
    this.#steps = longer(this.#steps);
    this.#losses = longer(this.#losses);
    this.#sums = longer(this.#sums);
    this.#rates = longer(this.#rates);
    this.#norms = longer(this.#norms);
  }
}
