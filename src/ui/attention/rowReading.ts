// What a head does at one token of this text, read from that token's row: how its weight lies, and whether
// a name that the head earned in the whole text fits. Pure.
import type { Habit, HeadNames } from '../../api.ts';
import { lastWordPlace, marksOf, sentencePlaces, type Marks } from '../../marks.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import {
  KINDS,
  labelHead,
  MIXED,
  namelessWords,
  nameWords,
  nearestWords,
  scoreWords,
  type HeadLabel,
  whereNamed,
} from '../../state/headLabels.ts';
import { formatPercent } from '../format.ts';
import { entropyOf, type HeadRow } from './weights.ts';

/** Token ids and what they say, by their index in the text. */
export type Ids = readonly { readonly id: number; readonly text: string }[];

/** A name, with the words that it is about where it is about words. */
export type Named = Pick<HeadLabel, 'name' | 'words'>;

/** How well a name fits a row. */
export interface Fit {
  readonly agrees: boolean;
  /** Weight on the tokens that the name means; for `broad` the largest weight on any one. */
  readonly share: number;
}

/** A row is called even, or given to one token, from these on. */
const EVEN = KINDS.broad.least;
const MOST = 0.5;
/** Times its even share that one token may have where weight is called even. */
const EVEN_TIMES = 3;
const NEARLY_ALL = 0.9;
/** Tokens that `local` means: the looking one and the four before it. */
const NEAR = 5;
/** Shorter rows are nearly all near. The engine scores `local` from the same row on. */
const LEAST_FOR_LOCAL = 9;

/**
 * Whether a row does what the name says; null where no row of this token could show it. The tokens that
 * are meant, and the rows that count, are those of `HeadScores` and `HeadNames`.
 *
 * - `previous`, `first`, `duplicate`, `induction`, `sentence`, `words`, `punctuation`: the token with the largest weight
 *   is one that is meant.
 * - `local`: more than half of the weight is on the token itself and the four before it.
 * - `broad`: the entropy is at least 0.8 of an even spread's, and no token has more than half, nor more than
 *   three times its even share.
 */
export function fitOf(
  { name, words }: Named,
  row: HeadRow,
  ids: Ids,
  marks: () => Marks = () => marksOfRow(row, ids),
): Fit | null {
  const { weights } = row;
  if (name === 'mixed') return null;
  const size = weights.length;
  if (size < 2) return null;
  const top = topOf(weights);
  if (name === 'broad') {
    return { agrees: isEven(weights, top.weight), share: top.weight };
  }
  const meant = meantBy({ name, words }, row, ids, marks);
  if (meant.length === 0) return null;
  const share = meant.reduce((sum, k) => sum + (weights[k] ?? 0), 0);
  return { agrees: name === 'local' ? share > MOST : meant.includes(top.at), share };
}

/** Places in the row, from 0; none where this token has no such tokens before it. */
function meantBy(
  { name, words }: Named & { readonly name: Exclude<Habit, 'broad'> },
  { weights: { length }, firstIndex }: HeadRow,
  ids: Ids,
  marks: () => Marks,
): readonly number[] {
  const here = length - 1;
  switch (name) {
    case 'previous':
      return [here - 1];
    case 'first':
      return [0];
    case 'local':
      return length < LEAST_FOR_LOCAL ? [] : Array.from({ length: NEAR }, (_, i) => here - i);
    case 'duplicate':
    case 'induction': {
      const idOf = (place: number): number | undefined => ids[firstIndex + place]?.id;
      const copies = Array.from({ length: here }, (_, k) => k).filter(
        (k) => idOf(k) === idOf(here),
      );
      return name === 'duplicate' ? copies : copies.map((k) => k + 1);
    }
    case 'sentence':
      return sentencePlaces(marks(), here);
    case 'punctuation': {
      const { isMark } = marks();
      return Array.from({ length: here }, (_, k) => k).filter((k) => isMark[k]);
    }
    case 'words': {
      const place = lastWordPlace(marks(), new Set(words), here);
      return place === null ? [] : [place];
    }
  }
}

