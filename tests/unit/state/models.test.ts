// Models beside the running one: asked for, looked up, agreed to, paused, interrupted, given up.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Engine,
  GenerateRequest,
  LoadOptions,
  ModelPlan,
  ModelSummary,
} from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import type { Wish } from '../../../src/state/facts/models.ts';
import type { UrlState } from '../../../src/state/urlState.ts';
import { toPiece } from './texts.ts';
import { change, createToyPage, OWN } from './toyPage.ts';
import { modelOf, placeOf } from '../../../src/state/facts/model.ts';

const HUB: Wish = { source: 'owner/name', host: 'mirror.example' };

const model = {
  source: OWN,
  name: 'toy',
  fingerprint: 'own',
  nLayer: 2,
  nHead: 2,
  nCtx: 64,
  vocabSize: 0x110000,
  dtype: 'fp32',
  device: { kind: 'cpu' },
} as ModelSummary;

const ORIGIN = {
  kind: 'hub',
  id: 'owner/name',
  host: 'https://mirror.example',
  commit: 'c'.repeat(40),
  keptIn: 'opfs',
  isVerified: true,
} as const;

const plan: ModelPlan = {
  kind: 'hub',
  id: 'owner/name',
  commit: 'c'.repeat(40),
  host: 'https://mirror.example',
  key: 'k',
  files: [{ name: 'model.safetensors', size: 500_000_000, stored: false }],
  totalBytes: 500_000_000,
  storedBytes: 0,
  freeBytes: 1e12,
  keptIn: 'opfs',
};

function createToy(url: Pick<UrlState, 'wish'> = {}) {
  /** What loads wait for; those of the page's own model end at once. */
  const arriving: {
    readonly source: string;
    readonly options: LoadOptions;
    readonly end: (summary?: Partial<ModelSummary>) => void;
    readonly fail: (code: string) => void;
  }[] = [];
  const deleted: string[] = [];
  const answers: Record<string, unknown> = { planModel: plan, findStored: null, storedModels: [] };
  const lost: ((reason: string) => void)[] = [];
  const engine = {
    load: vi.fn((source: string, options: LoadOptions = {}) => {
      if (source === OWN) {
        const older = [...arriving];
        // They hear of it when this one is there, or later.
        setTimeout(() => older.forEach(({ fail }) => fail('engine/superseded')), 5);
        return Promise.resolve(model);
      }
      return new Promise<ModelSummary>((resolve, reject) => {
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error));
        arriving.push({
          source,
          options,
          end: (summary) =>
            resolve({
              ...model,
              source,
              name: 'name',
              fingerprint: 'other',
              origin: ORIGIN,
              ...summary,
            }),
          fail: (code) => reject(new EngineError('No.', { code, hint: 'Again.' })),
        });
      });
    }),
    ask: vi.fn((question: string, input: { text: string; key: string }) => {
      if (question === 'tokenize') return Promise.resolve([...input.text].map(toPiece));
      if (question === 'deleteStored') deleted.push(input.key);
      const answer = answers[question];
      if (answer instanceof Error) return Promise.reject(answer);
      return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer);
    }),
    /** Writes until it is stopped. */
    async *generate({ ids, signal }: GenerateRequest) {
      yield { type: 'start', seed: 1, promptIds: ids, firstVisible: 0, promptMs: 1, computed: 1 };
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    },
    onLost: (listener: (reason: string) => void) => {
      lost.push(listener);
      return () => {};
    },
  };
  const { store, text, actions } = createToyPage(engine as unknown as Engine, url, {
    view: { panel: '' },
  });
  const offer = () => store.getState().models.offer;
  const until = (status: string | undefined) =>
    vi.waitFor(() => expect(offer()?.status).toBe(status));
  return { store, text, engine, actions, arriving, answers, deleted, lost, offer, until };
}

/** Starts the page and looks a model up, which then waits for a click. */
async function offered(toy: ReturnType<typeof createToy>): Promise<void> {
  await toy.actions.start();
  toy.actions.lookUpModel(HUB);
  await toy.until('known');
}

const memory = new Map<string, string>();
beforeEach(() => {
  memory.clear();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => memory.set(key, value),
    removeItem: (key: string) => memory.delete(key),
  });
  return () => vi.unstubAllGlobals();
});

