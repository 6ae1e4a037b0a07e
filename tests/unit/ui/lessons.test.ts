// Every sentence of the lessons, held to the model that comes with the page: each number in it is computed here
// once more, by another way than the lesson's own where there is one.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../../src/state/settings.ts';
import type { Ask, Lesson, Measured } from '../../../src/ui/learn/lesson.ts';
import { LESSONS } from '../../../src/ui/learn/lessons.ts';
import { toWords } from '../../../src/ui/learn/sheet.ts';

const SAMPLING = toSamplingOptions(DEFAULT_SETTINGS);
const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;

const TALES_FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];

function filesOf(folder: string, names: readonly string[]): File[] {
  return names.map((name) => new File([readFileSync(`${folder}/${name}`)], name));
}

const asks =
  (engine: LocalEngine): Ask =>
  async (question, input, signal) =>
    engine.ask(question, input, signal);

describe('on the model that comes with the page', () => {
  let engine: LocalEngine;
  const found = new Map<string, Measured>();

  beforeAll(async () => {
    engine = new LocalEngine();
    await engine.load('tales', { device: 'cpu', files: filesOf(TALES, TALES_FILES) });
    for (const lesson of LESSONS) {
      const measured = await lesson.measure(asks(engine), SAMPLING);
      if (measured !== null) found.set(lesson.id, measured);
    }
  });
  afterAll(async () => engine.dispose());

  const lessonOf = (id: string): Lesson => {
    const lesson = LESSONS.find((one) => one.id === id);
    if (lesson === undefined) throw new Error(`There is no lesson ${id}.`);
    return lesson;
  };
  /** The words with plain spaces, as they read. */
  const plain = (words: string | undefined): string => (words ?? '').replaceAll('\u00A0', ' ');
  const sentence = (id: string): string => plain(found.get(id)?.sentence);
  const ids = async (text: string): Promise<number[]> =>
    (await engine.ask('tokenize', { text })).map(({ id }) => id);
  /** Each percentage that a sentence names. */
  const percents = (words: string): number[] =>
    [...words.matchAll(/([\d.]+) %/gu)].map(([, number]) => Number(number));
  /** Of the model itself, in percent, by the token's text. */
  async function odds(prompt: string, temperature = 1, top_k = 0): Promise<Map<string, number>> {
    const options = { ...SAMPLING, temperature, top_k };
    const { top } = await engine.ask('distribution', {
      ids: await ids(prompt),
      options,
      top: 100,
    });
    return new Map(top.map(({ piece, probability }) => [piece.text, 100 * probability]));
  }
  /** Bits of the pieces behind `before`, each from the distribution in front of it. */
  async function bitsOf(before: string, after: string): Promise<number> {
    const all = await ids(before + after);
    const { logprobs } = await engine.ask('score', { ids: all });
    const { length } = await ids(before);
    return -logprobs.slice(length).reduce((sum, ln) => sum + ln, 0) / Math.LN2;
  }

  test('all are shown, and each question has its answer among the choices', () => {
    expect([...found.keys()]).toEqual(LESSONS.map(({ id }) => id));
    for (const { choices, answer } of found.values()) {
      expect(new Set(choices).size).toBe(choices.length);
      if (choices.length > 0) expect(choices).toContain(answer);
      if (choices.length > 0) expect(choices.length).toBeGreaterThan(2);
    }
  });

  test('pieces are those of the tokenizer', async () => {
    const pieces = await engine.ask('tokenize', { text: lessonOf('pieces').prompt });
    expect(pieces.map(({ text }) => text).join('')).toBe('Rumpelstiltskin');
    expect(found.get('pieces')?.answer).toBe(String(pieces.length));
    expect(sentence('pieces')).toContain(pieces.map(({ text }) => text).join(' · '));
    expect(sentence('pieces')).toContain('8,192 pieces. “castle” is one');
    expect(await ids('a castle')).toHaveLength(2);
  });

  test('the guess has the model’s odds, also of what a learner wrote', async () => {
    const all = await odds(lessonOf('guess').prompt);
    const [first, second] = percents(sentence('guess'));
    expect(first).toBeCloseTo(all.get(' sons') ?? 0, -0.3);
    expect(second).toBeCloseTo(all.get(' daughters') ?? 0, -0.3);
    const words = plain(await found.get('guess')?.ofWritten?.('  sons of'));
    expect(words).toMatch(/^Your “sons” gets /u);
    expect(percents(words)[0]).toBe(first);
    const rare = plain(await found.get('guess')?.ofWritten?.('Rumpelstiltskins'));
    expect(rare).toMatch(/ \(\d+ pieces\) gets < 0\.01 %\.$/u);
    expect(await found.get('guess')?.ofWritten?.(' ')).toBe('');
  });

  test('what follows hangs on what was drawn', async () => {
    const { prompt } = lessonOf('one');
    const words = /behind “(\w+)” “(.)” is likeliest, behind “(\w+)” it is “(\w+)”/u.exec(
      sentence('one'),
    );
    expect(words).not.toBeNull();
    const [, a = '', afterA = '', b = '', afterB = ''] = words ?? [];
    const likeliest = async (text: string): Promise<string> =>
      [...(await odds(text)).keys()][0]?.trim() ?? '';
    expect(await likeliest(prompt)).toBe(a);
    expect(await likeliest(`${prompt} ${a}`)).toBe(afterA);
    expect(await likeliest(`${prompt} ${b}`)).toBe(afterB);
  });

  test('cold dice choose, hot ones do not: by the page’s own settings', async () => {
    const { prompt } = lessonOf('dice');
    const [plainly, cold, hot] = percents(sentence('dice'));
    expect(plainly).toBeCloseTo((await odds(prompt)).get(' was') ?? 0, -0.3);
    expect(cold).toBeCloseTo((await odds(prompt, 0.2, SAMPLING.top_k)).get(' was') ?? 0, -0.3);
    expect(hot).toBeCloseTo((await odds(prompt, 2, SAMPLING.top_k)).get(' was') ?? 0, -0.3);
  });

  test('the word that was expected least', async () => {
    const { prompt } = lessonOf('surprise');
    const words = prompt.split(' ');
    const bits = [];
    for (let i = 1; i < words.length; i++) {
      bits.push(await bitsOf(words.slice(0, i).join(' '), ` ${words[i] ?? ''}`));
    }
    const most = Math.max(...bits);
    expect(found.get('surprise')?.answer).toBe(words[1 + bits.indexOf(most)]);
    expect(sentence('surprise')).toContain(`has ${most.toFixed(1)} bits`);
  });

  test('the layer from which on the guess stands', async () => {
    const text = await ids(lessonOf('layers').prompt);
    const position = text.length - 1;
    const guesses: string[] = [];
    for (let depth = 0; depth <= 12; depth++) {
      const { top } = await engine.ask('lensCell', { ids: text, position, depth, top: 1 });
      guesses.push(top[0]?.piece.text.trim() ?? '');
    }
    const last = guesses.at(-1);
    const settled = guesses.findLastIndex((guess) => guess !== last) + 1;
    expect(found.get('layers')?.answer).toBe(`layer ${settled - 1}`);
    expect(sentence('layers')).toContain(
      `After layer ${settled - 2} it still says “${guesses[settled - 1] ?? ''}”`,
    );
    const [end] = percents(sentence('layers'));
    expect(end).toBeCloseTo(
      (await odds(lessonOf('layers').prompt)).get(` ${last ?? ''}`) ?? 0,
      -0.3,
    );
  });

  test('what it never read it finds unlikely', async () => {
    const before = 'In the year 2050, the king had two';
    const times = 2 ** ((await bitsOf(before, ' robots')) - (await bitsOf(before, ' horses')));
    const said = Number(/([\d,]+) times likelier/u.exec(sentence('year'))?.[1]?.replace(',', ''));
    expect(said / times).toBeCloseTo(1, 1);
    expect(times).toBeGreaterThan(8);
    const cut = (await ids('two robots')).length - (await ids('two')).length;
    expect(sentence('year')).toContain(`${cut} pieces`);
  });

  test('other languages take more pieces, and some less than a letter each', async () => {
    const count = async (text: string): Promise<number> =>
      (await ids(`x ${text}`)).length - (await ids('x')).length;
    const russian = await count('старый король');
    expect(sentence('languages')).toContain(
      `English ${await count('the old king')} pieces, German ${await count('der alte König')}, Russian ${russian}.`,
    );
    expect(russian).toBeGreaterThan('старыйкороль'.length);
  });

  test('the sheet has every question, what was said and what is so', () => {
    const measured = found.get('pieces');
    const answered = { said: '2', answer: measured?.answer ?? '', learned: sentence('pieces') };
    const words = toWords({ pieces: answered }, 'tales-7m');
    for (const { title, question } of LESSONS) {
      expect(words).toContain(title);
      expect(words).toContain(question);
    }
    expect(words).toContain(`I said: 2\nIt is: 6\n${answered.learned}`);
    expect(words).toContain('(model: tales-7m)');
  });
});

test('a model that knows nothing is said nothing of but how it cuts a text', async () => {
  const files = filesOf(TALES, TALES_FILES);
  const weights = readFileSync(`${TALES}/model.safetensors`);
  weights.fill(0, 8 + Number(weights.readBigUInt64LE()));
  const engine = new LocalEngine();
  try {
    await engine.load('zeros', {
      device: 'cpu',
      files: files.map((file) =>
        file.name === 'model.safetensors' ? new File([weights], file.name) : file,
      ),
    });
    const shown: string[] = [];
    for (const lesson of LESSONS) {
      if ((await lesson.measure(asks(engine), SAMPLING)) !== null) shown.push(lesson.id);
    }
    expect(shown).toEqual(['pieces', 'languages']);
  } finally {
    await engine.dispose();
  }
});
