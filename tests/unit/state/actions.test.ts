import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Answer,
  Distribution,
  Engine,
  GenerateRequest,
  HeadScores,
  Input,
  LoadedModel,
  Question,
} from '../../../src/api.ts';
import { names } from '../../support/headScores.ts';
import { EngineError } from '../../../src/errors.ts';
import { headName, headsOf, shownHeads } from '../../../src/state/facts/attention.ts';
import { formatSaved, parseSaved, type Saved } from '../../../src/state/persist.ts';
import type { Settings } from '../../../src/state/settings.ts';
import { toPlainText } from '../../../src/state/tokenText.ts';
import { parseUrl, type UrlState } from '../../../src/state/urlState.ts';
import { FIRST_VIEW } from '../../../src/state/view.ts';
import { toPiece } from './texts.ts';
import { createToyPage, OWN } from './toyPage.ts';
import { modelOf, standInOf, whyOf } from '../../../src/state/facts/model.ts';

const model: LoadedModel = {
  turn: 1,
  source: 'x/toy',
  name: 'toy',
  fingerprint: '0123456789abcdef',
  layout: 'huggingface',
  nLayer: 2,
  nHead: 2,
  nEmbd: 8,
  nCtx: 64,
  vocabSize: 0x110000,
  layerNormDenominator: 'variance',
  reads: 'text',
  parameterCount: 10,
  dtype: 'fp32',
  memoryBytes: 40,
  bosTokenId: 0,
  eosTokenIds: [],
  defaults: { temperature: 0.5 },
  device: {
    kind: 'cpu',
    isSoftware: false,
    label: 'processor',
    vendor: '',
    architecture: '',
    description: '',
    features: [],
    limits: {},
  },
};

const distribution: Distribution = {
  top: [{ piece: toPiece('z'), rawProbability: 0.5, probability: 0.6, logit: 1 }],
  kept: 1,
  vocabSize: 100,
  restRaw: 0.5,
  rest: 0.4,
  entropyBits: 1,
};

const nobody = new Float32Array(4);
const noScores: HeadScores = {
  nLayer: 2,
  nHead: 2,
  size: 0,
  scores: {
    previous: nobody,
    first: nobody,
    duplicate: nobody,
    induction: nobody,
    local: nobody,
    broad: nobody,
  },
  entropyBits: nobody,
};

function createToy(url: Partial<UrlState> = {}, saved: Saved | null = null) {
  const lost: ((reason: string, turn: number) => void)[] = [];
  const requests: GenerateRequest[] = [];
  const answers: { [Q in Question]?: (input: Input<Q>) => Answer<Q> } = {
    tokenize: ({ text }) => [...text].map(toPiece),
    pieces: ({ ids }) => ids.map((id) => toPiece(String.fromCodePoint(id))),
    distribution: () => distribution,
    score: () => ({ logprobs: new Float32Array(0), ranks: new Uint32Array(0) }),
    attention: () => ({
      layer: 0,
      head: 0,
      size: 0,
      firstIndex: 0,
      weights: new Float32Array(0),
    }),
    attentionRows: ({ query }) => ({
      nLayer: 2,
      nHead: 2,
      query,
      firstIndex: 0,
      size: query + 1,
      weights: new Float32Array(4 * (query + 1)),
    }),
    atlas: () => ({
      ...noScores,
      firstIndex: 0,
      cells: 0,
      block: 1,
      thumbnails: new Float32Array(0),
    }),
    probeHeads: () => noScores,
    headNames: () => names({}),
    measureDevices: () => ({ webgpu: null, cpu: 1 }),
  };
  const ask = vi.fn((question: Question, input: unknown): Promise<unknown> => {
    const answer = answers[question] as ((input: unknown) => unknown) | undefined;
    if (answer) return Promise.resolve(answer(input));
    return Promise.reject(new Error(`The toy has no answer to ${question}.`));
  });
  const engine = {
    load: vi.fn(() => Promise.resolve(model)),
    ask: ask as typeof ask & Engine['ask'],
    async *sweep() {},
    async *save() {},
    async *generate(request: GenerateRequest) {
      requests.push(request);
      yield {
        type: 'start' as const,
        seed: request.options.seed ?? 1,
        promptIds: request.ids.length === 0 ? [0] : request.ids,
        firstVisible: 0,
        promptMs: 1,
        computed: 1,
      };
      for (let i = 0; i < request.options.max_new_tokens; i++) {
        await new Promise((resolve) => setTimeout(resolve));
        if (request.signal?.aborted) {
          yield { type: 'done' as const, reason: 'aborted' as const };
          return;
        }
        yield {
          type: 'token' as const,
          piece: toPiece(String.fromCodePoint(97 + (i % 26))),
          logprob: -1,
          rank: 1,
          distribution,
          tokensPerSecond: i === 0 ? null : 10,
        };
      }
      yield { type: 'done' as const, reason: 'length' as const };
    },
    onLost: (listener: (reason: string, turn: number) => void) => {
      lost.push(listener);
      return () => {};
    },
    dispose: () => Promise.resolve(),
  } satisfies Engine;
  const { store, text, actions } = createToyPage(engine, url, {}, saved);
  const words = (): string => toPlainText(text.pieces);
  const settled = async (): Promise<void> => {
    await vi.waitFor(() => expect(store.getState().busy.has('run')).toBe(false));
    await vi.waitFor(() => expect(store.getState().text.tokenised).toBe(true));
  };
  return { engine, answers, store, text, actions, words, settled, lost, requests };
}

