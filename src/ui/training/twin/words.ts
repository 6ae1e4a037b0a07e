// What there is to see between a run and its twin, in sentences.
import { headName } from '../../../state/facts/attention.ts';
import { KINDS } from '../../../state/headLabels.ts';
import { ownEdits } from '../../../state/training/edits.ts';
import type { RunPair } from '../../../state/training/facts.ts';
import { formatCount, formatPercent, quoteToken } from '../../format.ts';
import { formatLoss } from '../words.ts';
import {
  apart,
  partingStep,
  settingsPart,
  widest,
  type CandidateRow,
  type HeadRow,
  type LossPair,
  type Measure,
  type SamplePair,
  type SurpriseRow,
} from './differences.ts';

/** What both are called: `as it was`, `without “the fox”`. */
export interface PairNames {
  readonly first: string;
  readonly twin: string;
}

const EXACTLY = 'Differs by exactly 0';
/** Heads further apart than that are counted. */
const CLEARLY = 0.1;
/** Bits: a token is marked where surprise is further apart. */
export const MARKED_BITS = 1;

export function lossFinding(pairs: readonly LossPair[], { first, twin }: PairNames): string {
  const last = pairs.at(-1);
  if (last === undefined) return 'They have no step in common yet.';
  const parting = partingStep(pairs);
  if (parting === null) {
    return `${EXACTLY}: ${pairs.length === 1 ? 'the one loss is' : `all ${formatCount(pairs.length)} losses are`} the same number.`;
  }
  const start =
    parting === pairs[0]?.step
      ? `They part at step ${formatCount(parting)}, with the first batch, as after any change of the text`
      : `They are the same up to step ${formatCount(parting)}, where they part`;
  const most = widest(pairs);
  const furthest =
    most === null || most.step === last.step
      ? ''
      : ` They are furthest apart at step ${formatCount(most.step)}: ${formatLoss(most.first)} and ${formatLoss(most.twin)}.`;
  return `${start}. After step ${formatCount(last.step)} the loss of that step is ${formatLoss(last.first)} ${first} and ${formatLoss(last.twin)} ${twin}.${furthest} Each is of the text that it learned from.`;
}

/** A difference so many times that of another passage is more than any passage makes. */
const CLEARLY_MORE = 2;

/** Whether it is the passage, by what comes next; one other passage is one sample, and the words say so. */
export function yardstickFinding(
  moved: { readonly twin: number; readonly control: number } | null,
  { twin, control }: PairNames & { readonly control: string },
): string {
  if (moved === null)
    return `Measured against the run ${control}: about as many characters in all.`;
  const verdict =
    moved.twin > CLEARLY_MORE * moved.control
      ? 'This passage makes more than about as many characters elsewhere'
      : 'No clear effect of this passage: about as many characters elsewhere make as much';
  return `${verdict}. After the text below, ${formatPercent(moved.twin)} of the probability of what comes next moves ${twin}, and ${formatPercent(moved.control)} ${control}.`;
}

export function formatMeasure({ unit }: Pick<Measure, 'unit'>, value: number): string {
  if (unit === 'share') return formatPercent(value);
  return unit === 'nats' ? `${value.toFixed(3)} nats` : value.toFixed(2);
}

export function samplesFinding(pairs: readonly SamplePair[]): string {
  if (pairs.length === 0) return 'There is no step at which both wrote.';
  const same = pairs.filter(({ first, twin }) => first.text === twin.text).length;
  if (same === pairs.length) {
    return `${EXACTLY}: ${same === 1 ? 'the one sample is' : `all ${formatCount(same)} samples are`} the same text.`;
  }
  const rest =
    same === 0
      ? ''
      : ` At ${formatCount(same)} of ${formatCount(pairs.length)} they wrote the same.`;
  return `From the same beginning with the same seed.${rest}`;
}

export function candidatesFinding(
  rows: readonly CandidateRow[],
  isSame: boolean,
  count: number,
  { first, twin }: PairNames,
): string {
  const [row] = rows;
  if (row === undefined) return 'Nothing can come next.';
  if (isSame) {
    return `${EXACTLY}: all ${formatCount(count)} probabilities are the same number.`;
  }
  const best = (of: 'first' | 'twin'): CandidateRow =>
    rows.reduce((a, b) => ((b[of] ?? 0) > (a[of] ?? 0) ? b : a));
  const [mine, other] = [best('first'), best('twin')];
  if (mine.piece.id === other.piece.id) {
    return `Both expect ${quoteToken(mine.piece)} most: ${share(mine.first)} ${first}, ${share(mine.twin)} ${twin}.`;
  }
  return `${capital(first)} it expects ${quoteToken(mine.piece)} with ${share(mine.first)}; ${twin} that has ${share(mine.twin)}, and ${quoteToken(other.piece)} comes first with ${share(other.twin)}.`;
}

