// What a head is called, from what it does in the text that is here. Score and control always stand beside the name.
import type { Habit, HeadNames, HeadScores } from '../api.ts';
import { HABITS } from '../habits.ts';
import type { LabelName } from './facts/attention.ts';

export interface HeadLabel {
  readonly name: LabelName;
  /** One sign for a small tile; '' where nothing was measured. */
  readonly letter: string;
  /** Of the name; of what comes nearest to one where the name is `mixed`; NaN without scores. */
  readonly score: number;
  /** The habit that `score` is of; null where the text can show none. */
  readonly strongest: Habit | null;
  /** Words of its own that the head looks at in this text, where that is its name. */
  readonly words: readonly string[];
}

interface Kind {
  readonly letter: string;
  /** A few words for people. */
  readonly words: string;
  /** Completes “it …”. */
  readonly meaning: string;
  /** From this score on the name is given. */
  readonly least: number;
}

/**
 * The telling habits stand first: each needs a particular token, which chance finds with a probability of one in the
 * row's length. A share of 0.4 averaged over all rows is far from that. `local` and `broad` come about more easily and
 * `first` is where heads look that have nothing to do, so these need more, and give way. `words` is an average over
 * words, of which each has a tenth at least.
 */
export const KINDS: Readonly<Record<Habit, Kind>> = {
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
  sentence: {
    letter: 'S',
    words: 'start of sentence or speech',
    meaning: 'goes back to where the sentence or the speech began',
    least: 0.4,
  },
  words: {
    letter: 'W',
    words: 'looks at certain words',
    meaning: 'looks for the last of a few words of its own',
    least: 0.22,
  },
  punctuation: {
    letter: 'M',
    words: 'punctuation',
    meaning: 'looks at full stops, commas and other marks',
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

export const MIXED = {
  letter: '–',
  words: 'mixed',
  meaning: 'does no one thing above all',
} as const;

/**
 * How far a score has to be above all shuffled heads, of what lies between them and 1: of heads in no order, 144 in fifteen
 * passages, the best came to 0.12. `words` is held to more shuffles, and to three words: what is clear there is a difference.
 */
const CLEAR = 0.15;
const CLEAR_OF_WORDS = 0.05;
/** And how far above the shuffles of the head itself. */
const CLEAR_OF_ITSELF = 0.1;
/**
 * Of its weight on the first token, what a head has to have there in another text too: of heads in no order one in a
 * thousand looks at nothing but the token that happens to stand first.
 */
const ELSEWHERE = 0.5;

const TELLING: readonly Habit[] = [
  'induction',
  'duplicate',
  'previous',
  'sentence',
  'words',
  'punctuation',
];
const OTHERS: readonly Habit[] = ['local', 'broad', 'first'];

export function scoreOf<H extends Habit>(
  { scores, nHead }: { readonly scores: Readonly<Record<H, Float32Array>>; readonly nHead: number },
  habit: H,
  layer: number,
  head: number,
): number {
  return scores[habit][layer * nHead + head] ?? Number.NaN;
}

/** The most that a head does once its keys are shuffled. */
export function shuffledOf(names: HeadNames, habit: Habit, layer: number, head: number): number {
  return names.shuffled[habit][layer * names.nHead + head] ?? Number.NaN;
}

/** How far a head is above the highest of all shuffled heads in one habit. */
export function leadOf(names: HeadNames, habit: Habit, layer: number, head: number): number {
  return scoreOf(names, habit, layer, head) - names.ceiling[habit];
}

/** The least score that chance, which came to `ceiling`, does not explain. */
export function clearOf(habit: Habit, ceiling: number): number {
  return ceiling + (habit === 'words' ? CLEAR_OF_WORDS : CLEAR * (1 - ceiling));
}

/** Whether a name may be given: enough of the habit, and clearly more than any head whose keys are shuffled. */
function earns(names: HeadNames, habit: Habit, layer: number, head: number): boolean {
  const score = scoreOf(names, habit, layer, head);
  return (
    score >= KINDS[habit].least &&
    score >= clearOf(habit, names.ceiling[habit]) &&
    score >= shuffledOf(names, habit, layer, head) + CLEAR_OF_ITSELF &&
    (habit !== 'first' || elsewhereOf(names, layer, head) >= ELSEWHERE * score)
  );
}

function elsewhereOf({ firstElsewhere, nHead }: HeadNames, layer: number, head: number): number {
  return firstElsewhere[layer * nHead + head] ?? Number.NaN;
}

export function labelHead(names: HeadNames | null, layer: number, head: number): HeadLabel {
  const none = {
    name: 'mixed',
    letter: '',
    score: Number.NaN,
    strongest: null,
    words: [],
  } as const;
  if (names === null) return none;
  const lead = (habit: Habit): number => leadOf(names, habit, layer, head);
  const best = (among: readonly Habit[]): Habit | null =>
    among.reduce<Habit | null>(
      // NaN compares false: what could not be measured is never the best.
      (found, next) => (lead(next) > (found === null ? -Infinity : lead(found)) ? next : found),
      null,
    );
  const may = (habit: Habit): boolean => earns(names, habit, layer, head);
  const name = best(TELLING.filter(may)) ?? OTHERS.find(may) ?? null;
  const strongest = name ?? best(HABITS);
  if (strongest === null) return none;
  const score = scoreOf(names, strongest, layer, head);
  if (name === null) return { name: 'mixed', letter: MIXED.letter, score, strongest, words: [] };
  const words = name === 'words' ? (names.words[layer * names.nHead + head] ?? []) : [];
  return { name, letter: KINDS[name].letter, score, strongest, words };
}

export function labelWords(name: LabelName): string {
  return name === 'mixed' ? MIXED.words : KINDS[name].words;
}

const SHOWN_WORDS = 3;

/** `punctuation`; `looks at “was”, “went”, “said”`. */
export function nameWords({ name, words }: Pick<HeadLabel, 'name' | 'words'>): string {
  if (name !== 'words' || words.length === 0) return labelWords(name);
  const shown = words.slice(0, SHOWN_WORDS).map((word) => `“${word}”`);
  return `looks at ${shown.join(', ')}${words.length > SHOWN_WORDS ? ' …' : ''}`;
}

/** `0.65; with its keys shuffled at most 0.14, any shuffled head at most 0.39`. */
export function scoreWords(names: HeadNames, habit: Habit, layer: number, head: number): string {
  const own = formatScore(shuffledOf(names, habit, layer, head));
  const any = habit === 'words' ? '199 of 200 shuffled heads' : 'any shuffled head';
  const elsewhere =
    habit === 'first' ? `, in a fixed text ${formatScore(elsewhereOf(names, layer, head))}` : '';
  return `${formatScore(scoreOf(names, habit, layer, head))}${elsewhere}; with its keys shuffled at most ${own}, ${any} at most ${formatScore(names.ceiling[habit])}`;
}

/** The random tokens, or the line, on which a model's heads are measured whatever text is here. */
export function probeWords(scores: Pick<HeadScores, 'on'> | null): string {
  return scores?.on === undefined ? 'repeated random tokens' : `the line ${scores.on.trim()}`;
}

/** Why no head has a name, where that is so. */
export function namelessWords(names: HeadNames | null): string {
  return names === null ? 'not measured yet' : 'this text is too short to name heads by it';
}

/** The text that names are of. */
export function whereNamed(names: HeadNames): string {
  if (names.standIn === undefined) return 'in this text';
  const { on } = names.standIn;
  return on === undefined
    ? 'in a fixed text (it stands in for a short one)'
    : `on the line ${on.trim()} (it stands in for a short text)`;
}

/** That text, as the head of a column. */
export function namedBy(names: HeadNames | null): string {
  if (names?.standIn === undefined) return 'This text';
  return names.standIn.on?.trim() ?? 'A fixed text';
}

/** “Head 4.1 — induction: it looks at what followed …; in this text 0.83, 0.02 with …”. */
export function headSentence(names: HeadNames | null, layer: number, head: number): string {
  const which = `Head ${layer}.${head}`;
  const label = labelHead(names, layer, head);
  if (names === null || label.strongest === null) return `${which} — ${namelessWords(names)}.`;
  const scores = scoreWords(names, label.strongest, layer, head);
  if (label.name === 'mixed') return `${which} — ${nearestWords(names, label, scores)}.`;
  return `${which} — ${nameWords(label)}: it ${KINDS[label.name].meaning}; ${whereNamed(names)} ${scores}.`;
}

/** What a head without a name comes nearest to. What the text has too few rows for may be what it does all the same. */
export function nearestWords(names: HeadNames, { strongest }: HeadLabel, scores: string): string {
  const nearest = strongest === null ? MIXED.words : KINDS[strongest].words;
  const { length } = HABITS.filter((habit) => !Number.isNaN(names.ceiling[habit]));
  const none = length === HABITS.length ? 'no name' : `none of ${length} names measured`;
  return `${whereNamed(names)} ${none} stands out from chance (nearest: ${nearest} ${scores})`;
}

export function formatScore(score: number): string {
  return Number.isNaN(score) ? '–' : score.toFixed(2);
}
