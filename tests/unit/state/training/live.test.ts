// Another run is looked at, or a new one prepared, while one runs: each has its own facts and points, and one at a time
// has the computer.
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { EngineError } from '../../../../src/errors.ts';
import { NO_BROWSER } from '../../../../src/state/training/browser.ts';
import { isBusy, whyNotNow } from '../../../../src/state/training/live.ts';
import { obstacleOf } from '../../../../src/ui/training/obstacle.ts';
import { recordOf, settle } from './toyTrainer.ts';
import { begun, point, points, running } from './toyWorkspace.ts';

let all: Awaited<ReturnType<typeof running>>;
beforeEach(async () => {
  all = await running();
  const other = recordOf(all.settings(), {
    id: 'other',
    name: 'An older one',
    snapshotsId: 'other.seen',
    state: 'stopped',
    step: 3,
    points: [point(1, 4), point(2, 3), point(3, 2)],
    snapshots: [{ step: 2, sizeBytes: 9, scores: null }],
  });
  const { points: _, ...own } = recordOf(all.settings());
  all.trainer.records.set('other', other);
  all.trainer.records.set('one', { ...own, points: [] });
  all.trainer.runs = [other, own];
});
const shown = () => all.facts().watch;
const away = () => all.facts().live.away;

it('is opened beside it, with its own curve; what runs goes on in its place, and comes back by one call', async () => {
  all.training.actions.open('other');
  await settle();
  expect(all.trainer.of('control')).toEqual([]);
  expect(shown()).toMatchObject({ at: 'resting', run: { id: 'other' }, last: { loss: 2 } });
  expect(away()).toMatchObject({ at: 'running', run: { id: 'one', step: 2 } });
  await all.trainer.tell(points(point(3, 6)), { type: 'evaluation', step: 3, loss: 5.9 });
  expect(away()).toMatchObject({ last: { step: 3 }, run: { step: 3, evalLoss: 5.9 } });
  expect(shown().run).toMatchObject({ id: 'other', step: 3, evalLoss: null });
  expect([...all.training.curve.losses]).toEqual([4, 3, 2]);
  expect([...all.training.beside.losses]).toEqual([6.9, 6.5, 6]);

  // A step of either is looked at; of the one that rests none is kept now.
  await all.training.actions.lookInside();
  await all.training.actions.lookInside(undefined, 'one');
  expect(all.looked).toEqual([
    [{ id: 'other.seen', step: 2 }, 'An older one'],
    [{ id: 'one.seen', step: 7 }, 'Tales 1'],
  ]);
  expect(all.trainer.of('keepNow')).toHaveLength(1);

  const { revision } = shown();
  all.training.actions.open('one');
  await settle();
  expect(away()).toBeNull();
  expect(shown()).toMatchObject({ at: 'running', run: { id: 'one', step: 3 } });
  expect(shown().revision).toBeGreaterThan(revision);
  expect([...all.training.curve.losses]).toEqual([6.9, 6.5, 6]);
  await all.trainer.tell(points(point(4, 5.5)));
  expect([...all.training.curve.losses]).toEqual([6.9, 6.5, 6, 5.5]);
});

it('cannot go on meanwhile, and why is said in words; nor can a new one begin, which is prepared', async () => {
  await all.training.actions.resume('other');
  await settle();
  expect(all.trainer.requests).toHaveLength(1);
  expect(shown()).toMatchObject({ at: 'resting', run: { id: 'other' } });
  const why = whyNotNow(all.facts());
  expect(why).toContain('“Tales 1” trains, and one run at a time has this computer');

  all.training.actions.close();
  expect(shown()).toMatchObject({ at: 'nothing', run: null });
  all.training.actions.chooseText({ kind: 'task', name: 'add' });
  all.training.actions.choosePreset('tiny');
  await vi.waitFor(() => expect(all.facts().text.read.at).toBe('here'));
  expect(obstacleOf(all.facts())).toEqual({ words: why, passes: true });
  all.training.actions.train();
  await settle();
  expect(all.trainer.requests).toHaveLength(1);
  // Half of the device would be measured.
  expect(all.facts().cost.estimate).toEqual({ at: 'none' });
  expect(all.trainer.of('estimate')).toHaveLength(1);

  // When it has ended, what was chosen is measured, and can begin.
  await all.trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
  await vi.waitFor(() => expect(all.facts().cost.estimate.at).toBe('here'));
  expect(isBusy(all.facts())).toBe(false);
  expect(obstacleOf(all.facts())).toBeNull();
  expect(away()).toMatchObject({ at: 'resting', run: { state: 'done' } });
  all.training.actions.train();
  await settle();
  expect(all.trainer.requests).toHaveLength(2);
  expect(away()).toBeNull();
  expect(shown().at).toBe('preparing');
});

