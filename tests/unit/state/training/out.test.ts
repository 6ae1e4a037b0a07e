// A run's way out and back: its settings in an address, its curve and samples as files, and what somebody brings.
import { describe, expect, it, vi } from 'vitest';
import type { ReceiptEvent, RunReceipt, RunSettings } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
import { curveCsv, firstSettings, samplesText } from '../../../../src/runFiles.ts';
import { DEFAULT_SETTINGS } from '../../../../src/state/settings.ts';
import { Curve } from '../../../../src/state/training/curve.ts';
import { firstDraft } from '../../../../src/state/training/draft.ts';
import type { ShownRun } from '../../../../src/state/training/facts.ts';
import { FIELDS } from '../../../../src/state/training/fields.ts';
import { firstLosses, readLink, writeLink } from '../../../../src/state/training/link.ts';
import { torchCell, whyNoCell } from '../../../../src/state/training/torchCell.ts';
import { withPreset } from '../../../../src/state/training/presets.ts';
import { createTraining } from '../../../../src/state/training/training.ts';
import { formatUrl, parseUrl } from '../../../../src/state/urlState.ts';
import { linkedWords } from '../../../../src/ui/training/AsLinked.tsx';
import type { StepPair } from '../../../../src/ui/training/ThereAndHere.tsx';
import { recordOf, settle, ToyTrainer } from './toyTrainer.ts';
import * as toy from './toyWorkspace.ts';

const first = firstDraft().settings;
const other: RunSettings = {
  ...first,
  text: { kind: 'task', name: 'add' },
  tokenizer: { kind: 'bpe', vocab_size: 300 },
  model: { kind: 'nanogpt', n_layer: 2, n_head: 3, n_embd: 48, n_ctx: 32 },
  generator: 'torch',
  validation: 0.25,
  prompt: '1+2=&x=“ü”%20\n',
  edits: [
    { what: 'remove', passage: 'a & b = c' },
    { what: 'replace', passage: '1+1=2', by: '' },
  ],
  arguments: {
    ...first.arguments,
    learning_rate: 0.0123,
    max_steps: 77,
    block_size: 32,
    seed: 2 ** 53 - 1,
  },
};