describe('a model beside the running one', () => {
  it('is looked up, waits for a click, and takes over when it is ready', async () => {
    const toy = createToy();
    await offered(toy);
    expect(toy.offer()?.plan).toEqual(plan);
    expect(toy.engine.load).toHaveBeenCalledTimes(1);
    toy.actions.fetchModel();
    await toy.until('arriving');
    expect(toy.arriving[0]).toMatchObject({ options: { host: 'mirror.example' } });
    // It is shown as soon as it can be used; checking comes afterwards.
    expect(toy.arriving[0]?.options.selfCheck).toBeUndefined();
    // The commit whose size was shown, not what the branch means when the click comes.
    expect(toy.arriving[0]?.options.commit).toBe(plan.commit);
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', here: { summary: { name: 'toy' } } },
    });
    toy.arriving[0]?.options.progress_callback?.({
      status: 'progress',
      name: 'x',
      allLoaded: 5,
      allTotal: 9,
    });
    expect(toy.offer()?.progress?.allLoaded).toBe(5);
    toy.arriving[0]?.end();
    await toy.until(undefined);
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', here: { summary: { name: 'name' }, place: HUB } },
      text: { prompt: 'ab' },
    });
    expect(memory.has('glass-gpt.download')).toBe(false);
  });

  it('needs no click where it is stored already', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.answers.planModel = { ...plan, kind: 'stored' };
    toy.actions.lookUpModel(HUB);
    await toy.until('arriving');
  });

  it('may be paused, survives a reload paused, and is deleted when it is given up', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.actions.pauseModel();
    expect(toy.offer()?.status).toBe('paused');
    expect(toy.arriving[0]?.options.signal?.aborted).toBe(true);

    const again = createToy();
    await again.actions.start();
    expect(again.offer()).toMatchObject({ wish: HUB, status: 'paused' });
    expect(again.arriving).toHaveLength(0);
    again.answers.findStored = { key: 'part', complete: false };
    const third = createToy();
    third.answers.findStored = { key: 'part', bytes: 5, totalBytes: 9, complete: false };
    await third.actions.start();
    await vi.waitFor(() => expect(third.offer()?.stored?.bytes).toBe(5));
    again.actions.cancelModel();
    await vi.waitFor(() => expect(again.deleted).toEqual(['part']));
    expect(again.offer()).toBeNull();
    expect(memory.has('glass-gpt.download')).toBe(false);
  });

  it('goes on by itself after a reload in the middle', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    const again = createToy();
    await again.actions.start();
    await again.until('arriving');
    expect(again.arriving[0]?.options.commit).toBe(plan.commit);
    expect(again.arriving[0]).toMatchObject({ source: 'owner/name' });
  });

  it('goes on after the running model had to be loaded again', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.lost[0]?.('gone');
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(2));
    toy.arriving[1]?.end();
    await toy.until(undefined);
    expect(modelOf(toy.store.getState())?.name).toBe('name');
  });

  it('takes over although it was cancelled, where it was there already', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.arriving[0]?.end();
    toy.actions.pauseModel();
    await toy.until(undefined);
    // The engine has it: nothing else may be said of what answers now.
    expect(modelOf(toy.store.getState())?.name).toBe('name');
    expect(memory.has('glass-gpt.download')).toBe(false);
  });

  it('leaves the text it does not know as words, and undo knows the old one with its branches', async () => {
    const toy = createToy();
    await toy.actions.start();
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    change(toy.store, { next: { at: 2, epoch: toy.text.epoch } });
    toy.actions.choose({ piece: toPiece('c'), rawProbability: 1, probability: 1, logit: 1 });
    toy.actions.select(2);
    change(toy.store, { next: { at: 2, epoch: toy.text.epoch } });
    toy.actions.choose({ piece: toPiece('d'), rawProbability: 1, probability: 1, logit: 1 });
    expect(toy.store.getState().text.branches).not.toHaveLength(0);
    toy.actions.lookUpModel(HUB);
    await toy.until('known');
    toy.actions.fetchModel();
    toy.arriving[0]?.end();
    await toy.until(undefined);
    expect(toy.store.getState()).toMatchObject({
      text: { prompt: 'abd', branches: [], setAside: 0 },
    });
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    toy.actions.takeOwnModel();
    await vi.waitFor(() => expect(modelOf(toy.store.getState())?.name).toBe('toy'));
    while (
      toy.store.getState().text.branches.length === 0 &&
      toy.store.getState().text.undoDepth > 0
    ) {
      toy.actions.undo();
    }
    expect(toy.store.getState().text.branches).not.toHaveLength(0);
  });

  it('that nothing keeps is not fetched again by itself when the GPU is lost', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel({ keep: false });
    toy.arriving[0]?.end();
    await toy.until(undefined);
    toy.lost[0]?.('gone');
    await vi.waitFor(() => expect(modelOf(toy.store.getState())?.name).toBe('toy'));
    await toy.until('known');
    expect(toy.offer()?.wish).toMatchObject({ source: 'owner/name', keep: false });
    expect(toy.arriving).toHaveLength(1);
  });

  it('that nothing keeps is offered, not fetched, where it is wanted in another precision', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.arriving[0]?.end();
    await toy.until(undefined);
    toy.actions.takeDtype('q8');
    await toy.until('known');
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', wish: { dtype: undefined } },
    });
    expect(toy.arriving).toHaveLength(1);
    toy.actions.fetchModel();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(2));
    expect(toy.arriving[1]?.options.dtype).toBe('q8');
    toy.arriving[1]?.end({ dtype: 'q8' });
    await toy.until(undefined);
    expect(toy.store.getState().model.wish.dtype).toBe('q8');
  });

  it('that is only offered ends no run', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.arriving[0]?.end();
    await toy.until(undefined);
    toy.actions.setPrompt('ab');
    await vi.waitFor(() => expect(toy.store.getState().text.tokenised).toBe(true));
    toy.actions.generate();
    await vi.waitFor(() => expect(toy.store.getState().run.last?.seed).toBe(1));
    toy.actions.takeDtype('q8');
    await toy.until('known');
    expect(toy.store.getState()).toMatchObject({
      run: { last: { reason: null } },
      busy: new Set(['run']),
    });
    toy.actions.stop();
  });

  it('that overtakes a load of the page’s own is no failure of that', async () => {
    const toy = createToy();
    await offered(toy);
    let lose = (): void => {};
    toy.engine.load.mockImplementationOnce(
      () =>
        new Promise((_, reject) => {
          lose = () => reject(new EngineError('No.', { code: 'engine/superseded', hint: '' }));
        }),
    );
    toy.actions.takeOwnModel();
    toy.actions.fetchModel();
    await toy.until('arriving');
    lose();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(toy.engine.load).toHaveBeenCalledTimes(3);
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'coming' },
      page: { problem: null },
    });
    toy.arriving[0]?.end();
    await toy.until(undefined);
    expect(toy.store.getState()).toMatchObject({ model: { at: 'here' }, page: { problem: null } });
    expect(modelOf(toy.store.getState())?.name).toBe('name');
  });

  it('gives way to the page’s own model, and then goes on', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.actions.takeOwnModel();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(2));
    expect(toy.offer()?.status).toBe('arriving');
  });

  it('that a browser keeps nothing of does not begin anew by itself', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.answers.planModel = { ...plan, keptIn: 'memory' };
    toy.actions.lookUpModel(HUB);
    await toy.until('known');
    toy.actions.fetchModel();
    await toy.until('arriving');
    expect(memory.has('glass-gpt.download')).toBe(false);
  });

  it('leaves the running one alone where it fails, and can be tried again', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.answers.planModel = new EngineError('No such.', { code: 'hub/not-found', hint: 'Look.' });
    toy.actions.lookUpModel(HUB);
    await toy.until('failed');
    expect(toy.offer()?.error?.code).toBe('hub/not-found');
    toy.answers.planModel = plan;
    toy.actions.lookUpOffer();
    await toy.until('known');
    toy.actions.fetchModel();
    toy.arriving[0]?.fail('download/hash');
    await toy.until('failed');
    expect(toy.store.getState()).toMatchObject({
      model: { at: 'here', here: { summary: { name: 'toy' } } },
    });
    toy.actions.fetchModel();
    await toy.until('arriving');
  });

  it('that failed keeps what came when it is waved away', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    toy.arriving[0]?.fail('network/truncated');
    await toy.until('failed');
    expect(toy.store.getState().page.announcement).toBe('No.');
    toy.answers.findStored = { key: 'part', complete: false };
    toy.actions.cancelModel();
    await toy.until(undefined);
    expect(toy.engine.ask).not.toHaveBeenCalledWith('findStored', expect.anything());
  });

  it('that is not to be kept is not gone on with after a reload', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel({ keep: false });
    await toy.until('arriving');
    expect(toy.arriving[0]?.options.keep).toBe(false);
    expect(memory.has('glass-gpt.download')).toBe(false);
  });

  it('keeps a note and the bytes that are known while others report', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    const report = toy.arriving[0]?.options.progress_callback;
    report?.({ status: 'progress', name: 'x', allLoaded: 5, allTotal: 9 });
    report?.({ status: 'progress', name: 'x', note: 'It is fetched again.' });
    expect(toy.offer()?.progress).toMatchObject({ allLoaded: 5, note: 'It is fetched again.' });
    await new Promise((resolve) => setTimeout(resolve, 250));
    report?.({ status: 'progress', name: 'x', allLoaded: 6, allTotal: 9 });
    expect(toy.offer()?.progress).toMatchObject({ allLoaded: 6, note: 'It is fetched again.' });
  });

  it('may be files, which no address names', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.actions.openFiles([new File(['x'], 'model.safetensors')], 'mine');
    await toy.until('arriving');
    expect(toy.arriving[0]?.options.files).toHaveLength(1);
    expect(memory.has('glass-gpt.download')).toBe(false);
    toy.arriving[0]?.end({
      assumed: [{ key: 'nHead', value: 1, choices: [1, 2, 4], by: 'known' }],
    });
    await toy.until(undefined);
    expect(placeOf(toy.store.getState())).toBeNull();
    toy.actions.takeReading({ nHead: 4 });
    await toy.until('arriving');
    expect(toy.arriving[1]?.options).toMatchObject({ nHead: 4, files: [expect.any(File)] });
  });
});

