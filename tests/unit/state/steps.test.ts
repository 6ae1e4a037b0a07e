// Moving through a run: who looks at one step looks at the same text, token and head of the next.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type {
  AttentionMap,
  Engine,
  Input,
  LoadOptions,
  LoadedModel,
  ModelSummary,
} from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import { readLooked, writeLooked, type Looked } from '../../../src/state/persist.ts';
import { toPlainText } from '../../../src/state/tokenText.ts';
import { toPiece } from './texts.ts';
import { OWN, createToyPage, change } from './toyPage.ts';

const own = {
  name: 'toy',
  source: OWN,
  fingerprint: '0123456789abcdef',
  nLayer: 3,
  nHead: 4,
  nCtx: 64,
  vocabSize: 0x110000,
  device: { kind: 'cpu' },
} as ModelSummary;
const RUN = 'fox.seen';

function stepOf(source: string, { id, step }: { id: string; step: number }): ModelSummary {
  const origin = { kind: 'run', id: `${id}/checkpoint-${step}`, run: { id, step } };
  // While the rate rises, the first steps of a run may differ in nothing that a fingerprint takes.
  const fingerprint = `${id} ${step < 2 ? 0 : step}`;
  return { ...own, name: source, source, fingerprint, origin } as ModelSummary;
}

