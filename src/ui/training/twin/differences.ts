// Where a run and its twin part: words of samples, losses, candidates, surprise, heads. Pure.
import { type Changed, argumentsAt, changedNames } from '../../../runChanges.ts';
import type {
  Behaviour,
  Candidate,
  HeadScores,
  RunPoint,
  RunSample,
  StepReading,
  TokenPiece,
} from '../../../api.ts';
import type { RunPair } from '../../../state/training/facts.ts';
import { toBits } from '../../format.ts';

// ── words ────────────────────────────────────────────────────────────────────────────────────────

export interface SamplePair {
  readonly step: number;
  readonly first: RunSample;
  readonly twin: RunSample;
}

/** Samples of steps at which both wrote, the newest first. */
export function samplePairs(
  first: readonly RunSample[],
  twin: readonly RunSample[],
): readonly SamplePair[] {
  const there = new Map(twin.map((sample) => [sample.step, sample]));
  return first
    .flatMap((sample) => {
      const other = there.get(sample.step);
      return other === undefined ? [] : [{ step: sample.step, first: sample, twin: other }];
    })
    .toReversed();
}

// ── losses ───────────────────────────────────────────────────────────────────────────────────────

export interface LossPair {
  readonly step: number;
  readonly first: number;
  readonly twin: number;
}

/** A record has seven digits of a loss; one that still runs may know more. */
const DIGITS = 7;

/** Losses of steps that both made. */
export function lossPairs(
  first: readonly RunPoint[],
  twin: readonly RunPoint[],
): readonly LossPair[] {
  const there = new Map(twin.map(({ step, loss }) => [step, loss]));
  const kept = (loss: number): number => Number(loss.toPrecision(DIGITS));
  return first.flatMap(({ step, loss }) => {
    const other = there.get(step);
    return other === undefined ? [] : [{ step, first: kept(loss), twin: kept(other) }];
  });
}

/** The first of the steps whose losses differ; null where none does. */
export function partingStep(pairs: readonly LossPair[]): number | null {
  return pairs.find(({ first, twin }) => first !== twin)?.step ?? null;
}

/** Where two losses are furthest apart; null of none. */
export function widest(pairs: readonly LossPair[]): LossPair | null {
  let most: LossPair | null = null;
  for (const pair of pairs) {
    if (most === null || apart(pair) > apart(most)) most = pair;
  }
  return most;
}

// ── what comes next ──────────────────────────────────────────────────────────────────────────────

export interface CandidateRow {
  readonly piece: TokenPiece;
  /** Probabilities; null for less than the last that was told. */
  readonly first: number | null;
  readonly twin: number | null;
}

/** Of all that either thinks probable, the `most` that one of them finds most probable. */
export function candidateRows(
  first: readonly Candidate[],
  twin: readonly Candidate[],
  most: number,
): readonly CandidateRow[] {
  const inFirst = new Map(first.map(({ piece, probability }) => [piece.id, probability]));
  const inTwin = new Map(twin.map(({ piece, probability }) => [piece.id, probability]));
  const pieces = new Map(
    [...first.slice(0, most), ...twin.slice(0, most)].map(({ piece }) => [piece.id, piece]),
  );
  return [...pieces.values()]
    .map((piece) => ({
      piece,
      first: inFirst.get(piece.id) ?? null,
      twin: inTwin.get(piece.id) ?? null,
    }))
    .toSorted((a, b) => highest(b) - highest(a))
    .slice(0, most);
}

function highest({ first, twin }: CandidateRow): number {
  return Math.max(first ?? 0, twin ?? 0);
}

/** Whether both give every candidate the very same number. */
export function sameCandidates(first: readonly Candidate[], twin: readonly Candidate[]): boolean {
  return (
    first.length === twin.length &&
    first.every(
      ({ piece, probability }, i) =>
        piece.id === twin[i]?.piece.id && probability === twin[i]?.probability,
    )
  );
}

/** The share of the probability of what comes next that is elsewhere in the other, 0 to 1. */
export function movedShare(first: readonly Candidate[], other: readonly Candidate[]): number {
  const left = new Map(first.map(({ piece, probability }) => [piece.id, probability]));
  let sum = 0;
  for (const { piece, probability } of other) {
    sum += Math.abs(probability - (left.get(piece.id) ?? 0));
    left.delete(piece.id);
  }
  for (const probability of left.values()) sum += probability;
  return sum / 2;
}

