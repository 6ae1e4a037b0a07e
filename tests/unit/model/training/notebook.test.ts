// What `npm run notebook` prints and judges, without the minutes and gigabytes that computing it takes.
import { describe, expect, test } from 'vitest';
import { PRINTED as file } from '../../../../src/engine/runs/fromSeed/drawn.ts';
import {
  PARAMETERS,
  compareWithPrinted,
  printCell,
  printTensor,
} from '../../../support/notebook.ts';

const numbers = (file.printed.join(' ').match(/-?\d\.\d+e[+-]\d+/g) ?? []).map(Number);

/** The printed numbers, some of them changed. */
function rowsOf(changes: Readonly<Record<number, number>> = {}): number[][][] {
  const all = numbers.map((value, i) => value + (changes[i] ?? 0));
  const row = (i: number): number[] => all.slice(6 * i, 6 * i + 6);
  return [0, 4].map((first) => [0, 1, 2, 3].map((t) => row(first + t)));
}

describe('the notebook’s cell', () => {
  test('is printed as PyTorch prints it', () => {
    expect(PARAMETERS).toBe(163_009_536);
    expect(numbers).toHaveLength(48);
    expect(printTensor(rowsOf())).toEqual(file.printed);
    expect(printCell(rowsOf())).toMatch(
      /^Input batch:\n tensor\(\[\[6109, 3626, 6100, {2}345\],\n {8}\[6109, 1110, 6622, {2}257\]\]\)\n\nOutput shape: torch.Size\(\[2, 4, 50257\]\)\ntensor\(/,
    );
  });

  test('is judged by the last printed digit, as far as float32 tells it', () => {
    const judged = (changes?: Readonly<Record<number, number>>) =>
      compareWithPrinted(rowsOf(changes));
    expect(judged()).toEqual({ count: 48, same: 48, near: 0, others: [], ok: true });
    expect(judged({ 0: 1e-5, 2: -1e-5 })).toMatchObject({
      same: 46,
      near: 2,
      others: [],
      ok: true,
    });
    // The smallest, −1.2084e-03, is known to a tenth of its third digit.
    const small = numbers.indexOf(-1.2084e-3);
    expect(judged({ [small]: 1.2e-6 })).toMatchObject({
      same: 47,
      near: 0,
      others: [
        '-1.2084e-03 is -1.2072e-03 here: 12 off in the last digit, 1.2e-6 in all; float32 tells no more of a logit.',
      ],
      ok: true,
    });
    for (const changes of [{ [small]: 1e-5 }, { 0: 2.1e-5 }, { 0: NaN }]) {
      expect(judged(changes)).toMatchObject({ same: 47, ok: false });
    }
  });
});