describe('a model that the address names', () => {
  it('on a Hub contacts nobody before a click; the page starts with its own', async () => {
    const toy = createToy({ wish: HUB });
    await toy.actions.start();
    expect(toy.offer()).toMatchObject({ wish: HUB, status: 'asked', fromAddress: true });
    expect(modelOf(toy.store.getState())?.name).toBe('toy');
    expect(toy.engine.ask).not.toHaveBeenCalledWith('planModel', expect.anything());
    toy.actions.cancelModel();
    await toy.until(undefined);
  });

  it('goes on by itself after a reload in the middle, once the own model is there', async () => {
    const toy = createToy();
    await offered(toy);
    toy.actions.fetchModel();
    const again = createToy({ wish: HUB });
    await again.actions.start();
    await again.until('arriving');
    expect(modelOf(again.store.getState())?.name).toBe('toy');
    // Longer than it takes to hear of being superseded.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(again.arriving).toHaveLength(1);
    again.arriving[0]?.end();
    await again.until(undefined);
    expect(modelOf(again.store.getState())?.name).toBe('name');
  });

  it('is loaded at once where it is stored', async () => {
    const toy = createToy({ wish: HUB });
    toy.answers.findStored = { key: 'k', complete: true };
    const started = toy.actions.start();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(1));
    toy.arriving[0]?.end();
    await started;
    expect(toy.store.getState()).toMatchObject({
      model: { here: { summary: { name: 'name' }, place: HUB } },
    });
    expect(toy.engine.load).toHaveBeenCalledTimes(1);
  });

  it('goes on as the model where loading it anew became an offer in the middle of another load', async () => {
    const toy = createToy({ wish: HUB });
    toy.answers.findStored = { key: 'k', complete: true };
    const started = toy.actions.start();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(1));
    toy.arriving[0]?.end();
    await started;
    toy.actions.takeDtype('fp16');
    await vi.waitFor(() => expect(toy.store.getState().model.at).toBe('coming'));
    // What was kept is gone by the time of the next wish.
    toy.answers.findStored = null;
    toy.actions.takeDtype('q8');
    await toy.until('known');
    expect(toy.store.getState().model).toMatchObject({
      at: 'here',
      here: { summary: { name: 'name' } },
    });
  });

  it('on this site is loaded at once where it is small, and asked for where it is large', async () => {
    const near: Wish = { source: 'https://glass.example/models/mine' };
    const large = createToy({ wish: near });
    await large.actions.start();
    expect(large.offer()).toMatchObject({ status: 'known', fromAddress: true });
    expect(modelOf(large.store.getState())?.name).toBe('toy');
    const small = createToy({ wish: near });
    small.answers.planModel = { ...plan, kind: 'folder', totalBytes: 1000 };
    const started = small.actions.start();
    await vi.waitFor(() => expect(small.arriving).toHaveLength(1));
    small.arriving[0]?.end();
    await started;
    expect(placeOf(small.store.getState())).toEqual({ source: 'models/mine' });
  });
});

