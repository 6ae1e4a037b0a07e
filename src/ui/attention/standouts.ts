// Which heads are worth a look in this text: of each name the head that is furthest above its control. Pure.
import type { Habit, HeadNames } from '../../api.ts';
import { HABITS } from '../../habits.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import {
  KINDS,
  labelHead,
  leadOf,
  nameWords,
  shuffledOf,
  type HeadLabel,
} from '../../state/headLabels.ts';
import { formatPercent } from '../format.ts';

export interface Standout extends HeadRef {
  readonly label: HeadLabel;
  readonly habit: Habit;
}

const MOST = 6;

/**
 * At most six: first the foremost head of each name, in the order in which names are shown; then the next of each, heads
 * that look for words of their own before all others, since each of these looks for something else.
 */
export function standoutsOf(names: HeadNames): readonly Standout[] {
  const { nLayer, nHead } = names;
  const named = Array.from({ length: nLayer * nHead }, (_, i): Standout | null => {
    const [layer, head] = [Math.floor(i / nHead), i % nHead];
    const label = labelHead(names, layer, head);
    return label.name === 'mixed' ? null : { layer, head, label, habit: label.name };
  }).filter((one) => one !== null);
  const lead = ({ habit, layer, head }: Standout): number => leadOf(names, habit, layer, head);
  const ranked = HABITS.map((habit) =>
    named.filter((one) => one.habit === habit).toSorted((a, b) => lead(b) - lead(a)),
  );
  const firsts = ranked.flatMap((heads) => heads.slice(0, 1));
  const next = ranked
    .toSorted((a, b) => Number(b[0]?.habit === 'words') - Number(a[0]?.habit === 'words'))
    .flatMap((heads) => heads.slice(1, 1 + MOST));
  return [...firsts, ...next].slice(0, MOST);
}

/** `goes back to where the sentence or the speech began: 65 % of its weight, at most 14 % with its keys shuffled`. */
export function standoutWords(names: HeadNames, { label, habit, layer, head }: Standout): string {
  const shuffled = shuffledOf(names, habit, layer, head);
  const does = habit === 'words' ? nameWords(label) : KINDS[habit].meaning;
  return `${does}: ${formatPercent(label.score)} of its weight, at most ${formatPercent(shuffled)} with its keys shuffled`;
}