it('what ends meanwhile says so in its place, until somebody looks or dismisses it', async () => {
  all.training.actions.open('other');
  await settle();
  await all.trainer.tell(new Error('The device is gone.'));
  expect(away()).toMatchObject({ at: 'resting', error: { message: 'The device is gone.' } });
  expect(shown()).toMatchObject({ error: null, run: { state: 'stopped' } });
  all.training.actions.showLive();
  expect(shown()).toMatchObject({ run: { id: 'one', state: 'failed' } });
  all.training.actions.open('other');
  await settle();
  // It runs no more: nothing steps aside for another.
  expect(away()).toBeNull();

  await all.training.actions.resume('other');
  await settle();
  all.training.actions.close();
  await all.trainer.tell(null);
  expect(away()).not.toBeNull();
  all.training.actions.dismissLive();
  expect(away()).toBeNull();
});

it('is told where another tab was faster, and shown as it is there', async () => {
  await all.trainer.tell({ type: 'ended', state: 'stopped', step: 2 }, null);
  const there = recordOf(all.settings(), {
    state: 'running',
    elsewhere: true,
    step: 9,
    points: [point(9, 3)],
  });
  void all.training.actions.resume('one');
  await settle();
  all.trainer.records.set('one', there);
  all.trainer.runs = [there];
  const busy = { code: 'storage/busy', hint: 'Stop it there first.' };
  await all.trainer.tell(new EngineError('This run is running in another tab.', busy));
  await settle();
  expect(shown()).toMatchObject({
    at: 'resting',
    run: { state: 'running', elsewhere: true, step: 9 },
    last: { step: 9 },
    error: { message: 'This run is running in another tab.' },
  });
  expect(all.said.at(-1)).toBe('This run is running in another tab.');
});

it('that rests here and was begun in another tab since is shown as it is there', async () => {
  all.training.actions.open('other');
  await settle();
  const record = all.trainer.records.get('other');
  if (record === undefined) throw new Error('It is gone.');
  const there = { ...record, state: 'running', elsewhere: true, step: 5 } as const;
  all.trainer.records.set('other', there);
  all.trainer.runs = [there];
  await all.trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
  await settle();
  expect(shown().run).toMatchObject({ id: 'other', elsewhere: true, step: 5 });
});

it('that runs in another tab is followed there, while somebody sees it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  let isHidden = false;
  const one = await running({ browser: { ...NO_BROWSER, isHidden: () => isHidden } });
  const there = (step: number) => {
    const record = recordOf(one.settings(), {
      state: 'running',
      elsewhere: true,
      step,
      points: [point(step, 3)],
    });
    one.trainer.records.set('one', record);
    one.trainer.runs = [record];
  };
  there(9);
  await one.trainer.tell({ type: 'ended', state: 'stopped', step: 2 }, null);
  await settle();
  const look = async () => {
    await vi.advanceTimersByTimeAsync(4000);
    await settle();
    const { run, last } = one.facts().watch;
    return [run?.step, last?.step];
  };
  there(40);
  expect(await look()).toEqual([40, 40]);
  isHidden = true;
  there(70);
  expect(await look()).toEqual([40, 40]);
  isHidden = false;
  expect(await look()).toEqual([70, 70]);
});

it('a new name, or its end by deletion, finds it there too', async () => {
  all.training.actions.open('other');
  await settle();
  all.trainer.answers.renameRun = ({ id, name }) => {
    all.trainer.runs = all.trainer.runs.map((run) => (run.id === id ? { ...run, name } : run));
    return null;
  };
  all.training.actions.rename('one', 'Mine');
  await settle();
  expect(away()?.run?.name).toBe('Mine');
  await all.trainer.tell({ type: 'ended', state: 'stopped', step: 2 }, null);
  all.training.actions.removeRun('one');
  await settle();
  expect(away()).toBeNull();
  expect(shown().run?.id).toBe('other');
});

it('a twin that is done shows itself beside its run where nobody looks elsewhere, else when somebody comes back', async () => {
  all.trainer.answers.readAt = () => new Promise(() => {});
  await all.trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
  const twin = { id: 'twin', twinOf: 'one', name: 'A twin' };
  all.training.actions.train();
  await settle();
  await all.trainer.tell(begun(recordOf(all.settings(), twin)));
  all.trainer.records.set('twin', recordOf(all.settings(), twin));
  all.trainer.runs = [...all.trainer.runs, recordOf(all.settings(), twin)];
  all.training.actions.open('other');
  await settle();
  await all.trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
  expect(all.facts().comparison.pair.at).toBe('none');
  expect(shown().run?.id).toBe('other');
  all.training.actions.showLive();
  await settle();
  expect(all.facts().comparison.pair).toMatchObject({ value: { twin: { id: 'twin' } } });
});
