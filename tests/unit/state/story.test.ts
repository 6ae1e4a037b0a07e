// The recorded story of a first visit: that it is the model's own, and how it stands in until the model is there.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ModelSummary } from '../../../src/api.ts';
import type { NextFacts } from '../../../src/state/facts/run.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { followStory, parseStory, writeStory, type Story } from '../../../src/state/story.ts';
import { formatSaved, parseSaved, type Saved } from '../../../src/state/persist.ts';
import { restoreSnapshot, toPlainText, type Snapshot } from '../../../src/state/tokenText.ts';
import { FIRST_VIEW } from '../../../src/state/view.ts';
import { recordStory } from '../../support/story.ts';
import { change, toHere } from './toyPage.ts';

const url = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
const file: unknown = JSON.parse(readFileSync(url('public/story.json'), 'utf8'));

function recorded(): Story {
  const story = parseStory(file);
  if (story === null) throw new Error('public/story.json is no story.');
  return story;
}

describe('what is shipped', () => {
  const there = recorded();
  let here: Story;
  beforeAll(async () => {
    here = await recordStory();
  });

  test('is what the model writes today, and what index.html shows before any script', () => {
    expect({ ...there.snapshot, logprobs: [] }).toEqual({ ...here.snapshot, logprobs: [] });
    const page = readFileSync(url('index.html'), 'utf8')
      .replaceAll(/<[^>]+>/gu, '')
      .replaceAll(/\s+/gu, ' ');
    expect(page).toContain(toPlainText(there.snapshot.pieces));
  });

  /** As near as a percentage of three digits can tell. */
  const near = (a: number, b: number): void => {
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(b));
  };

  test('has the model’s own probabilities and candidates at each token', () => {
    there.snapshot.logprobs
      .slice(1)
      .forEach((ln, i) => near(ln, here.snapshot.logprobs[i + 1] ?? Number.NaN));
    expect(there.next).toHaveLength(there.snapshot.pieces.length + 1);
    there.next.forEach((one, at) => {
      const model = here.next[at];
      expect(one.kept).toBe(model?.kept);
      near(one.entropyBits, model?.entropyBits ?? Number.NaN);
      near(one.restRaw, model?.restRaw ?? Number.NaN);
      expect(one.top.map(({ piece }) => piece)).toEqual(model?.top.map(({ piece }) => piece));
      one.top.forEach(({ probability, rawProbability }, i) => {
        near(probability, model?.top[i]?.probability ?? Number.NaN);
        near(rawProbability, model?.top[i]?.rawProbability ?? Number.NaN);
      });
    });
  });

  test('has its lens at each depth, where its heads look, and one head’s map', () => {
    expect(there.lens.tokens).toEqual(here.lens.tokens);
    expect(there.lens.depths).toBe(here.lens.depths);
    there.lens.logprobs.forEach((ln, i) => near(ln, here.lens.logprobs[i] ?? Number.NaN));
    for (const [kept, made] of [
      [there.rows, here.rows],
      [there.map, here.map],
    ] as const) {
      expect({ ...kept, weights: [] }).toEqual({ ...made, weights: [] });
      expect(kept.weights).toHaveLength(made.weights.length);
      kept.weights.forEach((weight, i) =>
        expect(Math.abs(weight - (made.weights[i] ?? Number.NaN))).toBeLessThanOrEqual(0.6e-4),
      );
    }
  });
});

test('a file of another shape is no story', () => {
  const shapes: Record<string, unknown>[] = [
    { version: 2 },
    { ids: [1, 2] },
    { ids: 'no list' },
    { words: [] },
    { next: [] },
    { rows: [1] },
    { layers: 3 },
    { map: null },
    { lens: { tokens: [1], logprobs: [0] } },
    { seed: '4' },
  ];
  for (const wrong of shapes) {
    expect(parseStory({ ...(file as object), ...wrong }), Object.keys(wrong)[0]).toBeNull();
  }
  expect(parseStory(null)).toBeNull();
  expect(parseStory(JSON.parse(writeStory(recorded())))).toEqual(recorded());
});

test('left as it was found, it is no text of one’s own that a link would replace', () => {
  const { snapshot } = recorded();
  const isReplaced = (text: Snapshot): boolean => {
    const left: Saved = {
      text,
      tree: '',
      settings: {},
      by: null,
      theme: 'auto',
      view: FIRST_VIEW,
      done: [],
    };
    const address = { settings: {}, prompt: 'a link', localEngine: false, notes: [] };
    return createAppStore(address, parseSaved(formatSaved(left))).store.getState().page.replaced;
  };
  expect(isReplaced(snapshot)).toBe(false);

  const { pieces, runs, promptCount, prompt } = snapshot;
  const [run] = runs;
  const [piece] = pieces;
  if (run === undefined || piece === undefined) throw new Error('The story has no run.');
  const { length } = pieces;
  const touched: Record<string, Partial<Snapshot>> = {
    'a piece that somebody took': { pieces: [...pieces, piece] },
    'a piece more that was written': {
      pieces: [...pieces, piece],
      runs: [{ ...run, end: length + 1 }],
    },
    'the last piece by somebody': { runs: [{ ...run, end: length - 1 }] },
    'the last piece taken away': {
      pieces: pieces.slice(0, -1),
      runs: [{ ...run, end: length - 1 }],
    },
    'another beginning': { prompt: `${prompt} then`, promptCount: promptCount + 1 },
    'another seed': { runs: [{ ...run, seed: run.seed + 1 }] },
    'without a head': { runs: [{ ...run, off: [{ part: 'mlp', layer: 0, by: 'zero' }] }] },
  };
  for (const [name, other] of Object.entries(touched)) {
    const now = { ...snapshot, ...other };
    const scores = {
      logprobs: now.pieces.map(() => -1),
      ranks: now.pieces.map(() => 1),
    };
    expect(isReplaced({ ...now, ...scores }), name).toBe(true);
  }
});

describe('until the model is there', () => {
  function setUp() {
    const story = recorded();
    const address = { settings: {}, localEngine: false, notes: [] };
    const { store, text } = createAppStore(address, null);
    restoreSnapshot(text, story.snapshot);
    const { length } = text.pieces;
    change(store, { text: { length, epoch: text.epoch, tokenised: true } });
    const shown: NextFacts[] = [];
    followStory(story, store, text, (next) => {
      shown.push(next);
      change(store, { next });
    });
    return { story, store, text, shown, length };
  }

  test('the candidates are those of the token that is selected', () => {
    const { story, store, text, shown, length } = setUp();
    const { epoch } = text;
    expect(shown).toEqual([{ distribution: story.next[length], at: length, epoch }]);
    change(store, { view: { selected: 8 } });
    expect(shown.at(-1)).toEqual({ distribution: story.next[8], at: 8, epoch });
    change(store, { view: { selected: null } });
    expect(shown.at(-1)?.at).toBe(length);
    expect(shown).toHaveLength(3);
  });

  test('somebody who writes has no candidates of another text', () => {
    const { store, text, shown } = setUp();
    text.epoch += 1;
    change(store, { text: { epoch: text.epoch, tokenised: false } });
    expect(shown.at(-1)).toMatchObject({ distribution: null, at: 0 });
    change(store, { view: { selected: 2 } });
    expect(shown).toHaveLength(2);
  });

  test('a model that is there answers for itself', () => {
    const { store, shown } = setUp();
    change(store, { model: toHere({ nLayer: 12, nHead: 12, nCtx: 256 } as ModelSummary) });
    change(store, { view: { selected: 2 } });
    expect(shown).toHaveLength(1);
  });
});
