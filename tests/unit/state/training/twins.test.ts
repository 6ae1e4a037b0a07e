// Taking something out of a run's schooling, and looking at both: what is asked of the trainer, and what becomes of it.
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord, StepReading, TextEdit } from '../../../../src/api.ts';
import {
  commonSteps,
  controlOf,
  controlsOf,
  pairsOf,
} from '../../../../src/state/training/pairs.ts';
import { firstDraft } from '../../../../src/state/training/draft.ts';
import { whyNoTwin } from '../../../../src/state/training/schooling.ts';
import { createTraining } from '../../../../src/state/training/training.ts';
import { recordOf, settle, ToyTrainer } from './toyTrainer.ts';
import { begun } from './toyWorkspace.ts';

const { settings } = firstDraft();
const remove: TextEdit = { what: 'remove', passage: 'woof' };
const snapshots = (...steps: readonly number[]) =>
  steps.map((step) => ({ step, sizeBytes: 1, scores: null }));
const FIRST = recordOf(settings, {
  id: 'one',
  name: `Tales, 4 × ${settings.model.n_embd}`,
  state: 'done',
  loss: 1,
  begun: 1,
  snapshots: snapshots(0, 1, 10, 60),
});
const TWIN = recordOf(
  { ...settings, edits: [remove] },
  {
    id: 'two',
    name: 'Twin',
    state: 'done',
    loss: 2,
    begun: 2,
    twinOf: 'one',
    snapshots: snapshots(0, 10, 20),
  },
);
const reading = (step: number): StepReading => ({
  at: 0,
  step,
  tokens: [],
  logprobs: new Float32Array(),
  top: [],
  attention: null,
});

let trainer: ToyTrainer;
let training: ReturnType<typeof createTraining>;
beforeEach(() => {
  trainer = new ToyTrainer();
  trainer.records = new Map([
    ['one', FIRST],
    ['two', TWIN],
  ]);
  trainer.answers.passage = ({ passage: asked }) => {
    const passage = typeof asked === 'string' ? asked : 'dog:woof'.slice(...asked);
    return { passage, times: passage === 'woof' ? 2 : 0, beginning: 'dog:woof' };
  };
  trainer.answers.readAt = ({ step }) => reading(step);
  training = createTraining({
    makeTrainer: () => trainer,
    stillMs: 0,
    say: () => {},
    look: () => {},
  });
});
const state = () => training.store.getState();
const wait = async (): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  await settle();
};

