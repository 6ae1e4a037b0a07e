// The self-check: when it is asked for, whom it gives way to, and what follows where it fails.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Engine,
  GenerateEvent,
  LoadOptions,
  ModelSummary,
  SelfCheck,
} from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import { createPage } from '../../../src/state/page.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { toPiece } from './texts.ts';
import { change } from './toyPage.ts';

const OWN = 'https://glass.example/models/toy';
const ELSEWHERE = 'https://elsewhere.example/models/toy';

const model = {
  source: OWN,
  name: 'toy',
  nLayer: 2,
  nHead: 2,
  nCtx: 64,
  vocabSize: 0x110000,
  dtype: 'fp16',
  device: { kind: 'webgpu' },
} as ModelSummary;

const right = { passed: true, report: 'right' } as SelfCheck;
const wrong = { passed: false, report: 'wrong', dtype: 'fp16' } as SelfCheck;

function createToy(again: Partial<ModelSummary> = {}) {
  const { store, text } = createAppStore(
    { settings: {}, prompt: 'ab', localEngine: false, notes: [] },
    null,
  );
  change(store, { view: { panel: '' } });
  const checks: {
    readonly signal: AbortSignal;
    readonly end: (check: SelfCheck) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  let endRun = (): void => {};
  const engine = {
    load: vi.fn((_: string, { selfCheck }: LoadOptions = {}) =>
      Promise.resolve(selfCheck ? { ...model, ...again } : model),
    ),
    ask: vi.fn((question: string, input: { text: string }, signal: AbortSignal) => {
      if (question === 'tokenize') return Promise.resolve([...input.text].map(toPiece));
      if (question === 'planModel') return Promise.resolve({ kind: 'folder', totalBytes: 9e8 });
      if (question === 'findStored') return Promise.resolve(null);
      if (question !== 'selfCheck') return new Promise(() => {});
      return new Promise((end, fail) => {
        checks.push({ signal, end, fail });
        signal.addEventListener('abort', () => fail(signal.reason as Error));
      });
    }),
    async *generate(): AsyncGenerator<GenerateEvent> {
      await new Promise<void>((resolve) => {
        endRun = resolve;
      });
      yield { type: 'done', reason: 'length' };
    },
    onLost: () => () => {},
  };
  const actions = createPage({
    engine: engine as unknown as Engine,
    store,
    text,
    ownSource: OWN,
    base: 'https://glass.example/',
    savedTree: null,
    savedOver: null,
    frame: (callback) => setTimeout(callback),
  });
  return { store, engine, actions, checks, endRun: () => endRun(), state: () => store.getState() };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {}, removeItem: () => {} });
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(2500);

