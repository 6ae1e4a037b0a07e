// What a sweep found, in words: which parts matter to the token, and which switch shows it.
import {
  effectOf,
  headsOfLayer,
  partsOfLayer,
  isOfProbability,
  type Part,
  type Rest,
  type Sweep,
} from '../../state/facts/parts.ts';
import { listed } from '../../words.ts';
import { formatPercent, quoteToken } from '../format.ts';
import { MATTERS } from './scale.ts';
import { formatDelta } from './words.ts';

export interface Effect {
  readonly part: Part;
  /** What is watched without it, less what it was; or what it adds. */
  readonly delta: number;
}

/** Every part that is measured, layer by layer. */
export function effects(sweep: Sweep): Effect[] {
  return Array.from({ length: sweep.nLayer }, (_, layer) => [
    ...headsOfLayer(layer, sweep.nHead),
    ...partsOfLayer(layer),
  ])
    .flat()
    .map((part) => ({ part, delta: effectOf(sweep, part) }))
    .filter(({ delta }) => !Number.isNaN(delta));
}

/** The largest change first. */
export function strongest(all: readonly Effect[]): Effect[] {
  return all.toSorted((a, b) => Math.abs(b.delta) - Math.abs(a.delta));
}

const isHead = ({ part }: Effect): boolean => part.part === 'head';
const matters = ({ delta }: Effect): boolean => Math.abs(delta) >= MATTERS;

/** `head 4.1`, `layer 0’s MLP`. */
export function partName({ part, layer, head }: Part): string {
  if (part === 'head') return `head ${layer}.${head ?? 0}`;
  return `layer ${layer}’s ${part === 'mlp' ? 'MLP' : 'attention'}`;
}

/** What is watched: `ln p of “time”`, `the logit of “time”`, `the logit of “time” less that of “day”`. */
export function watchedWords({
  way,
  target,
  against,
}: Pick<Sweep, 'way' | 'target' | 'against'>): string {
  const of = quoteToken(target);
  if (against !== null) return `the logit of ${of} less that of ${quoteToken(against)}`;
  return way === 'direct' ? `the logit of ${of}` : `ln p of ${of}`;
}

/** How it stands with every part on: `“time” has 17 %.` */
function baseWords(sweep: Sweep): string {
  const { target, against, base } = sweep;
  const of = quoteToken(target);
  if (against !== null) {
    const [high, low] = base < 0 ? [against, target] : [target, against];
    return `The logit of ${quoteToken(high)} is ${Math.abs(base).toFixed(2)} above that of ${quoteToken(low)}.`;
  }
  if (sweep.way === 'direct') return `The logit of ${of} is ${base.toFixed(2)}.`;
  return `${of} has ${formatPercent(Math.exp(base))}.`;
}

/** What a part does: `4.6 %, −1.3` is left without it; `−1.3` of a difference, and `+1.3` is what it adds. */
function effectWords(sweep: Sweep, delta: number): string {
  const change = formatDelta(delta);
  if (!isOfProbability(sweep)) return change;
  return `${formatPercent(Math.exp(sweep.base + delta))}, ${change}`;
}

export function sweepFinding(sweep: Sweep): string {
  const opening = baseWords(sweep);
  const all = strongest(effects(sweep));
  const withEffect = (some: readonly Effect[]): string =>
    listed(some.map((one) => `${partName(one.part)} (${effectWords(sweep, one.delta)})`));
  const [first] = all;
  if (first === undefined) return opening;
  if (sweep.rest !== null) return `${opening} ${sumWords(sweep, sweep.rest)} ${most()}`;
  if (formatDelta(first.delta) === '0') return `${opening} No part alone changes that.`;
  const what = isOfProbability(sweep) ? 'what is left' : 'how that changes';
  if (sweep.running) {
    return `${opening} The strongest so far, with ${what} when each is off: ${withEffect(all.slice(0, 3))}.`;
  }
  const heads = all.filter((one) => isHead(one) && matters(one)).slice(0, 3);
  const wholes = all.filter((one) => !isHead(one) && matters(one)).slice(0, 2);
  if (heads.length > 0) {
    const others = wholes.length === 0 ? '' : ` Of the whole parts: ${withEffect(wholes)}.`;
    const which =
      heads.length === 1
        ? `One head matters, with ${what} when it is off`
        : `The heads that matter most, with ${what} when each is off`;
    return `${opening} ${which}: ${withEffect(heads)}.${others}`;
  }
  const head = all.find(isHead);
  const nearest =
    head === undefined
      ? ''
      : ` (the most: ${partName(head.part)}, ${effectWords(sweep, head.delta)})`;
  if (wholes.length === 0) return `${opening} No single part matters here${nearest}.`;
  return `${opening} No single head matters here${nearest}. What does: ${withEffect(wholes)}.`;

  function most(): string {
    const mlps = all.filter(({ part }) => part.part === 'mlp');
    return `The largest of them: ${withEffect([...all.filter(isHead).slice(0, 3), ...mlps.slice(0, 1)])}.`;
  }
}

/** What the logit is the sum of. */
function sumWords({ deltas, wholes }: Sweep, { embedding, biases }: Rest): string {
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const parts = [
    `the token itself ${formatDelta(embedding)}`,
    `heads ${formatDelta(sum([...deltas]))}`,
    `MLPs ${formatDelta(sum([...wholes].filter((_, i) => i % 2 === 1)))}`,
    `biases ${formatDelta(biases)}`,
  ];
  return `It is the sum of what each part adds by itself: ${listed(parts)}.`;
}

/** The part whose switch shows what the sweep found: the strongest head that matters, else the strongest whole. */
export function telling(sweep: Sweep): Part | null {
  const all = strongest(effects(sweep)).filter(matters);
  return (all.find(isHead) ?? all[0])?.part ?? null;
}