describe('schooling', () => {
  beforeEach(async () => {
    training.actions.open('one');
    await settle();
    training.actions.schoolingOf('one');
    await settle();
  });

  it('looks a passage up, and begins a twin with the same settings and this one edit', async () => {
    expect(whyNoTwin(state().schooling)).toBe('Say which passage first.');
    training.actions.setPassage('fox');
    expect(whyNoTwin(state().schooling)).toBe('Looking it up…');
    await wait();
    expect(whyNoTwin(state().schooling)).toMatch(/^It does not stand in the text\./u);
    training.actions.trainTwin();
    expect(trainer.requests).toEqual([]);
    training.actions.setPassage('woof');
    await wait();
    expect(whyNoTwin(state().schooling)).toBeNull();
    training.actions.trainTwin();
    await settle();
    expect(trainer.requests).toEqual([
      {
        run: {
          settings: { ...settings, edits: [remove] },
          name: 'Tales without “woof”',
          twinOf: 'one',
        },
      },
    ]);
    await trainer.tell(null);
  });

  it('finds places, more of them when asked, and takes what stands there', async () => {
    trainer.answers.findText = ({ find, most }) => ({
      count: find === 'o' ? 9 : 0,
      hits: Array.from({ length: Math.min(9, most) }, () => ({
        before: '',
        match: find,
        after: '',
        within: [],
      })),
    });
    const hits = () => state().schooling.hits;
    training.actions.setFind('x');
    training.actions.setFind('o');
    await wait();
    expect(trainer.of('findText')).toEqual([{ id: 'one', find: 'o', most: 6 }]);
    expect(hits()).toMatchObject({ at: 'here', value: { find: 'o', count: 9 } });
    training.actions.findMore();
    await wait();
    expect(hits()).toMatchObject({ value: { hits: { length: 9 } } });

    // It is looked up with its place, and what is typed meanwhile wins.
    training.actions.takePassage(4, 8);
    await wait();
    expect(state().schooling).toMatchObject({ passage: 'woof', found: { value: { times: 2 } } });
    expect(whyNoTwin(state().schooling)).toBeNull();
    training.actions.takePassage(0, 3);
    training.actions.setPassage('fox');
    await wait();
    expect(state().schooling).toMatchObject({ passage: 'fox', found: { value: { times: 0 } } });
    training.actions.setFind(' ');
    await wait();
    expect(hits()).toEqual({ at: 'none' });
    trainer.answers.findText = () => {
      throw new Error('The text is gone.');
    };
    training.actions.setFind('o');
    await wait();
    expect(hits()).toMatchObject({ at: 'failed', error: { message: 'The text is gone.' } });
  });

  it('of a twin adds to what that has not; changing nothing needs no passage', async () => {
    training.actions.open('two');
    await settle();
    training.actions.schoolingOf('two');
    expect(state().schooling).toMatchObject({ passage: '', of: 'two' });
    training.actions.setEdit('nothing');
    training.actions.trainTwin();
    await settle();
    expect(trainer.requests).toMatchObject([
      { run: { settings: { edits: [remove] }, name: 'Twin once more', twinOf: 'two' } },
    ]);
    await trainer.tell(null);
  });

  it('repeats the changes on its way, where all of them can be made again', async () => {
    const before = { ...settings.arguments, learning_rate: 0.5 };
    const made = { step: 4, words: 'learning_rate 0.5 → 0.001', before };
    const anew = { ...made, step: 0 };
    const twinOf = async (id: string, changes: RunRecord['changes']) => {
      trainer.records.set(id, { ...FIRST, id, changes });
      training.actions.open(id);
      await settle();
      training.actions.schoolingOf(id);
      training.actions.setEdit('nothing');
      training.actions.trainTwin();
      await settle();
      await trainer.tell(null);
      const { run } = trainer.requests.at(-1) ?? {};
      return run && 'settings' in run ? run.changes : null;
    };
    expect(await twinOf('five', [anew, made])).toEqual([made]);
    expect(await twinOf('six', [anew])).toBeUndefined();
    const other = { ...made, step: 5, before: { ...before, weight_decay: 9 } };
    expect(await twinOf('seven', [made, other])).toBeUndefined();
    const { before: _, ...unsaid } = made;
    expect(await twinOf('eight', [unsaid])).toBeUndefined();
  });

  it('refuses what would stand there already, and says what the trainer says', async () => {
    training.actions.setPassage('woof');
    await wait();
    training.actions.setEdit('replace');
    training.actions.setInstead('woof');
    expect(whyNoTwin(state().schooling)).toContain('The same would stand');
    training.actions.setInstead('');
    expect(whyNoTwin(state().schooling)).toBeNull();
    trainer.answers.passage = () => {
      throw new Error('The text is gone.');
    };
    training.actions.setPassage('woo');
    await wait();
    expect(whyNoTwin(state().schooling)).toContain('The text is gone.');
  });
});

