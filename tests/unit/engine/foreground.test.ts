// Who is waited for goes first: the order of what is waited for and what is not, whatever the clock says.
import { describe, expect, it } from 'vitest';
import { Foreground, GivingWay } from '../../../src/engine/foreground.ts';

/** Something that somebody waits for, and what ends it. */
function held(): { readonly answer: () => Promise<string>; readonly end: () => void } {
  let end = (): void => {};
  const ended = new Promise<string>((resolve) => (end = () => resolve('answer')));
  return { answer: async () => ended, end };
}

const turn = (ms = 0): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the background', () => {
  it('goes on where nobody waits for anything', async () => {
    const foreground = new Foreground();
    for (let step = 0; step < 3; step++) await foreground.giveWay();
    expect(await foreground.during(async () => 'answer')).toBe('answer');
    await foreground.giveWay();
  });

  it('waits for all answers, also for those that fail and for one that was asked for meanwhile', async () => {
    const foreground = new Foreground();
    const order: string[] = [];
    const [first, second] = [held(), held()];
    const one = foreground.during(first.answer).then(() => order.push('first'));
    const going = foreground.giveWay().then(() => order.push('background'));
    const two = foreground.during(second.answer).then(() => order.push('second'));
    await turn();
    first.end();
    await one;
    await turn(100);
    expect(order).toEqual(['first']);
    second.end();
    await Promise.all([two, going]);
    expect(order).toEqual(['first', 'second', 'background']);

    const failing = foreground.during(async () => {
      await turn();
      order.push('failed');
      throw new Error('no');
    });
    const after = foreground.giveWay().then(() => order.push('background'));
    await expect(failing).rejects.toThrow('no');
    await after;
    expect(order.slice(3)).toEqual(['failed', 'background']);
  });

  it('hears of what is asked while it works without a pause', async () => {
    const foreground = new Foreground();
    const order: string[] = [];
    // As a message comes: a task, which no step of the background lets in by itself.
    setTimeout(() => {
      void foreground.during(async () => turn()).then(() => order.push('answer'));
    });
    const until = performance.now() + 30;
    while (performance.now() < until);
    await foreground.giveWay();
    order.push('background');
    expect(order).toEqual(['answer', 'background']);
  });

  it('waits for the end of what comes one by one, also where nobody takes the rest', async () => {
    const foreground = new Foreground();
    const order: string[] = [];
    async function* tokens(): AsyncGenerator<number> {
      for (let token = 0; ; token++) {
        await turn();
        yield token;
      }
    }
    const reading = (async () => {
      for await (const token of foreground.throughout(tokens())) {
        order.push(`token ${token}`);
        if (token === 2) break;
      }
    })();
    const going = foreground.giveWay().then(() => order.push('background'));
    await Promise.all([reading, going]);
    expect(order).toEqual(['token 0', 'token 1', 'token 2', 'background']);
  });

  it('ends with its signal, before a pause and within', async () => {
    const foreground = new Foreground();
    await expect(foreground.giveWay(AbortSignal.abort(new Error('early')))).rejects.toThrow(
      'early',
    );
    const { answer, end } = held();
    const answering = foreground.during(answer);
    const stop = new AbortController();
    const waiting = foreground.giveWay(stop.signal);
    stop.abort(new Error('within'));
    await expect(waiting).rejects.toThrow('within');
    end();
    await answering;
  });

  it('counts its own time, and none of its pauses', async () => {
    const { answer, end } = held();
    const begun = performance.now();
    const work = new GivingWay(async () => void (await answer()));
    const pausing = work.pause();
    const paused = performance.now();
    await turn(40);
    end();
    await pausing;
    const pause = performance.now() - paused;
    const resumed = performance.now();
    while (performance.now() < resumed + 5);
    expect(work.ms).toBeGreaterThanOrEqual(5);
    expect(work.ms).toBeLessThanOrEqual(performance.now() - begun - pause + 1);
  });
});
