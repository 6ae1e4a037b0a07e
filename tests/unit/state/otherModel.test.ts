// What was kept of another model is fitted to the one that comes, before anything runs on it.
import { describe, expect, it, vi } from 'vitest';
import type { Candidate, Engine, GenerateRequest, ModelSummary } from '../../../src/api.ts';
import { identityOf } from '../../../src/state/modelName.ts';
import { formatSaved, parseSaved, type Saved } from '../../../src/state/persist.ts';
import { NO_TEXT, toPlainText } from '../../../src/state/tokenText.ts';
import type { UrlState } from '../../../src/state/urlState.ts';
import { type AppState } from '../../../src/state/store.ts';
import { toPiece } from './texts.ts';
import { change, type Patch, createToyPage } from './toyPage.ts';

const model = {
  name: 'toy',
  fingerprint: '0123456789abcdef',
  nLayer: 2,
  nHead: 2,
  nCtx: 64,
  vocabSize: 0x110000,
  device: { kind: 'cpu' },
} as ModelSummary;

const other = { ...model, name: 'other', fingerprint: 'fedcba9876543210' };

const candidate = { piece: toPiece('z'), rawProbability: 0.5 } as Candidate;

interface Toy {
  readonly facts?: Patch;
  readonly url?: Partial<UrlState>;
  readonly saved?: Saved | null;
  /** Those that come, one after the other. */
  readonly models?: readonly ModelSummary[];
}

function createToy({ facts = {}, url = {}, saved = null, models = [model] }: Toy = {}) {
  const requests: GenerateRequest[] = [];
  const loads: string[] = [];
  const engine = {
    load: (source: string) => {
      loads.push(source);
      return Promise.resolve(models[Math.min(loads.length, models.length) - 1]);
    },
    ask: (question: string, input: { text: string }) => {
      if (question === 'tokenize') return Promise.resolve([...input.text].map(toPiece));
      if (question === 'findStored') return Promise.resolve(null);
      // Nobody looks at the answers here.
      return new Promise(() => {});
    },
    async *generate(request: GenerateRequest) {
      requests.push(request);
      yield { type: 'done', reason: 'length' };
    },
    onLost: () => () => {},
  } as unknown as Engine;
  const page = createToyPage(engine, url, { ...facts, view: { panel: '', ...facts.view } }, saved);
  const words = () => toPlainText(page.text.pieces);
  return { ...page, requests, loads, words };
}

/** What a visit left behind: `prompt` and more, as tokens of a model. */
function left(prompt: string, more: string, owner: ModelSummary): Saved | null {
  const pieces = [...prompt, ...more].map(toPiece);
  const text = {
    ...NO_TEXT,
    prompt,
    promptCount: prompt.length,
    pieces,
    logprobs: pieces.map(() => -1),
    ranks: pieces.map(() => 1),
    owner: identityOf(owner),
  };
  const empty = parseSaved('{"version":1}');
  return empty && parseSaved(formatSaved({ ...empty, text }));
}