describe('control words', () => {
  const USER = { id: 99, bytes: [], text: '<u>', special: true };

  /** A toy whose model has one control word. */
  async function createChat() {
    const toy = createToy();
    toy.engine.load.mockResolvedValue({ ...model, controlWords: ['<u>'] });
    toy.answers.tokenize = ({ text, controlWords = true }) =>
      (controlWords ? text.split(/(<u>)/u) : [text]).flatMap((part) =>
        part === '<u>' && controlWords ? [USER] : [...part].map(toPiece),
      );
    await toy.actions.load();
    await toy.settled();
    return toy;
  }

  it('are one token each, and text where somebody says so; undo takes that back', async () => {
    const toy = await createChat();
    toy.actions.takePrompt('<u>ab');
    await toy.settled();
    expect(toy.text.pieces).toHaveLength(3);
    toy.actions.setControlWords(false);
    expect(toy.store.getState().view.controlWords).toBe(false);
    await toy.settled();
    expect(toy.text.pieces.map(({ text }) => text)).toEqual([...'<u>ab']);
    toy.actions.undo();
    expect(toy.store.getState().view.controlWords).toBe(true);
    await toy.settled();
    expect(toy.text.pieces).toHaveLength(3);
    // Without any in the prompt nothing is read anew.
    toy.actions.takePrompt('ab');
    await toy.settled();
    const { undoDepth } = toy.store.getState().text;
    toy.actions.setControlWords(false);
    expect(toy.store.getState().text).toMatchObject({ tokenised: true, undoDepth });
  });

  it('stay in a text that is copied; the end of a text, which cannot be typed, does not', async () => {
    const toy = await createChat();
    toy.actions.takePrompt('<u>ab');
    toy.actions.generate();
    await toy.settled();
    expect(toPlainText(toy.text.pieces)).toMatch(/^<u>aba/u);
    const end = { id: 98, bytes: [], text: '<|endoftext|>', special: true };
    expect(toPlainText([USER, toPiece('a'), end, USER])).toBe('<u>a<u>');
  });
});

describe('pinned heads', () => {
  const head = (at: string) => ({ layer: Number(at[0]), head: Number(at[2]) });

  it('come into focus, and a fourth says which one it takes the place of', async () => {
    const toy = createToy();
    await toy.actions.load();
    await toy.settled();
    for (const at of ['0.0', '0.1', '1.0']) toy.actions.togglePin(head(at));
    expect(toy.store.getState()).toMatchObject({
      view: { pins: ['0.0', '0.1', '1.0'].map(head), layer: 1, head: 0 },
      attention: { gaveWay: null },
    });
    toy.actions.togglePin(head('1.1'));
    expect(toy.store.getState()).toMatchObject({
      view: { pins: ['0.1', '1.0', '1.1'].map(head), layer: 1, head: 1 },
      attention: { gaveWay: head('0.0') },
      page: {
        announcement: expect.stringMatching(/^Head 1\.1 is pinned in place of 0\.0/u) as string,
      },
    });
    toy.actions.takePinBack();
    expect(toy.store.getState()).toMatchObject({
      view: { pins: ['0.0', '0.1', '1.0'].map(head), layer: 1, head: 0 },
      attention: { gaveWay: null },
    });
  });

  it('stay pinned where another head is chosen, which stands beside them until it is left', async () => {
    const toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.togglePin(head('0.0'));
    toy.actions.togglePin(head('0.1'));
    const shown = (): string[] => shownHeads(headsOf(toy.store.getState())).map(headName);
    toy.actions.setAttention({ layer: 1 });
    expect(toy.store.getState()).toMatchObject({
      view: { pins: ['0.0', '0.1'].map(head), layer: 1, head: 1 },
    });
    expect(shown()).toEqual(['0.0', '0.1', '1.1']);
    toy.actions.moveHead(-1);
    expect(shown()).toEqual(['0.0', '0.1', '1.0']);
    toy.actions.previewHead(head('1.1'));
    expect(shown()).toEqual(['0.0', '0.1', '1.1']);
    toy.actions.previewHead(null);
    // Who takes a pin away goes on looking at what is in focus.
    toy.actions.togglePin(head('0.0'));
    expect(shown()).toEqual(['0.1', '1.0']);
    toy.actions.focusHead(head('0.1'));
    expect(shown()).toEqual(['0.1']);
    toy.actions.togglePin(head('0.1'));
    expect(toy.store.getState().view).toMatchObject({ pins: [], layer: 0, head: 1 });
  });
});

describe('a stream with the heads in sight', () => {
  it('asks for the map of the head in front too, however often the rows of all heads are due', async () => {
    const toy = createToy();
    await toy.actions.load();
    toy.actions.openPanel('attention');
    await toy.settled();
    // Each token takes longer than rows may be old.
    let clock = performance.now();
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock);
    toy.store.subscribe(({ text }, before) => {
      clock += 300 * (text.length - before.text.length);
    });
    toy.engine.ask.mockClear();
    toy.actions.changeSettings({ max_new_tokens: 20 });
    toy.actions.generate();
    await vi.waitFor(() => expect(toy.text.pieces.length).toBeGreaterThan(15));
    const asked = toy.engine.ask.mock.calls.map(([question]) => question);
    toy.actions.stop();
    await toy.settled();
    now.mockRestore();
    expect(asked.filter((question) => question === 'attentionRows').length).toBeGreaterThan(2);
    expect(asked.filter((question) => question === 'attention').length).toBeGreaterThan(1);
  });
});

