// The machine in one picture: each of its numbers beside the engine's own answer to the same question.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PartOff, TokenPiece } from '../../../src/api.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../../src/state/settings.ts';
import { createSvgPainter } from '../../../src/ui/figure/painter.ts';
import { drawMachine } from '../../../src/ui/model/machine/drawing.ts';
import { readMachine, type MachineFacts } from '../../../src/ui/model/machine/facts.ts';
import { layoutMachine, type Box } from '../../../src/ui/model/machine/layout.ts';
import { stepFrom } from '../../../src/ui/model/machine/steps.ts';
import { beginnings, placeOf, stopsOf, TRAVEL_MS } from '../../../src/ui/model/machine/travel.ts';
import {
  diceWords,
  formatTimes,
  machineTable,
  stationName,
  stationsOf,
  stationWords,
} from '../../../src/ui/model/machine/words.ts';
import { THEME } from './theme.ts';

const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;
const FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];
const SAMPLING = toSamplingOptions(DEFAULT_SETTINGS);
const FOX = 'Once upon a time there was a little fox who';

describe('on the model that comes with the page', () => {
  let engine: LocalEngine;
  let model: Parameters<typeof readMachine>[1]['model'];
  beforeAll(async () => {
    engine = new LocalEngine();
    const files = FILES.map((name) => new File([readFileSync(`${TALES}/${name}`)], name));
    model = await engine.load('tales', { device: 'cpu', files });
  });
  afterAll(async () => engine.dispose());

  const pieces = async (text: string): Promise<TokenPiece[]> => engine.ask('tokenize', { text });

  async function read(
    text: string,
    position: number,
    rest: Partial<Parameters<typeof readMachine>[1]> = {},
  ): Promise<MachineFacts> {
    return readMachine(async (question, input) => engine.ask(question, input), {
      pieces: await pieces(text),
      position,
      recipe: null,
      off: [],
      sampling: SAMPLING,
      seed: null,
      model,
      ...rest,
    });
  }

  test('guesses are the lens’s, and sizes the norms, at any token and with parts off', async () => {
    const all = (await pieces(FOX)).map(({ id }) => id);
    const without: readonly PartOff[] = [
      { part: 'mlp', layer: 0, by: 'zero' },
      { part: 'attention', layer: 2, by: 'mean' },
      { part: 'head', layer: 5, head: 3, by: 'zero' },
    ];
    for (const off of [[], without]) {
      for (const position of [all.length - 1, 4]) {
        const facts = await read(FOX, position, { off });
        const lens = await engine.ask('lens', { ids: all, off, from: 0, count: all.length });
        const { depths } = lens;
        const column = [position * depths, (position + 1) * depths] as const;
        expect(Array.from(facts.lens.tokens)).toEqual(Array.from(lens.tokens.subarray(...column)));
        facts.lens.logprobs.forEach((logprob, d) =>
          expect(logprob).toBeCloseTo(lens.logprobs[column[0] + d] ?? Number.NaN, 4),
        );
        const norms = await engine.ask('residualNorms', { ids: all, off, position });
        expect(Array.from(facts.stream)).toEqual(Array.from(norms.residual));
        facts.layers.forEach(({ attention, mlp }, l) => {
          expect(attention.norm).toBe(norms.attention[l]);
          expect(mlp.norm).toBe(norms.mlp[l]);
          expect(mlp.times * (norms.residual[l] ?? 0)).toBeCloseTo(mlp.norm, 3);
        });
      }
    }
  });

  test('odds are the model’s own, before any setting', async () => {
    const ids = (await pieces(FOX)).map(({ id }) => id);
    const { odds } = await read(FOX, ids.length - 1);
    const options = { ...SAMPLING, temperature: 1, top_k: 0 };
    const { top } = await engine.ask('distribution', { ids, options, top: odds.length });
    expect(odds.map(({ piece }) => piece.id)).toEqual(top.map(({ piece }) => piece.id));
    odds.forEach(({ probability }, i) =>
      expect(probability).toBeCloseTo(top[i]?.rawProbability ?? Number.NaN, 5),
    );
  });

  test('the dice fall where a run with the same seed draws', async () => {
    const ids = (await pieces(FOX)).map(({ id }) => id);
    const options = { ...SAMPLING, max_new_tokens: 3, seed: 11, stop: [] };
    const written: TokenPiece[] = [];
    for await (const event of engine.generate({ ids, options })) {
      if (event.type === 'token') written.push(event.piece);
    }
    const text = [...(await pieces(FOX)), ...written];
    const recipe = { seed: 11, settings: SAMPLING, off: [] };
    for (const [i, piece] of written.entries()) {
      const { dice } = await read(FOX, ids.length - 1 + i, { pieces: text, recipe });
      expect(dice.chosen?.id).toBe(piece.id);
      expect(dice.kept).toBe(SAMPLING.top_k);
      expect(dice.fell).toBeGreaterThanOrEqual(0);
      expect(dice.fell).toBeLessThan(1);
    }
    const unthrown = await read(FOX, ids.length - 1);
    expect(unthrown.dice).toMatchObject({ fell: null, chosen: null });
    expect(diceWords(unthrown)).toMatch(/not been thrown yet/u);
    expect(diceWords(await read(FOX, 3))).toMatch(/“there” was given/u);
    const greedy = await read(FOX, ids.length - 1, {
      sampling: { ...SAMPLING, do_sample: false },
    });
    expect(greedy.dice.chosen?.id).toBe(greedy.odds[0]?.piece.id);
    expect(diceWords(greedy)).toMatch(/The likeliest is taken, “was”/u);
  });

  test('a part that is off is told, and adds nothing or its mean', async () => {
    const { layers } = await read(FOX, 9, {
      off: [
        { part: 'attention', layer: 1, by: 'zero' },
        { part: 'mlp', layer: 2, by: 'mean' },
        { part: 'head', layer: 3, head: 0, by: 'zero' },
        { part: 'head', layer: 3, head: 7, by: 'zero' },
        { part: 'head', layer: 4, head: 7, by: 'zero' },
      ],
    });
    expect(layers[1]?.attention).toMatchObject({
      norm: 0,
      off: { share: 1, words: 'attention 1' },
    });
    expect(layers[2]?.mlp.off).toEqual({ share: 1, words: 'MLP 2 · mean' });
    expect(layers[2]?.mlp.norm).toBeGreaterThan(0);
    expect(layers[3]?.attention.off).toEqual({ share: 2 / 12, words: '2 of 12 heads' });
    expect(layers[4]?.attention.off).toEqual({ share: 1 / 12, words: 'head 4.7' });
    expect(layers[5]?.attention.off.share).toBe(0);
  });

  test('a word is all of its pieces, and no more', async () => {
    const text = 'Then Rumpelstiltskin laughed, and';
    const all = await pieces(text);
    const { word, inWord, before } = await read(text, 3);
    expect(word.map((piece) => piece.text).join('')).toBe(' Rumpelstiltskin');
    expect(word[inWord]).toEqual(all[3]);
    expect(before).toBe('Then');
    const comma = all.findIndex((piece) => piece.text === ',');
    expect((await read(text, comma)).word).toHaveLength(1);
  });

  test('the table has what the picture has, and every part says a sentence', async () => {
    const facts = await read(FOX, 9);
    const { rows, columns } = machineTable(facts);
    expect(rows.every((row) => row.length === columns.length)).toBe(true);
    expect(rows.map(([name]) => name)).toContain('MLP of layer 11');
    for (const station of stationsOf(model.nLayer)) {
      expect(stationWords(facts, station), stationName(station)).toMatch(/^[A-Z0-9].*[.]$/u);
    }
    expect(stationWords(facts, { part: 'guess', layer: 11 })).toMatch(/“was”, with 24\u00A0%/u);
  });
});

