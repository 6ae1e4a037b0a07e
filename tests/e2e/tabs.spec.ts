// Two tabs of the page: each keeps its own text, and a new one starts from the last.
import { expect } from '@playwright/test';
import {
  button,
  generate,
  open,
  prompt,
  setLength,
  untilReady,
  wholeText,
  writePrompt,
} from './helpers.ts';
import { test } from './window.ts';

// By default its storage alone (tests/unit/state/tabStorage.test.ts), and one tab's reload (writing.spec.ts).
test(
  'what a tab shows is its own after a reload, and a new tab starts from the last one',
  { tag: '@thorough' },
  async ({ page, context }) => {
    await open(page);
    await writePrompt(page, 'The wolf');
    await setLength(page, 12);
    await generate(page);
    const wolf = await wholeText(page);

    const other = await context.newPage();
    await open(other);
    expect(await wholeText(other)).toBe(wolf);
    await writePrompt(other, 'The fox');
    await generate(other);
    const fox = await wholeText(other);
    expect(fox).toMatch(/^The fox./u);

    await page.reload();
    await untilReady(page);
    expect(await wholeText(page)).toBe(wolf);
    await expect(page.getByTestId('replaced')).toHaveCount(0);
    await expect(button(page, 'Undo')).toHaveAttribute('aria-disabled', 'true');
    await other.reload();
    await untilReady(other);
    expect(await wholeText(other)).toBe(fox);
  },
);

test(
  'a link in a new tab stands in place of what that tab would have started from',
  { tag: '@thorough' },
  async ({ page, context }) => {
    await open(page);
    await writePrompt(page, 'The wolf');
    const other = await context.newPage();
    await open(other, { at: '?device=cpu#prompt=The+bear' });
    await expect(other.getByTestId('replaced')).toBeVisible();
    await other.reload();
    await untilReady(other);
    await button(other, 'Undo').click();
    await expect(prompt(other)).toHaveValue('The wolf');
    await prompt(other).fill('The bear and I');
    await page.reload();
    await untilReady(page);
    await expect(prompt(page)).toHaveValue('The wolf');
    await expect(button(page, 'Undo')).toHaveAttribute('aria-disabled', 'true');
  },
);