describe('the page’s actions', () => {
  let toy = createToy();
  beforeEach(async () => {
    toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.changeSettings({ max_new_tokens: 3 });
  });

  it('take the model’s own defaults where nobody chose', () => {
    expect(toy.store.getState().run.settings.temperature).toBe(0.5);
  });

  it('leave a GPU whose limits are too small for the processor, once', async () => {
    const gpu = { ...model, device: { ...model.device, kind: 'webgpu' as const } };
    toy.engine.load.mockResolvedValueOnce(gpu);
    await toy.actions.load();
    toy.engine.load.mockClear();
    const verdict = { code: 'limits' as const, adapter: 'small' };
    toy.actions.setVerdict(verdict);
    await vi.waitFor(() => expect(modelOf(toy.store.getState())?.device.kind).toBe('cpu'));
    toy.actions.setVerdict(verdict);
    expect(toy.store.getState().model.wish.device).toBe('cpu');
    expect(toy.engine.load.mock.calls).toMatchObject([[OWN, { device: 'cpu' }]]);
  });

  it('call no speed what was measured on one token', async () => {
    toy.actions.step();
    await toy.settled();
    expect(toy.store.getState().run.last).toMatchObject({ tokens: 1, tokensPerSecond: 0 });
    toy.actions.generate();
    await toy.settled();
    expect(toy.store.getState().run.last).toMatchObject({ tokens: 3, tokensPerSecond: 10 });
  });

  it('measure no devices while a text is written', async () => {
    const never: unknown = new Promise(() => {});
    toy.answers.measureDevices = () => never as { webgpu: null; cpu: number };
    toy.actions.measure();
    await vi.waitFor(() => expect(toy.store.getState().busy.has('measure')).toBe(true));
    const [, , signal] = toy.engine.ask.mock.calls.find(
      ([q]) => q === 'measureDevices',
    ) as unknown[];
    expect((signal as AbortSignal).aborted).toBe(false);
    toy.actions.generate();
    await toy.settled();
    expect((signal as AbortSignal).aborted).toBe(true);
  });

  it('draw the first token before the engine goes on to the second', async () => {
    const write = toy.engine.generate.bind(toy.engine);
    const before = toy.store.getState().text.length;
    const drawn: number[] = [];
    toy.engine.generate = async function* (request) {
      for await (const event of write(request)) {
        yield event;
        if (event.type === 'token') drawn.push(toy.store.getState().text.length - before);
      }
    };
    toy.actions.generate();
    await toy.settled();
    expect(drawn[0]).toBe(1);
    expect(drawn).toHaveLength(3);
  });

  it('append what is generated, and undo takes it back', async () => {
    toy.actions.generate();
    await toy.settled();
    expect(toy.words()).toBe('ababc');
    expect(toy.text.promptCount).toBe(2);
    toy.actions.undo();
    expect(toy.words()).toBe('ab');
  });

  it('regenerate only the last run', async () => {
    toy.actions.generate();
    await toy.settled();
    toy.actions.generate();
    await toy.settled();
    expect(toy.words()).toBe('ababcabc');
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.words()).toBe('ababcabc');
    expect(toy.requests.at(-1)?.ids).toHaveLength(5);
    toy.actions.undo();
    toy.actions.undo();
    expect(toy.words()).toBe('ababc');
  });

  it('stop at once and keep the text so far', async () => {
    toy.actions.changeSettings({ max_new_tokens: 4000 });
    toy.actions.generate();
    await vi.waitFor(() => expect(toy.text.pieces.length).toBeGreaterThan(5));
    toy.actions.stop();
    expect(toy.store.getState()).toMatchObject({
      run: { last: { reason: 'aborted' } },
      busy: new Set(),
    });
    const { length } = toy.text.pieces;
    // Every token that was written counts, also those that the panels had not heard of yet.
    expect(toy.store.getState().run.last?.tokens).toBe(length - toy.text.promptCount);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(toy.text.pieces).toHaveLength(length);
  });

  it('put the continuation aside when the prompt changes, and bring it back on demand', async () => {
    toy.actions.generate();
    await toy.settled();
    toy.actions.setPrompt('xy');
    await toy.settled();
    expect(toy.words()).toBe('xy');
    expect(toy.store.getState().text.setAside).toBe(3);
    await toy.actions.putBack();
    expect(toy.words()).toBe('xyabc');
    toy.actions.undo();
    toy.actions.undo();
    expect(toy.words()).toBe('ababc');
    expect(toy.store.getState().text.prompt).toBe('ab');
  });

  it('fork at the selected token, and undo restores what followed', async () => {
    toy.actions.generate();
    await toy.settled();
    toy.actions.select(3);
    await vi.waitFor(() => expect(toy.store.getState().next.at).toBe(3));
    const [candidate] = distribution.top;
    if (candidate !== undefined) toy.actions.choose(candidate);
    expect(toy.words()).toBe('abaz');
    toy.actions.undo();
    expect(toy.words()).toBe('ababc');
  });

  it('put no candidate of another text into this one', async () => {
    const [candidate] = distribution.top;
    if (candidate === undefined) throw new Error('The toy has a candidate.');
    toy.actions.choose(candidate);
    await toy.settled();
    expect(toy.words()).toBe('abz');
    toy.actions.undo();
    // Those of the longer text are still shown.
    expect(toy.store.getState().next.at).toBe(3);
    toy.actions.choose(candidate);
    expect(toy.words()).toBe('ab');
    await toy.settled();
    toy.actions.choose(candidate);
    expect(toy.words()).toBe('abz');
  });

  it('show the beginning-of-text token that an empty prompt is given', async () => {
    toy.actions.setPrompt('');
    await toy.settled();
    toy.actions.generate();
    await toy.settled();
    expect(toy.text.pieces[0]).toMatchObject({ special: true });
    expect(toy.text.promptCount).toBe(1);
  });

  it('give single steps the seed that is fixed: draws go by position in the text', async () => {
    toy.actions.changeSettings({ seed: 5 });
    toy.actions.step();
    await toy.settled();
    toy.actions.step();
    await toy.settled();
    const seeds = toy.requests.map((r) => r.options.seed);
    expect(seeds).toEqual([5, 5]);
  });

  it('keep at most one distribution in flight while a slider moves', async () => {
    await vi.waitFor(() => expect(toy.store.getState().next.distribution).not.toBeNull());
    toy.engine.ask.mockClear();
    const asked = () => toy.engine.ask.mock.calls.filter(([name]) => name === 'distribution');
    for (let i = 1; i <= 50; i++) toy.actions.changeSettings({ temperature: i / 25 });
    await vi.waitFor(() => expect(asked()).toHaveLength(2));
    expect(asked().at(-1)?.[1]).toMatchObject({ ids: [97, 98], options: { temperature: 2 } });
  });

  it('ask for the tokens of a prompt once, also where a run waits for them', async () => {
    const fresh = createToy();
    fresh.actions.generate();
    await fresh.actions.load();
    await fresh.settled();
    expect(fresh.requests).toHaveLength(1);
    const asked = fresh.engine.ask.mock.calls.filter(([question]) => question === 'tokenize');
    expect(asked).toHaveLength(1);
  });

  it('ask for no bars again when a view is opened: it would wait behind them', async () => {
    await vi.waitFor(() => expect(toy.store.getState().next.distribution).not.toBeNull());
    toy.engine.ask.mockClear();
    const asked = (question: Question) =>
      toy.engine.ask.mock.calls.filter(([name]) => name === question);
    toy.actions.openPanel('');
    toy.actions.openPanel('attention');
    // Whatever a view asks, it asks at once.
    expect(asked('distribution')).toHaveLength(0);
    toy.actions.select(0);
    await vi.waitFor(() => expect(asked('distribution')).toHaveLength(1));
    toy.actions.select(null);
    await vi.waitFor(() => expect(asked('distribution')).toHaveLength(2));
    // Candidates that a run showed are its own, at the place where it stood.
    toy.actions.generate();
    await toy.settled();
    await vi.waitFor(() => expect(asked('distribution')).toHaveLength(3));
  });

  it('load the model again when the GPU is lost, and keep the text', async () => {
    toy.actions.generate();
    await toy.settled();
    toy.lost[0]?.('gone', 1);
    expect(whyOf(toy.store.getState())).toContain('gone');
    await vi.waitFor(() => expect(toy.store.getState().model.at).toBe('here'));
    expect(toy.engine.load).toHaveBeenCalledTimes(2);
    expect(toy.words()).toBe('ababc');
    expect(whyOf(toy.store.getState())).toBeNull();
  });

  it('say what failed while loading, and try again', async () => {
    const fresh = createToy();
    fresh.engine.load.mockRejectedValueOnce(
      new EngineError('Not found.', { code: 'network/not-found', hint: 'Check the path.' }),
    );
    await fresh.actions.load();
    expect(fresh.store.getState()).toMatchObject({
      model: { at: 'failed' },
      text: { prompt: 'ab' },
      page: { problem: { during: 'load', info: { code: 'network/not-found' } } },
    });
    fresh.actions.tryAgain();
    await vi.waitFor(() => expect(fresh.store.getState().model.at).toBe('here'));
    expect(fresh.store.getState().page.problem).toBeNull();
  });

  it('go on with the model that runs where a change of it fails', async () => {
    toy.engine.load.mockRejectedValueOnce(
      new EngineError('Too large.', { code: 'device/memory', hint: 'Take fewer bits.' }),
    );
    toy.actions.takeDtype('fp32');
    await vi.waitFor(() => expect(toy.store.getState().page.problem).not.toBeNull());
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', wish: { dtype: undefined } },
      page: { problem: { during: 'load', info: { code: 'device/memory' } } },
    });
    toy.actions.tryAgain();
    await vi.waitFor(() => expect(toy.store.getState().model.wish.dtype).toBe('fp32'));
    expect(toy.engine.load).toHaveBeenLastCalledWith(
      expect.anything(),
      expect.objectContaining({ dtype: 'fp32' }),
    );
  });

  it('start a queued run as soon as the model is there', async () => {
    const fresh = createToy();
    fresh.actions.changeSettings({ max_new_tokens: 3 });
    fresh.actions.generate();
    expect(fresh.store.getState().run.queued).toBe(true);
    await fresh.actions.load();
    await vi.waitFor(() => expect(fresh.words()).toBe('ababc'));
  });
});

