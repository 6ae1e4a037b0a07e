// What goes wrong with a run, and what is left of it: a page that is killed, a disk that is full, files that are deleted,
// a rate that is too high, two tabs.
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunEvent, RunExportRequest } from '../../../../src/api.ts';
import type { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { type Disk, toWriteError } from '../../../../src/kept/disk.ts';
import { folder, idOf, lossesOf, readAll, settings, trainerAt } from './trainerKit.ts';

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);

/** What a page leaves that is killed at the step: its files as they are at that moment. */
async function killedAt(step: number, more: Parameters<typeof settings>[0] = {}) {
  const { trainer, place } = trainerAt();
  const image = `${place}-killed-at-${step}`;
  let isTaken = false;
  const events = await readAll(trainer, { run: { settings: settings(more) } }, async (event) => {
    if (event.type !== 'points' || isTaken) return;
    if ((event.points.at(-1)?.step ?? 0) < step) return;
    isTaken = true;
    await cp(join(folder(), place), join(folder(), image), { recursive: true });
  });
  return { whole: events, id: idOf(events), trainer: trainerAt(image).trainer, place: image };
}

test('a run whose page was killed is listed as interrupted, and goes on from its last checkpoint to the bit', async () => {
  const { whole, id, trainer } = await killedAt(6);
  const [found] = await trainer.ask('runs', {});
  expect(found).toMatchObject({ id, state: 'interrupted', elsewhere: false });
  const [from = 0] = found.kept.slice(-1);
  // Checkpoints are kept every 4 steps, and somebody hears of a step a little later than it was made.
  expect(from).toBeGreaterThanOrEqual(4);
  const rest = await readAll(trainer, { run: { id } });
  expect(of(rest, 'begun')[0].run).toMatchObject({ step: from, kept: found.kept });
  expect(lossesOf(rest)).toEqual(lossesOf(whole).slice(from));
  expect(await trainer.ask('run', { id })).toMatchObject({ state: 'done', step: 12 });
});

test('killed before anything was kept, it begins again at step 0', async () => {
  const { whole, id, trainer } = await killedAt(2, { arguments: { save_steps: 100 } });
  expect((await trainer.ask('runs', {}))[0]).toMatchObject({ state: 'interrupted', kept: [] });
  const again = await readAll(trainer, { run: { id } });
  expect(lossesOf(again)).toEqual(lossesOf(whole));
  const { evaluations, snapshots } = await trainer.ask('run', { id });
  expect(evaluations.map(({ step }) => step)).toEqual([0, 6, 12]);
  expect(snapshots.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 12]);
});

test('killed between a checkpoint and the record behind it, it goes on with a whole curve', async () => {
  const { whole, id, trainer, place } = await killedAt(9, { arguments: { save_steps: 4 } });
  // The record as it was before that checkpoint.
  const record = join(folder(), place, 'runs', id, 'record.json');
  const json = JSON.parse(await readFile(record, 'utf8')) as {
    points: Record<string, number[]>;
    evaluations: { step: number }[];
    snapshots: { step: number }[];
  };
  const points = Object.entries(json.points).map(([name, list]) => [name, list.slice(0, 4)]);
  await writeFile(
    record,
    JSON.stringify({
      ...json,
      state: 'running',
      step: 4,
      points: Object.fromEntries(points) as unknown,
      evaluations: json.evaluations.filter(({ step }) => step <= 4),
      snapshots: json.snapshots.filter(({ step }) => step <= 4),
    }),
  );
  const [found] = await trainer.ask('runs', {});
  expect(found.step).toBe(found.kept.at(-1));
  expect(found.step).toBeGreaterThan(4);
  await readAll(trainer, { run: { id } });
  const { points: all, evaluations, snapshots } = await trainer.ask('run', { id });
  expect(all.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  for (const [i, loss] of lossesOf(whole).entries()) expect(all[i].loss).toBeCloseTo(loss, 5);
  expect(evaluations.map(({ step }) => step)).toEqual([0, 6, 12]);
  expect(snapshots.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 12]);
});

/** A disk that has no room while a run is at one of these steps, by what it writes of its weights. */
function limited(isFull: (step: number) => boolean): (disk: Disk) => Disk {
  let step = 0;
  const refuse = (at: string, file: string): void => {
    step = Number(/^run~.*~(\d+)$/u.exec(at)?.[1] ?? step);
    if (isFull(step)) {
      throw toWriteError(Object.assign(new Error('full'), { code: 'ENOSPC' }), file);
    }
  };
  return (disk) => ({
    ...disk,
    async write(at, file, bytes) {
      refuse(at, file);
      await disk.write(at, file, bytes);
    },
    async grow(at, file) {
      refuse(at, file);
      return disk.grow(at, file);
    },
  });
}

