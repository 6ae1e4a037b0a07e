// What is offered and what can be typed: held to what the engine itself takes and plans.
import { describe, expect, it } from 'vitest';
import type { RunModel, RunSettings } from '../../../../src/api.ts';
import { newModelOf } from '../../../../src/engine/runs/settings.ts';
import { toArguments } from '../../../../src/engine/training/options.ts';
import { parameterCount } from '../../../../src/model/parameters.ts';
import { DETAIL_NAMES, whyNotTrained, type DetailName } from '../../../../src/runModel.ts';
import { csvColumns, longestColumn } from '../../../../src/state/training/csv.ts';
import { Curve } from '../../../../src/state/training/curve.ts';
import { firstDraft, problemsOf, whyNothing } from '../../../../src/state/training/draft.ts';
import { FIELDS, doubts, fieldOf, refusal } from '../../../../src/state/training/fields.ts';
import { FIELD_WORDS } from '../../../../src/ui/training/fieldWords.ts';
import {
  costOf,
  isSameWork,
  memoryOf,
  parametersOf,
  PRESETS,
  sizeNamed,
  tokenizerFor,
  withPreset,
  workOf,
} from '../../../../src/state/training/presets.ts';
import { DEVICE, MEMORY } from './toyTrainer.ts';

const { settings } = firstDraft();

describe('presets', () => {
  it('are known by their size, and a size that none has is nobody’s', () => {
    for (const one of PRESETS) expect(sizeNamed(one.model)).toBe(one);
    expect(sizeNamed({ ...settings.model, n_head: settings.model.n_head * 2 })).toBeUndefined();
  });

  for (const { name, model, arguments: args } of PRESETS) {
    it(`${name} is what train() takes as it is`, () => {
      expect(toArguments(args, model.n_ctx)).toEqual(args);
      expect(problemsOf({ ...firstDraft(), settings: withPreset(settings, name) })).toEqual({});
    });
  }

  it('count the parameters of GPT-2', () => {
    const gpt2 = { kind: 'gpt2', n_layer: 12, n_head: 12, n_embd: 768, n_ctx: 1024 } as const;
    expect(parametersOf(gpt2, 50_257)).toBe(124_439_808);
  });

  it.each(['gpt2', 'nanogpt', 'mingpt', 'notebook'] as const)(
    'count the parameters of %s as the engine does',
    (kind) => {
      const model = { kind, n_layer: 3, n_head: 4, n_embd: 36, n_ctx: 20 };
      expect(parametersOf(model, 70)).toBe(parameterCount(newModelOf(model, 70).config));
    },
  );

  it.each<Partial<RunModel>>([
    { n_inner: 50 },
    { n_inner: 7, bias: false, tie_word_embeddings: false },
    { qkv_bias: false, layer_norm_bias: false },
    { kind: 'notebook', qkv_bias: true, tie_word_embeddings: true, layer_norm_bias: false },
    { kind: 'nanogpt', bias: true, layer_norm_bias: true },
  ])('count the parameters of a model of one’s own as the engine does: %j', (more) => {
    const model: RunModel = { kind: 'gpt2', n_layer: 3, n_head: 4, n_embd: 36, n_ctx: 20, ...more };
    expect(parametersOf(model, 70)).toBe(parameterCount(newModelOf(model, 70).config));
    expect(sizeNamed({ ...settings.model, ...more })).toBeUndefined();
  });

  it('a wider MLP is more work and more memory', () => {
    const wide = { ...settings, model: { ...settings.model, n_inner: 1024 } };
    expect(workOf(wide, 1024)).toBeGreaterThan(1.4 * workOf(settings, 1024));
    expect(memoryOf(wide, 1024)).toBeGreaterThan(1.2 * memoryOf(settings, 1024));
    expect(isSameWork(wide, settings)).toBe(false);
  });

  it('are measured where they were, and reckoned elsewhere from work and memory', () => {
    const estimate = {
      device: DEVICE,
      parameters: 1,
      secondsAStep: 0.1,
      steps: 600,
      memory: { ...MEMORY, total: 2 * memoryOf(settings, 1024) },
    };
    const measured = { settings, vocabSize: 1024, estimate };
    expect(costOf(settings, 1024, null)).toBeNull();
    expect(costOf(settings, 1024, measured)).toMatchObject({ known: 'measured', seconds: 60 });
    const other = withPreset(settings, 'medium');
    const cost = costOf(other, 1024, measured);
    expect(cost?.known).toBe('reckoned');
    expect(cost?.bytes).toBeCloseTo(2 * memoryOf(other, 1024));
    expect(cost?.seconds).toBeCloseTo((0.1 * 1200 * workOf(other, 1024)) / workOf(settings, 1024));
  });

  it('read letters where a text is short, and pairs where it is long', () => {
    const own = { kind: 'own', name: '', text: '' } as const;
    expect(tokenizerFor(own, 2000)).toEqual({ kind: 'characters' });
    expect(tokenizerFor(own, 200_000)).toEqual({ kind: 'bpe', vocab_size: 1024 });
    expect(tokenizerFor(own, 5_000_000)).toEqual({ kind: 'bpe', vocab_size: 4096 });
    expect(tokenizerFor({ kind: 'task', name: 'add' }, null)).toEqual({ kind: 'characters' });
  });
});

