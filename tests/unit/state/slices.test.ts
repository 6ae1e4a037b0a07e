// The slices of the lens, the sampler and the switches on a toy engine: what they ask, when, and for what.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Engine,
  Input,
  LensCell,
  LensColumns,
  LensCurve,
  ModelSummary,
  ResidualNorms,
  SweepEvent,
  TokenPiece,
} from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import { createPace } from '../../../src/state/pace.ts';
import { isUnseen, lensFocus } from '../../../src/state/facts/lens.ts';
import { partsOfAll, partsOfLayer, partWords } from '../../../src/state/facts/parts.ts';
import { createLens, windowFrom } from '../../../src/state/slices/lens.ts';
import { createParts } from '../../../src/state/slices/parts.ts';
import { createSampler } from '../../../src/state/slices/sampler.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { append, truncate } from '../../../src/state/tokenText.ts';
import { change, createContext, toHere } from './toyPage.ts';

const L = 3;
const toPiece = (id: number): TokenPiece => ({ id, bytes: [97], text: `t${id}`, special: false });

/** Every cell's guess is its position · 10 + depth. */
function toColumns({ from, count }: Input<'lens'>): LensColumns {
  const depths = L + 1;
  const tokens = new Uint32Array(count * depths);
  for (let c = 0; c < count; c++) {
    for (let d = 0; d < depths; d++) tokens[c * depths + d] = (from + c) * 10 + d;
  }
  const logprobs = new Float32Array(count * depths).fill(Math.log(0.5));
  return { firstIndex: 0, from, count, depths, tokens, logprobs, pieces: [...tokens].map(toPiece) };
}

function createToy() {
  const { store, text } = createAppStore(
    { settings: {}, prompt: '', localEngine: false, notes: [] },
    null,
  );
  let columnsOf: (input: Input<'lens'>) => LensColumns | Promise<LensColumns> = toColumns;
  const ask = vi.fn((question: string, input: unknown): Promise<unknown> => {
    if (question === 'lens') return Promise.resolve(columnsOf(input as Input<'lens'>));
    if (question === 'tokenize') return Promise.resolve([toPiece(7), toPiece(8)]);
    if (question === 'distribution') return Promise.resolve({ top: [{ piece: toPiece(9) }] });
    return Promise.resolve({ question });
  });
  let events: SweepEvent[] = [];
  const engine = {
    ask,
    async *sweep({ signal }: { signal?: AbortSignal }) {
      for (const event of events) {
        await new Promise((resolve) => setTimeout(resolve));
        if (signal?.aborted) return;
        yield event;
      }
    },
  } as unknown as Engine;
  const { context, of } = createContext(engine, store, text);
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) append(text, toPiece(i), -1, 1);
    change(store, { text: { length: text.pieces.length, epoch: text.epoch } });
  };
  change(store, {
    model: toHere({ nLayer: L, nHead: 2, nCtx: 64 } as ModelSummary),
    text: { tokenised: true },
  });
  const asked = (name: string) => ask.mock.calls.filter(([n]) => n === name).map(([, i]) => i);
  return {
    store,
    text,
    context,
    of,
    write,
    asked,
    answerLens: (answer: typeof columnsOf) => {
      columnsOf = answer;
    },
    say: (said: SweepEvent[]) => {
      events = said;
    },
  };
}