/** A page on an engine whose loads end when a test says so, and whose maps are full of the step they are of. */
function createToy({ looked = null }: { looked?: Looked | null } = {}) {
  const loads: { options: LoadOptions; end: (error?: EngineError) => void }[] = [];
  const asked: string[] = [];
  const probes: unknown[] = [];
  let here: LoadedModel | null = null;
  let answers = true;
  let heldBack = '';
  const engine = {
    load: (source: string, options: LoadOptions = {}) =>
      new Promise<LoadedModel>((resolve, reject) => {
        const turn = loads.length + 1;
        const end = (error?: EngineError): void => {
          if (error) return reject(error);
          const summary = options.run ? stepOf(source, options.run) : own;
          here = { ...summary, turn };
          resolve(here);
        };
        loads.push({ options, end });
      }),
    ask: (question: string, input: unknown, signal?: AbortSignal) => {
      asked.push(question);
      if (question === 'probeHeads') probes.push(input);
      if (question === 'tokenize') {
        return Promise.resolve([...(input as Input<'tokenize'>).text].map(toPiece));
      }
      if (question === 'findStored') return Promise.resolve(null);
      if (question === 'headNames' && answers) return Promise.resolve({ nLayer: 0 });
      if (question === 'atlas' && answers && heldBack !== 'atlas')
        return Promise.resolve({ cells: 1 });
      if (question === 'attentionRows' && answers) return Promise.resolve({ firstIndex: 0 });
      if (question !== 'attention' || !answers || heldBack === 'attention') {
        return new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        });
      }
      const { ids, layer, head } = input as Input<'attention'>;
      const weights = new Float32Array(ids.length ** 2).fill(here?.origin?.run?.step ?? -1);
      return Promise.resolve({ layer, head, size: ids.length, firstIndex: 0, weights });
    },
    onLost: () => () => {},
  } as unknown as Engine;
  const page = createToyPage(engine, {}, { view: { panel: 'attention' } }, null, looked);
  const state = page.store.getState;
  const front = (): AttentionMap | null => state().attention.front;
  return {
    ...page,
    loads,
    probes,
    state,
    asked,
    front,
    silence: () => (answers = false),
    holdBack: (question: string) => (heldBack = question),
    /** Ends the last load. */
    async arrive(error?: EngineError): Promise<void> {
      const count = loads.length;
      await vi.waitFor(() => expect(loads.length).toBeGreaterThan(0));
      loads.at(-1)?.end(error);
      expect(loads).toHaveLength(count);
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

/** A page that looks at step 0, at a token and a head of its own. */
async function lookingAtStep0() {
  const toy = createToy();
  void toy.actions.start();
  await toy.arrive();
  toy.actions.lookAt({ id: RUN, step: 0 }, 'Fox tales');
  await toy.arrive();
  await vi.waitFor(() => expect(toy.state().text.tokenised).toBe(true));
  toy.actions.select(1);
  toy.actions.setPins([
    { layer: 1, head: 0 },
    { layer: 2, head: 3 },
  ]);
  await vi.waitFor(() => expect(toy.state().attention.maps).toHaveLength(2));
  return toy;
}

describe('a step of a run', () => {
  it.each([1, 2])('comes with its map, its rows and its atlas in one change: %d', async (step) => {
    const toy = await lookingAtStep0();
    const seen: (readonly unknown[])[] = [];
    const { rows, atlas } = toy.state().attention;
    toy.store.subscribe(({ model, attention: now }) =>
      seen.push([
        model.here?.wish.run?.step,
        now.front?.weights[0],
        now.rows !== rows && now.atlas !== atlas,
      ]),
    );
    toy.actions.lookAt({ id: RUN, step }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0));
    expect(seen[0]).toEqual([step, step, true]);
  });

  it('comes without its map where that lets one wait, and leaves the other in its place until then', async () => {
    const toy = await lookingAtStep0();
    const seen: (readonly unknown[])[] = [];
    toy.store.subscribe(({ model, attention }) =>
      seen.push([model.here?.wish.run?.step, attention.front?.weights[0]]),
    );
    toy.holdBack('attention');
    toy.actions.lookAt({ id: RUN, step: 2 }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(seen).toContainEqual([2, 0]));
    for (const each of seen) expect(each).toEqual([2, 0]);
  });

  it('does not keep what is typed into a setting from being seen at once', async () => {
    const toy = await lookingAtStep0();
    toy.holdBack('attention');
    toy.actions.lookAt({ id: RUN, step: 2 }, 'Fox tales');
    await toy.arrive();
    toy.actions.changeSettings({ temperature: 0.5 });
    expect(toy.state().run.settings.temperature).toBe(0.5);
    expect(toy.state().model.here?.wish.run?.step).toBe(2);
  });

  it('comes beside the model that runs, by the name of its run', async () => {
    const toy = createToy();
    void toy.actions.start();
    await toy.arrive();
    toy.actions.lookAt({ id: RUN, step: 2000 }, 'Fox tales');
    expect(toy.loads[1]?.options).toMatchObject({ run: { id: RUN, step: 2000 }, device: 'auto' });
    expect(toy.state().model).toMatchObject({ at: 'here', here: { summary: { name: 'toy' } } });
    await toy.arrive();
    expect(toy.state().model).toMatchObject({
      at: 'here',
      here: { summary: { name: 'Fox tales · step 2,000' }, place: null },
    });
    await vi.waitFor(() => expect(toPlainText(toy.text.pieces)).toBe('ab'));
    expect(toy.actions.hasOtherModel()).toBe(true);
  });

  it('brings a prompt of its own text, and any other model has again what stood there', async () => {
    const toy = createToy();
    void toy.actions.start();
    await toy.arrive();
    await vi.waitFor(() => expect(toy.state().text.tokenised).toBe(true));
    const before = toy.actions.snapshot().pieces.slice();
    const texts = { starts: ['fox:', 'owl:'], probe: 'xy|xy' };
    toy.actions.lookAt({ id: RUN, step: 0 }, 'Fox tales', texts);
    await toy.arrive();
    expect(toy.state().text).toMatchObject({ prompt: 'fox:', own: 'ab' });
    await vi.waitFor(() => expect(toPlainText(toy.text.pieces)).toBe('fox:'));
    await vi.waitFor(() => expect(toy.probes.at(-1)).toEqual({ text: 'xy|xy' }));

    // What is typed there stays while the steps move, and where another run comes, it brings its own.
    toy.actions.setPrompt('fox: yip');
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    expect(toy.state().text).toMatchObject({ prompt: 'fox: yip', own: 'ab' });
    expect(toy.state().model.here?.wish.texts).toBe(texts);
    toy.actions.lookAt({ id: 'hen.seen', step: 5 }, 'Hens', { starts: ['hen:'] });
    await toy.arrive();
    expect(toy.state().text).toMatchObject({ prompt: 'hen:', own: 'ab' });

    toy.actions.takeOwnModel();
    await vi.waitFor(() => expect(toy.loads).toHaveLength(5));
    await toy.arrive();
    expect(toy.state().text).toMatchObject({ prompt: 'ab', own: null, tokenised: true });
    expect(toy.actions.snapshot().pieces).toEqual(before);
    toy.actions.undo();
    expect(toy.state().text.prompt).toBe('hen:');
  });

  it('keeps text, token, head, pins and view, and asks for no tokens', async () => {
    const toy = await lookingAtStep0();
    const { epoch, pieces } = toy.text;
    const { view, text } = toy.state();
    const tokenised = toy.asked.filter((question) => question === 'tokenize').length;
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(toy.front()?.weights[0]).toBe(5));
    expect(toy.state().view).toEqual(view);
    expect(toy.state().text).toEqual(text);
    expect([toy.text.epoch, toy.text.pieces]).toEqual([epoch, pieces]);
    expect(toy.asked.filter((question) => question === 'tokenize')).toHaveLength(tokenised);
  });

  it('that brings the same settings changes none, so that no knob is drawn anew', async () => {
    const toy = await lookingAtStep0();
    const { settings } = toy.state().run;
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(toy.front()?.weights[0]).toBe(5));
    expect(toy.state().run.settings).toBe(settings);
  });

  it('shows the maps of the step before until it has answered, and no others', async () => {
    const toy = await lookingAtStep0();
    toy.silence();
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    expect(toy.state().attention.maps.map(({ weights }) => weights[0])).toEqual([0, 0]);
    // Another head of the step before is not there, and is not made up.
    toy.actions.focusHead({ layer: 0, head: 0 });
    expect(toy.state().attention.maps).toHaveLength(2);
  });

  it('changes rows, maps and atlas in one change, and asks for names when that is drawn', async () => {
    const toy = await lookingAtStep0();
    await vi.waitFor(() => expect(toy.asked).toContain('headNames'));
    toy.asked.length = 0;
    const changes: string[][] = [];
    toy.store.subscribe(({ attention: now }, { attention: old }) => {
      const parts = (['rows', 'maps', 'atlas'] as const).filter((part) => now[part] !== old[part]);
      if (parts.length > 0) changes.push(parts);
    });
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(toy.front()?.weights[0]).toBe(5));
    expect(changes).toEqual([['rows', 'maps', 'atlas']]);
    expect(toy.asked).not.toContain('headNames');
    await vi.waitFor(() => expect(toy.asked).toContain('headNames'));
  });

  it('shows what has come where the rest of it takes long', async () => {
    const toy = await lookingAtStep0();
    await vi.waitFor(() => expect(toy.state().attention.atlas).not.toBeNull());
    toy.holdBack('atlas');
    const { atlas } = toy.state().attention;
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    await vi.waitFor(() => expect(toy.front()?.weights[0]).toBe(5));
    expect(toy.state().attention.atlas).toBe(atlas);
  });

  it('gives way to another model like any other', async () => {
    const toy = await lookingAtStep0();
    toy.actions.lookAt({ id: 'owl.seen', step: 0 }, 'Owls');
    await toy.arrive();
    expect(toy.state().view.selected).toBeNull();
    await vi.waitFor(() => expect(toPlainText(toy.text.pieces)).toBe('ab'));
    toy.actions.takeOwnModel();
    await toy.arrive();
    expect(toy.state().model).toMatchObject({ at: 'here', here: { summary: { name: 'toy' } } });
  });

  it('that is asked for while another comes waits, and only the last of them is loaded', async () => {
    const toy = await lookingAtStep0();
    for (const step of [1, 2, 5, 10]) toy.actions.lookAt({ id: RUN, step }, 'Fox tales');
    expect(toy.loads.slice(2).map(({ options }) => options.run?.step)).toEqual([1]);
    await toy.arrive();
    await vi.waitFor(() => expect(toy.loads).toHaveLength(4));
    await toy.arrive();
    expect(toy.loads.slice(2).map(({ options }) => options.run?.step)).toEqual([1, 10]);
    expect(toy.state().model).toMatchObject({ here: { summary: { fingerprint: `${RUN} 10` } } });
  });

  it('that cannot be read leaves the one that is here, and is asked for again', async () => {
    const toy = await lookingAtStep0();
    const gone = new EngineError('There is no checkpoint of step 5.', {
      code: 'storage/key',
      hint: 'It may have been deleted.',
    });
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive(gone);
    expect(toy.state().model).toMatchObject({ at: 'here', here: { wish: { run: { step: 0 } } } });
    expect(toy.state().page.problem?.info.message).toContain('step 5');
    expect(toy.state().view.selected).toBe(1);
    toy.actions.tryAgain();
    await vi.waitFor(() => expect(toy.loads.at(-1)?.options.run?.step).toBe(5));
    await toy.arrive();
    expect(toy.state().model).toMatchObject({ here: { wish: { run: { step: 5 } } } });
  });

  it('has another precision by loading it again, and stays the step that it is', async () => {
    const toy = await lookingAtStep0();
    toy.actions.takeDtype('q8');
    await vi.waitFor(() => expect(toy.loads).toHaveLength(3));
    expect(toy.loads[2]?.options).toMatchObject({ dtype: 'q8', run: { id: RUN, step: 0 } });
    await toy.arrive();
    // So are the steps after it.
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    expect(toy.loads[3]?.options).toMatchObject({ dtype: 'q8', run: { id: RUN, step: 5 } });
  });

  it('is named by no link', async () => {
    const toy = await lookingAtStep0();
    expect(toy.actions.makeLink().hash).not.toMatch(/fox/iu);
  });

  it('forgets what was measured of the weights before', async () => {
    const toy = await lookingAtStep0();
    const cost = { dtype: 'q8' } as never;
    change(toy.store, { measured: { costs: { q8: cost } } });
    toy.actions.lookAt({ id: RUN, step: 5 }, 'Fox tales');
    await toy.arrive();
    expect(toy.state().measured.costs).toEqual({});
    expect(toy.state().check.found).toBeNull();
  });
});

