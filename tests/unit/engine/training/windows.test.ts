// Batches: windows drawn or in order, what is kept for validation, and texts that are too short.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { philoxDraws } from '../../../../src/engine/training/draws.ts';
import { splitCorpus } from '../../../../src/engine/training/split.ts';
import { type Ids, TokenIds } from '../../../../src/engine/training/tokenIds.ts';
import {
  type Batch,
  IGNORED,
  checkWindows,
  orderedWindows,
  randomWindows,
  wholeWindows,
} from '../../../../src/engine/training/windows.ts';
import { TorchRandom } from '../../../../src/model/training/torchRandom.ts';

const upTo = (length: number): TokenIds => TokenIds.from(Array.from({ length }, (_, id) => id));

/** First id of each row that has a target. */
const startsOf = ({ ids, targets }: Batch, tokens: number): number[] =>
  [...ids].filter((_, i) => i % tokens === 0 && targets[i] !== IGNORED);

function all(ids: Ids): number[] {
  const read = new Uint32Array(ids.length);
  ids.copyTo(read, 0, 0, ids.length);
  return [...read];
}

describe('windows drawn at random', () => {
  test('begin where the generator says, row after row, and their targets are the ids that follow', () => {
    const asked: number[] = [];
    const draws = {
      randint: (limit: number, count: number): number[] => {
        asked.push(limit, count);
        return [0, limit - 1];
      },
    };
    const batch = randomWindows(upTo(10), { batch: 2, tokens: 3 }, { draws }).next();
    expect(asked).toEqual([7, 2]);
    expect([...batch.ids]).toEqual([0, 1, 2, 6, 7, 8]);
    expect([...batch.targets]).toEqual([1, 2, 3, 7, 8, 9]);
  });

  test('may be PyTorch’s', () => {
    const draws = new TorchRandom(7);
    const windows = randomWindows(upTo(100), { batch: 3, tokens: 4 }, { draws });
    const expected = new TorchRandom(7).randint(96, 6);
    expect([windows.next(), windows.next()].flatMap((batch) => startsOf(batch, 4))).toEqual(
      expected,
    );
  });

  test('are a function of seed and position', () => {
    const size = { batch: 4, tokens: 8 };
    const run = (seed: number, from: number): number[] => {
      const windows = randomWindows(upTo(1000), size, { seed });
      windows.position = from;
      return [windows.next(), windows.next()].flatMap((batch) => startsOf(batch, 8));
    };
    expect(run(7, 5).slice(0, 4)).toEqual(run(7, 4).slice(4));
    expect(run(7, 5)).not.toEqual(run(8, 5));
    expect(run(2 ** 32 + 7, 5)).not.toEqual(run(7, 5));
  });

  test('are even over the text', () => {
    const counts = new Float64Array(10);
    for (let step = 0; step < 1000; step++) {
      for (const drawn of philoxDraws(1, step).randint(10, 10)) counts[drawn]++;
    }
    // 10,000 draws, a thousandth of a chance beyond 27.9 (χ², nine degrees of freedom).
    expect(counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(27.9);
  });
});

describe('windows in order', () => {
  test('go through the text from its beginning to its end, again and again', () => {
    const windows = orderedWindows(upTo(9), { batch: 2, tokens: 3 });
    expect(windows.windowsAnEpoch).toBe(3);
    const [first, second, third] = [windows.next(), windows.next(), windows.next()];
    expect(startsOf(first, 3)).toEqual([0, 3]);
    expect([...second.ids]).toEqual([6, 7, 0, 0, 1, 2]);
    expect([...second.targets]).toEqual([7, 8, IGNORED, 1, 2, 3]);
    expect(startsOf(third, 3)).toEqual([3, 6]);
  });

  test('give each target once an epoch in an order that the seed decides', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0 }),
        (length, tokens, seed) => {
          const windows = orderedWindows(upTo(length), { batch: 1, tokens }, { seed });
          const targets: number[] = [];
          for (let i = 0; i < windows.windowsAnEpoch; i++) targets.push(...windows.next().targets);
          expect(targets.filter((id) => id !== IGNORED).toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: length - 1 }, (_, i) => i + 1),
          );
        },
      ),
    );
  });

  test('have another order in each epoch, and go on from any position', () => {
    const size = { batch: 3, tokens: 2 };
    const windows = orderedWindows(upTo(41), size, { seed: 3 });
    const starts = Array.from({ length: 20 }, () => startsOf(windows.next(), 2));
    expect(starts.flat().slice(0, 20)).not.toEqual(starts.flat().slice(20, 40));
    const again = orderedWindows(upTo(41), size, { seed: 3 });
    again.position = 11;
    expect(startsOf(again.next(), 2)).toEqual(starts[11]);
    again.position = 2;
    expect(startsOf(again.next(), 2)).toEqual(starts[2]);
  });
});