describe('the lens', () => {
  let toy = createToy();
  beforeEach(() => {
    toy = createToy();
  });

  it('asks nothing while its view is closed', async () => {
    const { slice } = createLens(toy.of('lens'));
    toy.write(4);
    slice.refresh();
    slice.onToken?.();
    await Promise.resolve();
    expect(toy.asked('lens')).toHaveLength(0);
  });

  it('asks for the newest column in sight first, then for ever more, and for each once', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice, actions } = createLens(toy.of('lens'));
    toy.write(30);
    actions.fitLens(12);
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens')).toHaveLength(4));
    expect(toy.asked('lens')).toMatchObject([
      { from: 29, count: 1 },
      { from: 27, count: 2 },
      { from: 23, count: 4 },
      { from: 18, count: 5 },
    ]);
    await vi.waitFor(() => {
      const { shown: lens } = toy.store.getState().lens;
      expect(lens).toMatchObject({ from: 18, count: 12, depths: L + 1 });
      expect([...(lens?.logprobs ?? [])].some(Number.isNaN)).toBe(false);
      expect(lens?.tokens[0]).toBe(180);
    });
    slice.refresh();
    toy.write(1);
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens')).toHaveLength(5));
    expect(toy.asked('lens')[4]).toMatchObject({ from: 30, count: 1 });
  });

  it('shows the first column before the second question is answered', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(4);
    let answers = 0;
    toy.answerLens((input) =>
      ++answers > 1 ? new Promise<LensColumns>(() => {}) : toColumns(input),
    );
    slice.refresh();
    await vi.waitFor(() => expect(answers).toBe(2));
    const logprobs = [...(toy.store.getState().lens.shown?.logprobs ?? [])];
    expect(logprobs.map(Number.isNaN)).toEqual(Array.from({ length: 16 }, (_, i) => i < 12));
  });

  it('asks for all it may while tokens stream: it is asked again a second later', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(9);
    toy.context.work('run', true);
    slice.onToken?.();
    await vi.waitFor(() => expect(toy.asked('lens')).toMatchObject([{ from: 1, count: 8 }]));
  });

  it('forgets its columns when tokens were replaced or parts are off', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(4);
    const all = [
      { from: 3, count: 1 },
      { from: 1, count: 2 },
      { from: 0, count: 1 },
    ];
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens')).toMatchObject(all));
    change(toy.store, { view: { off: [{ part: 'mlp', layer: 0, by: 'zero' }] } });
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens')).toMatchObject([...all, ...all]));
    truncate(toy.text, 2);
    toy.write(2);
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens')).toMatchObject([...all, ...all, ...all]));
  });

  it('opens a cell, and the cell follows the selection at its depth', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice, actions } = createLens(toy.of('lens'));
    toy.write(6);
    actions.openLens({ position: 3, depth: 99 });
    expect(toy.store.getState().lens.at).toEqual({ position: 3, depth: L });
    await vi.waitFor(() =>
      expect(toy.asked('lensCell')).toMatchObject([{ position: 3, depth: L }]),
    );
    change(toy.store, { view: { selected: 1 } });
    slice.refresh();
    expect(toy.store.getState().lens.at).toEqual({ position: 1, depth: L });
    expect(lensFocus(toy.store.getState())).toBe(1);
  });

  it('follows the first token of a word', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { actions } = createLens(toy.of('lens'));
    toy.write(6);
    actions.followWord('fox');
    await vi.waitFor(() =>
      expect(toy.asked('lensCurve')).toMatchObject([{ token: 7, position: 5 }]),
    );
    expect(toy.asked('tokenize')).toEqual([{ text: ' fox', isWithin: true }]);
    expect(toy.store.getState().lens.pieces).toHaveLength(2);
  });

  it('asks nothing about a token that the model no longer sees', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(30);
    change(toy.store, {
      text: { firstVisible: 10 },
      lens: {
        at: { position: 4, depth: 1 },
        pieces: [toPiece(7)],
        cell: {} as LensCell,
        norms: {} as ResidualNorms,
        curve: {} as LensCurve,
      },
    });
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('lens').length).toBeGreaterThan(0));
    for (const one of ['lensCell', 'lensCurve', 'residualNorms']) {
      expect(toy.asked(one)).toHaveLength(0);
    }
    expect(toy.store.getState()).toMatchObject({ lens: { cell: null, curve: null, norms: null } });
    expect(isUnseen(toy.store.getState())).toBe(true);
  });

  it('shows nothing of another text under this one’s words', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice, actions } = createLens(toy.of('lens'));
    toy.write(4);
    actions.openLens({ position: 3, depth: 1 });
    await vi.waitFor(() => expect(toy.store.getState().lens.norms).not.toBeNull());
    await vi.waitFor(() => expect(toy.store.getState().lens.cell).not.toBeNull());
    // Another tab is open while the text changes.
    change(toy.store, { view: { panel: 'attention' } });
    truncate(toy.text, 2);
    toy.write(2);
    change(toy.store, { view: { panel: 'lens' } });
    slice.refresh();
    expect(toy.store.getState().lens).toMatchObject({ norms: null, cell: null, curve: null });
  });

  it('never changes what it once put into the store', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice, actions } = createLens(toy.of('lens'));
    toy.write(30);
    actions.fitLens(4);
    slice.refresh();
    await vi.waitFor(() => expect(toy.store.getState().lens.shown?.pieces.size).toBeGreaterThan(0));
    const first = toy.store.getState().lens.shown?.pieces ?? new Map<number, TokenPiece>();
    const before = [...first.keys()];
    actions.scrollLens(0);
    await vi.waitFor(() =>
      expect(toy.store.getState().lens.shown?.pieces.size).toBeGreaterThan(before.length),
    );
    expect([...first.keys()]).toEqual(before);
  });

  it('says nothing of a window that moved on while it was asked about', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    toy.context.engine.ask = () =>
      Promise.reject(new EngineError('Out of sight.', { code: 'inspect/position' }));
    const report = vi.fn();
    const { slice } = createLens({ ...toy.of('lens'), report });
    toy.write(3);
    slice.refresh();
    await new Promise((resolve) => setTimeout(resolve));
    expect(report).not.toHaveBeenCalled();
  });

  it('does not ask again for what an answer left empty, and takes its window', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(6);
    toy.answerLens((input) => ({ ...toColumns({ ...input, count: 0 }), firstIndex: 2 }));
    slice.refresh();
    await vi.waitFor(() => expect(toy.store.getState().text.firstVisible).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(toy.asked('lens').length).toBeLessThanOrEqual(2);
  });

  it('forgets the columns of an older window', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice } = createLens(toy.of('lens'));
    toy.write(6);
    slice.refresh();
    await vi.waitFor(() => expect(toy.store.getState().lens.shown?.logprobs[0]).not.toBeNaN());
    toy.answerLens((input) => ({ ...toColumns(input), firstIndex: 2 }));
    change(toy.store, { text: { firstVisible: 2 } });
    const before = toy.asked('lens').length;
    slice.refresh();
    await vi.waitFor(() =>
      expect(toy.asked('lens').slice(before)).toMatchObject([
        { from: 5, count: 1 },
        { from: 3, count: 2 },
        { from: 2, count: 1 },
      ]),
    );
  });

  it('cuts the word anew for another model', async () => {
    change(toy.store, { view: { panel: 'lens' } });
    const { slice, actions } = createLens(toy.of('lens'));
    toy.write(6);
    actions.followWord('fox');
    await vi.waitFor(() => expect(toy.asked('tokenize')).toHaveLength(1));
    await vi.waitFor(() => expect(toy.store.getState().lens.pieces).toHaveLength(2));
    slice.reset?.();
    expect(toy.store.getState().lens.pieces).toEqual([]);
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('tokenize')).toHaveLength(2));
    await vi.waitFor(() => expect(toy.store.getState().lens.pieces).toHaveLength(2));
    slice.refresh();
    expect(toy.asked('tokenize')).toHaveLength(2);
  });

  it('keeps the window among the tokens that the model sees', () => {
    const text = { room: 8, first: 10, length: 40 };
    expect(windowFrom({ ...text, wanted: null })).toBe(32);
    expect(windowFrom({ ...text, wanted: 3 })).toBe(10);
    expect(windowFrom({ ...text, wanted: 39 })).toBe(32);
    expect(windowFrom({ room: 8, first: 0, length: 3, wanted: null })).toBe(0);
  });
});