export interface SurpriseRow {
  readonly piece: TokenPiece;
  /** Bits; NaN for the first token. */
  readonly first: number;
  readonly twin: number;
}

export function surpriseRows(first: StepReading, twin: StepReading): readonly SurpriseRow[] {
  return first.tokens.map((piece, i) => ({
    piece,
    first: toBits(first.logprobs[i] ?? Number.NaN),
    twin: toBits(twin.logprobs[i] ?? Number.NaN),
  }));
}

// ── heads ────────────────────────────────────────────────────────────────────────────────────────

export interface HeadRow {
  readonly layer: number;
  readonly head: number;
  readonly behaviour: Behaviour;
  /** Scores from 0 to 1. */
  readonly first: number;
  readonly twin: number;
}

const BEHAVIOURS = ['previous', 'first', 'duplicate', 'induction', 'local', 'broad'] as const;

/** Of each head the score in which both are furthest apart, its highest where none is; the heads that differ most first. */
export function headRows(first: HeadScores, twin: HeadScores): readonly HeadRow[] {
  const rows: HeadRow[] = [];
  for (let i = 0; i < first.nLayer * first.nHead; i++) {
    const layer = Math.floor(i / first.nHead);
    const scores = BEHAVIOURS.map((behaviour) => ({
      layer,
      head: i % first.nHead,
      behaviour,
      first: first.scores[behaviour][i] ?? Number.NaN,
      twin: twin.scores[behaviour][i] ?? Number.NaN,
    })).filter((row) => !Number.isNaN(row.first) && !Number.isNaN(row.twin));
    const most = scores.toSorted((a, b) => apart(b) - apart(a) || b.first - a.first)[0];
    if (most !== undefined) rows.push(most);
  }
  return rows.toSorted((a, b) => apart(b) - apart(a));
}

// ── what a passage makes beside another ──────────────────────────────────────────────────────────

export interface Measure {
  readonly words: string;
  readonly unit: 'share' | 'nats' | 'score';
  /** How far the run is from its twin, and from the one without another passage; NaN where that is not known. */
  readonly twin: number;
  readonly control: number;
}

/** How far a run is from its twin and from a control, in all that both can be measured in. */
export function measures(
  { first, twin }: RunPair,
  control: RunPair['twin'],
  step: number | null,
  moved: { readonly twin: number; readonly control: number } | null,
): readonly Measure[] {
  const of = (
    words: string,
    unit: Measure['unit'],
    far: (other: RunPair['twin']) => number,
  ): Measure => ({ words, unit, twin: far(twin), control: far(control) });
  const scoresOf = ({ snapshots }: RunPair['twin']): HeadScores | null =>
    snapshots.find((one) => one.step === step)?.scores ?? null;
  const unseen = (one: RunPair['twin']): number => one.evalLoss ?? Number.NaN;
  return [
    ...(moved === null
      ? []
      : [
          {
            words: 'what comes next: probability that moves',
            unit: 'share',
            ...moved,
          } as const,
        ]),
    of('loss of unseen text', 'nats', (other) => Math.abs(unseen(first) - unseen(other))),
    of('loss of a step, on average', 'nats', (other) => {
      const pairs = lossPairs(first.points, other.points);
      return pairs.reduce((sum, pair) => sum + apart(pair), 0) / pairs.length;
    }),
    of('the head that differs most', 'score', (other) => {
      const [mine, its] = [scoresOf(first), scoresOf(other)];
      const most = mine && its && headRows(mine, its)[0];
      return most ? apart(most) : Number.NaN;
    }),
  ].filter((row) => !Number.isNaN(row.twin) && !Number.isNaN(row.control));
}

export function apart({ first, twin }: { readonly first: number; readonly twin: number }): number {
  return Math.abs(first - twin);
}

// ── settings ─────────────────────────────────────────────────────────────────────────────────────

/** The number of steps after which two runs were made with other arguments, of those that both made; null for none. */
export function settingsPart(
  first: Changed & { readonly step: number },
  twin: Changed & { readonly step: number },
): number | null {
  const both = Math.min(first.step, twin.step);
  const steps = [0, ...first.changes.map(({ step }) => step), ...twin.changes.map((c) => c.step)];
  const parts = steps.filter((done) => {
    const [a, b] = [argumentsAt(first, done), argumentsAt(twin, done)];
    return (
      (done === 0 || done < both) && (a === null || b === null || changedNames(a, b).length > 0)
    );
  });
  return parts.length === 0 ? null : Math.min(...parts);
}