describe('branches', () => {
  let toy = createToy();
  const [z] = distribution.top;
  if (z === undefined) throw new Error('The toy has a candidate.');
  const forkAt = async (index: number): Promise<void> => {
    toy.actions.select(index);
    await vi.waitFor(() => {
      expect(toy.store.getState().next).toMatchObject({ at: index, epoch: toy.text.epoch });
    });
    toy.actions.choose(z);
  };
  const branches = () => toy.store.getState().text.branches;
  beforeEach(async () => {
    toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.changeSettings({ max_new_tokens: 3, seed: 7 });
    toy.actions.generate();
    await toy.settled();
  });

  it('know who wrote what', async () => {
    expect(toy.text.runs).toMatchObject([{ start: 2, end: 5, seed: 7, off: [] }]);
    await forkAt(3);
    expect(toy.text.runs).toMatchObject([{ start: 2, end: 3 }]);
    toy.actions.setOff([{ part: 'mlp', layer: 1, by: 'mean' }]);
    toy.actions.step();
    await toy.settled();
    toy.actions.step();
    await toy.settled();
    expect(toy.words()).toBe('abazaa');
    // The chosen token is nobody's; two steps under one seed are one run.
    expect(toy.text.runs).toMatchObject([
      { start: 2, end: 3, off: [] },
      { start: 4, end: 6, off: [{ part: 'mlp', layer: 1 }] },
    ]);
    toy.actions.editText('abazaq', { from: 5, to: 6, words: 'q' }, true);
    await toy.settled();
    expect(toy.text.runs).toMatchObject([
      { start: 2, end: 3 },
      { start: 4, end: 5 },
    ]);
  });

  it('keep the old text when another candidate is chosen, and lead back to it', async () => {
    expect(branches()).toEqual([]);
    const old = { pieces: [...toy.text.pieces], scores: [...toy.text.logprobs] };
    const { runs } = toy.text;
    await forkAt(3);
    expect(toy.words()).toBe('abaz');
    expect(toy.text.ranks[3]).toBe(1);
    expect(branches()).toMatchObject([
      { level: 1, length: 5, parts: 3, current: false },
      { level: 2, at: 3, from: { text: 'b' }, to: { text: 'z' }, current: true },
    ]);
    toy.actions.generate();
    await toy.settled();
    toy.actions.switchBranch(branches()[0]?.id ?? 0);
    expect(toy.words()).toBe('ababc');
    expect(toy.text.pieces).toEqual(old.pieces);
    expect(toy.text.logprobs).toEqual(old.scores);
    expect(toy.text.runs).toEqual(runs);
    expect(toy.store.getState()).toMatchObject({ text: { prompt: 'ab', tokenised: true } });
    toy.actions.undo();
    expect(toy.words()).toBe('abazabc');
    toy.actions.redo();
    expect(toy.words()).toBe('ababc');
  });

  it('begin in the prompt too, which ends where they do', async () => {
    await forkAt(1);
    expect(toy.words()).toBe('az');
    expect(toy.store.getState()).toMatchObject({ text: { prompt: 'a', promptCount: 1 } });
    toy.actions.switchBranch(1);
    expect(toy.store.getState()).toMatchObject({ text: { prompt: 'ab', promptCount: 2 } });
    expect(toy.words()).toBe('ababc');
  });

  it('are not made twice: the same choice leads to the branch that is there', async () => {
    await forkAt(3);
    toy.actions.switchBranch(1);
    await forkAt(3);
    expect(branches()).toHaveLength(2);
    expect(toy.words()).toBe('abaz');
  });

  it('come from writing a run again, unless it comes out the same', async () => {
    toy.actions.regenerate();
    await toy.settled();
    expect(branches()).toEqual([]);
    toy.actions.changeSettings({ max_new_tokens: 2 });
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.words()).toBe('abab');
    expect(branches()).toHaveLength(2);
    toy.actions.switchBranch(1);
    // What is only the beginning of another text is no branch of its own.
    expect(branches()).toEqual([]);
  });

  it('can be deleted, and undo brings them back', async () => {
    await forkAt(3);
    toy.actions.deleteBranch(2);
    expect(branches()).toHaveLength(2);
    toy.actions.deleteBranch(1);
    expect(branches()).toEqual([]);
    expect(toy.words()).toBe('abaz');
    toy.actions.undo();
    expect(branches()).toHaveLength(2);
  });

  it('go with an edit of the prompt, and come back with undo', async () => {
    await forkAt(3);
    toy.actions.setPrompt('xy');
    await toy.settled();
    expect(branches()).toEqual([]);
    toy.actions.undo();
    expect(toy.words()).toBe('abaz');
    expect(branches()).toHaveLength(2);
  });
});