test('a disk without room ends no run: it is told once, with what to do, and what finds room again is kept', async () => {
  const { trainer } = trainerAt(
    undefined,
    limited((step) => step > 4 && step < 13),
  );
  const every = settings({ arguments: { save_steps: 2, max_steps: 20 } });
  const events = await readAll(trainer, { run: { settings: every } });
  expect(events.at(-1)).toMatchObject({ type: 'ended', state: 'done', step: 20 });
  const told = of(events, 'notice');
  expect(told).toHaveLength(1);
  expect(told[0].info.message).toMatch(/^There is no room for checkpoint-\d+, which takes/u);
  expect(told[0].info.hint).toContain('Delete runs or models that you do not need');
  const record = await trainer.ask('run', { id: idOf(events) });
  expect(record.points).toHaveLength(20);
  expect(record.kept.at(-1)).toBe(20);
  // What heads did is known of steps whose weights found no room.
  const lost = record.snapshots.filter(({ sizeBytes }) => sizeBytes === 0);
  expect(lost.map(({ step }) => step)).toEqual([5, 10]);
  expect(lost[0].scores).not.toBeNull();
});

/** All that is taken away of a run, by name. */
async function takenAway(trainer: LocalTrainer, request: RunExportRequest) {
  const files = new Map<string, Uint8Array[]>();
  let name = '';
  for await (const event of trainer.exportRun(request)) {
    if (event.type === 'file') files.set((name = event.name), []);
    else if (event.type === 'bytes') files.get(name)?.push(event.bytes);
  }
  return new Map([...files].map(([key, pieces]) => [key, Buffer.concat(pieces)]));
}

test('a run that ends without room is held in memory, taken away from there, and kept when there is room', async () => {
  let isFull = true;
  const { trainer, place } = trainerAt(
    undefined,
    limited(() => isFull),
  );
  const events = await readAll(trainer, { run: { settings: settings() } });
  expect(events.at(-1)).toMatchObject({ type: 'ended', state: 'done' });
  expect(lossesOf(events)).toHaveLength(12);
  expect(of(events, 'begun')[0].run.kept).toEqual([]);
  // Once on the way; at the end nothing speaks of a next save.
  expect(of(events, 'notice')).toHaveLength(1);
  expect(events.indexOf(of(events, 'notice')[0])).toBeLessThan(
    events.indexOf(of(events, 'points')[0]),
  );
  const id = idOf(events);
  const unkept = { id, unkept: true, state: 'done', step: 12, kept: [12] };
  expect(await trainer.ask('runs', {})).toMatchObject([unkept]);
  expect(await trainer.ask('run', { id })).toMatchObject(unkept);
  // Another tab knows nothing of it.
  const other = trainerAt(place).trainer;
  expect(await other.ask('runs', {})).toEqual([]);
  const model = await takenAway(trainer, { id, what: 'model' });
  expect(model.get('model.safetensors')?.length).toBeGreaterThan(1000);
  expect((await trainer.ask('receipt', { id })).weights?.step).toBe(12);
  expect((await trainer.ask('passage', { id, passage: [0, 5] })).passage).toHaveLength(5);
  await trainer.ask('renameRun', { id, name: 'Held' });

  await expect(trainer.ask('keepRun', { id })).rejects.toMatchObject({
    code: 'training/storage-full',
  });
  await expect(readAll(trainer, { run: { id }, change: { max_steps: 14 } })).rejects.toMatchObject({
    code: 'training/storage-full',
  });
  expect(await trainer.ask('runs', {})).toMatchObject([unkept]);

  isFull = false;
  const kept = await trainer.ask('keepRun', { id });
  expect(kept).toMatchObject({ name: 'Held', state: 'done', step: 12, kept: [12] });
  expect(kept.unkept).toBeUndefined();
  expect((await other.ask('runs', {})).map((run) => run.id)).toEqual([id]);
  expect(await takenAway(other, { id, what: 'model' })).toEqual(model);
  const more = await readAll(other, { run: { id }, change: { max_steps: 14 } });
  expect(lossesOf(more)).toHaveLength(2);
  await expect(trainer.ask('keepRun', { id })).rejects.toMatchObject({ code: 'training/run' });
});