describe('a comparison', () => {
  it('comes by itself when a twin is done, and that is said in one breath', async () => {
    const said: string[] = [];
    training = createTraining({
      makeTrainer: () => trainer,
      stillMs: 0,
      say: (words) => said.push(words),
      look: () => {},
    });
    trainer.runs = [FIRST, TWIN];
    training.actions.start();
    const train = async (end: 'stopped' | 'done') => {
      void training.actions.resume('two');
      await wait();
      await trainer.tell(begun(TWIN), { type: 'ended', state: end, step: 60 }, null);
      await wait();
    };
    await train('stopped');
    expect(state().comparison.pair.at).toBe('none');
    await train('done');
    expect(said.at(-1)).toBe('Twin: done, all 60 steps. Both stand side by side now.');
    expect(state().comparison).toMatchObject({
      isAsked: false,
      pair: { at: 'here', value: { first: { id: 'one' }, twin: { id: 'two' } } },
    });
    training.actions.compare('one', 'two');
    expect(state().comparison.isAsked).toBe(true);
    training.actions.closeComparison();
    // The run that it is a twin of was deleted.
    trainer.runs = [TWIN];
    training.actions.rename('two', 'Twin');
    await wait();
    await train('done');
    expect(said.at(-1)).toBe('Twin: done, all 60 steps.');
    expect(state().comparison.pair.at).toBe('none');
  });

  it('is of a run and its twin, from either of them', () => {
    const other = { ...TWIN, id: 'three', begun: 3 };
    const orphan = { ...TWIN, id: 'four', twinOf: 'gone' };
    const all = [orphan, other, TWIN, FIRST];
    const ids = (id: string) => pairsOf(id, all).map((pair) => pair.map((run) => run.id));
    expect(ids('one')).toEqual([
      ['one', 'three'],
      ['one', 'two'],
    ]);
    expect(ids('two')).toEqual([['one', 'two']]);
    expect(ids('four')).toEqual([]);
  });

  it('reads the run’s prompt with the newest step that both have, and then what is asked', async () => {
    expect(commonSteps({ first: FIRST, twin: TWIN })).toEqual([0, 10]);
    training.actions.compare('one', 'two');
    await wait();
    const { comparison } = state();
    expect(comparison).toMatchObject({ step: 10, prompt: settings.prompt, isReading: false });
    expect(comparison.reading).toMatchObject({ prompt: settings.prompt, first: { step: 10 } });
    expect(trainer.of('readAt')).toMatchObject([
      { id: 'one', step: 10, text: settings.prompt },
      { id: 'two', step: 10, text: settings.prompt },
    ]);
    // Losses differ: so do the weights, and nobody hashes them.
    expect(trainer.of('receipt')).toEqual([]);
    training.actions.compareAt(0);
    training.actions.setComparedPrompt('x');
    training.actions.setComparedPrompt('dog:');
    await wait();
    expect(state().comparison.reading).toMatchObject({ prompt: 'dog:', first: { step: 0 } });
    expect(trainer.of('readAt')).toHaveLength(6);
    trainer.answers.readAt = () => {
      throw new Error('No token for ż.');
    };
    training.actions.setComparedPrompt('ż');
    await wait();
    expect(state().comparison).toMatchObject({
      reading: null,
      refused: { message: 'No token for ż.' },
    });
    training.actions.setComparedPrompt('');
    await wait();
    expect(state().comparison).toMatchObject({ reading: null, refused: null });
  });

  it('is measured against another twin of the same run, kind, size and length', () => {
    const of = (id: string, edit: TextEdit, more: Partial<typeof TWIN> = {}) => ({
      ...recordOf({ ...settings, edits: [edit] }, { ...TWIN, ...more, id }),
      settings: { ...settings, edits: [edit] },
    });
    const meow: TextEdit = { what: 'remove', passage: 'meow' };
    const text = (characters: number) => ({ text: { ...TWIN.text, characters } });
    const whole = TWIN.text.characters;
    const pair = { first: FIRST, twin: { ...TWIN, ...text(whole - 80) } };
    const found = (...all: readonly (typeof TWIN)[]) =>
      controlOf(pair, controlsOf(pair, all))?.id ?? null;
    expect(found(FIRST, TWIN)).toBeNull();
    const as = text(whole - 70);
    expect(found(of('a', meow, as), of('b', meow, { ...as, begun: 9 }))).toBe('b');
    // One place of the same size is no measure of many, and one stretch is.
    expect(
      found(of('once', meow, text(whole - 4)), of('much', meow, text(whole - 161))),
    ).toBeNull();
    const stretch: TextEdit = { what: 'remove', passage: 'meow cow:moo '.repeat(6) };
    expect(found(of('stretch', stretch, text(whole - 78)))).toBe('stretch');
    expect(
      found(
        of('same', remove, as),
        of('within', { what: 'remove', passage: 'a woof too' }, as),
        of('short', { what: 'remove', passage: 'm' }, as),
        of('twice', { what: 'double', passage: 'meow' }, as),
        of('early', meow, { ...as, step: 3 }),
        of('broken', meow, { ...as, state: 'failed' }),
        of('cousin', meow, { ...as, twinOf: 'three' }),
      ),
    ).toBeNull();
    // A twin without a change has nothing to be measured.
    expect(controlsOf({ first: FIRST, twin: { ...TWIN, settings } }, [of('a', meow)])).toEqual([]);
  });

  it('has another passage taken out for it, and stands there again with that when it is done', async () => {
    trainer.runs = [FIRST, TWIN];
    trainer.answers.otherPassage = () => null;
    training.actions.start();
    training.actions.compare('one', 'two');
    await wait();
    training.actions.trainControl();
    await wait();
    expect(state().comparison.noControl?.message).toContain('no other passage');
    expect(trainer.requests).toEqual([]);

    trainer.answers.otherPassage = ({ passage }) => passage.replace('woof', 'meow');
    training.actions.trainControl();
    await wait();
    const edits = [{ what: 'remove', passage: 'meow' }] as const;
    expect(trainer.requests).toEqual([
      {
        run: {
          settings: { ...settings, edits },
          name: 'Tales without “meow”',
          twinOf: 'one',
        },
      },
    ]);
    expect(state().comparison.pair.at).toBe('none');
    const control = { ...TWIN, settings: { ...settings, edits }, id: 'three', begun: 3 };
    trainer.runs = [FIRST, TWIN, control];
    trainer.records.set('three', control);
    await trainer.tell(begun(control), { type: 'ended', state: 'done', step: 60 }, null);
    await wait();
    expect(state().comparison).toMatchObject({
      pair: { at: 'here', value: { first: { id: 'one' }, twin: { id: 'two' } } },
      control: { id: 'three' },
      reading: { first: { step: 10 }, twin: { step: 10 }, control: { step: 10 } },
    });
    // A step that the control has not kept is read with two.
    training.actions.compareAt(1);
    await wait();
    expect(state().comparison.reading).toMatchObject({ first: { step: 1 } });
  });

  it('has in place of one stretch what stands in place of all that the passage was at', async () => {
    const instead: TextEdit = { what: 'replace', passage: 'woof', by: 'moo ' };
    trainer.records.set('two', { ...TWIN, settings: { ...settings, edits: [instead] } });
    trainer.answers.otherPassage = () => 'cat:meow cow';
    training.actions.compare('one', 'two');
    await wait();
    training.actions.trainControl();
    await wait();
    const edits = [{ what: 'replace', passage: 'cat:meow cow', by: 'moo moo moo ' }];
    expect(trainer.requests).toMatchObject([{ run: { settings: { edits } } }]);
    await trainer.tell(null);
  });

  it('has the weights’ hashes compared where the losses are the same', async () => {
    trainer.records.set('two', { ...TWIN, loss: 1 });
    let twin = 'b';
    trainer.answers.receipt = ({ id }) => ({
      version: 1,
      settings,
      text: '',
      changes: [],
      losses: [],
      step: 60,
      device: '',
      weights: { step: 60, sha256: id === 'one' ? 'a' : twin },
    });
    training.actions.compare('one', 'two');
    await wait();
    expect(state().comparison.sameWeights).toBeNull();
    twin = 'a';
    training.actions.compare('one', 'two');
    await wait();
    expect(state().comparison.sameWeights).toEqual({ step: 60, sha256: 'a' });
  });

  it('is left for a run, and one that is gone is said', async () => {
    training.actions.compare('one', 'two');
    await wait();
    training.actions.open('one');
    await wait();
    expect(state().comparison.pair.at).toBe('none');
    training.actions.compare('one', 'gone');
    await wait();
    expect(state().comparison.pair).toMatchObject({ at: 'failed' });
    training.actions.closeComparison();
    expect(state().comparison.pair.at).toBe('none');
  });
});
