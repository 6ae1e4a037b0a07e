// What a head is called, from what it was measured to do. The score always stands beside the name.
import type { Behaviour, HeadScores } from '../api.ts';

export type LabelName = Behaviour | 'mixed';

export interface HeadLabel {
  readonly name: LabelName;
  /** One sign for a small tile. */
  readonly letter: string;
  /** Of the name; of the strongest behaviour where the name is `mixed`; NaN without scores. */
  readonly score: number;
  /** The behaviour that `score` is of. */
  readonly strongest: Behaviour | null;
}

interface Kind {
  readonly letter: string;
  /** One or two words for people. */
  readonly words: string;
  /** Completes “it …”. */
  readonly meaning: string;
  /** From this score on the name is given. */
  readonly least: number;
}

/**
 * The telling behaviours stand first: each needs a particular token, which chance finds with a
 * probability of one in the row's length. A share of 0.4 averaged over all rows is far from that.
 * `local` and `broad` come about more easily and `first` is where heads look that have nothing to
 * do, so these need more, and give way.
 */
export const KINDS: Readonly<Record<Behaviour, Kind>> = {
  induction: {
    letter: 'I',
    words: 'induction',
    meaning: 'looks at what followed the last time this token came',
    least: 0.4,
  },
  duplicate: {
    letter: 'D',
    words: 'duplicate token',
    meaning: 'looks at earlier copies of the same token',
    least: 0.4,
  },
  previous: {
    letter: 'P',
    words: 'previous token',
    meaning: 'looks at the token right before',
    least: 0.4,
  },
  local: {
    letter: 'L',
    words: 'local',
    meaning: 'stays with the token itself and the four before it',
    least: 0.6,
  },
  broad: {
    letter: 'B',
    words: 'broad',
    meaning: 'spreads almost evenly over everything before',
    least: 0.8,
  },
  first: {
    letter: 'F',
    words: 'first token',
    meaning: 'rests on the first token, where heads look that have nothing to do',
    least: 0.5,
  },
};

/** In the order in which they are shown and sorted. */
export const BEHAVIOURS: readonly Behaviour[] = [
  'induction',
  'duplicate',
  'previous',
  'local',
  'broad',
  'first',
];

export const MIXED = {
  letter: '–',
  words: 'mixed',
  meaning: 'does no one thing above all',
} as const;

const TELLING: readonly Behaviour[] = ['induction', 'duplicate', 'previous'];
const OTHERS: readonly Behaviour[] = ['local', 'broad', 'first'];

export function scoreOf(
  scores: HeadScores,
  behaviour: Behaviour,
  layer: number,
  head: number,
): number {
  return scores.scores[behaviour][layer * scores.nHead + head] ?? Number.NaN;
}

export function labelHead(scores: HeadScores | null, layer: number, head: number): HeadLabel {
  if (scores === null) return { name: 'mixed', letter: '', score: Number.NaN, strongest: null };
  const of = (behaviour: Behaviour): number => scoreOf(scores, behaviour, layer, head);
  const earns = (behaviour: Behaviour): boolean => of(behaviour) >= KINDS[behaviour].least;
  const best = (among: readonly Behaviour[]): Behaviour | null =>
    among.reduce<Behaviour | null>(
      // NaN compares false: what could not be measured is never the best.
      (found, next) => (of(next) > (found === null ? -1 : of(found)) ? next : found),
      null,
    );
  const name = best(TELLING.filter(earns)) ?? OTHERS.find(earns) ?? null;
  if (name !== null) return { name, letter: KINDS[name].letter, score: of(name), strongest: name };
  const strongest = best(BEHAVIOURS);
  const score = strongest === null ? Number.NaN : of(strongest);
  return { name: 'mixed', letter: MIXED.letter, score, strongest };
}

export function labelWords(name: LabelName): string {
  return name === 'mixed' ? MIXED.words : KINDS[name].words;
}

/** `induction 0.83`; `mixed, most local 0.41`. */
export function labelWithScore({ name, score, strongest }: HeadLabel): string {
  if (name !== 'mixed') return `${KINDS[name].words} ${formatScore(score)}`;
  if (strongest === null) return MIXED.words;
  return `${MIXED.words}, most ${KINDS[strongest].words} ${formatScore(score)}`;
}

/** What a head was measured on to have its name. */
export function probeWords(scores: Pick<HeadScores, 'on'> | null): string {
  return scores?.on === undefined ? 'repeated random tokens' : `the line ${scores.on.trim()}`;
}

/** “Head 4.1 — induction 0.83 on repeated random tokens: it looks at what followed …”. */
export function headSentence(scores: HeadScores | null, layer: number, head: number): string {
  const which = `Head ${layer}.${head}`;
  const label = labelHead(scores, layer, head);
  if (scores === null || label.strongest === null) {
    return `${which} — not measured yet.`;
  }
  const on = probeWords(scores);
  if (label.name === 'mixed') {
    return `${which} — mixed: nothing stands out on ${on} (strongest: ${KINDS[label.strongest].words} ${formatScore(label.score)}).`;
  }
  const { words, meaning } = KINDS[label.name];
  return `${which} — ${words} ${formatScore(label.score)} on ${on}: it ${meaning}.`;
}

export function formatScore(score: number): string {
  return Number.isNaN(score) ? '–' : score.toFixed(2);
}