describe('a model that comes', () => {
  it('keeps the pins it has heads for, and the focus with them', async () => {
    const pins = [
      { layer: 1, head: 1 },
      { layer: 9, head: 4 },
    ];
    const toy = createToy({ facts: { view: { pins, layer: 9, head: 4 } } });
    await toy.actions.load();
    expect(toy.store.getState()).toMatchObject({
      view: { pins: [{ layer: 1, head: 1 }], layer: 1, head: 1 },
    });
  });

  it('runs a queued text without parts that it does not have', async () => {
    const own = { part: 'head', layer: 1, head: 0, by: 'zero' } as const;
    const off = [own, { part: 'mlp', layer: 7, by: 'mean' } as const];
    const toy = createToy({ facts: { view: { off }, run: { queued: true } } });
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.requests).toHaveLength(1));
    expect(toy.requests[0]?.off).toEqual([own]);
  });

  it('takes no candidate into tokens of an earlier prompt', async () => {
    const toy = createToy();
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    toy.actions.setPrompt('xyz');
    toy.actions.choose(candidate);
    expect(toPlainText(toy.text.pieces)).not.toContain('abz');
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    expect(toPlainText(toy.text.pieces)).toBe('xyz');
  });

  it('reads what was typed before it was there, and not what was stored', async () => {
    for (const owner of [model, other]) {
      const toy = createToy({ saved: left('old', 'xyz', owner) });
      toy.actions.setPrompt('brand new words');
      toy.actions.generate();
      // What is stored meanwhile says the same as the page.
      expect(toy.actions.snapshot()).toEqual({ ...NO_TEXT, prompt: 'brand new words' });
      await toy.actions.load();
      await vi.waitFor(() => expect(toy.requests).toHaveLength(1));
      expect(toy.store.getState().text.prompt).toBe('brand new words');
      expect(toy.words()).toBe('brand new words');
      expect(String.fromCodePoint(...(toy.requests[0]?.ids ?? []))).toBe('brand new words');
      toy.actions.undo();
      toy.actions.undo();
      expect(toy.words()).toBe(owner === model ? 'oldxyz' : '');
      await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
      // The words of the other one, read anew.
      expect(toy.words()).toBe('oldxyz');
      expect(toy.text.promptCount).toBe(owner === model ? 3 : 6);
    }
  });

  it('keeps whose tokens they are while nobody is there to read them', () => {
    const toy = createToy({ saved: left('old', 'xyz', other) });
    expect(toy.actions.snapshot()).toMatchObject({ prompt: 'old', owner: identityOf(other) });
  });

  it('takes no candidate, run or speed of the one before over', async () => {
    const toy = createToy({ models: [model, other] });
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    change(toy.store, {
      next: { distribution: { top: [candidate] } as unknown as AppState['next']['distribution'] },
      run: { last: { seed: 1, tokens: 3, tokensPerSecond: 9, promptMs: 1, reason: 'length' } },
      measured: { speeds: { webgpu: 1, cpu: 2 } },
      view: { selected: 1 },
    });
    await toy.actions.load();
    expect(toy.store.getState()).toMatchObject({
      next: { distribution: null },
      run: { last: null },
      measured: { speeds: null },
      view: { selected: null },
    });
  });

  it('brings no ids of the one before back: undo gives their words', async () => {
    const url = { prompt: 'a link' };
    const toy = createToy({ saved: left('my', ' tale', other), url });
    toy.actions.undo();
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    expect(toy.store.getState().text.prompt).toBe('my tale');
    expect([toy.text.promptCount, toy.text.owner]).toEqual([7, identityOf(model)]);
  });

  it('does not offer what was set aside of the one before', async () => {
    const toy = createToy({ saved: left('old', 'xyz', model), models: [model, other] });
    await toy.actions.load();
    toy.actions.setPrompt('');
    expect(toy.store.getState().text.setAside).toBe(3);
    await toy.actions.load();
    expect(toy.store.getState().text.setAside).toBe(0);
    await toy.actions.putBack();
    expect(toy.words()).toBe('');
  });

  it('brings its own settings as long as nobody chose any', async () => {
    const [first, second] = [
      { ...model, defaults: { temperature: 0.3 } },
      { ...other, defaults: { temperature: 0.7 } },
    ];
    const toy = createToy({ models: [first, second, first] });
    const { chosen: settingsChosen } = toy.store.getState().run;
    await toy.actions.load();
    expect(toy.store.getState().run.settings.temperature).toBe(0.3);
    await toy.actions.load();
    expect([toy.store.getState().run.settings.temperature, settingsChosen]).toEqual([0.7, false]);
    toy.actions.changeSettings({ temperature: 1 });
    await toy.actions.load();
    expect(toy.store.getState().run.settings.temperature).toBe(1);
    toy.actions.resetSettings();
    expect(toy.store.getState()).toMatchObject({ run: { settings: { temperature: 0.3 } } });
    expect(toy.store.getState().run.chosen).toBe(false);
  });
});

describe('a page that an address opens', () => {
  it('says what it put aside, and undo brings it back', async () => {
    const saved = left('my', ' tale', model);
    const toy = createToy({ saved, url: { prompt: 'a link' } });
    // It is no fault of the address.
    expect(toy.store.getState().page).toMatchObject({ replaced: true, notes: [] });
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.words()).toBe('a link'));
    toy.actions.undo();
    expect([toy.words(), toy.text.promptCount]).toEqual(['my tale', 2]);
    expect(toy.store.getState().page.replaced).toBe(false);
    // Nothing of one's own, nothing to say.
    const untouched = createToy({ saved: left('', '', model), url: { prompt: 'a link' } });
    expect(untouched.store.getState().page.replaced).toBe(false);
  });

  it('loads nothing before it knows which model it begins with', async () => {
    const wish = { source: 'openai-community/gpt2-xl' };
    const toy = createToy({ url: { wish } });
    const started = toy.actions.start();
    toy.actions.setVerdict({ code: 'limits' });
    toy.actions.takeDtype('fp16');
    await started;
    expect(toy.loads).not.toContain(wish.source);
    expect(toy.loads).toHaveLength(1);
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', wish: { device: 'cpu', dtype: 'fp16' } },
    });
  });
});

describe('while tokens stream', () => {
  it('a key that does nothing ends nothing', async () => {
    const toy = createToy();
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    toy.actions.generate();
    expect(toy.store.getState().busy.has('run')).toBe(true);
    toy.actions.redo();
    toy.actions.switchBranch(toy.actions.tree().current);
    expect(toy.store.getState().busy.has('run')).toBe(true);
  });
});
