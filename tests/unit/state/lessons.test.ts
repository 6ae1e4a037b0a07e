// The lessons borrow the page: a learner finds it again as it was, on the model that comes with it.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Engine } from '../../../src/api.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import type { Saved } from '../../../src/state/persist.ts';
import { toPlainText } from '../../../src/state/tokenText.ts';
import type { UrlState } from '../../../src/state/urlState.ts';
import { createToyPage } from './toyPage.ts';

const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;
const FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];

let local: LocalEngine;
let engine: Engine;
beforeAll(() => {
  local = new LocalEngine();
  const files = FILES.map((name) => new File([readFileSync(`${TALES}/${name}`)], name));
  engine = {
    load: async () => local.load('tales', { device: 'cpu', files }),
    ask: async (question, input, signal, turn) => local.ask(question, input, signal, turn),
    generate: (request) => local.generate(request),
    sweep: (request) => local.sweep(request),
    save: (request) => local.save(request),
    onLost: (listener) => local.onLost(listener),
    dispose: async () => local.dispose(),
  };
});
afterAll(async () => local.dispose());

async function openPage(url: Partial<UrlState> = {}, saved: Saved | null = null) {
  const page = createToyPage(engine, url, {}, saved);
  await page.actions.start();
  const { store, text, actions } = page;
  const settled = async (): Promise<void> =>
    vi.waitFor(() => {
      const { busy, text: now, next } = store.getState();
      expect(busy.has('run')).toBe(false);
      expect(now.tokenised).toBe(true);
      expect(next.distribution).not.toBeNull();
    });
  await settled();
  /** All that a learner would miss. */
  const looks = () => {
    const { view, run, parts, text: now } = store.getState();
    return {
      view,
      settings: run.settings,
      chosen: run.chosen,
      by: parts.by,
      way: parts.next.way,
      words: toPlainText(text.pieces),
      prompt: now.prompt,
      branches: now.branches.length,
      setAside: now.setAside,
    };
  };
  return { ...page, actions, settled, looks };
}

test('a text with branches, knobs, a selected token and parts that are off stand again as they were', async () => {
  const { store, text, actions, settled, looks } = await openPage({
    settings: { max_new_tokens: 6, temperature: 1.2, seed: 7 },
    prompt: 'The wolf came',
  });
  actions.togglePart({ part: 'mlp', layer: 3, by: 'mean' });
  actions.generate();
  await settled();
  actions.changeSettings({ seed: 8 });
  actions.regenerate();
  await settled();
  actions.openPanel('lens');
  actions.replaceBy('mean');
  actions.setNextSweep({ way: 'direct' });
  actions.select(4);
  actions.setPins([{ layer: 2, head: 3 }]);
  const before = looks();
  expect(before.branches).toBe(2);
  const { runs } = text;

  actions.learn(4);
  actions.beginStep('Once upon a', { panel: 'parts' });
  await settled();
  // It begins with the knobs of the learner, and with every part on.
  expect(looks()).toMatchObject({
    words: 'Once upon a',
    by: 'zero',
    way: 'off',
    branches: 0,
    chosen: true,
  });
  expect(store.getState().view).toMatchObject({ off: [], pins: [], panel: 'parts', lesson: 4 });
  expect(store.getState().run.settings).toEqual(before.settings);
  actions.changeSettings({ temperature: 2, do_sample: false });
  actions.togglePart({ part: 'head', layer: 1, head: 8, by: 'zero' });
  actions.step();
  await settled();
  const learned = looks().words;
  // The next one does not begin with what this one left.
  actions.learn(5);
  actions.beginStep('He opened the', { panel: '' });
  await settled();
  expect(store.getState().run.settings).toEqual(before.settings);
  // The same text once more, without what was written behind it.
  actions.step();
  await settled();
  actions.beginStep('He opened the', { panel: '' });
  await settled();
  expect(looks().words).toBe('He opened the');

  // Meanwhile it is the learner's own page that is kept.
  expect(toPlainText(actions.own()?.text.moment.snapshot.pieces ?? [])).toBe(before.words);
  actions.learn(0);
  await settled();
  expect(looks()).toEqual(before);
  expect(text.runs).toEqual(runs);
  expect(actions.own()).toBeNull();
  // And nothing of the lessons is lost either.
  actions.undo();
  await settled();
  expect(looks().words).toBe('He opened the');
  expect(store.getState().view.lesson).toBe(0);
  for (let i = 0; i < 9 && looks().words !== learned; i++) actions.undo();
  expect(looks().words).toBe(learned);
});

test('knobs that nobody chose are nobody’s choice afterwards, and what an edit put aside comes back', async () => {
  const { actions, settled, looks } = await openPage({ settings: {}, prompt: 'The wolf' });
  actions.step();
  await settled();
  actions.setPrompt('The old wolf');
  await settled();
  const before = looks();
  expect(before).toMatchObject({ chosen: false, setAside: 1 });
  actions.learn(1);
  actions.beginStep('Rumpelstiltskin', {});
  actions.changeSettings({ temperature: 0.2 });
  await settled();
  // Opening another workspace leaves the lessons too.
  actions.openWorkspace('train');
  await settled();
  actions.openWorkspace('write');
  expect(looks()).toEqual(before);
  await actions.putBack();
  expect(looks().words).toMatch(/^The old wolf./u);
});

test('a text that a lesson does not change is no step for undo', async () => {
  const { store, actions, settled } = await openPage({ prompt: 'Once upon a' });
  const { undoDepth } = store.getState().text;
  actions.learn(9);
  actions.beginStep('Once upon a', { panel: 'parts' });
  await settled();
  actions.learn(0);
  expect(store.getState().text.undoDepth).toBe(undoDepth);
});

test('who opens a page at a step leaves it for the text that was kept', async () => {
  const { actions, settled, looks } = await openPage({ lesson: 3, prompt: 'My own story' });
  expect(actions.own()).toBeNull();
  actions.beginStep('The wolf came to the door and', {});
  await settled();
  actions.learn(0);
  await settled();
  expect(looks()).toMatchObject({ words: 'My own story', prompt: 'My own story' });
});
