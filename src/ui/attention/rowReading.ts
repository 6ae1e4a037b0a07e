// What a head does at one token of this text, read from that token's row: how its weight lies, and whether
// a name that the head earned on the text of the probe fits. Pure.
import type { Behaviour, HeadScores } from '../../api.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import {
  formatScore,
  KINDS,
  labelHead,
  MIXED,
  probeWords,
  type HeadLabel,
} from '../../state/headLabels.ts';
import { formatPercent } from '../format.ts';
import { entropyOf, type HeadRow } from './weights.ts';

/** Token ids by their index in the text. */
export type Ids = readonly { readonly id: number }[];

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
 * are meant, and the rows that count, are those of `HeadScores`.
 *
 * - `previous`, `first`, `duplicate`, `induction`: the token with the largest weight is one that is meant.
 * - `local`: more than half of the weight is on the token itself and the four before it.
 * - `broad`: the entropy is at least 0.8 of an even spread's, and no token has more than half, nor more than
 *   three times its even share.
 */
export function fitOf(behaviour: Behaviour, row: HeadRow, ids: Ids): Fit | null {
  const { weights } = row;
  const size = weights.length;
  if (size < 2) return null;
  const top = topOf(weights);
  if (behaviour === 'broad') {
    return { agrees: isEven(weights, top.weight), share: top.weight };
  }
  const meant = meantBy(behaviour, row, ids);
  if (meant.length === 0) return null;
  const share = meant.reduce((sum, k) => sum + (weights[k] ?? 0), 0);
  return { agrees: behaviour === 'local' ? share > MOST : meant.includes(top.at), share };
}

/** Places in the row, from 0; none where this token has no such tokens before it. */
function meantBy(
  behaviour: Exclude<Behaviour, 'broad'>,
  { weights: { length }, firstIndex }: HeadRow,
  ids: Ids,
): readonly number[] {
  const here = length - 1;
  switch (behaviour) {
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
      return behaviour === 'duplicate' ? copies : copies.map((k) => k + 1);
    }
  }
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

/** The name that stands at this token: the one from the probe where the row agrees, else none. */
export function labelHere(known: HeadLabel, row: HeadRow | null, ids: Ids): HeadLabel {
  if (known.name === 'mixed') return known;
  if (row !== null && fitOf(known.name, row, ids)?.agrees === true) return known;
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

const FIT_WORDS: Readonly<Record<Behaviour, (share: string) => string>> = {
  previous: (share) => `${share} on the token right before`,
  first: (share) => `${share} on the first token`,
  duplicate: (share) => `${share} on earlier copies of the same token`,
  induction: (share) => `${share} on what followed the last time this token came`,
  local: (share) => `${share} on the token itself and the four before it`,
  broad: (share) => `spread almost evenly, at most ${share} on one token`,
};

/** What the head does at this token, and behind it what it was measured to do on the text of the probe. */
export function headHere(
  scores: HeadScores | null,
  { layer, head }: HeadRef,
  row: HeadRow,
  ids: Ids,
): string {
  const which = `Head ${layer}.${head}`;
  const known = labelHead(scores, layer, head);
  const on = `on ${probeWords(scores)}`;
  if (known.strongest === null) return `${which} — ${rowWords(row)}.`;
  if (known.name === 'mixed') {
    const nearest = `${KINDS[known.strongest].words} ${formatScore(known.score)}`;
    return `${which} — ${rowWords(row)}; ${on} nothing stands out (strongest: ${nearest}).`;
  }
  const { words } = KINDS[known.name];
  const fit = fitOf(known.name, row, ids);
  if (fit?.agrees === true) {
    const share = FIT_WORDS[known.name](formatPercent(fit.share));
    return `${which} — ${words}: ${share}; score ${formatScore(known.score)} ${on}.`;
  }
  const but = fit === null ? 'which this token cannot show' : 'but not here';
  return `${which} — ${rowWords(row)}; ${words} ${formatScore(known.score)} ${on}, ${but}.`;
}