describe('what precisions cost', () => {
  it('is measured for each; where memory is refused that is told, and may be allowed', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.answers.precisionCost = new EngineError('Too much.', { code: 'precision/memory' });
    toy.actions.measureCosts();
    const state = () => toy.store.getState();
    await vi.waitFor(() => expect(state().measured.error?.code).toBe('precision/memory'));
    expect(state()).toMatchObject({ page: { problem: null }, busy: new Set() });
    toy.answers.precisionCost = { top1: 1 };
    toy.actions.measureCosts(9e9);
    await vi.waitFor(() => expect(state().busy.has('costs')).toBe(false));
    expect(Object.keys(state().measured.costs)).toEqual(['q8', 'fp16', 'fp32']);
    expect(state().measured.error).toBeNull();
    const asked = toy.engine.ask.mock.calls.map(([question, input]): unknown[] => [
      question,
      input,
    ]);
    expect(asked).toContainEqual(['precisionCost', { dtype: 'q8', mostBytes: 9e9 }]);
  });

  it('an adapter is loaded with the model and the commits that were shown', async () => {
    const toy = createToy();
    const wish = { source: 'owner/lora', host: 'mirror.example' };
    toy.answers.planModel = new EngineError('It is an adapter.', {
      code: 'adapter/base',
      hint: 'Load both.',
      baseModel: 'owner/name',
    });
    toy.actions.lookUpModel(wish);
    await vi.waitFor(() => expect(toy.offer()?.error?.baseModel).toBe('owner/name'));
    toy.answers.planModel = { ...plan, baseCommit: 'b'.repeat(40) };
    toy.actions.lookUpModel({ ...wish, base_model: 'owner/name' });
    await vi.waitFor(() => expect(toy.offer()?.status).toBe('known'));
    toy.actions.fetchModel();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(1));
    expect(toy.arriving[0]).toMatchObject({
      source: 'owner/lora',
      options: {
        host: 'mirror.example',
        commit: 'c'.repeat(40),
        base_model: 'owner/name',
        base_revision: 'b'.repeat(40),
      },
    });
    toy.arriving[0].end();
    await vi.waitFor(() => expect(toy.offer()).toBeNull());
  });

  it('of an adapter that was dropped, the model alone is looked up and agreed to', async () => {
    const toy = createToy();
    const files = [new File(['{}'], 'adapter_config.json')];
    toy.actions.lookUpModel({ source: 'lora', files, base_model: 'owner/name' });
    await vi.waitFor(() => expect(toy.offer()?.status).toBe('known'));
    const [, asked] = toy.engine.ask.mock.calls.find(([question]) => question === 'planModel')!;
    expect(asked).toEqual({ source: 'owner/name' });
    toy.actions.fetchModel();
    await vi.waitFor(() => expect(toy.arriving).toHaveLength(1));
    expect(toy.arriving[0].options).toMatchObject({ files, base_revision: 'c'.repeat(40) });
    expect(toy.arriving[0].options.commit).toBeUndefined();
    toy.arriving[0].end();
    await vi.waitFor(() => expect(toy.offer()).toBeNull());
  });
});