describe('a link', () => {
  it.each([first, other, withPreset(first, 'notebook')])(
    'brings every setting back',
    (settings) => {
      const link = writeLink(settings) ?? '';
      expect(readLink(link)).toEqual({ settings, notes: [], losses: [] });
      expect(link.length).toBeLessThan(1200);
      for (const { name, usual } of FIELDS) {
        const isSaid = usual === undefined && name !== 'vocab_size';
        if (isSaid) expect(new URLSearchParams(link).has(name)).toBe(true);
      }
    },
  );

  it('says of a model what is not as its kind has it, and an older page refuses it rather than train another', () => {
    const model = {
      ...other.model,
      n_inner: 100,
      activation_function: 'silu',
      layer_norm_epsilon: 1e-3,
      bias: true,
      initializer_range: 0.05,
    } as const;
    const settings = { ...other, model };
    const link = writeLink(settings) ?? '';
    expect(readLink(link)).toEqual({ settings, notes: [], losses: [] });
    const said = new URLSearchParams(link);
    expect(said.get('v')).toBe('2');
    expect(said.has('qkv_bias')).toBe(false);
    expect(new URLSearchParams(writeLink(other) ?? '').get('v')).toBe('1');
  });

  it('whose model cannot be says so by the field, and takes what is usual', () => {
    const link = new URLSearchParams(writeLink(other) ?? '');
    link.set('n_inner', '1e9');
    link.set('activation_function', 'swiglu');
    link.set('tie_word_embeddings', 'perhaps');
    link.set('layer_norm_epsilon', '-1');
    const { settings, notes } = readLink(link.toString());
    expect(settings.model).toEqual(other.model);
    expect(notes.map((note) => note.split(' ')[0])).toEqual([
      'n_inner=1e9',
      'activation_function=swiglu',
      'layer_norm_epsilon=-1',
      'tie_word_embeddings=perhaps',
    ]);
  });

  it('has no text of somebody’s own, nor more than an address holds', () => {
    expect(writeLink({ ...first, text: { kind: 'own', name: 'x', text: 'secret' } })).toBeNull();
    expect(
      writeLink({ ...first, edits: [{ what: 'remove', passage: 'x'.repeat(20_000) }] }),
    ).toBeNull();
  });

  it('stays in the address while the workspace is open, and goes with it', () => {
    const run = writeLink(other) ?? '';
    const oldHash = `#${new URLSearchParams({ workspace: 'train', run }).toString()}`;
    const { hash } = formatUrl(DEFAULT_SETTINGS, '', { workspace: 'train', oldHash });
    expect(new URLSearchParams(hash.slice(1)).get('run')).toBe(run);
    expect(parseUrl('', hash, 'http://localhost/').workspace).toBe('train');
    expect(formatUrl(DEFAULT_SETTINGS, '', { workspace: 'write', oldHash }).hash).toBe('');
  });

  it.each<[string, string, string]>([
    ['another version', 'v=9&bundled=tales', 'another version'],
    ['nothing', '', 'another version'],
    ['an unknown text', 'v=1&bundled=../secret', '../secret is none of the texts'],
    ['an own text', 'v=1&own=mine', 'It names no text'],
    [
      'a size beyond all',
      'v=1&task=add&n_layer=99999',
      'n_layer=99999 was not taken: n_layer is a whole number from 1 to 48.',
    ],
    ['no number', 'v=1&task=add&learning_rate=<img src=x>', '<img src=x> was not taken'],
    ['a kind that is none', 'v=1&task=add&kind=__proto__', 'kind is one of'],
    ['a long prompt', `v=1&task=add&prompt=${'x'.repeat(5000)}`, 'The prompt was too long'],
    ['an edit that is none', 'v=1&task=add&edit={"what":"burn"}', 'could not be read'],
    ['an edit that is no JSON', 'v=1&task=add&edit=[', 'could not be read'],
    ['losses that are none', 'v=1&task=add&losses=3.1 NaN', 'losses of the link could not be read'],
    ['losses without end', `v=1&task=add&losses=${'1 '.repeat(21)}`, 'could not be read'],
  ])('with %s is read as far as it goes, with a note', (_, link, note) => {
    const { settings, notes } = readLink(link);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(note);
    // What is left is a run that could begin.
    expect(settings).toEqual({ ...first, text: settings.text, prompt: settings.prompt });
  });

  it('holds the losses of the first steps, up to where other settings came, to be compared with those made from it', async () => {
    const curve = new Curve();
    const list = Array.from({ length: 30 }, (_, i) => toy.point(i + 1, 3 + Math.sin(i)));
    curve.add(list);
    expect(firstLosses({ changes: [] }, curve)).toEqual(
      list.slice(0, 20).map(({ loss }) => Number(loss.toPrecision(7))),
    );
    const change = { step: 7, words: '', settings: {} } as unknown as ShownRun['changes'][number];
    expect(firstLosses({ changes: [change] }, curve)).toHaveLength(7);

    const begin = async (rate: string | null): Promise<readonly number[]> => {
      const { trainer, training, facts } = toy.open({ link: writeLink(other, [6.9, 6.500_000_1]) });
      training.actions.start();
      await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
      if (rate !== null) training.actions.setField('learning_rate', rate);
      training.actions.train();
      await settle();
      await trainer.tell(toy.begun(recordOf(other)), toy.points(toy.point(1, 6.9)));
      return facts().watch.linked;
    };
    expect(await begin(null)).toEqual([6.9, 6.5]);
    // Other settings make other losses.
    expect(await begin('0.5')).toEqual([]);
  });

  it('says whether its losses are those that are made from it, and from where on they are not', () => {
    const pairs = (here: number): StepPair[] => [
      { step: 1, there: 6.9, here: 6.9 },
      { step: 2, there: 6.5, here },
    ];
    expect(linkedWords(pairs(6.500_05), 2, false)).toContain('over 2 steps: none differs by more');
    expect(linkedWords(pairs(6.5), 20, false)).toBe(
      'The same losses as in the link so far, over 2 of 20 steps.',
    );
    expect(linkedWords(pairs(6.5), 20, true)).toContain('over 2 steps');
    for (const bad of [6.502, NaN]) {
      expect(linkedWords(pairs(bad), 20, false)).toMatch(/^The losses part at step 2: 6\.50/u);
    }
  });

  it('fills the fields in when somebody looks, and begins nothing', async () => {
    const trainer = new ToyTrainer();
    const training = createTraining({
      makeTrainer: () => trainer,
      stillMs: 0,
      say: () => {},
      look: () => {},
      link: writeLink(other),
    });
    training.actions.start();
    await vi.waitFor(() => expect(training.store.getState().cost.estimate.at).toBe('here'));
    expect(training.store.getState().draft).toMatchObject({ settings: other, link: [] });
    expect(trainer.requests).toEqual([]);
    // Looking once more changes nothing that was chosen since.
    training.actions.choosePreset('tiny');
    training.actions.start();
    expect(training.store.getState().draft.preset).toBe('tiny');
    training.actions.train();
    await settle();
    expect(trainer.requests).toHaveLength(1);
    expect(training.store.getState().draft.link).toBeNull();
  });
});

