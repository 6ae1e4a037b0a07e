// Which gesture the page proposes.
import { expect, test } from 'vitest';
import { nextTip, TIPS } from '../../../src/ui/tips.ts';

const until = (id: string): string[] =>
  TIPS.slice(
    0,
    TIPS.findIndex((tip) => tip.id === id),
  ).map((tip) => tip.id);

test('opening a view ends the tip that asks for it', () => {
  const done = until('open-lens');
  expect(nextTip(done, 'attention')?.id).toBe('open-lens');
  expect(nextTip([...done, 'open-lens'], 'lens')?.id).toBe('lens');
  // Also where it was opened before it was noted.
  expect(nextTip(done, 'lens')?.id).toBe('lens');
});

test('a tip is about what is open, and one of another view is none', () => {
  expect(nextTip([], 'attention')?.id).toBe('generate');
  expect(nextTip(['generate'], 'parts')?.id).toBe('parts');
  expect(nextTip(['generate'], 'lens')?.id).toBe('lens');
  expect(nextTip(['generate', 'lens'], 'lens')?.id).toBe('select');
  const closed = nextTip(until('heatmap'), '');
  expect(closed?.view).toBeUndefined();
});

test('a tip speaks of underlines only with another for where there are none', () => {
  for (const tip of TIPS) {
    expect(tip.unmarked ?? tip.words).not.toContain('underline');
  }
});

test('every gesture made leads to the end, whichever view is open', () => {
  for (const view of ['', 'attention', 'lens', 'sampling', 'parts', 'model']) {
    const done: string[] = [];
    for (let tip = nextTip(done, view); tip !== undefined; tip = nextTip(done, view)) {
      expect(done).not.toContain(tip.id);
      done.push(tip.id);
    }
    expect(done.length).toBeGreaterThan(4);
  }
});