test('a multiple says what it is with few digits', () => {
  expect([0.127, 1.94, 82.3, 5000].map(formatTimes)).toEqual(['0.13×', '1.9×', '82×', '>999×']);
});

describe.each([1, 2, 12, 48])('with %d layers', (nLayer) => {
  /** As a model of that many layers would answer. */
  const depths = nLayer + 1;
  const piece: TokenPiece = { id: 7, text: ' word', bytes: [32], special: false };
  const part = { norm: 3, times: 0.4, off: { words: '', share: 0 } };
  const facts: MachineFacts = {
    position: 3,
    token: piece,
    before: 'There was a',
    word: [piece],
    inWord: 0,
    next: null,
    lens: {
      from: 3,
      count: 1,
      depths,
      tokens: Uint32Array.from({ length: depths }, (_, d) => d),
      logprobs: new Float32Array(depths).fill(-1),
      pieces: new Map(),
    },
    stream: new Float32Array(depths).fill(8),
    layers: Array.from({ length: nLayer }, () => ({ attention: part, mlp: part })),
    odds: [{ piece, probability: 0.4 }],
    dice: { kept: 40, fell: 0.99, chosen: piece },
    model: { nLayer, nHead: 4, nEmbd: 64, vocabSize: 500 },
  };

  test.each([1016, 890, 660, 335, 280])(
    '%d pixels hold every box, and none lies on another',
    (width) => {
      const layout = layoutMachine(width, nLayer);
      const { words, pieces, numbers, odds, dice, layers, guesses } = layout;
      const parts = layers.flatMap(({ attention, mlp }) => [attention, mlp]);
      const boxes = [words, pieces, numbers, ...parts, ...guesses, odds, dice];
      for (const { x, y, width: wide, height } of boxes) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(x + wide).toBeLessThanOrEqual(width);
        expect(y + height).toBeLessThanOrEqual(layout.height);
        expect(Math.min(wide, height)).toBeGreaterThan(5);
      }
      boxes.forEach((a, i) => {
        for (const b of boxes.slice(i + 1)) expect(overlap(a, b)).toBe(false);
      });
      const painter = createSvgPainter(width, layout.height);
      drawMachine(painter, THEME, layout, facts);
      expect(painter.finish('', '', '')).not.toMatch(/NaN|undefined|Infinity/u);
    },
  );

  test('the way takes six seconds, and the keyboard reaches each box', () => {
    const stops = stopsOf(nLayer);
    const begins = beginnings(stops);
    const layout = layoutMachine(1016, nLayer);
    expect(begins[0]).toBe(0);
    begins.forEach((at, i) => expect(at).toBeLessThan(begins[i + 1] ?? TRAVEL_MS));
    for (const stop of stops) {
      const [x, y] = placeOf(stop, layout);
      expect(x > 0 && x < layout.width && y > 0 && y < layout.height).toBe(true);
    }
    const stations = stationsOf(nLayer);
    for (const isWide of [true, false]) {
      const seen = new Set([0]);
      for (const at of seen) {
        for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) {
          seen.add(stepFrom(stations, at, key, isWide) ?? at);
        }
      }
      expect(seen.size).toBe(stations.length);
    }
    expect(stepFrom(stations, 2, 'End', true)).toBe(stations.length - 1);
    expect(stepFrom(stations, 2, 'Enter', true)).toBeNull();
  });
});

function overlap(a: Box, b: Box): boolean {
  const apart = 0.01;
  return (
    a.x + a.width > b.x + apart &&
    b.x + b.width > a.x + apart &&
    a.y + a.height > b.y + apart &&
    b.y + b.height > a.y + apart
  );
}
