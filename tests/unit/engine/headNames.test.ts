// Names of heads against their control: the model that comes with the page, and models that have learned nothing.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HeadNames } from '../../../src/api.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import {
  clearOf,
  headSentence,
  labelHead,
  scoreOf,
  shuffledOf,
} from '../../../src/state/headLabels.ts';
import { LONG_TEXT } from '../../../src/text/referenceText.ts';
import { standoutsOf, standoutWords } from '../../../src/ui/attention/standouts.ts';
import { lowbias32 } from '../../support/random.ts';

const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;
const FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];
const TEXT =
  'There was an old man who had a goose. "Where are you going?" asked the goose. "I am going home," said the man. He went into the house and sat down, and then he said, "Give me some bread." The woman gave him bread and he was glad. But the goose was sad, and ran into the wood, and the fox came and said, "Come with me."';

const read = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(`${TALES}/${name}`));

/** The page's model with the halves of each of its tensors changed by `change`, which is given the tensor's name. */
function changed(change: (name: string, halves: Uint16Array) => void): File[] {
  const weights = read('model.safetensors');
  const length = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + length))) as Record<
    string,
    { readonly data_offsets?: readonly [number, number] }
  >;
  for (const [name, { data_offsets: place }] of Object.entries(header)) {
    if (place === undefined) continue;
    const bytes = weights.slice(8 + length + place[0], 8 + length + place[1]);
    change(name, new Uint16Array(bytes.buffer));
    weights.set(bytes, 8 + length + place[0]);
  }
  return FILES.map((name) => new File([name === 'model.safetensors' ? weights : read(name)], name));
}

/** 0.02 as a half, with the sign of a bit, and the halves beside it: a spread of 0.02 as the notebook begins with. */
const NEAR_ZERO = 0x251f;

/** As a notebook begins: matrices near 0, biases 0, norms 1. */
const begun = (): File[] =>
  changed((name, halves) => {
    for (let i = 0; i < halves.length; i++) {
      const bits = lowbias32(i + name.length * 7919);
      if (/ln.*weight/u.test(name)) halves[i] = 0x3c00;
      else if (name.endsWith('bias')) halves[i] = 0;
      else halves[i] = (bits & 0x8000) | (NEAR_ZERO + (bits % 0x200) - 0x100);
    }
  });

/** Everything that the model learned, in no order: as large as before, and heads as sharp as chance makes them. */
const scrambled = (order: number): File[] =>
  changed((name, halves) => {
    for (let i = halves.length - 1; i > 0; i--) {
      const j = lowbias32(i + (name.length + 131 * order) * 104_729) % (i + 1);
      [halves[i], halves[j]] = [halves[j] ?? 0, halves[i] ?? 0];
    }
  });

async function load(files: File[]): Promise<LocalEngine> {
  const engine = new LocalEngine();
  await engine.load('tales', { device: 'cpu', files });
  return engine;
}

async function tokensOf(engine: LocalEngine, text: string) {
  const pieces = await engine.ask('tokenize', { text });
  return { ids: pieces.map(({ id }) => id), texts: pieces.map(({ text: one }) => one) };
}

