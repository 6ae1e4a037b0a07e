import { afterEach, expect, test, vi } from 'vitest';
import { inHand } from '../../../src/ui/inHand.ts';

afterEach(() => vi.unstubAllGlobals());

test('what to do is said as a finger does it, where there is one', () => {
  const words = 'Click a head, then click another.';
  const keys = ['Use the arrow keys.', 'Tap a box.'] as const;
  const said = (): string[] => [inHand(words), inHand(...keys)];
  const asked: string[] = [];
  for (const [matches, expected] of [
    [false, [words, keys[0]]],
    [true, ['Tap a head, then tap another.', keys[1]]],
  ] as const) {
    vi.stubGlobal('matchMedia', (query: string) => {
      asked.push(query);
      return { matches };
    });
    expect(said()).toEqual(expected);
  }
  expect(new Set(asked)).toEqual(new Set(['(pointer: coarse)']));
});