describe('windows of validation', () => {
  test('are whole, in order, once', () => {
    const batches = [...wholeWindows(upTo(12), { batch: 2, tokens: 3 })];
    expect(batches.map((batch) => startsOf(batch, 3))).toEqual([[0, 3], [6]]);
    expect([...batches[1].targets]).toEqual([7, 8, 9, IGNORED, IGNORED, IGNORED]);
    expect(startsOf([...wholeWindows(upTo(99), { batch: 2, tokens: 3 }, 1)][0], 3)).toEqual([0]);
  });
});

describe('a split', () => {
  const corpus = {
    ids: upTo(20),
    documents: [0, 3, 9, 11, 16],
    characters: 0,
    bytes: 0,
    leftOut: 0,
  };

  test('by share keeps the last part, as nanoGPT', () => {
    const { train, validation } = splitCorpus(corpus, { by: 'share', validation: 0.1 });
    expect(all(train)).toEqual(all(upTo(18)));
    expect(all(validation)).toEqual([18, 19]);
    const long = {
      ...corpus,
      ids: { length: 1_115_394, highest: 0, copyTo: () => undefined } as Ids,
    };
    expect(splitCorpus(long, { by: 'share', validation: 0.1 }).train.length).toBe(1_003_854);
    const none = splitCorpus(corpus, { by: 'share', validation: 0 });
    expect([none.train.length, none.validation.length]).toEqual([20, 0]);
  });

  test('by document keeps each k-th, from one that the seed chooses', () => {
    const kept = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const { train, validation } = splitCorpus(corpus, { by: 'document', every: 3, seed });
      kept.add(String(all(validation)));
      expect([...all(train), ...all(validation)].toSorted((a, b) => a - b)).toEqual(all(upTo(20)));
    }
    expect(kept).toEqual(new Set(['0,1,2,11,12,13,14,15', '3,4,5,6,7,8,16,17,18,19', '9,10']));
  });

  test('reads across documents that lie apart', () => {
    const seed = [0, 1, 2, 3, 4, 5, 6, 7].find(
      (each) =>
        splitCorpus(corpus, { by: 'document', every: 3, seed: each }).validation.length === 10,
    );
    const { train, validation } = splitCorpus(corpus, {
      by: 'document',
      every: 3,
      seed: seed ?? -1,
    });
    const read = new Uint32Array(4);
    validation.copyTo(read, 0, 4, 4);
    expect([...read]).toEqual([7, 8, 16, 17]);
    train.copyTo(read, 1, 3, 3);
    expect([...read]).toEqual([7, 9, 10, 11]);
  });

  test.each([
    [{ by: 'share', validation: 1 } as const, 'The share for validation is 1'],
    [{ by: 'share', validation: Number.NaN } as const, 'The share for validation is NaN'],
    [{ by: 'document', every: 1, seed: 0 } as const, 'One of every 1 documents'],
    [{ by: 'document', every: 6, seed: 0 } as const, 'The text has 5 documents'],
  ])('that cannot be is refused: %j', (options, message) => {
    expect(() => splitCorpus(corpus, options)).toThrow(message);
  });
});

describe('a text without a window', () => {
  test('is refused with how many tokens it has and how many are needed', () => {
    expect(() => checkWindows(upTo(8), { batch: 1, tokens: 8 })).toThrow(
      'The text is too short for one window: it has 8 tokens, and 9 are needed (8 and the one that follows them).',
    );
    expect(() => randomWindows(upTo(8), { batch: 1, tokens: 8 }, {})).toThrow('too short');
    expect(() => orderedWindows(upTo(8), { batch: 1, tokens: 8 })).toThrow('too short');
    expect(() => [...wholeWindows(upTo(8), { batch: 1, tokens: 8 })]).toThrow('too short');
    const one = randomWindows(upTo(9), { batch: 2, tokens: 8 }, { seed: 1 }).next();
    expect(startsOf(one, 8)).toEqual([0, 0]);
  });

  test('as one with sizes that are none is refused', () => {
    expect(() => checkWindows(upTo(8), { batch: 0, tokens: 2 })).toThrow(
      'The batch of windows is 0',
    );
    expect(() => checkWindows(upTo(8), { batch: 1, tokens: 1.5 })).toThrow('The tokens of windows');
  });
});
