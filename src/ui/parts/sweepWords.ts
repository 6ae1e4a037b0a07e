// What a sweep found, in words: which parts matter to the token, and which switch shows it.
import {
  effectOf,
  headsOfLayer,
  partsOfLayer,
  type Part,
  type Sweep,
} from '../../state/facts/parts.ts';
import { listed } from '../../words.ts';
import { formatPercent, quoteToken } from '../format.ts';
import { MATTERS } from './scale.ts';
import { formatDelta } from './words.ts';

export interface Effect {
  readonly part: Part;
  /** Change in ln p without it. */
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

export function sweepFinding(sweep: Sweep): string {
  const opening = `${quoteToken(sweep.target)} has ${formatPercent(Math.exp(sweep.base))}.`;
  const all = strongest(effects(sweep));
  const left = ({ delta }: Effect): string =>
    `${formatPercent(Math.exp(sweep.base + delta))}, ${formatDelta(delta)}`;
  const withLeft = (some: readonly Effect[]): string =>
    listed(some.map((one) => `${partName(one.part)} (${left(one)})`));
  const [first] = all;
  if (first === undefined) return opening;
  if (formatDelta(first.delta) === '0') return `${opening} No part alone changes that.`;
  if (sweep.running) {
    return `${opening} The strongest so far, with what is left when each is off: ${withLeft(all.slice(0, 3))}.`;
  }
  const heads = all.filter((one) => isHead(one) && matters(one)).slice(0, 3);
  const wholes = all.filter((one) => !isHead(one) && matters(one)).slice(0, 2);
  if (heads.length > 0) {
    const others = wholes.length === 0 ? '' : ` Of the whole parts: ${withLeft(wholes)}.`;
    const which =
      heads.length === 1
        ? 'One head matters, with what is left when it is off'
        : 'The heads that matter most, with what is left when each is off';
    return `${opening} ${which}: ${withLeft(heads)}.${others}`;
  }
  const head = all.find(isHead);
  const most = head === undefined ? '' : ` (the most: ${partName(head.part)}, ${left(head)})`;
  if (wholes.length === 0) return `${opening} No single part matters here${most}.`;
  return `${opening} No single head matters here${most}. What does: ${withLeft(wholes)}.`;
}

/** The part whose switch shows what the sweep found: the strongest head that matters, else the strongest whole. */
export function telling(sweep: Sweep): Part | null {
  const all = strongest(effects(sweep)).filter(matters);
  return (all.find(isHead) ?? all[0])?.part ?? null;
}
