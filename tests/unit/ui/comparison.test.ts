import { describe, expect, test } from 'vitest';
import { layoutComparison, type Tick } from '../../../src/ui/parts/layout.ts';

/** A digit of the axis, 10 px high, is no wider than this. */
const DIGIT = 6.1;

function edges({ x, words, align }: Tick): readonly [number, number] {
  const width = words.length * DIGIT;
  const from = align === 'left' ? x : align === 'right' ? x - width : x - width / 2;
  return [from, from + width];
}

describe('the comparison with parts off', () => {
  test('has an axis of 160 px in the narrowest column, and room for words and numbers', () => {
    for (let width = 272; width <= 900; width++) {
      const { left, track, stacked } = layoutComparison(width, 10);
      expect(track, `${width} px`).toBeGreaterThanOrEqual(160);
      expect(left, `${width} px`).toBeGreaterThanOrEqual(48);
      const numbers = stacked ? 1 : 2;
      expect(width - left - track).toBeGreaterThanOrEqual(14 + numbers * '100.0 %'.length * DIGIT);
    }
  });

  test('no tick stands on another one, however narrow it is', () => {
    for (let width = 160; width <= 900; width++) {
      const { ticks, left, track } = layoutComparison(width, 10);
      expect(ticks.map((tick) => tick.words)).toEqual(
        track < 100 ? ['0', '100 %'] : ['0', '50', '100 %'],
      );
      let end = left - 1;
      for (const [from, to] of ticks.map(edges)) {
        expect(from, `${width} px`).toBeGreaterThan(end);
        end = to;
      }
    }
  });

  test('its rows lie within its height', () => {
    for (const width of [272, 640]) {
      const { top, row, height } = layoutComparison(width, 7);
      expect(height).toBeGreaterThanOrEqual(top + 7 * row);
      // The numbers of two bars need eleven pixels each.
      expect(row).toBeGreaterThanOrEqual(22);
    }
  });
});
