import { expect, test, type Page } from '@playwright/test';
import { button, everySetting, open, untilSeen } from './helpers.ts';

// What training costs the page on this machine: `npm run bench -- --page`. It tests nothing but its own sense.

const list = (values: readonly number[]): string => values.map(Math.round).join(' ');

interface TraceEvent {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  /** Of the thread, in microseconds: what another program takes of the processor meanwhile is not in it. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Longest first: milliseconds of the processor that tasks of the page's thread took during `act`, from 30 on. */
async function longTasks(page: Page, act: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser();
  if (browser === null) throw new Error('There is no browser to trace.');
  await browser.startTracing(page, { categories: ['toplevel'] });
  await act();
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: readonly TraceEvent[];
  };
  /** Of each process, the milliseconds of its page's tasks. */
  const pages = new Map<string, number[]>();
  const keyOf = ({ pid, tid }: TraceEvent): string => `${pid}.${tid}`;
  for (const event of trace.traceEvents) {
    if (event.name === 'thread_name' && event.args.name === 'CrRendererMain') {
      pages.set(keyOf(event), []);
    }
  }
  for (const event of trace.traceEvents) {
    if (event.name.endsWith('::RunTask')) pages.get(keyOf(event))?.push((event.tdur ?? 0) / 1000);
  }
  const total = (tasks: readonly number[]): number => tasks.reduce((sum, ms) => sum + ms, 0);
  const [busiest = []] = [...pages.values()].toSorted((x, y) => total(y) - total(x));
  expect(busiest.length).toBeGreaterThan(10);
  return busiest.filter((ms) => ms >= 30).toSorted((x, y) => y - x);
}

/**
 * From a press on the slider until the atlas is drawn for the last time before heads get their names again, which are asked
 * for when it is: once for each of `keys`, the first after ten seconds of rest.
 */
async function moves(page: Page, keys: readonly string[]): Promise<number[]> {
  // Found before: looking for it by its role is work in the page that no reader's hand makes.
  const slider = await page.getByRole('slider', { name: 'Step of the run' }).elementHandle();
  if (slider === null) throw new Error('There is no slider.');
  const times: number[] = [];
  // Who has just opened a run reads first; a page that rests gives up pictures that it would need again.
  await page.waitForTimeout(10_000);
  for (const key of keys) {
    times.push(
      await slider.evaluate(async (element, pressed) => {
        const atlas = document.querySelector<HTMLElement>('[data-testid="atlas"] canvas');
        if (atlas === null) throw new Error('There is no atlas.');
        let last = Number.NaN;
        const start = performance.now();
        // Frames that are asked for to look whether it is drawn would be work that no reader's page has.
        const observer = new MutationObserver(() => {
          requestAnimationFrame(() => (last = performance.now() - start));
        });
        observer.observe(atlas, { attributeFilter: ['data-drawn'] });
        element.dispatchEvent(new KeyboardEvent('keydown', { key: pressed, bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 330));
        observer.disconnect();
        return last;
      }, key),
    );
    // Until nothing moves any more: what comes behind is not counted to the next.
    await page.waitForTimeout(1500);
  }
  return times;
}

test('tasks of the page while a model of 0.9 M trains, and milliseconds from one of its steps to another', async ({
  page,
}) => {
  await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await page.getByRole('radio', { name: /^Small/u }).check();
  await everySetting(page);
  const settings = { max_steps: 100, eval_steps: 25, sample_steps: 25, save_steps: 50 };
  for (const [name, value] of Object.entries(settings)) {
    await page.getByRole('textbox', { name, exact: true }).fill(String(value));
  }
  await untilSeen(page.getByTestId('seen').getByText('tokens'));
  // The device is measured first.
  await page.waitForTimeout(10_000);
  const start = Date.now();
  const tasks = await longTasks(page, async () => {
    await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
    await expect(page.getByTestId('run-state')).toHaveText('done', { timeout: 280_000 });
  });
  const seconds = (Date.now() - start) / 1000;
  console.log(
    `100 steps in ${seconds.toFixed(1)} s; tasks of the page of 30 ms and more: ${list(tasks) || 'none'}`,
  );

  await button(page, 'Look inside').click();
  await untilSeen(page.getByTestId('time-bar'));
  await expect(page.getByTestId('head-sentence')).not.toContainText('not measured yet');
  await page.waitForTimeout(3000);
  const keys = ['Home', 'End', 'ArrowLeft', 'ArrowLeft', 'ArrowRight', 'Home', 'End'];
  // Timed first, because a trace slows what is timed.
  const times = await moves(page, [...keys, ...keys, ...keys, ...keys]);
  const within = times.filter((ms) => ms <= 100).length;
  console.log(
    `ms from one step to another, the first after ten seconds of rest: ${list(times)}; ${within} of ${times.length} within 100`,
  );
  const looked = await longTasks(page, async () => void (await moves(page, keys)));
  console.log(`tasks of the page of 30 ms and more meanwhile: ${list(looked) || 'none'}`);
});

test('what Small makes of Tales in two minutes: its step, and the share of words of its samples that are in the text', async ({
  page,
}) => {
  test.setTimeout(400_000);
  await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await page.getByRole('radio', { name: /^Small/u }).check();
  await untilSeen(page.getByTestId('seen').getByText('tokens'));
  // The device is measured first.
  await page.waitForTimeout(10_000);
  await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
  await page.waitForTimeout(120_000);
  const step = (await page.getByTestId('run-step').textContent()) ?? '';
  const words = await page.getByText(/% known words/u).allTextContents();
  expect(words.length).toBeGreaterThan(0);
  console.log(
    `Small on Tales after two minutes: step ${step}; of the words of its samples, the newest first, these are in the text: ${words.map((one) => /[\d.]+\s*%/u.exec(one)?.[0]).join(', ')}`,
  );
});