/** What is null is less than anything that was told. */
export function share(probability: number | null): string {
  return probability === null ? 'hardly anything' : formatPercent(probability);
}

/** In percentage points, with its sign: `+12.3`, `−0.40`; `< 0.01` either way. */
export function pointsApart({ first, twin }: CandidateRow): string {
  const points = 100 * ((twin ?? 0) - (first ?? 0));
  if (points === 0) return '0';
  const size = Math.abs(points);
  const sign = points < 0 ? '−' : '+';
  return size < 0.01 ? '< 0.01' : `${sign}${size.toFixed(size >= 10 ? 1 : 2)}`;
}

export function surpriseFinding(rows: readonly SurpriseRow[], { first, twin }: PairNames): string {
  const read = rows.filter((row) => !Number.isNaN(row.first) && !Number.isNaN(row.twin));
  if (read.length === 0) return 'The first token has nothing before it: type a longer text.';
  if (read.every((row) => row.first === row.twin)) {
    return `${EXACTLY}, at ${read.length === 1 ? 'the one token' : `each of ${formatCount(read.length)} tokens`}.`;
  }
  const sum = (of: 'first' | 'twin'): string =>
    formatSurprise(read.reduce((bits, row) => bits + row[of], 0));
  const most = read.reduce((a, b) => (apart(b) > apart(a) ? b : a));
  return `All of it costs ${sum('first')} bits ${first} and ${sum('twin')} ${twin}; most apart at ${quoteToken(most.piece)}, with ${formatSurprise(most.first)} and ${formatSurprise(most.twin)}.`;
}

export function formatSurprise(bits: number): string {
  return bits >= 10 ? bits.toFixed(0) : bits >= 1 ? bits.toFixed(1) : bits.toFixed(2);
}

export function headsFinding(rows: readonly HeadRow[], { first, twin }: PairNames): string {
  const [most] = rows;
  if (most === undefined) return 'No head was scored at this step.';
  if (apart(most) === 0) {
    return `${EXACTLY}: every score of all ${formatCount(rows.length)} heads is the same number.`;
  }
  const clearly = rows.filter((row) => apart(row) > CLEARLY).length;
  const count =
    clearly === 0
      ? `None of the ${formatCount(rows.length)} heads differs by more than ${CLEARLY}.`
      : `${formatCount(clearly)} of ${formatCount(rows.length)} heads differ${clearly === 1 ? 's' : ''} by more than ${CLEARLY}.`;
  return `Head ${headName(most)} differs most: it ${KINDS[most.behaviour].meaning} with a score of ${most.first.toFixed(2)} ${first}, ${most.twin.toFixed(2)} ${twin}. ${count} Heads of any two runs differ a little: what another passage makes says how much.`;
}

/** A difference of scores with its sign, where it is one that can be seen. */
export function formatApart({
  first,
  twin,
}: {
  readonly first: number;
  readonly twin: number;
}): string {
  const by = twin - first;
  if (by === 0) return '0';
  return Math.abs(by) < 0.005 ? '< 0.01' : `${by < 0 ? '−' : '+'}${Math.abs(by).toFixed(2)}`;
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What both have in common, and from which step on they have not: what differs is not the text's doing alone. */
export function sameWords({ first, twin }: RunPair): string {
  const isSameText = ownEdits(first.settings, twin.settings).length === 0;
  const parts = settingsPart(first, twin);
  if (parts === null) {
    return isSameText
      ? 'The same settings, the same seed and the same text.'
      : 'The same settings and the same seed; the text alone is another.';
  }
  const since =
    parts === 0
      ? 'Not the same settings'
      : `The same settings up to step ${formatCount(parts)} alone`;
  const words = [first, twin].flatMap(({ name, changes }) =>
    changes
      .filter(({ step }) => step > 0)
      .map(
        (one) => ` ${name} went on with others after step ${formatCount(one.step)} (${one.words}).`,
      ),
  );
  return `${since}, so that ${isSameText ? 'they differ although the text is the same' : 'more than the text differs'}.${words.join('')}`;
}