describe('the self-check', () => {
  it('is made once, after the page has come to rest', async () => {
    const toy = createToy();
    await toy.actions.start();
    await vi.advanceTimersByTimeAsync(1500);
    expect(toy.checks).toHaveLength(0);
    await rest();
    expect(toy.state().busy.has('check')).toBe(true);
    toy.checks[0]?.end(right);
    await rest();
    expect(toy.state()).toMatchObject({
      check: { found: right, failed: [] },
      busy: new Set(),
    });
    toy.actions.select(0);
    await rest();
    expect(toy.checks).toHaveLength(1);
  });

  it('that passed is not made again on the next visit, until it is asked for; one that failed is', async () => {
    const stored = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    });
    const found = { ...right, against: 'reference', top1: 1, klBits: 0, maxDifference: 0, ms: 9 };
    const visit = async (): Promise<ReturnType<typeof createToy>> => {
      const toy = createToy();
      await toy.actions.start();
      await rest();
      return toy;
    };
    const first = await visit();
    first.checks[0]?.end(found as SelfCheck);
    await rest();
    expect(first.state().check.at).toBeNull();

    const second = await visit();
    expect(second.checks).toHaveLength(0);
    expect(second.state().check).toMatchObject({ found, failed: [] });
    expect(second.state().check.at).toBeLessThan(Date.now());
    second.actions.checkModel();
    await rest();
    expect(second.checks).toHaveLength(1);
    second.checks[0]?.end(wrong);
    await rest();

    const third = await visit();
    expect(third.checks).toHaveLength(1);
    third.checks[0]?.end(found as SelfCheck);
    await rest();
    // Neither after a month, nor where somebody else wrote there.
    vi.setSystemTime(Date.now() + 31 * 24 * 3600 * 1000);
    expect((await visit()).checks).toHaveLength(1);
    for (const broken of ['{', '[{}]', `[{"of":"","at":1,"found":{"passed":true}}]`]) {
      stored.set('glass-gpt.checks', broken);
      // oxlint-disable-next-line no-await-in-loop -- one visit after the other
      expect((await visit()).checks).toHaveLength(1);
    }
  });

  it('is not begun beside a run, but when that has ended', async () => {
    const toy = createToy();
    await toy.actions.start();
    await vi.advanceTimersByTimeAsync(1500);
    toy.actions.generate();
    await rest();
    await rest();
    expect(toy.state()).toMatchObject({ busy: new Set(['run']) });
    expect(toy.checks).toHaveLength(0);
    toy.endRun();
    await rest();
    expect(toy.checks).toHaveLength(1);
  });

  it('that has begun goes on beside what people do: the engine lets them pass', async () => {
    const toy = createToy();
    await toy.actions.start();
    await rest();
    toy.actions.select(1);
    toy.actions.openPanel('lens');
    toy.actions.generate();
    await rest();
    expect(toy.state()).toMatchObject({ busy: new Set(['check', 'run']) });
    toy.endRun();
    await rest();
    await rest();
    expect(toy.checks).toHaveLength(1);
    expect(toy.checks[0]?.signal.aborted).toBe(false);
    toy.checks[0]?.end(right);
    await rest();
    expect(toy.state().check).toMatchObject({ found: right, error: null });
    expect(toy.checks).toHaveLength(1);
  });

  it('ends with its model, and the next one has its own', async () => {
    const toy = createToy();
    await toy.actions.start();
    await rest();
    toy.actions.takeDtype('fp32');
    expect(toy.checks[0]?.signal.aborted).toBe(true);
    await rest();
    expect(toy.checks).toHaveLength(2);
    expect(toy.state().check.error).toBeNull();
  });

  it('is not made again where loading made it', async () => {
    const toy = createToy();
    toy.engine.load.mockResolvedValue({ ...model, check: right });
    await toy.actions.start();
    await rest();
    expect(toy.checks).toHaveLength(0);
    expect(toy.state().check.found).toBe(right);
  });

  it('loads the model in a simpler way where it fails, and says what failed', async () => {
    const second = { ...right, dtype: 'fp32' } as SelfCheck;
    const toy = createToy({ dtype: 'fp32', check: second, failedChecks: [wrong] });
    await toy.actions.start();
    await rest();
    toy.checks[0]?.end(wrong);
    await rest();
    expect(toy.engine.load).toHaveBeenLastCalledWith(
      OWN,
      expect.objectContaining({ selfCheck: true }),
    );
    expect(toy.state()).toMatchObject({
      model: { at: 'here', here: { summary: { dtype: 'fp32' } } },
      check: { found: second, failed: [wrong] },
    });
    expect(toy.checks).toHaveLength(1);
  });

  it('that fails only once is no less a finding', async () => {
    const toy = createToy({ check: right });
    await toy.actions.start();
    await rest();
    toy.checks[0]?.end(wrong);
    await rest();
    expect(toy.state()).toMatchObject({ check: { found: right, failed: [wrong] } });
  });

  it('asks no further where nothing simpler computes rightly, or can be loaded', async () => {
    const none = createToy({ check: wrong });
    await none.actions.start();
    await rest();
    none.checks[0]?.end(wrong);
    await rest();
    await rest();
    expect(none.engine.load).toHaveBeenCalledTimes(2);
    expect(none.state()).toMatchObject({ check: { found: wrong, failed: [] } });

    const gone = createToy();
    await gone.actions.start();
    gone.engine.load.mockRejectedValue(new EngineError('Gone.', { code: 'network/not-found' }));
    await rest();
    gone.checks[0]?.end(wrong);
    await rest();
    await rest();
    expect(gone.engine.load).toHaveBeenCalledTimes(2);
    expect(gone.state()).toMatchObject({
      check: { found: wrong },
      model: { at: 'here' },
    });
  });

  it('that fails fetches nothing again from another site: what is here stays', async () => {
    const toy = createToy();
    await toy.actions.start();
    toy.actions.lookUpModel({ source: ELSEWHERE });
    await rest();
    toy.actions.fetchModel();
    await rest();
    expect(toy.state()).toMatchObject({ model: { at: 'here', wish: { source: ELSEWHERE } } });
    toy.checks.at(-1)?.end(wrong);
    await rest();
    expect(toy.engine.load).toHaveBeenCalledTimes(2);
    expect(toy.state()).toMatchObject({
      check: { found: wrong },
      model: { at: 'here' },
      models: { offer: null },
    });
  });

  it('that could not be made is no failure, and may be asked for again', async () => {
    const toy = createToy();
    await toy.actions.start();
    await rest();
    toy.checks[0]?.fail(new EngineError('No room.', { code: 'device/out-of-memory' }));
    await rest();
    expect(toy.state()).toMatchObject({ check: { found: null, error: { message: 'No room.' } } });
    expect(toy.checks).toHaveLength(1);
    toy.actions.checkModel();
    toy.checks[1]?.end(right);
    await rest();
    expect(toy.state()).toMatchObject({ check: { found: right, error: null } });
  });
});
