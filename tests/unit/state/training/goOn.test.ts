// The model that the page has loaded, as one that a run goes on training: what is known of it, asked with it, and said of it.
import { describe, expect, it, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import type { LoadedModel, ModelOrigin, RunSettings } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
import type { Asked, ModelFacts } from '../../../../src/state/facts/model.ts';
import { goOnOf, loraParameters } from '../../../../src/state/training/base.ts';
import { problemsOf } from '../../../../src/state/training/draft.ts';
import { fieldsFor } from '../../../../src/state/training/fields.ts';
import { readLink, writeLink } from '../../../../src/state/training/link.ts';
import { presetOf } from '../../../../src/state/training/presets.ts';
import { whyNoCell } from '../../../../src/state/training/torchCell.ts';
import { createTraining } from '../../../../src/state/training/training.ts';
import { DEVICE, recordOf, settle, TEXT, ToyTrainer } from './toyTrainer.ts';

const HOME = 'https://site.example/glass/?device=cpu#workspace=train';
const FINGERPRINT = '0123456789abcdef';

const SUMMARY: LoadedModel = {
  turn: 1,
  source: 'https://site.example/glass/models/tales-7m',
  name: 'tales-7m',
  fingerprint: FINGERPRINT,
  layout: 'huggingface',
  nLayer: 12,
  nHead: 12,
  nEmbd: 192,
  nCtx: 256,
  vocabSize: 8192,
  layerNormDenominator: 'variance',
  parameterCount: 6_961_344,
  dtype: 'fp32',
  memoryBytes: 28e6,
  reads: 'text',
  bosTokenId: 8191,
  eosTokenIds: [8191],
  defaults: {},
  device: DEVICE,
};

function here(facts: Partial<LoadedModel> = {}, wished: Partial<Asked> = {}): ModelFacts {
  const summary = { ...SUMMARY, ...facts };
  const wish: Asked = { source: summary.source, device: 'auto', ...wished };
  return { at: 'here', wish, here: { wish, summary, place: null }, refused: null, losses: [] };
}

const NONE: ModelFacts = {
  at: 'failed',
  wish: { source: 'x', device: 'auto' },
  here: null,
  losses: [],
};

const origin = (facts: Partial<ModelOrigin>): ModelOrigin => ({
  kind: 'hub',
  id: 'owner/model',
  host: 'https://huggingface.co',
  commit: 'c'.repeat(40),
  keptIn: 'opfs',
  isVerified: true,
  ...facts,
});

function open(model: ModelFacts = here(), link: string | null = null) {
  const trainer = new ToyTrainer();
  trainer.answers.readText = ({ base }) => ({ ...TEXT, vocabSize: base ? 8192 : 1024 });
  const page = createStore(() => ({ model }));
  const training = createTraining({
    makeTrainer: () => trainer,
    page: { home: HOME, store: page },
    stillMs: 0,
    say: () => {},
    look: () => {},
    link,
  });
  const facts = () => training.store.getState();
  const settings = (): RunSettings => facts().draft.settings;
  const inputs = (question: string) =>
    trainer.asked.filter((one) => one.question === question).map(({ input }) => input);
  return { trainer, training, page, facts, settings, inputs };
}

async function goingOn() {
  const all = open();
  all.training.actions.start();
  await vi.waitFor(() => expect(all.facts().cost.estimate.at).toBe('here'));
  all.training.actions.goOnWithLoaded();
  await vi.waitFor(() => expect(all.facts().cost.last?.settings.base).toBeDefined());
  return all;
}

describe('the model that is loaded', () => {
  it('that comes with the page is named as it lies beside it', () => {
    expect(goOnOf(here(), HOME)).toEqual({
      base: { name: 'tales-7m', fingerprint: FINGERPRINT, source: { source: './models/tales-7m' } },
      loaded: { fingerprint: FINGERPRINT, source: { source: './models/tales-7m' } },
      model: { kind: 'gpt2', n_layer: 12, n_head: 12, n_embd: 192, n_ctx: 256 },
      vocabSize: 8192,
      parameters: 6_961_344,
      dtype: 'fp32',
      host: null,
      whyNot: null,
    });
    expect(goOnOf(NONE, HOME)).toBeNull();
  });

  it('of a Hub is meant at its commit; what was decided of it is decided', () => {
    const assumed = [
      { key: 'nHead', value: 12, choices: [6, 12], by: 'measured' },
      { key: 'activation_function', value: 'gelu', choices: ['gelu'], by: 'convention' },
    ] as const;
    const facts = { origin: origin({}), assumed, layout: 'mingpt' } as const;
    const found = goOnOf(here(facts, { source: 'owner/model', revision: 'main' }), HOME);
    expect(found?.loaded.source).toEqual({
      source: 'owner/model',
      revision: 'c'.repeat(40),
      nHead: 12,
      activation_function: 'gelu',
    });
    expect(found?.model.kind).toBe('mingpt');
    expect(found?.whyNot).toBeNull();
  });

  it('that was dropped is at hand as its files, and a record cannot name them', () => {
    const files = [new File(['x'], 'model.safetensors')];
    const found = goOnOf(here({}, { source: 'mine', files }), HOME);
    expect(found?.base.source).toBeNull();
    expect(found?.loaded.source.files).toBe(files);
  });

  it('that is a step of a run is called so', () => {
    const run = { id: 'one.seen', step: 20 };
    const found = goOnOf(here({ name: 'x' }, { source: 'Tales · step 20', run }), HOME);
    expect(found?.base).toMatchObject({ name: 'Tales · step 20', source: { run } });
  });

  it('cannot be gone on with where it reads no text, or is kept nowhere; a folder elsewhere is read again', () => {
    expect(goOnOf(here({ reads: 'ids' }), HOME)?.whyNot).toContain('tokenizer.json');
    const streamed = { origin: origin({ keptIn: 'memory' }) };
    expect(goOnOf(here(streamed, { source: 'owner/model' }), HOME)?.whyNot).toContain('not kept');
    const elsewhere = origin({
      kind: 'folder',
      id: 'https://else.example/m/',
      host: 'https://else.example',
      commit: null,
      keptIn: 'memory',
    });
    const found = goOnOf(here({ origin: elsewhere }, { source: 'https://else.example/m/' }), HOME);
    expect(found).toMatchObject({ whyNot: null, host: 'else.example' });
  });
});

describe('going on with it', () => {
  it('takes its sizes and its tokenizer, small steps, and asks the trainer with it', async () => {
    const { trainer, training, settings, facts, inputs } = await goingOn();
    const { base, loaded } = facts().loaded.now ?? {};
    expect(settings()).toMatchObject({ base, tokenizer: { kind: 'model' }, model: { n_ctx: 256 } });
    expect(settings().arguments).toMatchObject({ learning_rate: 1e-4, block_size: 128 });
    const rates = ['tiny', 'small', 'medium', 'large'] as const;
    for (const name of rates) {
      expect(presetOf(name).arguments['learning_rate']).toBeGreaterThan(1e-4);
    }
    expect(problemsOf(facts().draft)).toEqual({});
    expect(inputs('readText').at(-1)).toMatchObject({ base, loaded, tokenizer: { kind: 'model' } });
    expect(inputs('estimate').at(-1)).toMatchObject({ vocabSize: 8192, loaded });
    training.actions.train();
    await settle();
    expect(trainer.requests).toMatchObject([{ run: { settings: { base } }, loaded }]);
  });

  it('another text is read with its tokenizer; a size takes both back', async () => {
    const { training, settings, facts, inputs } = await goingOn();
    training.actions.chooseText({ kind: 'bundled', name: 'names' });
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(inputs('readText').at(-1)).toMatchObject({
      text: { name: 'names' },
      tokenizer: { kind: 'model' },
    });
    training.actions.choosePreset('tiny');
    expect(settings().base).toBeUndefined();
    expect(settings().tokenizer).toEqual({ kind: 'characters' });
    await vi.waitFor(() => expect(facts().text.read).toMatchObject({ value: { vocabSize: 1024 } }));
  });

  it('has fields of its own for what learns; a rate that nobody changed follows them', async () => {
    const { training, settings, facts, inputs } = await goingOn();
    const names = () => fieldsFor(settings()).map(({ name }) => name);
    expect(names()).toEqual(expect.arrayContaining(['trains', 'r', 'lora_alpha', 'learning_rate']));
    for (const gone of ['kind', 'n_layer', 'n_ctx', 'tokenizer'])
      expect(names()).not.toContain(gone);
    training.actions.setField('trains', 'lora');
    expect(settings().base?.lora).toEqual({ r: 8, lora_alpha: 16 });
    expect(settings().arguments).toMatchObject({ learning_rate: 1e-3, min_lr: 1e-4 });
    await vi.waitFor(() => expect(inputs('estimate')).toHaveLength(3));
    training.actions.setField('r', '4');
    training.actions.setField('r', '0');
    expect(settings().base?.lora?.r).toBe(4);
    expect(facts().draft.refused['r']?.why).toContain('from 1 to 1024');
    training.actions.setField('r', '2');
    training.actions.setField('learning_rate', '0.0005');
    training.actions.setField('trains', 'all');
    expect(settings().base?.lora).toBeUndefined();
    expect(settings().arguments['learning_rate']).toBe(0.0005);
    expect(
      loraParameters({ kind: 'gpt2', n_layer: 12, n_head: 12, n_embd: 192, n_ctx: 256 }, 8),
    ).toBe(73_728);
  });

  it('begins anew with the text that lies beside the run, unless another one was taken meanwhile', async () => {
    const { trainer, training, facts } = open(NONE);
    let give: (text: Blob) => void = () => {};
    trainer.answers.textOf = () => new Promise<Blob>((resolve) => (give = resolve));
    const own = { kind: 'own', name: 'My text', text: '' } as const;
    const kept = { ...facts().draft.settings, text: own };
    const taken = training.actions.takeSettings(kept, 'one');
    expect(facts().draft.settings).toEqual(kept);
    give(new Blob(['Anna lives in Oslo.']));
    await taken;
    expect(facts().draft.settings.text).toEqual({ ...own, text: 'Anna lives in Oslo.' });
    expect(facts().draft.own).toEqual(facts().draft.settings.text);

    const late = training.actions.takeSettings(kept, 'one');
    training.actions.pasteText('Something else.');
    give(new Blob(['Anna lives in Oslo.']));
    await late;
    expect(facts().draft.settings.text).toMatchObject({ text: 'Something else.' });
  });

  it('is tried again when the model that was missing is loaded', async () => {
    const { trainer, training, page, facts, inputs } = open(NONE);
    trainer.answers.readText = ({ loaded }) => {
      if (!loaded)
        throw new EngineError('Not at hand.', { code: 'training/base', hint: 'Load it.' });
      return TEXT;
    };
    const base = {
      name: 'tales-7m',
      fingerprint: FINGERPRINT,
      sha256: 'a'.repeat(64),
      source: null,
    };
    const model = { kind: 'gpt2', n_layer: 12, n_head: 12, n_embd: 192, n_ctx: 256 } as const;
    const kept = { ...facts().draft.settings, base, model, tokenizer: { kind: 'model' } } as const;
    await training.actions.takeSettings(kept, 'one');
    await vi.waitFor(() => expect(facts().text.read.at).toBe('failed'));
    page.setState({ model: here({ fingerprint: 'f'.repeat(16) }) });
    await settle();
    expect(inputs('readText')).toHaveLength(1);
    page.setState({ model: here() });
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    // What the settings were stays; nothing of the loaded one's defaults comes in.
    training.actions.goOnWithLoaded();
    expect(facts().draft.settings).toEqual(kept);
  });

  it('a run whose model is not at hand stays what it was, and says so', async () => {
    const { trainer, training, facts } = await goingOn();
    const rests = { state: 'stopped', step: 4 } as const;
    trainer.records.set('one', recordOf(facts().draft.settings, rests));
    await training.actions.resume('one');
    await settle();
    await trainer.tell(
      new EngineError('Not at hand.', { code: 'training/base', hint: 'Load it.' }),
    );
    expect(facts().watch).toMatchObject({ at: 'resting', run: rests });
    expect(facts().watch.error).toMatchObject({ code: 'training/base' });
  });

  it('a kept run is asked for with what is loaded', async () => {
    const { trainer, training, facts } = await goingOn();
    const loaded = facts().loaded.now?.loaded;
    trainer.records.set('one', recordOf(facts().draft.settings));
    await training.actions.resume('one');
    await settle();
    expect(trainer.requests.at(-1)).toEqual({ run: { id: 'one' }, loaded });
  });
});

describe('a link to a run that goes on', () => {
  const base = {
    name: 'tales-7m',
    fingerprint: FINGERPRINT,
    sha256: 'a'.repeat(64),
    source: { source: './models/tales-7m' },
  };

  it('names the model, its hash and the adapter, and fills them in again', async () => {
    const { settings } = await goingOn();
    const whole = { ...settings(), base: { ...base, lora: { r: 4, lora_alpha: 8 } } };
    const { settings: read, notes } = readLink(writeLink(whole) ?? '');
    expect(notes).toEqual([]);
    expect(read).toEqual(whole);
  });

  it('leads nowhere else: a source elsewhere, or a step of a run, is left out', async () => {
    const { settings } = await goingOn();
    const told = (source: unknown) => {
      const link = new URLSearchParams(writeLink({ ...settings(), base }) ?? '');
      link.set('base', JSON.stringify({ ...base, source }));
      return readLink(link.toString()).settings.base;
    };
    expect(told({ source: 'https://evil.example/m/' })?.source).toBeNull();
    expect(told({ source: '//evil.example/m' })?.source).toBeNull();
    expect(told({ source: './m', base_model: 'https://evil.example/m/' })?.source).toBeNull();
    expect(told({ source: './models/other' })?.source).toEqual({ source: './models/other' });
    const run = { source: 'Tales · step 2', run: { id: 'one.seen', step: 2 } };
    const link = writeLink({ ...settings(), base: { ...base, source: run } }) ?? '';
    expect(readLink(link).settings.base).toMatchObject({ name: 'tales-7m', source: null });
  });

  it('whose model cannot be read is said', async () => {
    const { settings } = await goingOn();
    const link = new URLSearchParams(writeLink({ ...settings(), base }) ?? '');
    link.set('base', '{"name":1}');
    const { settings: read, notes } = readLink(link.toString());
    expect(read.base).toBeUndefined();
    expect(read.tokenizer.kind).not.toBe('model');
    expect(notes).toEqual([expect.stringContaining('could not be read')]);
  });

  it('has no cell for PyTorch', async () => {
    const { settings } = await goingOn();
    expect(whyNoCell(recordOf({ ...settings(), generator: 'torch' }), [])).toContainEqual(
      expect.stringContaining('begins with the run, and this one went on from tales-7m'),
    );
  });
});