describe('the pace of a view', () => {
  it('asks once a second, and leaves four times its own duration to the stream', async () => {
    let now = 0;
    const pace = createPace({ now: () => now });
    expect(pace.due()).toBe(true);
    await pace.timed(() => Promise.resolve());
    expect(pace.due()).toBe(false);
    now = 1000;
    expect(pace.due()).toBe(true);
    await pace.timed(() => {
      now = 2000;
      return Promise.resolve();
    });
    now = 5999;
    expect(pace.due()).toBe(false);
    now = 6000;
    expect(pace.due()).toBe(true);
  });
});

describe('the sampler’s steps', () => {
  it('take the seed of the run that wrote the token, else of the settings, and follow a slider', async () => {
    const toy = createToy();
    change(toy.store, { view: { panel: 'sampling' } });
    const { slice } = createSampler(toy.of('sampler'));
    toy.write(2);
    const { settings } = toy.store.getState().run;
    append(toy.text, toPiece(5), -1, 1, { seed: 11, settings, off: [] });
    change(toy.store, { text: { length: 3 }, view: { selected: 2 } });
    slice.refresh();
    await vi.waitFor(() => expect(toy.asked('samplerSteps')).toMatchObject([{ seed: 11 }]));
    await vi.waitFor(() =>
      expect(toy.store.getState().sampler.shown).toMatchObject({ at: 2, seedOf: 'run' }),
    );
    change(toy.store, { view: { selected: 1 } });
    slice.refresh();
    await vi.waitFor(() => expect(toy.store.getState().sampler.shown?.seedOf).toBe('none'));
    change(toy.store, { run: { settings: { ...settings, seed: 4, top_k: 3 } } });
    await vi.waitFor(() => expect(toy.store.getState().sampler.shown?.seedOf).toBe('settings'));
    expect(toy.asked('samplerSteps').at(-1)).toMatchObject({ seed: 4, options: { top_k: 3 } });
  });
});

