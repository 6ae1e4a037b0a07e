// A run that was broken off greets whoever opens the workspace; one that was ended, or long ago, leaves the choices there.
import { describe, expect, it, vi } from 'vitest';
import type { RunEvent, RunRecord } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
import { NO_BROWSER } from '../../../../src/state/training/browser.ts';
import { brokenOff } from '../../../../src/state/training/kept.ts';
import { writeLink } from '../../../../src/state/training/link.ts';
import type { TrainingOptions } from '../../../../src/state/training/training.ts';
import type { UnderWay } from '../../../../src/state/underWay.ts';
import { recordOf, settle } from './toyTrainer.ts';
import { begun, open, point } from './toyWorkspace.ts';

const { settings } = open().facts().draft;
const HOUR = 3_600_000;
const NOW = Date.now();
const run = (id: string, more: Partial<RunRecord> = {}): RunRecord =>
  recordOf(settings, {
    id,
    state: 'interrupted',
    step: 45,
    kept: [40],
    lastStep: NOW - HOUR,
    points: [point(45)],
    ...more,
  });

const noted = (...ids: readonly string[]) => ids.map((id) => [id, NOW - HOUR] as const);

describe('the run that greets', () => {
  it('is the last that was broken off here', () => {
    const all = [run('old', { lastStep: NOW - 9 * HOUR }), run('new')];
    expect(brokenOff(all, noted('new', 'old'), NOW)?.id).toBe('new');
    expect(brokenOff([], noted('new'), NOW)).toBeNull();
    // Another tab runs one meanwhile.
    const there = run('there', { state: 'running', elsewhere: true, lastStep: NOW });
    expect(brokenOff([run('one'), there], noted('one', 'there'), NOW)?.id).toBe('one');
  });

  it.each(['stopped', 'done', 'failed'] as const)('is none that was %s', (state) => {
    expect(brokenOff([run('one', { state })], noted('one'), NOW)).toBeNull();
  });

  it('is none after a week, nor one that nobody has noted, or turned away from', () => {
    const week = 7 * 24 * HOUR;
    const since = (ms: number) => [run('one', { lastStep: NOW - ms })];
    expect(brokenOff(since(week - 1), noted('one'), NOW)?.id).toBe('one');
    expect(brokenOff(since(week), noted('one'), NOW)).toBeNull();
    expect(brokenOff(since(HOUR), noted('other'), NOW)).toBeNull();
  });
});

function visit(
  runs: readonly RunRecord[],
  more: Partial<TrainingOptions> = {},
  before: UnderWay = noted(...runs.map(({ id }) => id)),
) {
  let now = before;
  const browser = {
    ...NO_BROWSER,
    underWay: () => now,
    noteUnderWay: (next: UnderWay) => (now = next),
  };
  const all = open({ browser, ...more });
  all.trainer.runs = runs;
  for (const one of runs) all.trainer.records.set(one.id, one);
  return { ...all, ids: () => now.map(([id]) => id) };
}

describe('whoever opens the workspace', () => {
  it('finds it with its curve, and goes on by one call; nothing is measured before', async () => {
    const { training, trainer, facts, said } = visit([run('one')]);
    expect(facts().runs.isAwaited).toBe(true);
    training.actions.start();
    await settle();
    expect(facts()).toMatchObject({
      watch: { at: 'resting', run: { id: 'one', state: 'interrupted' }, last: { step: 45 } },
      runs: { isAwaited: false },
    });
    expect(said).toEqual(['Tales 1 was broken off at step 45. Go on is there.']);
    expect(trainer.of('readText')).toEqual([]);
    expect(trainer.of('estimate')).toEqual([]);
    await training.actions.resume('one');
    await settle();
    expect(trainer.requests).toEqual([{ run: { id: 'one' } }]);
  });

  it('finds the choices once they turned away from it', async () => {
    const runs = [run('one'), run('two', { lastStep: 1 }), run('done', { state: 'done' })];
    const { training, facts, ids } = visit(runs);
    training.actions.start();
    await settle();
    training.actions.close();
    await vi.waitFor(() => expect(facts().cost.estimate.at).toBe('here'));
    expect(ids()).toEqual(['two']);
    const next = visit([run('one')], {}, []);
    next.training.actions.start();
    await vi.waitFor(() => expect(next.facts().cost.estimate.at).toBe('here'));
    expect(next.facts().watch.at).toBe('nothing');
  });

  it.each<[string, RunEvent | Error, readonly string[]]>([
    ['ends', { type: 'ended', state: 'stopped', step: 1 }, []],
    ['fails', new Error('The device is gone.'), []],
    [
      'loses its worker, which writes no end down,',
      new EngineError('The worker failed.', { code: 'engine/worker', hint: '' }),
      ['one'],
    ],
  ])('is noted from its first step on; once it %s it is under way: %o', async (_, end, left) => {
    const { training, trainer, ids, facts } = visit([], {}, []);
    training.actions.start();
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    training.actions.train();
    await settle();
    expect(ids()).toEqual([]);
    await trainer.tell(begun(recordOf(settings)));
    expect(ids()).toEqual(['one']);
    await trainer.tell(end, null);
    expect(ids()).toEqual(left);
  });

  it('finds the choices at once where no run is noted, and the settings of a link before all else', async () => {
    const first = visit([]);
    expect(first.facts().runs.isAwaited).toBe(false);
    first.training.actions.start();
    await vi.waitFor(() => expect(first.facts().text.read.at).toBe('here'));

    const linked = visit([run('one')], { link: writeLink(settings, []) });
    expect(linked.facts().runs.isAwaited).toBe(false);
    linked.training.actions.start();
    await settle();
    expect(linked.facts().watch.at).toBe('nothing');
    expect(linked.facts().draft.link).not.toBeNull();
  });

  it('finds the choices where runs cannot be looked at, with what is wrong', async () => {
    const { training, trainer, facts } = visit([run('one')]);
    trainer.answers.runs = () => {
      throw new Error('The disk cannot be read.');
    };
    training.actions.start();
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(facts().runs).toMatchObject({ isAwaited: false, error: {} });
    expect(facts().watch.at).toBe('nothing');
  });

  it('finds it also where the page before still had it when this one looked', async () => {
    const there = run('one', { state: 'running', elsewhere: true });
    const { training, trainer, facts } = visit([there]);
    let ended = (): void => {};
    trainer.answers.untilEnded = () => new Promise((resolve) => (ended = () => resolve(null)));
    training.actions.start();
    await settle();
    expect(facts().watch.at).toBe('nothing');
    trainer.runs = [run('one')];
    trainer.records.set('one', run('one'));
    ended();
    await vi.waitFor(() => expect(facts().watch.run?.state).toBe('interrupted'));
  });
});