test('what was kept on the way gives way to what is held; deleted, nothing of either is left', async () => {
  const { trainer } = trainerAt(
    undefined,
    limited((step) => step > 4),
  );
  const every = settings({ arguments: { save_steps: 4 } });
  const id = idOf(await readAll(trainer, { run: { settings: every } }));
  const runs = await trainer.ask('runs', {});
  expect(runs).toMatchObject([{ id, unkept: true, state: 'done', step: 12, kept: [4, 12] }]);
  const { freedBytes } = await trainer.ask('removeRun', { id });
  expect(freedBytes).toBeGreaterThan(0);
  expect(await trainer.ask('runs', {})).toEqual([]);
});

test('files that are deleted in mid-run are told of, and the run is kept anew, its text too', async () => {
  const place = 'cleared';
  let isCleared = false;
  // While its second checkpoint is written.
  const clearing = (disk: Disk): Disk => ({
    ...disk,
    async grow(at, file) {
      if (at.endsWith('~8') && file.startsWith('optimizer') && !isCleared) {
        isCleared = true;
        for (const root of ['runs', 'models']) {
          await rm(join(folder(), place, root), { recursive: true, force: true });
        }
      }
      return disk.grow(at, file);
    },
  });
  const { trainer } = trainerAt(place, clearing);
  const own = { kind: 'own', name: 'Sounds', text: 'cat:meow dog:woof '.repeat(60) } as const;
  const every = settings({ text: own, prompt: '', arguments: { save_steps: 4, max_steps: 20 } });
  const events = await readAll(trainer, { run: { settings: every } });
  expect(of(events, 'cleared')).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({ type: 'ended', state: 'done', step: 20 });
  const id = idOf(events);
  const other = trainerAt(place).trainer;
  const record = await other.ask('run', { id });
  expect(record.points).toHaveLength(20);
  expect(record.kept.at(-1)).toBe(20);
  expect(record.snapshots.every(({ sizeBytes }) => sizeBytes > 0)).toBe(true);
  const more = await readAll(other, { run: { id }, change: { max_steps: 22 } });
  expect(lossesOf(more)).toHaveLength(2);
});

test('it goes back to the step that is asked for; what was kept of later ones goes', async () => {
  const { trainer } = trainerAt();
  const every = settings({ arguments: { save_steps: 4 } });
  const id = idOf(await readAll(trainer, { run: { settings: every } }));
  expect((await trainer.ask('run', { id })).kept).toEqual([8, 12]);
  const change = { learning_rate: 0.005 };
  const back = await readAll(trainer, { run: { id }, change, from: 8 });
  expect(of(back, 'begun')[0].run).toMatchObject({ step: 8, kept: [8] });
  expect(lossesOf(back)).toHaveLength(4);
  const anew = await readAll(trainer, { run: { id }, from: 0 });
  expect(of(anew, 'begun')[0].run).toMatchObject({ step: 0, kept: [] });
  expect(lossesOf(anew)).toHaveLength(12);
});

test('what finds no memory before it begins leaves nothing in the list', async () => {
  const { trainer } = trainerAt();
  const huge = settings({
    model: { kind: 'gpt2', n_layer: 40, n_head: 2, n_embd: 2048, n_ctx: 24 },
  });
  await expect(readAll(trainer, { run: { settings: huge } })).rejects.toMatchObject({
    code: 'training/memory',
  });
  expect(await trainer.ask('runs', {})).toEqual([]);
});

test('another tab knows that it runs, waits for its end, and offers it afterwards', async () => {
  const { trainer, place } = trainerAt();
  const other = trainerAt(place).trainer;
  const heard: string[] = [];
  let ended = Promise.resolve();
  await readAll(trainer, { run: { settings: settings() } }, async (event) => {
    if (event.type !== 'begun') return;
    const { id } = event.run;
    expect((await trainer.ask('runs', {}))[0]).toMatchObject({ elsewhere: false });
    expect((await other.ask('runs', {}))[0]).toMatchObject({ elsewhere: true, state: 'running' });
    await expect(readAll(other, { run: { id } })).rejects.toMatchObject({ code: 'storage/busy' });
    ended = other.ask('untilEnded', { id }).then(async () => {
      heard.push('ended');
      expect((await other.ask('runs', {}))[0]).toMatchObject({ elsewhere: false, state: 'done' });
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard).toEqual([]);
  });
  await ended;
  expect(heard).toEqual(['ended']);
});
