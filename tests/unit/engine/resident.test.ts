// Who is here, and who is told of it. What resides is a stand-in: the rules hold for anything that can be lost.
import { expect, test } from 'vitest';
import { type Residing, Resident } from '../../../src/engine/resident.ts';

function guest() {
  let lose: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => (lose = resolve));
  const model = {
    disposed: 0,
    lost,
    dispose(): Promise<void> {
      model.disposed++;
      return Promise.resolve();
    },
  };
  return { model, lose };
}

/** Time enough for a loss to be told. */
async function tick(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setTimeout(resolve));
}

test('a loss is told with the turn of the model that is here, and of no other', async () => {
  const resident = new Resident<Residing>();
  const heard: [string, number][] = [];
  const stop = resident.onLost((...news) => heard.push(news));
  const [first, second] = [guest(), guest()];
  await resident.take(() => Promise.resolve(first.model));
  await resident.take(() => Promise.resolve(second.model));
  expect([first.model.disposed, second.model.disposed]).toEqual([1, 0]);
  first.lose('too late to matter');
  await tick();
  expect(heard).toEqual([]);
  expect(resident.isLost).toBe(false);
  second.lose('driver reset');
  await tick();
  expect(resident.isLost).toBe(true);
  expect(heard).toEqual([['driver reset', 2]]);
  stop();
  const third = guest();
  await resident.take(() => Promise.resolve(third.model));
  expect(resident.isLost).toBe(false);
  third.lose('again');
  await tick();
  expect(heard).toHaveLength(1);
});

test('a loss that comes with the model is told after the load has answered', async () => {
  const resident = new Resident<Residing>();
  const order: string[] = [];
  resident.onLost((_, turn) => order.push(`lost ${turn}`));
  const { model, lose } = guest();
  lose('at once');
  await resident.take(() => Promise.resolve(model)).then(() => order.push('here'));
  await tick();
  expect(order).toEqual(['here', 'lost 1']);
});

test('an answer that comes after its model has gone is nobody’s answer', async () => {
  const resident = new Resident<Residing>();
  const first = guest().model;
  await resident.take(() => Promise.resolve(first));
  let finish: (answer: string) => void = () => {};
  const slow = resident.with(() => new Promise<string>((resolve) => (finish = resolve)));
  const failing = resident.with(async (model) => {
    await tick();
    expect(model).toBe(first);
    throw new Error('its memory is gone');
  });
  const stopped = resident.with(() => tick().then(() => Promise.reject(new Error('stopped'))), {
    signal: AbortSignal.abort(),
  });
  const ends = Promise.allSettled([slow, failing, stopped]);
  await resident.take(() => Promise.resolve(guest().model));
  finish('an answer of the old one');
  const superseded = { status: 'rejected', reason: { code: 'engine/superseded' } };
  const [a, b, c] = await ends;
  expect(a).toMatchObject(superseded);
  expect(b).toMatchObject(superseded);
  // Who stopped knows why.
  expect(c).toMatchObject({ status: 'rejected', reason: { message: 'stopped' } });
});

test('a stream ends with its model, at the next event', async () => {
  const resident = new Resident<Residing>();
  await resident.take(() => Promise.resolve(guest().model));
  async function* count() {
    for (let i = 0; ; i++) yield await Promise.resolve(i);
  }
  const events = resident.stream(count);
  expect((await events.next()).value).toBe(0);
  await resident.take(() => Promise.resolve(guest().model));
  await expect(events.next()).rejects.toMatchObject({ code: 'engine/superseded' });
  expect((await events.next()).done).toBe(true);
});

test('nobody is here before the first load, and after the end', async () => {
  const resident = new Resident<Residing>();
  const use = () => resident.with(() => 1, { turn: 1 });
  await expect(use()).rejects.toMatchObject({ code: 'engine/no-model' });
  const { model } = guest();
  await resident.take(() => Promise.resolve(model));
  expect(await use()).toBe(1);
  await resident.dispose();
  await resident.dispose();
  expect(model.disposed).toBe(1);
  await expect(use()).rejects.toMatchObject({ code: 'engine/disposed' });
});