describe('a recorded text', () => {
  const seeded = { max_new_tokens: 3, seed: 7, temperature: 0.9 };
  async function record(): Promise<string> {
    const toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.changeSettings(seeded);
    toy.actions.generate();
    await toy.settled();
    toy.actions.select(3);
    await vi.waitFor(() => expect(toy.store.getState().next.at).toBe(3));
    const [z] = distribution.top;
    if (z !== undefined) toy.actions.choose(z);
    toy.actions.switchBranch(1);
    toy.actions.setPins([{ layer: 1, head: 0 }]);
    toy.actions.setOff([{ part: 'mlp', layer: 1, by: 'mean' }]);
    return toy.actions.makeLink().hash;
  }
  async function open(hash: string) {
    const toy = createToy(parseUrl('', hash, 'https://example.org/'));
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    return toy;
  }

  it('comes back with its branches, heads, parts and settings', async () => {
    const toy = await open(await record());
    expect(toy.words()).toBe('ababc');
    expect(toy.store.getState()).toMatchObject({
      text: { prompt: 'ab', promptCount: 2, branches: [{ current: true }, { to: { text: 'z' } }] },
      view: { pins: [{ layer: 1, head: 0 }], off: [{ part: 'mlp', layer: 1, by: 'mean' }] },
      run: { settings: seeded },
      replay: { recorded: { written: 3, length: 5, seeds: [7], model: 'toy' }, asRecorded: true },
      page: { notes: [] },
    });
    expect(toy.requests).toEqual([]);
  });

  it('runs live along its recipe, and agrees', async () => {
    const toy = await open(await record());
    toy.actions.runLive();
    await vi.waitFor(() => expect(toy.store.getState().replay.live?.status).toBe('agrees'));
    expect(toy.store.getState().replay.live).toMatchObject({ done: 3, of: 3, difference: null });
    expect(toy.requests).toMatchObject([
      { ids: [97, 98], options: { seed: 7, temperature: 0.9, max_new_tokens: 3 }, off: [] },
    ]);
    expect(toy.words()).toBe('ababc');
  });

  it('says where this machine writes something else, and changes nothing', async () => {
    const hash = await record();
    // The second of the three: b becomes q.
    const toy = await open(hash.replace('.2p.2q.2r', '.2p.35.2r'));
    toy.actions.runLive();
    await vi.waitFor(() => expect(toy.store.getState().replay.live?.status).toBe('differs'));
    expect(toy.store.getState().replay.live).toMatchObject({
      done: 1,
      of: 3,
      difference: { index: 3, recorded: { text: 'q' }, here: { text: 'b' } },
    });
    expect(toy.words()).toBe('abaqc');
    expect(toy.requests[0]?.signal?.aborted).toBe(true);
  });

  it('of which the model does not know all leaves the prompt, and says so', async () => {
    const toy = await open('#v=1&texts=2-2p.2q.zzzz&head=7.7&pins=7.7&off=h9.9z&prompt=ab');
    await vi.waitFor(() => expect(toy.words()).toBe('ab'));
    expect(toy.store.getState().page.notes[0]).toContain(
      'does not know all of the recorded tokens',
    );
    expect(toy.store.getState()).toMatchObject({ replay: { asRecorded: false, recorded: null } });
  });

  it('names heads and parts that this model has', async () => {
    const toy = await open('#v=1&texts=2-2p.2q&head=7.7&pins=7.7_1.1&off=h9.9z_m1z&prompt=ab');
    expect(toy.store.getState()).toMatchObject({
      view: { pins: [{ layer: 1, head: 1 }], layer: 1, head: 1, off: [{ part: 'mlp', layer: 1 }] },
    });
    expect(toy.store.getState().page.notes[0]).toContain('does not have');
  });
});

