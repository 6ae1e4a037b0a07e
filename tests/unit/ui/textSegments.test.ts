import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenPiece } from '../../../src/api.ts';
import {
  cutSegments,
  extendSegments,
  segmentOf,
  type Segment,
} from '../../../src/ui/textSegments.ts';

const toPieces = (words: readonly string[]): TokenPiece[] =>
  words.map((text, id) => ({
    id,
    bytes: [...new TextEncoder().encode(text)],
    text,
    special: false,
  }));

function cutUp(pieces: readonly TokenPiece[]): Segment[] {
  const segments: Segment[] = [];
  extendSegments(segments, pieces);
  return segments;
}

const texts = fc
  .array(fc.constantFrom(' king', 'rode', '\n', '.\n', ' ', '🦊'), { maxLength: 1500 })
  .map(toPieces);

describe('segments of a text', () => {
  it('hold every token once, in order, and none is long', () => {
    fc.assert(
      fc.property(texts, (pieces) => {
        const segments = cutUp(pieces);
        let at = 0;
        for (const { start, end } of segments) {
          expect(start).toBe(at);
          expect(end - start).toBeLessThanOrEqual(256);
          at = end;
        }
        expect(at).toBe(pieces.length);
        pieces.forEach((_, i) => {
          const { start, end } = segments[segmentOf(segments, i)];
          expect(start <= i && i < end).toBe(true);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('are the same whether a text grew, was cut and written anew, or came at once', () => {
    fc.assert(
      fc.property(texts, fc.nat(1500), (pieces, at) => {
        const segments = cutUp(pieces);
        const length = Math.min(at, pieces.length);
        cutSegments(segments, pieces, length);
        expect(segments).toEqual(cutUp(pieces.slice(0, length)));
        extendSegments(segments, pieces);
        expect(segments).toEqual(cutUp(pieces));
      }),
      { numRuns: 30 },
    );
  });

  it('end between words or lines where there are any', () => {
    const prose = toPieces(Array.from({ length: 1000 }, (_, i) => (i % 3 === 0 ? ' king' : 's')));
    for (const { start } of cutUp(prose)) expect(start % 3).toBe(0);
    const lines = toPieces(Array.from({ length: 1000 }, (_, i) => (i % 7 === 6 ? '\n' : 'a')));
    for (const { start, continues } of cutUp(lines).slice(1)) {
      expect(start % 7 === 0 ? !continues : start % 7 === 6).toBe(true);
    }
    expect(cutUp(toPieces(Array.from({ length: 600 }, () => 'a'))).map(({ end }) => end)).toEqual([
      256, 512, 600,
    ]);
  });
});