it('a curve has a line for each step that was told or measured', () => {
  const csv = curveCsv(
    [
      { step: 1, loss: 4.5, learning_rate: 1e-3, grad_norm: 1.25 },
      { step: 2, loss: 4.25, learning_rate: 1e-7, grad_norm: 0 },
    ],
    [
      { step: 0, loss: 4.6 },
      { step: 2, loss: 4.3 },
    ],
  );
  expect(csv).toBe(
    'step,loss,learning_rate,grad_norm,eval_loss\r\n0,,,,4.6\r\n1,4.5,0.001,1.25,\r\n2,4.25,1e-7,0,4.3\r\n',
  );
  expect(curveCsv([], [])).toBe('step,loss,learning_rate,grad_norm,eval_loss\r\n');
});

it('samples stand under their steps', () => {
  const samples = [
    { step: 20, prompt: 'Once', text: ' upon' },
    { step: 40, prompt: '', text: 'a\nb' },
  ];
  expect(samplesText({ name: 'Mine', samples })).toBe(
    'Mine\n\n── step 20 ──\nOnce upon\n\n── step 40 ──\na\nb\n',
  );
});

it('what a run began with is known although it went on with something else', () => {
  const run = recordOf(first);
  expect(firstSettings(run)).toBe(first);
  const changes = [
    { step: 3, words: '', before: { learning_rate: 1 } },
    { step: 9, words: '', before: { learning_rate: 2 } },
  ];
  expect(firstSettings({ ...run, changes }).arguments).toEqual({ learning_rate: 1 });
});