describe('what a text outlives', () => {
  let toy = createToy();
  beforeEach(async () => {
    toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.openPanel('');
  });
  const state = () => toy.store.getState();

  it('a run that a lost GPU ended says so, and no problem is shown: the loss comes first', async () => {
    toy.actions.generate();
    await vi.waitFor(() => expect(toy.text.pieces.length).toBeGreaterThan(4));
    toy.lost[0]?.('gone', 1);
    expect(state()).toMatchObject({
      run: { last: { reason: 'lost' } },
      model: { at: 'coming', goesOn: false },
      page: { problem: null },
      busy: new Set(),
    });
    await vi.waitFor(() => expect(state().model.at).toBe('here'));
    expect(state().run.last?.reason).toBe('lost');
  });

  it('a run that a lost GPU ended says so, and no problem is shown: the error comes first', async () => {
    const { engine } = createToy();
    toy.engine.generate = async function* (request) {
      let count = 0;
      for await (const event of engine.generate(request)) {
        if (++count === 4) throw new EngineError('Lost.', { code: 'device/lost', hint: '' });
        yield event;
      }
    };
    const problems: unknown[] = [];
    toy.store.subscribe(({ page }) => problems.push(page.problem));
    toy.actions.generate();
    await vi.waitFor(() => expect(state().run.last?.reason).toBe('lost'));
    toy.lost[0]?.('gone', 1);
    await vi.waitFor(() => expect(state().model.at).toBe('here'));
    expect(state().run.last).toMatchObject({ reason: 'lost', tokens: 2 });
    expect(problems.every((problem) => problem === null)).toBe(true);
  });

  it('another model’s loss and another model’s answers are no news', async () => {
    toy.lost[0]?.('gone', 7);
    expect(state().model.at).toBe('here');
    expect(toy.engine.load).toHaveBeenCalledTimes(1);
    const turns = toy.engine.ask.mock.calls.map((call) => (call as unknown[])[3]);
    // The first question of all comes before there is a model.
    expect(turns.at(-1)).toBe(1);
    toy.answers.distribution = () => {
      throw new EngineError('Gone.', { code: 'engine/superseded', hint: '' });
    };
    toy.actions.select(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(state().page.problem).toBeNull();
  });

  it('writing again under a fixed seed takes the next one, says so, and undo brings both back', async () => {
    toy.actions.changeSettings({ seed: 7, max_new_tokens: 3 });
    toy.actions.generate();
    await toy.settled();
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.requests.map(({ options }) => options.seed)).toEqual([7, 8]);
    expect(state()).toMatchObject({ run: { settings: { seed: 8 } } });
    expect(state().text.branchNote).toContain('seed 8 is taken');
    toy.actions.undo();
    expect(state().run.settings.seed).toBe(7);
    expect(toy.words()).toBe('ababc');
    toy.actions.redo();
    expect(state().run.settings.seed).toBe(8);
  });

  it('writing again keeps a seed that would write something else, and says where nothing can', async () => {
    toy.actions.changeSettings({ seed: 7, max_new_tokens: 3 });
    toy.actions.generate();
    await toy.settled();
    toy.actions.changeSettings({ temperature: 1.5 });
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.requests.map(({ options }) => options.seed)).toEqual([7, 7]);
    toy.actions.changeSettings({ do_sample: false });
    toy.actions.regenerate();
    await toy.settled();
    toy.actions.regenerate();
    expect(toy.requests).toHaveLength(3);
    expect(state().text.branchNote).toContain('writes the same again');
  });

  for (const do_sample of [true, false]) {
    const how = do_sample ? 'sampled' : 'greedy';
    it(`writing again what would end elsewhere writes with the same seed: ${how}`, async () => {
      const again = async (patch: Partial<Settings> = {}): Promise<void> => {
        const { length } = toy.requests;
        toy.actions.changeSettings(patch);
        toy.actions.regenerate();
        await toy.settled();
        expect(toy.requests).toHaveLength(length + 1);
        expect(toy.requests.at(-1)?.options.seed).toBe(7);
        expect(state().text.branchNote).toBe('');
      };
      toy.actions.changeSettings({ seed: 7, do_sample, max_new_tokens: 12 });
      const generate = toy.engine.generate.bind(toy.engine);
      toy.engine.generate = async function* (request) {
        let count = 0;
        for await (const event of generate(request)) {
          if (++count === 5) toy.actions.stop();
          yield event;
        }
      };
      toy.actions.generate();
      await toy.settled();
      expect(state().run.last).toMatchObject({ reason: 'aborted', tokens: 3 });
      toy.engine.generate = generate;
      await again();
      await again({ max_new_tokens: 14 });
      await again({ stop: ['c'] });
      // It ends with this one already.
      const { length } = toy.requests;
      toy.actions.changeSettings({ max_new_tokens: 20, stop: ['n'] });
      toy.actions.regenerate();
      await toy.settled();
      expect(state().text.branchNote).toContain('the same again');
      expect(toy.requests.slice(length).map(({ options }) => options.seed)).toEqual(
        do_sample ? [8] : [],
      );
    });
  }

  it('writing again in another precision keeps the seed: it may come out otherwise', async () => {
    toy.actions.changeSettings({ seed: 7, max_new_tokens: 3 });
    toy.actions.generate();
    await toy.settled();
    toy.engine.load.mockResolvedValueOnce({ ...model, dtype: 'q8' });
    toy.actions.takeDtype('q8');
    await vi.waitFor(() => expect(modelOf(state())?.dtype).toBe('q8'));
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.requests.map(({ options }) => options.seed)).toEqual([7, 7]);
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.requests.at(-1)?.options.seed).toBe(8);
  });

  it('writing again after a reload knows which device and precision wrote what stands there', async () => {
    toy.engine.load.mockResolvedValue({ ...model, dtype: 'q8' });
    toy.actions.takeDtype('q8');
    await vi.waitFor(() => expect(modelOf(state())?.dtype).toBe('q8'));
    toy.actions.changeSettings({ seed: 7, max_new_tokens: 3 });
    toy.actions.generate();
    await toy.settled();
    const { run, page, view } = state();
    const { settings, by } = run;
    const { theme, done } = page;
    const text = toy.actions.snapshot();
    const left = formatSaved({ text, tree: '', settings, by, theme, view, done });
    for (const dtype of ['fp32', 'q8'] as const) {
      const fresh = createToy({}, parseSaved(left));
      fresh.engine.load.mockResolvedValue({ ...model, dtype });
      await fresh.actions.load();
      await fresh.settled();
      expect(fresh.words()).toBe('ababc');
      fresh.actions.regenerate();
      await fresh.settled();
      // In another precision it may come out otherwise.
      expect(fresh.requests.map(({ options }) => options.seed)).toEqual([dtype === 'q8' ? 8 : 7]);
    }
  });

  it('the seed moves on with a run, and not without one', async () => {
    toy.actions.changeSettings({ seed: 7, max_new_tokens: 3 });
    toy.actions.generate();
    await toy.settled();
    toy.actions.regenerate();
    toy.actions.setPrompt('cd');
    await toy.settled();
    expect(toy.requests).toHaveLength(1);
    expect(state().run.settings.seed).toBe(7);
  });

  it('a GPU that is lost too often is the reason for the processor, and nobody’s wish', async () => {
    toy.actions.setVerdict({ code: 'ok', adapter: 'Acme 1' });
    expect(standInOf(state())).toBeNull();
    for (let i = 0; i < 3; i++) {
      expect(standInOf(state())).toBeNull();
      toy.lost[0]?.('gone', 1);
      await vi.waitFor(() => expect(state().model.at).toBe('here'));
    }
    expect(state().model.wish.device).toBe('cpu');
    expect(standInOf(state())).toBe('often');
    toy.actions.takeDevice('cpu');
    await vi.waitFor(() => expect(state().model.at).toBe('here'));
    expect(standInOf(state())).toBeNull();
  });

  it('the bars are told what a fork took before anything else reads the text', async () => {
    let answer = (): void => {};
    const waits = new Promise<void>((resolve) => (answer = resolve));
    const { ask } = toy.engine;
    const asked: string[] = [];
    ask.mockImplementation(async (question) => {
      asked.push(question);
      if (question !== 'distribution') return { logprobs: [], ranks: [] };
      await waits;
      return distribution;
    });
    asked.length = 0;
    const [z] = distribution.top;
    if (z !== undefined) toy.actions.choose(z);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(asked).toEqual(['distribution']);
    answer();
    await vi.waitFor(() => expect(asked).toContain('score'));
  });

  it('what is seen of a long text goes by the rule of the engine, before any answer', async () => {
    toy.engine.load.mockResolvedValueOnce({ ...model, nCtx: 256 });
    await toy.actions.load();
    toy.actions.takePrompt('a'.repeat(300));
    await vi.waitFor(() => expect(toy.text.pieces).toHaveLength(300));
    expect(state().text).toMatchObject({ firstVisible: 129, dropped: 129 });
  });
});

