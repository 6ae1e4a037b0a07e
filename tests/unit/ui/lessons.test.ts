// Every sentence of the lessons, held to the model that comes with the page: each number in it is computed here
// once more, by another way than the lesson's own where there is one.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import type { PartOff } from '../../../src/api.ts';
import { headName, type HeadRef } from '../../../src/state/facts/attention.ts';
import { EXAMPLES } from '../../../src/state/store.ts';
import { parseStory } from '../../../src/state/story.ts';
import { toPlainText } from '../../../src/state/tokenText.ts';
import { FIRST_VIEW } from '../../../src/state/view.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../../src/state/settings.ts';
import { lowbias32 } from '../../support/random.ts';
import type { Ask, Lesson, Measured, Sweep } from '../../../src/ui/learn/lesson.ts';
import { idOf, LESSONS, TWICE, UNSURE } from '../../../src/ui/learn/lessons.ts';
import { toWords } from '../../../src/ui/learn/sheet.ts';

const SAMPLING = toSamplingOptions(DEFAULT_SETTINGS);
/** The model's own odds. */
const PLAIN = { ...SAMPLING, temperature: 1, top_k: 0 };
const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;

const STORY = new URL('../../../public/story.json', import.meta.url);

const TALES_FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];

function filesOf(folder: string, names: readonly string[]): File[] {
  return names.map((name) => new File([readFileSync(`${folder}/${name}`)], name));
}

const asks =
  (engine: LocalEngine): Ask =>
  async (question, input, signal) =>
    engine.ask(question, input, signal);

const sweeps =
  (engine: LocalEngine): Sweep =>
  (request) =>
    engine.sweep(request);