describe('in the model that comes with the page', () => {
  let engine: LocalEngine;
  let ids: number[];
  let texts: string[];
  let names: HeadNames;
  beforeAll(async () => {
    engine = await load(FILES.map((name) => new File([read(name)], name)));
    ({ ids, texts } = await tokensOf(engine, TEXT));
    names = await engine.ask('headNames', { ids });
  });
  afterAll(async () => engine.dispose());

  /** Rows of one head, as the engine hands the map out. */
  async function rowsOf(layer: number, head: number): Promise<Float32Array[]> {
    const { weights, size } = await engine.ask('attention', { ids, layer, head });
    return Array.from({ length: size }, (_, t) => weights.slice(t * size, t * size + t + 1));
  }

  /** Where the sentence or speech of each token begins, with the mark before it; written another way than the engine's. */
  function beginnings(): number[][] {
    return texts.map((_, t) => {
      const speech = texts.slice(0, t + 1).filter((one) => one.includes('"')).length % 2 === 1;
      const quote = texts.findLastIndex((one, k) => k <= t && one === ' "');
      const stop = texts.findLastIndex((one, k) => k < t && /[.!?]/u.test(one));
      // A speech begins with its mark, and what follows it belongs to it until a sentence ends.
      const begin = speech || quote > stop ? Math.max(quote, speech ? stop + 1 : 0) : stop + 1;
      return begin <= 0 || begin === t
        ? []
        : [begin - 1, begin].filter((k) => k === begin || /^\P{L}+$/u.test(texts[k] ?? ''));
    });
  }

  test('six heads stand out, each with a sentence that its rows bear out', async () => {
    const six = standoutsOf(names);
    expect(six.length).toBe(6);
    expect(new Set(six.map(({ habit }) => habit))).toEqual(new Set(['sentence', 'words', 'local']));
    const begins = beginnings();
    for (const one of six) {
      const { layer, head, habit, label } = one;
      const rows = await rowsOf(layer, head);
      const mean = (values: readonly number[]): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length;
      let score: number;
      if (habit === 'sentence') {
        const shares = rows.flatMap((row, t) => {
          const places = begins[t] ?? [];
          return places.length === 0 ? [] : [places.reduce((sum, k) => sum + (row[k] ?? 0), 0)];
        });
        score = mean(shares);
      } else if (habit === 'local') {
        score = mean(rows.slice(8).map((row) => row.slice(-5).reduce((sum, w) => sum + w, 0)));
      } else {
        // Each word that the sentence names has a tenth of the rows in which it is the last of them, and more.
        for (const word of label.words) {
          const shares = rows.flatMap((row, t) => {
            const at = texts.findLastIndex(
              (text, k) =>
                k < t && k > 0 && label.words.includes(text.trim()) && text.startsWith(' '),
            );
            return at >= 0 && texts[at] === ` ${word}` ? [row[at] ?? 0] : [];
          });
          expect(mean(shares)).toBeGreaterThan(0.1);
        }
        expect(label.words.length).toBeGreaterThanOrEqual(3);
        continue;
      }
      expect(label.score).toBeCloseTo(score, 4);
      expect(standoutWords(names, one)).toContain(
        `${(score * 100).toFixed(0)}\u00A0% of its weight`,
      );
    }
    const verbs = six.flatMap(({ label }) => label.words);
    expect(verbs).toEqual(expect.arrayContaining(['said', 'went', 'was']));
  });

  test('scores of the six old habits are those of the atlas', async () => {
    const atlas = await engine.ask('atlas', { ids, cells: 4 });
    for (const [habit, scores] of Object.entries(atlas.scores)) {
      scores.forEach((score, i) => {
        expect(names.scores[habit as keyof typeof atlas.scores][i]).toBeCloseTo(score, 4);
      });
    }
  });

  test('no name without a clear lead over the control', () => {
    for (let i = 0; i < 144; i++) {
      const [layer, head] = [Math.floor(i / 12), i % 12];
      const { name, score } = labelHead(names, layer, head);
      if (name === 'mixed') continue;
      expect(score).toBe(scoreOf(names, name, layer, head));
      expect(score).toBeGreaterThanOrEqual(clearOf(name, names.ceiling[name]));
      expect(clearOf(name, names.ceiling[name])).toBeGreaterThan(names.ceiling[name]);
      expect(score).toBeGreaterThanOrEqual(shuffledOf(names, name, layer, head) + 0.1);
    }
    // Evenness is nothing that has to be learned.
    expect(names.ceiling.broad).toBeGreaterThan(0.9);
  });

  test('where a text is too short a fixed one stands in, measured as if it were here', async () => {
    const short = await engine.ask('headNames', { ids: ids.slice(0, 16) });
    expect(short.standIn).toEqual({});
    // As a worker does, which gives the memory away.
    structuredClone(short.scores.first, { transfer: [short.scores.first.buffer] });
    const again = await engine.ask('headNames', { ids: ids.slice(0, 12) });
    const stood = (await tokensOf(engine, LONG_TEXT)).ids.slice(200, 400);
    const there = await engine.ask('headNames', { ids: stood });
    expect(again).toEqual({ ...there, standIn: {} });
    expect(new Set(standoutsOf(again).map(({ habit }) => habit)).size).toBeGreaterThan(1);
    expect(headSentence(again, 4, 1)).toContain('in a fixed text (it stands in for a short one)');
    expect((await engine.ask('headNames', { ids: ids.slice(0, 17) })).standIn).toBeUndefined();

    // A run's model has a line of its own.
    const on = await engine.ask('headNames', { ids: ids.slice(0, 16), standIn: TEXT });
    expect(on).toEqual({ ...names, standIn: { on: TEXT } });
    expect(headSentence(on, 4, 1)).toContain(`on the line ${TEXT} (`);
  });

  test('the same text is measured the same', async () => {
    expect(names.standIn).toBeUndefined();
    expect(await engine.ask('headNames', { ids })).toEqual(names);
  });
});

/** A text, and pieces of a long one. */
async function passages(engine: LocalEngine): Promise<number[][]> {
  const { ids } = await tokensOf(engine, TEXT);
  const long = (await tokensOf(engine, LONG_TEXT)).ids;
  // None of the long text's first 200 tokens, in which heads' own words are looked for.
  return [ids, long.slice(200, 300), long.slice(300, 400), long.slice(400, 500)];
}

describe('in a model that has learned nothing', () => {
  for (const [what, files] of [
    ['as a notebook begins', begun],
    ['with all that ours has learned in no order', () => scrambled(0)],
    ['in another order', () => scrambled(1)],
    ['and in a third', () => scrambled(2)],
  ] as const) {
    test(`no head has a name: ${what}`, async () => {
      const engine = await load(files());
      try {
        for (const ids of await passages(engine)) {
          const names = await engine.ask('headNames', { ids });
          expect(names.scores.local.some((score) => score > 0)).toBe(true);
          for (let i = 0; i < 144; i++) {
            expect(labelHead(names, Math.floor(i / 12), i % 12).name).toBe('mixed');
          }
        }
        // Eleven tokens and the same again, as short as a task's line: no head copies, none is said to.
        const [passage] = await passages(engine);
        const once = [...new Set(passage)].slice(0, 11);
        const { scores } = await engine.ask('headNames', { ids: [...once, ...once] });
        for (const score of [...scores.induction, ...scores.duplicate]) {
          expect(score).toBeLessThan(0.25);
        }
      } finally {
        await engine.dispose();
      }
    });
  }
});