describe('a link', () => {
  const at = 'https://example.org/';
  async function open(hash: string) {
    const toy = createToy(parseUrl('', hash, at));
    await toy.actions.load();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    return toy;
  }

  it('brings the selected token, how it is drawn, and the device that was chosen', async () => {
    const toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.generate();
    await toy.settled();
    toy.actions.takeDevice('cpu');
    await vi.waitFor(() => expect(toy.store.getState().model.at).toBe('here'));
    toy.actions.select(1);
    toy.actions.setAttention({ form: 'arcs', least: 0.25, mode: 'patterns', dim: false });
    const { view } = toy.store.getState();
    const { hash } = toy.actions.makeLink();
    const elsewhere = await open(hash);
    expect(elsewhere.store.getState()).toMatchObject({
      view,
      model: { wish: { device: 'cpu' } },
      page: { notes: [] },
    });
    expect(elsewhere.store.getState().view.selected).toBe(1);
  });

  it('of the first version still opens, as on a first visit where it says nothing', async () => {
    const hash =
      '#v=1&texts=2-2p.2q.2r*2-d-0-3&runs=2-1-7-0*&how=t0.8k40p1m0r1' +
      '&off=h1.1z&pins=1.0_0.1&head=0.1&view=lens&prompt=ab';
    const toy = await open(hash);
    expect(toy.words()).toBe('abc');
    expect(toy.store.getState().page.notes).toEqual([]);
    expect(toy.store.getState().view).toEqual({
      ...FIRST_VIEW,
      panel: 'lens',
      layer: 0,
      head: 1,
      pins: [
        { layer: 1, head: 0 },
        { layer: 0, head: 1 },
      ],
      off: [{ part: 'head', layer: 1, head: 1, by: 'zero' }],
    });
  });

  it('for a device that is not here says so and takes one that is; an address is obeyed', async () => {
    const refuse = () =>
      Promise.reject(new EngineError('No WebGPU here.', { code: 'webgpu/no-api', hint: '' }));
    const link = createToy(parseUrl('', '#v=1&device=webgpu&prompt=ab', at));
    link.engine.load.mockImplementationOnce(refuse);
    await link.actions.load();
    expect(link.store.getState().model).toMatchObject({ at: 'here', wish: { device: 'auto' } });
    expect(link.store.getState().page.notes[0]).toContain('No WebGPU here.');
    const address = createToy(parseUrl('?device=webgpu', '', at));
    address.engine.load.mockImplementationOnce(refuse);
    await address.actions.load();
    expect(address.store.getState().model).toMatchObject({
      at: 'failed',
      wish: { device: 'webgpu' },
    });
  });

  it('takes no other device for what another device would not help', async () => {
    const broken = new EngineError('Half a file.', { code: 'checkpoint/truncated', hint: '' });
    const link = createToy(parseUrl('', '#v=1&device=webgpu&prompt=ab', at));
    const auto = createToy();
    auto.actions.setVerdict({ code: 'no-adapter' });
    for (const toy of [link, auto]) {
      toy.engine.load.mockRejectedValueOnce(broken);
      await toy.actions.load();
      expect(toy.engine.load).toHaveBeenCalledTimes(1);
      expect(toy.store.getState()).toMatchObject({
        model: { at: 'failed' },
        page: { notes: [], problem: { info: { code: 'checkpoint/truncated' } } },
      });
    }
  });

  it('does not excuse the device that a person chose after it', async () => {
    const toy = await open('#v=1&device=webgpu&prompt=ab');
    toy.engine.load.mockRejectedValueOnce(
      new EngineError('No WebGPU here.', { code: 'webgpu/no-api', hint: '' }),
    );
    toy.actions.takeDevice('webgpu');
    await vi.waitFor(() => expect(toy.store.getState().model.at).toBe('here'));
    expect(toy.store.getState()).toMatchObject({
      model: { refused: { device: 'webgpu' } },
      page: { notes: [], problem: { info: { code: 'webgpu/no-api' } } },
    });
  });

  it('does not hold a device that the page took by itself', async () => {
    const toy = createToy();
    await toy.actions.load();
    toy.actions.setVerdict({ code: 'no-adapter' });
    toy.engine.load.mockRejectedValueOnce(
      new EngineError('No.', { code: 'device/shader', hint: '' }),
    );
    await toy.actions.load();
    expect(toy.store.getState().model.wish.device).toBe('cpu');
    expect(toy.actions.makeLink().hash).not.toContain('device');
  });
});