describe('on the model that comes with the page', () => {
  let engine: LocalEngine;
  const found = new Map<string, Measured>();

  beforeAll(async () => {
    engine = new LocalEngine();
    await engine.load('tales', { device: 'cpu', files: filesOf(TALES, TALES_FILES) });
    for (const lesson of LESSONS) {
      const sampling = { ...SAMPLING, ...lesson.settings };
      const measured = await lesson.measure(asks(engine), sampling, sweeps(engine));
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
    expect(sentence('pieces')).toContain('of which it knows 8,192. “castle” is one');
    expect(await ids('a castle')).toHaveLength(2);
  });

  test('the guess has the model’s odds, also of what a learner wrote', async () => {
    const all = await odds(lessonOf('guess').prompt);
    const [first, second] = percents(sentence('guess'));
    expect(first).toBeCloseTo(all.get(' sons') ?? 0, -0.3);
    expect(second).toBeCloseTo(all.get(' daughters') ?? 0, -0.3);
    const words = plain(await found.get('guess')?.ofWritten?.('  daughters of'));
    expect(words).toMatch(/^Your “daughters” gets /u);
    expect(percents(words)[0]).toBe(second);
    // What is said anyway is not said twice.
    expect(await found.get('guess')?.ofWritten?.('sons')).toBe('');
    const rare = plain(await found.get('guess')?.ofWritten?.('Rumpelstiltskins'));
    expect(rare).toMatch(/ \(\d+ pieces\) gets < 0\.01 %\.$/u);
    expect(await found.get('guess')?.ofWritten?.(' ')).toBe('');
  });

  test('what follows hangs on what was drawn', async () => {
    const { prompt } = lessonOf('one');
    const words =
      /drawn “(\w+)” after “and”, “(.)” would have been likeliest to come next; had it drawn “(\w+)”, “(\w+)”/u.exec(
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

  test('cold dice choose, hot ones do not', async () => {
    const { prompt } = lessonOf('dice');
    const [plainly, cold, hot] = percents(sentence('dice'));
    expect(plainly).toBeCloseTo((await odds(prompt)).get(' was') ?? 0, -0.3);
    expect(cold).toBeCloseTo((await odds(prompt, 0.2)).get(' was') ?? 0, -0.3);
    expect(hot).toBeCloseTo((await odds(prompt, 2)).get(' was') ?? 0, -0.3);
    // As many as make 90 % together, the likeliest first.
    const { top } = await engine.ask('distribution', {
      ids: await ids(prompt),
      options: PLAIN,
      top: 8192,
    });
    let [sum, count] = [0, 0];
    for (const { probability } of top) {
      if (sum < 0.9) count += 1;
      sum += probability;
    }
    expect(count).toBeGreaterThan(3);
    expect(sentence('dice')).toContain(`have 90 % together, here ${count}.`);
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

  /** Where the last piece looks, by one head's own map; its shares by the piece's text, of equal ones the last. */
  async function lookOf(text: string, { layer, head }: HeadRef): Promise<Map<string, number>> {
    const pieces = await engine.ask('tokenize', { text });
    const map = await engine.ask('attention', { ids: pieces.map(({ id }) => id), layer, head });
    const row = map.weights.slice((map.size - 1) * map.size);
    return new Map(pieces.map((piece, i) => [piece.text.trim(), 100 * (row[i] ?? 0)]));
  }
  /** The heads that a sentence names, in its order. */
  const headsIn = (words: string): HeadRef[] =>
    [...words.matchAll(/head (\d+)\.(\d+)/giu)].map(([, layer, head]) => ({
      layer: Number(layer),
      head: Number(head),
    }));

  test('one head finds whoever is spoken of, near and far, in no text that a first visit shows', async () => {
    const words = sentence('looks');
    const [head] = headsIn(words);
    if (head === undefined) throw new Error(words);
    expect(found.get('looks')?.head).toEqual(head);
    const { prompt } = lessonOf('looks');
    const [asked, later] = percents(words);
    expect(found.get('looks')?.answer).toBe('queen');
    expect((await lookOf(prompt, head)).get('queen')).toBeCloseTo(asked ?? 0, -0.3);
    const other = 'In the wood lived a bear who';
    expect(found.get('looks')?.gesture ?? lessonOf('looks').gesture).toContain(`“${other}”`);
    expect(words).toContain(`“${other}” at “bear”`);
    expect((await lookOf(other, head)).get('bear')).toBeCloseTo(later ?? 0, -0.3);
    // What a first visit has in sight is not the answer: another text, another word, another head.
    const first = parseStory(JSON.parse(readFileSync(STORY, 'utf8')));
    const seen = [...EXAMPLES, toPlainText(first?.snapshot.pieces ?? [])];
    expect(seen.join(' ')).toContain('clever');
    expect(seen.join(' ')).not.toContain('queen');
    expect(seen).not.toContain(prompt);
    expect(first?.map).toMatchObject({ layer: FIRST_VIEW.layer, head: FIRST_VIEW.head });
    expect(head).not.toMatchObject({ layer: FIRST_VIEW.layer, head: FIRST_VIEW.head });
    // And where nothing of it was looked for.
    for (const [text, word] of [
      ['Then there came an old witch, who', 'witch'],
      ['He met a wolf on the road who', 'wolf'],
    ] as const) {
      expect((await lookOf(text, head)).get(word)).toBeGreaterThan(50);
    }
  });

  test('others look for the verb and for the speech', async () => {
    const words = sentence('lookers');
    const { prompt } = lessonOf('lookers');
    const [verb, quote] = headsIn(words);
    if (verb === undefined || quote === undefined) throw new Error(words);
    expect(headsIn(found.get('lookers')?.gesture ?? '')).toEqual([verb, quote]);
    expect((await lookOf(prompt, verb)).get('said')).toBeCloseTo(percents(words)[0] ?? 0, -0.3);
    expect((await lookOf(prompt, quote)).get('"')).toBeCloseTo(percents(words)[1] ?? 0, -0.3);
    let count = 0;
    for (let i = 0; i < 144; i++) {
      const look = await lookOf(prompt, { layer: Math.floor(i / 12), head: i % 12 });
      if ((look.get('said') ?? 0) > 50) count += 1;
    }
    expect(words).toMatch(new RegExp(`^${count} of 144\\.`, 'u'));
    for (const [text, word] of [
      ['On the hill stood a castle which', 'stood'],
      ['They found a ring in the sea which', 'found'],
    ] as const) {
      expect((await lookOf(text, verb)).get(word)).toBeGreaterThan(50);
    }
  });

  test('one head that looks hard matters, and another that looks as hard does not', async () => {
    const words = sentence('off');
    const text = await ids(lessonOf('off').prompt);
    const { top } = await engine.ask('distribution', { ids: text, options: PLAIN, top: 1 });
    const likeliest = top[0]?.piece.id ?? 0;
    expect(words).toContain(`“${top[0]?.piece.text.trim() ?? ''}” has`);
    const without = async (off: readonly PartOff[]): Promise<number> => {
      const { logprobs } = await engine.ask('score', { ids: [...text, likeliest], off });
      return 100 * Math.exp(logprobs.at(-1) ?? 0);
    };
    const all = await without([]);
    const left = new Map<string, number>();
    for (let layer = 0; layer < 12; layer++) {
      for (let head = 0; head < 12; head++) {
        left.set(`${layer}.${head}`, await without([{ part: 'head', layer, head, by: 'zero' }]));
      }
    }
    const strongest = [...left].toSorted(([, a], [, b]) => a - b)[0]?.[0] ?? '';
    expect(found.get('off')?.answer).toMatch(new RegExp(`^head ${strongest},`, 'u'));
    const [idle, telling] = headsIn(words).map(headName);
    expect(telling).toBe(strongest);
    const [base, still, gone] = percents(words);
    expect(base).toBeCloseTo(all, -0.3);
    expect(still).toBeCloseTo(left.get(idle ?? '') ?? 0, -0.3);
    expect(gone).toBeCloseTo(left.get(strongest) ?? 0, -0.3);
    // Both look hard, and at something else than themselves.
    const looks = [...(found.get('off')?.choices ?? [])].slice(0, 2);
    for (const look of looks) {
      const [ref] = headsIn(look);
      const word = /“(.+)”/u.exec(look)?.[1] ?? '';
      if (ref === undefined) throw new Error(look);
      const share = (await lookOf(lessonOf('off').prompt, ref)).get(word);
      expect(share).toBeCloseTo(percents(plain(look))[0] ?? 0, -0.3);
      expect(share).toBeGreaterThan(50);
    }
  });

  test('without attention the last piece decides, whatever stands before', async () => {
    const words = sentence('break');
    const off = (part: 'attention' | 'mlp', from = 0, to = 12): PartOff[] =>
      Array.from({ length: to - from }, (_, i) => ({ part, layer: from + i, by: 'zero' }));
    const text = await ids(lessonOf('break').prompt);
    const at = async (all: readonly number[], parts: readonly PartOff[]) => {
      const { top } = await engine.ask('distribution', {
        ids: all,
        options: PLAIN,
        off: parts,
        top: 1,
      });
      return { word: top[0]?.piece.text.trim() ?? '', share: 100 * (top[0]?.probability ?? 0) };
    };
    const [none, whole] = [await at(text, off('attention')), await at(text, [])];
    expect(percents(words)[0]).toBeCloseTo(none.share, -0.3);
    expect(percents(words)[1]).toBeCloseTo(whole.share, -0.3);
    expect(words).toContain(`it says “${none.word}”`);
    // Six other pieces, and the same comma.
    const other = [...(await ids('Once upon a time there was')), text.at(-1) ?? 0];
    expect(other).toHaveLength(text.length);
    const again = await at(other, off('attention'));
    expect(again.word).toBe(none.word);
    expect(again.share).toBeCloseTo(none.share, 2);
    const bits = [];
    for (let layer = 0; layer < 12; layer++) {
      const parts = off('mlp', layer, layer + 1);
      bits.push((await engine.ask('compare', { ids: text, off: parts, top: 1 })).klBits);
    }
    const most = Math.max(...bits);
    const all = (await engine.ask('compare', { ids: text, off: off('attention'), top: 1 })).klBits;
    expect(most).toBeGreaterThan(all);
    expect(words).toContain(
      `The MLP of layer ${bits.indexOf(most)}, off alone, changes the guess still more`,
    );
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
    const before = 'In the year 2050, the king came in a carriage with two';
    const times = 2 ** ((await bitsOf(before, ' robots')) - (await bitsOf(before, ' horses')));
    const said = Number(/([\d,]+) times likelier/u.exec(sentence('year'))?.[1]?.replace(',', ''));
    expect(said / times).toBeCloseTo(1, 1);
    expect(times).toBeGreaterThan(8);
    const cut = (await ids('two robots')).length - (await ids('two')).length;
    expect(sentence('year')).toContain(`${cut} pieces`);
    // The view opens in front of the word that is asked about, where the other stands in the list.
    expect(found.get('year')?.selected).toBe((await ids(before)).length);
    const place = [...(await odds(before)).keys()].indexOf(' horses') + 1;
    expect(found.get('year')?.gesture).toContain(
      `“horses” is number ${place}, and “robots” is not in it.`,
    );
  });

  test('other languages take more pieces, and some less than a letter each', async () => {
    const count = async (text: string): Promise<number> =>
      (await ids(`x ${text}`)).length - (await ids('x')).length;
    const russian = await count('старый король');
    expect(sentence('languages')).toContain(
      `English ${await count('the old king')} pieces for 10 letters, German ${await count('der alte König')} for 12, Russian ${russian} for 12.`,
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
    expect(words).toContain(`I said: 2 (not right)\nIt is: 6\n${answered.learned}`);
    const right = { pieces: { ...answered, said: answered.answer }, guess: { ...answered } };
    // Nobody's own word is wrong.
    expect(toWords(right, '')).toMatch(/I said: 6 \(right\)\n[^]*I said: 2\n/u);
    expect(words).toContain('(model: tales-7m)');
    // What is asked twice stands there with both answers.
    const [one] = TWICE;
    if (one === undefined) throw new Error('Nothing is asked twice.');
    const said = (choice: number) => ({
      said: one.choices[choice] ?? '',
      answer: one.answer,
      learned: '',
    });
    const both = toWords({ [idOf(one, 'before')]: said(0), [idOf(one, 'after')]: said(2) }, '');
    expect(both).toContain(
      `${one.question}\nI said before: ${one.choices[0]} (not right)\nI said after: ${one.choices[2]} (right)\nIt is: ${one.answer}`,
    );
    for (const { choices, answer } of TWICE) expect(choices).toContain(answer);
    // Who does not know has said nothing wrong.
    expect(one.choices[3]).toBe(UNSURE);
    expect(toWords({ [idOf(one, 'before')]: said(3) }, '')).toContain(`before: ${UNSURE}\n`);
  });
});

/** The numbers of a file of weights are all zero, or each tensor's are shuffled: as sure of itself, and of nothing. */
function spoil(file: Buffer, how: 'zeroed' | 'shuffled'): void {
  const start = 8 + Number(file.readBigUInt64LE());
  if (how === 'zeroed') {
    file.fill(0, start);
    return;
  }
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { readonly data_offsets?: readonly [number, number]; readonly dtype?: string }
  >;
  for (const { data_offsets: ends, dtype } of Object.values(header)) {
    if (ends === undefined) continue;
    const bytes = file.subarray(start + ends[0], start + ends[1]);
    const width = dtype === 'F16' ? 2 : 4;
    const held = Buffer.alloc(width);
    for (let i = bytes.length / width - 1; i > 0; i--) {
      const [a, b] = [i * width, (lowbias32(i) % (i + 1)) * width];
      bytes.copy(held, 0, a, a + width);
      bytes.copyWithin(a, b, b + width);
      held.copy(bytes, b);
    }
  }
}

test.each([
  ['zeroed', ['pieces', 'languages']],
  // As sure of a next piece as any model, and with heads that look as hard, but at nothing that there is a word for.
  ['shuffled', ['pieces', 'guess', 'languages']],
] as const)(
  'a model with its weights %s is said nothing of but what is so: %j',
  async (how, so) => {
    const files = filesOf(TALES, TALES_FILES);
    const weights = readFileSync(`${TALES}/model.safetensors`);
    spoil(weights, how);
    const engine = new LocalEngine();
    try {
      await engine.load(how, {
        device: 'cpu',
        files: files.map((file) =>
          file.name === 'model.safetensors' ? new File([weights], file.name) : file,
        ),
      });
      const shown: string[] = [];
      for (const lesson of LESSONS) {
        const measured = await lesson.measure(asks(engine), SAMPLING, sweeps(engine));
        if (measured !== null) shown.push(lesson.id);
      }
      expect(shown).toEqual(so);
    } finally {
      await engine.dispose();
    }
  },
);