describe('a cell for PyTorch', () => {
  const settings: RunSettings = {
    ...first,
    tokenizer: { kind: 'characters' },
    model: { kind: 'nanogpt', n_layer: 2, n_head: 3, n_embd: 48, n_ctx: 32 },
    generator: 'torch',
    arguments: { ...first.arguments, seed: 7, max_grad_norm: 0 },
  };
  const points = Array.from({ length: 30 }, (_, i) => ({
    step: i + 1,
    loss: 3 - i / 100,
    learning_rate: 1e-3,
    grad_norm: 1,
  }));
  const run = recordOf(settings, { text: { ...recordOf(settings).text, documents: 1 } });

  // What it says was run: in PyTorch 2.13 nanogpt's on four runs, in PyTorch 1.13 all four kinds on seven, with and without
  // dropout, one to three passes a step, both rules of decay. Every loss was within 1e-4.
  it('has the run’s seed, sizes and first losses', () => {
    expect(whyNoCell(run, points)).toEqual([]);
    const cell = torchCell(run, points);
    expect(cell).toContain('torch.manual_seed(7)');
    expect(cell).toContain('n_layer, n_head, n_embd, n_ctx = 2, 3, 48, 32');
    expect(cell).toContain('bias = False');
    expect(cell).toContain(run.text.sha256);
    expect(cell).toContain(
      `expected = [3,2.99,${points
        .slice(2, 20)
        .map(({ loss }) => Number(loss.toPrecision(7)))
        .join(',')}]`,
    );
    expect(cell).not.toContain('clip_grad_norm_');
    expect(cell).not.toContain('undefined');
  });

  it.each([
    ['gpt2', 'approximate="tanh"', 'c_attn'],
    ['nanogpt', 'approximate="none"', 'c_attn'],
    ['mingpt', 'torch.zeros(1, n_ctx, n_embd)', '("key", "query", "value", "proj")'],
    ['notebook', 'x.std(-1, keepdim=True)', 'W_query=nn.Linear(n_embd, n_embd, bias=False)'],
  ] as const)('has the model of %s', (kind, ...words) => {
    const model = { ...settings.model, kind };
    const shown = { ...run, settings: { ...settings, model } };
    expect(whyNoCell(shown, points)).toEqual([]);
    const cell = torchCell(shown, points);
    for (const each of words) expect(cell).toContain(each);
    expect(cell.match(/^class GPT\(/gmu)).toHaveLength(1);
    expect(cell).toContain('isinstance(m, nn.Linear)}');
    const byShape = { ...settings.arguments, decay: 'nanogpt' };
    expect(
      torchCell({ ...run, settings: { ...settings, arguments: byShape } }, points),
    ).not.toContain('isinstance(m, nn.Linear)}');
  });

  it('ends where the run went on with something else, with what it began with', () => {
    const changes = [{ step: 5, words: '', before: { ...settings.arguments, seed: 9 } }];
    const cell = torchCell({ ...run, changes }, points);
    expect(cell).toContain('torch.manual_seed(9)');
    expect(cell).toContain('expected = [3,2.99,2.98,2.97,2.96]');
  });

  it.each<[string, Partial<RunSettings>, number]>([
    ['in characters', { tokenizer: { kind: 'bytes' } }, 1],
    [
      'has n_inner, activation_function of its own',
      { model: { ...settings.model, n_inner: 100, activation_function: 'relu' } },
      1,
    ],
    ['nothing was changed in', { edits: [{ what: 'remove', passage: 'a' }] }, 1],
    ['does not say seed', { arguments: { ...settings.arguments, seed: undefined as never } }, 1],
    ['logging_steps', {}, 2],
  ])('is refused with why: %s', (words, more, every) => {
    const told = points.filter(({ step }) => step % every === 0);
    expect(whyNoCell({ ...run, settings: { ...settings, ...more } }, told)).toEqual([
      expect.stringContaining(words),
    ]);
  });

  it('is refused with each condition that fails', () => {
    const edits = [{ what: 'remove', passage: 'a' }] as const;
    const many = { ...run, text: { ...run.text, documents: 22 } };
    const told = points.slice(0, 2);
    const why = whyNoCell(
      { ...many, settings: { ...settings, tokenizer: { kind: 'bytes' }, edits } },
      told,
    );
    expect(why).toEqual(
      ['tokenizer is bytes', 'learned 22', 'nothing was changed', 'first 3 steps'].map((words) =>
        expect.stringContaining(words),
      ),
    );
  });
});

describe('what is brought', () => {
  function open() {
    const trainer = new ToyTrainer();
    const said: string[] = [];
    const training = createTraining({
      makeTrainer: () => trainer,
      say: (words) => said.push(words),
      look: () => {},
    });
    return { trainer, said, training, brought: () => training.store.getState().brought };
  }
  const file = new File(['x'], 'mine.zip');
  const refuse = (code: string): never => {
    throw new EngineError(code, { code, hint: '' });
  };

  it('a run is kept, and shown', async () => {
    const { trainer, said, training, brought } = open();
    trainer.records.set('new', recordOf(first, { id: 'new', state: 'stopped' }));
    trainer.answers.importRun = () => ({ id: 'new' });
    training.actions.bringRun(file);
    expect(brought()).toMatchObject({ at: 'working', name: 'mine.zip' });
    await vi.waitFor(() => expect(training.store.getState().watch.run?.id).toBe('new'));
    expect(brought().at).toBe('nothing');
    expect(said).toContain('mine.zip is kept here now.');
  });

  it('its text is asked for, and after a wrong one again', async () => {
    const { trainer, training, brought } = open();
    trainer.records.set('new', recordOf(first, { id: 'new' }));
    trainer.answers.importRun = ({ text }) => {
      if (text?.kind !== 'own') return refuse('training/text-needed');
      return text.text === 'right' ? { id: 'new' } : refuse('training/text-other');
    };
    training.actions.bringRun(file);
    await vi.waitFor(() => expect(brought().at).toBe('text'));
    training.actions.giveText('wrong');
    await vi.waitFor(() =>
      expect(brought()).toMatchObject({ at: 'text', error: { code: 'training/text-other' } }),
    );
    training.actions.giveText('right');
    await vi.waitFor(() => expect(training.store.getState().watch.run?.id).toBe('new'));
  });

  it('what cannot be read is said, and let go', async () => {
    const { training, brought } = open();
    training.actions.bringRun(file);
    await vi.waitFor(() => expect(brought()).toMatchObject({ at: 'failed', name: 'mine.zip' }));
    training.actions.dismissBrought();
    expect(brought()).toMatchObject({ at: 'nothing', error: null });
  });

  it('a receipt tells both losses of each step, and where they part', async () => {
    const { trainer, said, training, brought } = open();
    const receipt: RunReceipt = {
      version: 1,
      settings: first,
      changes: [],
      text: '',
      losses: [],
      step: 2,
      weights: null,
      device: 'there',
    };
    const events: readonly ReceiptEvent[] = [
      { type: 'receipt', receipt, until: 2 },
      { type: 'preparing', what: 'Taking memory', share: null },
      { type: 'step', step: 1, there: 4, here: 4 },
      { type: 'step', step: 2, there: 4, here: 5 },
      { type: 'done', steps: 2, parts: 2 },
    ];
    trainer.receipt = events;
    training.actions.bringReceipt(file);
    await vi.waitFor(() => expect(brought()).toMatchObject({ at: 'done', parts: 2, receipt }));
    expect(brought().steps).toHaveLength(2);
    expect(said.at(-1)).toBe('The losses part at step 2.');
    // All steps, with the text that was given: the first were made without one.
    training.actions.giveText('mine');
    await vi.waitFor(() => expect(brought().at).toBe('done'));
    training.actions.checkAllSteps();
    await vi.waitFor(() => expect(brought().at).toBe('done'));
    expect(trainer.checked).toMatchObject([
      { all: false },
      { all: false, text: { text: 'mine' } },
      { all: true, text: { text: 'mine' } },
    ]);
    training.actions.bringReceipt(file);
    await vi.waitFor(() => expect(trainer.checked).toHaveLength(4));
    expect(trainer.checked.at(-1)?.text).toBeUndefined();
  });
});