describe('the switches', () => {
  it('keep a part once, sorted, and say its name', () => {
    const toy = createToy();
    const { actions } = createParts(toy.of('parts'));
    actions.togglePart({ part: 'mlp', layer: 0, by: 'zero' });
    actions.togglePart({ part: 'head', layer: 0, head: 0, by: 'zero' });
    actions.togglePart({ part: 'head', layer: 0, head: 1, by: 'mean' });
    expect(toy.store.getState().view.off).toHaveLength(3);
    // On again, whatever stood in its place.
    actions.togglePart({ part: 'head', layer: 0, head: 0, by: 'mean' });
    expect(toy.store.getState().view.off.map(partWords)).toEqual(['head 0.1 · mean', 'MLP 0']);
    actions.replaceBy('mean');
    expect(toy.store.getState().view.off.map(partWords)).toEqual([
      'head 0.1 · mean',
      'MLP 0 · mean',
    ]);
    actions.togglePart({ part: 'mlp', layer: 0, by: 'mean' });
    actions.everythingOn();
    expect(toy.store.getState()).toMatchObject({ view: { off: [] }, parts: { comparison: null } });
    expect(toy.context.refreshAll).toHaveBeenCalledTimes(7);
  });

  it('go off and on together: what lacks goes off first, others stay as they are', () => {
    const toy = createToy();
    const { actions } = createParts(toy.of('parts'));
    const names = () => toy.store.getState().view.off.map(partWords);
    actions.togglePart({ part: 'mlp', layer: 0, by: 'mean' });
    actions.toggleTogether(partsOfAll('mlp', L));
    expect(names()).toEqual(['MLP 0 · mean', 'MLP 1', 'MLP 2']);
    actions.toggleTogether(partsOfLayer(1));
    expect(names()).toEqual(['MLP 0 · mean', 'attention 1', 'MLP 1', 'MLP 2']);
    actions.toggleTogether(partsOfLayer(1));
    expect(names()).toEqual(['MLP 0 · mean', 'MLP 2']);
    actions.toggleTogether(partsOfAll('mlp', L));
    actions.toggleTogether(partsOfAll('mlp', L));
    expect(names()).toEqual([]);
  });

  it('compare only while something is off, and drop parts that a model does not have', async () => {
    const toy = createToy();
    const { slice, actions } = createParts(toy.of('parts'));
    toy.write(3);
    slice.refresh();
    expect(toy.asked('compare')).toHaveLength(0);
    actions.setOff([
      { part: 'head', layer: 0, head: 1, by: 'zero' },
      { part: 'head', layer: 0, head: 7, by: 'zero' },
    ]);
    slice.refresh();
    expect(toy.store.getState().view.off).toHaveLength(1);
    await vi.waitFor(() => expect(toy.asked('compare')).toHaveLength(1));
    expect(toy.asked('compare')[0]).toMatchObject({ ids: [0, 1, 2] });
    // What was measured with other parts off goes with them.
    await vi.waitFor(() => expect(toy.store.getState().parts.comparison).not.toBeNull());
    actions.togglePart({ part: 'mlp', layer: 0, by: 'zero' });
    expect(toy.store.getState().parts.comparison).toBeNull();
  });

  it('cancel a sweep whose base is not known yet', async () => {
    const toy = createToy();
    const { actions } = createParts(toy.of('parts'));
    toy.write(3);
    toy.say([{ type: 'base', value: -1, target: toPiece(9), against: null, parts: 4 * L }]);
    actions.startSweep();
    expect(toy.store.getState()).toMatchObject({
      parts: { sweep: null },
      busy: new Set(['sweep']),
    });
    actions.stopSweep();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(toy.store.getState()).toMatchObject({
      parts: { sweep: null },
      busy: new Set(),
    });
  });

  it('sweep the parts, keep what was done when cancelled, and forget it with the text', async () => {
    const toy = createToy();
    const { slice, actions } = createParts(toy.of('parts'));
    toy.write(3);
    toy.say([
      { type: 'base', value: -1, target: toPiece(9), against: null, parts: 4 * L },
      { type: 'part', part: 'head', layer: 2, head: 1, delta: -0.5, done: 1 },
      { type: 'part', part: 'head', layer: 2, head: 0, delta: 0.25, done: 2 },
      { type: 'part', part: 'mlp', layer: 2, delta: -3, done: 3 },
    ]);
    const leave = toy.store.subscribe((now) => {
      if (now.parts.sweep?.done === 1 && now.parts.sweep.running) actions.stopSweep();
    });
    actions.startSweep();
    await vi.waitFor(() => expect(toy.store.getState().parts.sweep?.running).toBe(false));
    leave();
    const { sweep } = toy.store.getState().parts;
    expect(sweep).toMatchObject({ running: false, done: 1, at: 3, nLayer: L, nHead: 2, base: -1 });
    expect(sweep?.target.id).toBe(9);
    expect(sweep?.deltas[2 * 2 + 1]).toBe(-0.5);
    expect(sweep?.deltas[2 * 2]).toBeNaN();
    actions.startSweep();
    await vi.waitFor(() => expect(toy.store.getState().parts.sweep).toMatchObject({ done: 3 }));
    await vi.waitFor(() => expect(toy.store.getState().parts.sweep?.running).toBe(false));
    expect(toy.store.getState().parts.sweep?.wholes[2 * 2 + 1]).toBe(-3);
    expect(toy.store.getState().parts.sweep?.wholes[2 * 2]).toBeNaN();
    slice.refresh();
    expect(toy.store.getState().parts.sweep).not.toBeNull();
    truncate(toy.text, 1);
    slice.refresh();
    expect(toy.store.getState().parts.sweep).toBeNull();
  });
});
