// What switching parts off did, in words.
import type { Comparison } from '../../api.ts';
import { offNames, partWords, type Continuations } from '../../state/facts/parts.ts';
import type { PartOff } from '../../api.ts';
import type { RunRecord } from '../../state/runs.ts';
import type { RunFacts } from '../../state/facts/run.ts';
import { formatBits, formatPercent, quoteToken } from '../format.ts';
import { listed } from '../../words.ts';
import { movedWords } from './size.ts';

/** How many there are of what a model is made of. */
export interface Shape {
  readonly nLayer: number;
  readonly nHead: number;
}

export function formatDelta(delta: number): string {
  const size = Math.abs(delta);
  const text = size >= 10 ? size.toFixed(0) : size.toFixed(size >= 1 ? 1 : 2);
  if (/^[0.]+$/u.test(text)) return '0';
  return `${delta < 0 ? '−' : '+'}${text}`;
}

/** What is off; where the shape is known, parts that make a whole by the name of the whole. */
export function offList(off: readonly PartOff[], shape: Shape | null): string {
  const all = shape === null ? off.map(partWords) : offNames(off, shape);
  const names = all.slice(0, MOST_NAMES);
  const rest = all.length - names.length;
  if (rest > 0) return `${names.join(', ')} and ${rest} more`;
  return listed(names);
}

/** More parts than these are counted. */
const MOST_NAMES = 3;

/** The largest change, and how far the distribution moved. */
export function comparisonFinding(
  comparison: Comparison,
  off: readonly PartOff[],
  shape: Shape | null,
): string {
  const [most] = comparison.candidates;
  const kl = `KL divergence: ${formatBits(comparison.klBits)} bits.`;
  if (most === undefined) return '';
  const opening = `With ${offList(off, shape)} off`;
  if (most.before === most.after) return `${opening}, nothing changes. ${kl}`;
  const [before, after] = [formatPercent(most.before), formatPercent(most.after)];
  const change =
    before === after
      ? `${quoteToken(most.piece)} stays at ${after}`
      : `${quoteToken(most.piece)} ${most.after > most.before ? 'rises' : 'falls'} from ${before} to ${after}`;
  return `${opening}, ${change}. ${movedWords(comparison.klBits)}. ${kl}`;
}

/** Where two continuations part, for those who read the words and those who hear them. */
export function partingWords({ whole, edited }: Continuations): string {
  const same = whole.findIndex(({ id }, i) => edited[i]?.id !== id);
  const parts = same < 0 ? Math.min(whole.length, edited.length) : same;
  if (parts === Math.max(whole.length, edited.length)) {
    return parts === 0 ? 'Both end at once.' : 'Both write the same.';
  }
  if (parts === 0) return 'They differ from the first word on.';
  return `The first ${parts === 1 ? 'piece is' : `${parts} pieces are`} the same, then they part.`;
}

/** What to say while a text is written with other parts off than are off by now; else ''. */
export function runningFinding(
  run: RunFacts | null,
  runs: readonly RunRecord[],
  off: readonly PartOff[],
): string {
  // Before its first token the last record is an earlier run's.
  const own = run !== null && run.reason === null && run.tokens > 0 ? runs.at(-1) : undefined;
  const toKey = (parts: readonly PartOff[]): string => parts.map(partWords).join();
  if (own === undefined || toKey(own.off) === toKey(off)) return '';
  const began = own.off.length === 0 ? 'every part on' : `${offList(own.off, null)} off`;
  return `The text is being written with ${began}, as it began; what is switched now counts from the next run on.`;
}