describe('fields', () => {
  const args = { ...settings.arguments };
  const isTaken = (name: string, value: number | string): boolean => {
    try {
      toArguments({ lr_scheduler_type: 'constant', [name]: value }, 131_072);
      return true;
    } catch {
      return false;
    }
  };

  for (const field of FIELDS.filter(({ name }) => name in args)) {
    it(`${field.name} takes what the engine takes, and refuses what it refuses`, () => {
      const { kind } = field;
      const typed =
        kind.type === 'choice'
          ? [...kind.choices, 'nothing']
          : [kind.from, kind.to, kind.from - 1, kind.to * 1.5 + 1, 0.5, 1, 1.5, Number.NaN].map(
              String,
            );
      for (const one of typed) {
        const value = kind.type === 'choice' ? one : Number(one);
        expect([one, refusal(field, one) === null]).toEqual([one, isTaken(field.name, value)]);
      }
    });
  }

  it('all of a run’s arguments have one, and each says what it does in a sentence', () => {
    const names = FIELDS.map(({ name }) => name);
    expect(Object.keys(args).filter((name) => !names.includes(name))).toEqual([]);
    const words = FIELDS.map(({ name }) => FIELD_WORDS[name]?.meaning ?? '');
    expect(words.filter((meaning) => !/^[A-Z].+\.$/u.test(meaning))).toEqual([]);
  });

  it('write what they read', () => {
    for (const field of FIELDS) {
      const value = field.read(settings);
      if (value !== '') expect(field.write(settings, value)).toEqual(settings);
    }
  });

  it('of a model are said where they are not as its kind has them, and follow it where nobody says', () => {
    const set = (from: RunSettings, name: string, value: string): RunSettings =>
      fieldOf(name)?.write(from, value) ?? from;
    const read = (from: RunSettings, name: string): string => fieldOf(name)?.read(from) ?? '';
    const wide = set(settings, 'n_embd', '192');
    expect(read(wide, 'n_inner')).toBe('768');
    const own = set(wide, 'n_inner', '300');
    expect(own.model).toEqual({ ...wide.model, n_inner: 300 });
    expect(set(own, 'n_inner', '768').model).toEqual(wide.model);
    const nano = set(set(own, 'bias', 'false'), 'kind', 'nanogpt');
    // Said no longer: nanoGPT has none.
    expect(nano.model).toEqual({ ...own.model, kind: 'nanogpt' });
    expect(read(nano, 'activation_function')).toBe('gelu');
    const drawn = set(own, 'initializer_range', '0.1');
    expect(drawn.model.initializer_range).toBe(0.1);
    const notebook = set(drawn, 'kind', 'notebook');
    expect(notebook.model).toEqual({ ...own.model, kind: 'notebook' });
    expect(read(notebook, 'initializer_range')).toBe('');
    const odd = set(notebook, 'initializer_range', '0.1');
    expect(Object.keys(problemsOf({ ...firstDraft(), settings: odd }))).toEqual([
      'initializer_range',
    ]);
  });

  for (const field of FIELDS.filter(({ name }) => DETAIL_NAMES.includes(name as DetailName))) {
    it(`${field.name} takes what a model may be, and refuses what it may not`, () => {
      const { kind } = field;
      const typed =
        kind.type === 'choice'
          ? [...kind.choices, 'nothing']
          : [kind.from, kind.from / 2, -1, 0, 1.5].map(String);
      for (const one of typed) {
        const { model } = field.write(settings, one);
        // A word that is no yes is written as no.
        const isNoFlag = kind.type === 'choice' && kind.choices[0] === 'true' && one === 'nothing';
        const isFine = whyNotTrained(model) === null && !isNoFlag;
        expect([one, refusal(field, one) === null]).toEqual([one, isFine]);
      }
    });
  }

  it('say what does not go together at each field that could be changed', () => {
    const odd = { ...settings, model: { ...settings.model, n_head: 3, n_ctx: 64 } };
    const problems = problemsOf({ ...firstDraft(), settings: odd });
    expect(Object.keys(problems)).toEqual(['n_embd', 'n_head', 'block_size']);
    expect(problems['n_embd']).toBe('128 (n_embd) cannot be shared evenly by 3 heads: take 129.');
  });
});

