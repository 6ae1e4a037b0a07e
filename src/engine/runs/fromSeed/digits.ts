// Logits as a notebook prints them, and how far ours are from them.
import type { NumberPair } from '../../../api.ts';

/** Columns of a row that PyTorch prints, from either side. */
export const EDGE = 3;

/**
 * What a logit is known to in float32: sums that are taken in another order differ by so much (the conformance pack allows
 * PyTorch itself 3e-6 of the largest at the notebook's size). Of a small one, the last printed digits are beyond that: with
 * the same weights and masks, −1.2084e-03 is −1.2082e-03 in float64.
 */
const KNOWN_TO = 2e-6;

/** Decimals that it prints. */
const DECIMALS = 4;

/** A number as PyTorch prints it beside much smaller ones: `-1.2084e-03`. */
export function printed(value: number): string {
  // Two digits of an exponent at least; NaN has none.
  return value.toExponential(DECIMALS).replace(/(?<=e[+-])(?=\d$)/u, '0');
}

export function pairOf(there: string, here: number): NumberPair {
  const unit = 10 ** (Number(there.slice(-3)) - DECIMALS);
  const off = Math.abs(Math.round(here / unit) - Math.round(Number(there) / unit));
  const difference = Math.abs(here - Number(there));
  return {
    there,
    here: printed(here),
    off,
    difference,
    isUntold: off > 1 && difference <= KNOWN_TO,
  };
}