describe('a tab that looked at a step', () => {
  afterEach(() => vi.unstubAllGlobals());
  const texts = { starts: ['The fox', 'Once'], probe: 'ab|ab' };
  const wish = { source: 'Fox tales · step 5', run: { id: RUN, step: 5 }, texts };
  const looked: Looked = { wish, own: 'My own words' };

  it('comes back to it', async () => {
    const toy = createToy({ looked });
    void toy.actions.start();
    await toy.arrive();
    expect(toy.loads.map(({ options }) => options.run)).toEqual([wish.run]);
    expect(toy.state().model).toMatchObject({
      at: 'here',
      here: { summary: { name: wish.source } },
    });
    // Its text is what was read from the storage; another model has what stood there before.
    expect(toy.state().text).toMatchObject({ prompt: 'ab', own: looked.own });
    toy.actions.takeOwnModel();
    await vi.waitFor(() => expect(toy.loads).toHaveLength(2));
    await toy.arrive();
    expect(toy.state().text).toMatchObject({ prompt: looked.own, own: null });
  });

  it('has the page’s own model where the run is gone, and says so', async () => {
    const toy = createToy({ looked });
    void toy.actions.start();
    await toy.arrive(new EngineError('It is not here.', { code: 'storage/key', hint: 'Look.' }));
    await vi.waitFor(() => expect(toy.loads).toHaveLength(2));
    await toy.arrive();
    expect(toy.state().model).toMatchObject({ at: 'here', here: { summary: { name: 'toy' } } });
    expect(toy.state().page.notes).toEqual([
      'Fox tales · step 5 cannot be shown again: It is not here.',
    ]);
  });

  it('knows it by its own storage, and trusts no other value in there', () => {
    const values = new Map<string, string>();
    vi.stubGlobal('sessionStorage', {
      getItem: (name: string) => values.get(name) ?? null,
      setItem: (name: string, value: string) => void values.set(name, value),
      removeItem: (name: string) => void values.delete(name),
    });
    writeLooked({ ...wish, dtype: 'q8' }, looked.own);
    expect(readLooked()).toEqual(looked);
    const [name = ''] = values.keys();
    for (const bad of [
      '',
      '{',
      '[]',
      '{"run":{"id":"a","step":1}}',
      '{"source":"a","run":{"id":1}}',
    ]) {
      values.set(name, bad);
      expect(readLooked()).toBeNull();
    }
    writeLooked(wish, null);
    writeLooked({ source: 'openai-community/gpt2' }, null);
    expect(readLooked()).toBeNull();
  });
});