/** What the tokens of a row are, from the first that the model sees. */
export function marksOfRow({ weights, firstIndex }: HeadRow, ids: Ids): Marks {
  return marksOf(ids.slice(firstIndex, firstIndex + weights.length).map(({ text }) => text));
}

function isEven(weights: Float32Array, most: number): boolean {
  const size = weights.length;
  return entropyOf(weights) >= EVEN * Math.log2(size) && most <= Math.min(MOST, EVEN_TIMES / size);
}

function topOf(weights: Float32Array): { readonly at: number; readonly weight: number } {
  let at = 0;
  weights.forEach((weight, k) => {
    if (weight > (weights[at] ?? 0)) at = k;
  });
  return { at, weight: weights[at] ?? 0 };
}

/** The name that stands at this token: the one from the text where the row agrees, else none. */
export function labelHere(
  known: HeadLabel,
  row: HeadRow | null,
  ids: Ids,
  marks?: () => Marks,
): HeadLabel {
  if (known.name === 'mixed') return known;
  if (row !== null && fitOf(known, row, ids, marks)?.agrees === true) return known;
  return { ...known, name: 'mixed', letter: MIXED.letter };
}

/** How the weight of a row lies, whatever the head is called: `99 % on one token, the one before`. */
export function rowWords({ weights, firstIndex }: HeadRow): string {
  const here = weights.length - 1;
  const { at, weight } = topOf(weights);
  if (here === 0) return 'it can only look at itself here';
  if (weight > MOST) {
    const first = firstIndex === 0 ? 'the first' : 'the first it sees';
    const where =
      at === here
        ? 'itself'
        : at === 0
          ? first
          : at === here - 1
            ? 'the one right before it'
            : `${here - at} before it`;
    return `${weight >= NEARLY_ALL ? 'nearly all' : 'most'} on one token here, ${where} (${formatPercent(weight)})`;
  }
  if (isEven(weights, weight)) {
    return `spread almost evenly here, at most ${formatPercent(weight)} on one token`;
  }
  return `spread over several tokens here, at most ${formatPercent(weight)} on one`;
}

const FIT_WORDS: Readonly<Record<Habit, (share: string) => string>> = {
  previous: (share) => `${share} on the token right before`,
  first: (share) => `${share} on the first token`,
  duplicate: (share) => `${share} on earlier copies of the same token`,
  induction: (share) => `${share} on what followed the last time this token came`,
  sentence: (share) => `${share} on where this one began`,
  punctuation: (share) => `${share} on marks before it`,
  words: (share) => `${share} on the last of them here`,
  local: (share) => `${share} on the token itself and the four before it`,
  broad: (share) => `spread almost evenly, at most ${share} on one token`,
};

/** What the head does at this token, and behind it what it does in this text, beside its control. */
export function headHere(
  names: HeadNames | null,
  { layer, head }: HeadRef,
  row: HeadRow,
  ids: Ids,
): string {
  const which = `Head ${layer}.${head}`;
  const known = labelHead(names, layer, head);
  if (names === null || known.strongest === null) {
    return `${which} — ${rowWords(row)}; ${namelessWords(names)}.`;
  }
  const scores = scoreWords(names, known.strongest, layer, head);
  if (known.name === 'mixed') {
    return `${which} — ${rowWords(row)}; ${nearestWords(names, known, scores)}.`;
  }
  const fit = fitOf(known, row, ids);
  if (fit?.agrees === true) {
    const share = FIT_WORDS[known.name](formatPercent(fit.share));
    return `${which} — ${nameWords(known)}: ${share}; ${whereNamed(names)} ${scores}.`;
  }
  const but = fit === null ? 'this token cannot show it' : 'not at this token';
  return `${which} — ${rowWords(row)}; ${whereNamed(names)} ${nameWords(known)} ${scores}, but ${but}.`;
}
