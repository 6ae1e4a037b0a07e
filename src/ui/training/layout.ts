// Where everything of a loss curve lies: pure arithmetic in CSS pixels.
import type { ShownRun } from '../../state/training/facts.ts';
import type { Curve } from '../../state/training/curve.ts';
import { placeOn } from './timeLine.ts';

export interface Tick {
  /** Pixels. */
  readonly at: number;
  readonly value: number;
}

export interface CurveLayout {
  readonly width: number;
  readonly height: number;
  /** The box of the lines. */
  readonly plot: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
  /** y of the pins of samples. */
  readonly lane: number;
  readonly x: (step: number) => number;
  /** Kept within the plot. */
  readonly y: (loss: number) => number;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  /** Losses at the plot's lower and upper edge. */
  readonly from: number;
  readonly to: number;
  /** The highest loss, where it lies above the picture; else null. */
  readonly beyond: number | null;
}

const LEFT = 44;
const RIGHT = 14;
const TOP = 26;
/** Numbers of steps, and the pins below them. */
const BELOW = 46;
const LANE = 14;

export interface CurveRange {
  readonly max_steps: number;
  readonly evenLoss: number;
  readonly frequencyLoss: number;
  /** The smallest and the largest that are drawn; Infinity and −Infinity before the first. */
  readonly least: number;
  readonly most: number;
  readonly horizontal: 'linear' | 'log';
}

export function rangeOf(
  { max_steps, text, evaluations }: ShownRun,
  curve: Curve,
  horizontal: 'linear' | 'log',
): CurveRange {
  let [least, most] = [Infinity, -Infinity];
  const see = (loss: number): void => {
    least = Math.min(least, loss);
    most = Math.max(most, loss);
  };
  for (const loss of curve.losses) see(loss);
  for (const { loss } of evaluations) see(loss);
  const { evenLoss, frequencyLoss } = text;
  return { max_steps, evenLoss, frequencyLoss, least, most, horizontal };
}

export function layoutCurve(width: number, height: number, range: CurveRange): CurveLayout {
  const { max_steps, horizontal } = range;
  const plot = { left: LEFT, top: TOP, right: width - RIGHT, bottom: height - BELOW };
  const { from, to } = lossesOf(range);
  const last = Math.max(1, max_steps);
  const x = (step: number): number =>
    plot.left + (plot.right - plot.left) * placeOn(horizontal, step, last);
  const y = (loss: number): number => {
    const inside = Math.max(from, Math.min(to, loss));
    return plot.bottom - ((plot.bottom - plot.top) * (inside - from)) / (to - from);
  };
  const steps = horizontal === 'log' ? logTicks(last) : linearTicks(0, last, width < 520 ? 4 : 7);
  return {
    width,
    height,
    plot,
    lane: height - LANE,
    x,
    y,
    xTicks: apart(
      steps.map((value) => ({ value, at: x(value) })),
      44,
    ),
    yTicks: linearTicks(from, to, Math.max(3, Math.floor((plot.bottom - plot.top) / 48))).map(
      (value) => ({ value, at: y(value) }),
    ),
    from,
    to,
    beyond: range.most > to ? range.most : null,
  };
}

/** Of what is drawn, what stays free above the highest and under the lowest. */
const AIR = 0.06;
/** Nats that are drawn at the least: noise is not made to look like learning. */
const LEAST_SPAN = 0.1;
/** The lower edge is a round number, at most this share of the picture under what is needed: it moves in steps. */
const STEPS = 8;

/**
 * From under the lowest loss to over both lines of guessing. A run that begins worse than guessing shows it; one that ran
 * away leaves the picture at the top.
 */
function lossesOf({ evenLoss, frequencyLoss, least, most }: CurveRange): {
  readonly from: number;
  readonly to: number;
} {
  const lowest = Math.min(least, frequencyLoss, evenLoss);
  // Where nothing was learned yet, what is a little worse than guessing is seen too.
  const beyond = Math.max((evenLoss - lowest) / 4, LEAST_SPAN / 2);
  const highest = Math.max(evenLoss, Math.min(most, evenLoss + beyond));
  const span = Math.max(highest - lowest, LEAST_SPAN);
  const rough = (span * (1 + 2 * AIR)) / STEPS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = power * ([5, 2].find((one) => one * power <= rough) ?? 1);
  const wanted = highest - span * (1 + AIR);
  const from = Number((Math.floor(wanted / unit) * unit).toPrecision(12));
  return { from: Math.max(0, from), to: highest + AIR * span };
}

/** Round numbers from … to, about `count` of them. */
export function linearTicks(from: number, to: number, count: number): readonly number[] {
  const rough = (to - from) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-9); i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/** 1, 2, 5, 10, 20 … up to the last step. */
function logTicks(last: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = 1; power <= last; power *= 10) {
    for (const one of [1, 2, 5]) if (one * power <= last) ticks.push(one * power);
  }
  return ticks;
}

/** Only those that have room beside each other. */
function apart(ticks: readonly Tick[], room: number): readonly Tick[] {
  const kept: Tick[] = [];
  for (const tick of ticks) {
    const before = kept.at(-1);
    if (before === undefined || tick.at - before.at >= room) kept.push(tick);
  }
  return kept;
}

/**
 * Points of a line, at most two a pixel: of all that fall into one, the lowest and the highest, in their order, so that
 * no spike is lost.
 */
export function thin(
  steps: ArrayLike<number>,
  values: ArrayLike<number>,
  { x, y }: Pick<CurveLayout, 'x' | 'y'>,
): readonly (readonly [number, number])[] {
  const points: (readonly [number, number])[] = [];
  let pixel = Number.NaN;
  let low = 0;
  let high = 0;
  const flush = (): void => {
    if (Number.isNaN(pixel)) return;
    const [first, second] = low <= high ? [low, high] : [high, low];
    points.push([x(steps[first] ?? 0), y(values[first] ?? 0)]);
    if (second !== first) points.push([x(steps[second] ?? 0), y(values[second] ?? 0)]);
  };
  for (let i = 0; i < steps.length; i++) {
    const value = values[i] ?? 0;
    if (!Number.isFinite(value)) continue;
    const at = Math.floor(x(steps[i] ?? 0));
    if (at !== pixel) {
      flush();
      [pixel, low, high] = [at, i, i];
    }
    if (value < (values[low] ?? 0)) low = i;
    if (value > (values[high] ?? 0)) high = i;
  }
  flush();
  return points;
}