it('a rate that would still rise when the run ends is said at its field, and refused nowhere', () => {
  const with_ = (more: Record<string, number | string>) => ({
    ...settings,
    arguments: { ...settings.arguments, ...more },
  });
  expect(doubts(settings)).toEqual({});
  expect(doubts(with_({ max_steps: 50, warmup_steps: 50 }))).toEqual({});
  const short = with_({ max_steps: 20 });
  expect(doubts(short)['warmup_steps']).toMatch(/^The run ends at step 20 \(max_steps\)/u);
  expect(problemsOf({ ...firstDraft(), settings: short })).toEqual({});
  expect(doubts(with_({ max_steps: 20, lr_scheduler_type: 'constant' }))).toEqual({});
});

describe('a text', () => {
  const facts = { tokens: 144, frequencyLoss: 3 };
  it('is long enough for one piece beside what is kept back, as the engine counts it', () => {
    expect(whyNothing(facts, settings)).toBeNull();
    // Nine tenths of 144 are 129: 128 and the one that follows.
    expect(Math.floor(0.9 * 144)).toBe(129);
    expect(whyNothing({ ...facts, tokens: 143 }, settings)).toMatch(
      /^The text has 143 tokens; 144 are needed where 128 are read at a time\./u,
    );
  });

  it('of one character has nothing to learn', () => {
    expect(whyNothing({ ...facts, frequencyLoss: 0 }, settings)).toContain('nothing to learn');
  });
});

describe('a curve', () => {
  const points = (count: number, loss: (step: number) => number) =>
    Array.from({ length: count }, (_, i) => ({
      step: i + 1,
      loss: loss(i + 1),
      learning_rate: 0,
      grad_norm: 0,
    }));

  it('grows past any size, keeps each step once, and leaves out what is no number', () => {
    const curve = new Curve();
    curve.add(points(1000, (step) => step));
    curve.add(points(1001, (step) => step));
    curve.add([{ step: 1002, loss: Number.NaN, learning_rate: 0, grad_norm: 0 }]);
    expect(curve.length).toBe(1001);
    expect(curve.at(1000)?.loss).toBe(1001);
  });

  it('is smooth by the mean of as many points before as behind, and begins where it began', () => {
    const curve = new Curve();
    curve.add(points(400, (step) => (step % 2 === 0 ? 1 : 3)));
    expect(curve.smoothOf(0)).toBe(3);
    // 10 to either side: eleven of one kind, ten of the other.
    expect(curve.smoothOf(200)).toBeCloseTo((11 * 3 + 10 * 1) / 21);
    const line = new Curve();
    line.add(points(400, (step) => step));
    expect(line.smoothAt(200)).toBe(200);
    expect(line.smoothAt(0)).toBeNull();
  });

  it('has the digits of a point that are kept, so that its file is the same after a reload', () => {
    const live = new Curve();
    live.add([{ step: 1, loss: 2.040428561468919, learning_rate: 1 / 3, grad_norm: 0.1 + 0.2 }]);
    const kept = { step: 1, loss: 2.040429, learning_rate: 0.3333333, grad_norm: 0.3 };
    expect(live.at(0)).toEqual(kept);
    const again = new Curve();
    again.add([kept]);
    expect([...again.smooth]).toEqual([...live.smooth]);
  });

  it('goes on from nothing after it was cleared', () => {
    const curve = new Curve();
    curve.add(points(300, () => 7));
    curve.clear();
    curve.add(points(2, () => 2));
    expect([...curve.smooth]).toEqual([2, 2]);
  });
});

describe('columns of a .csv', () => {
  it.each([
    ['id,line\n1,a cat sat\n2,a hen', 'line'],
    // Keys, dates and addresses are longer and no text.
    [
      'uuid,when,page,says\nb1946ac92492d2347c6235b4d2611184,2026-11-28T10:00:00Z,https://example.org/a/long/way/down,good day',
      'says',
    ],
    ['n,name\n1,Ann\n2,Ben', 'name'],
    // Of two texts the longer one.
    ['title,body_en\nThe fox,"Once upon a time there was a fox, and"', 'body_en'],
    ['a,b\n1,2', 'a'],
    ['a,b', 'a'],
    ['', undefined],
  ])('%j is read by its longest text', (text, column) => {
    expect(longestColumn(text)).toBe(column);
  });

  it('are its first line, with commas, quotation marks and line breaks inside quotes', () => {
    expect(csvColumns('a,b , "c"\n1,2,3')).toEqual(['a', 'b', '"c"']);
    expect(csvColumns('\uFEFF"x, y","say ""hi""","two\nlines"\r\n1')).toEqual([
      'x, y',
      'say "hi"',
      'two\nlines',
    ]);
    expect(csvColumns('')).toEqual([]);
  });
});
