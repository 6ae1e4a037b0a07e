// Philox against Random123's published vectors, and what kernels draw from it.
import { expect, it } from 'vitest';
import { type Words4, fillRandom, philox4x32 } from '../../../src/gpu/philox.ts';

const ones = 0xffffffff;

it.each<[Words4, [number, number], Words4]>([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [ones, ones, ones, ones],
    [ones, ones],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
])('Philox of %j with key %j is what Random123 publishes', (counter, key, expected) => {
  expect(philox4x32(counter, key)).toEqual(expected);
});

const place = { seed: 0x243f6a8885a3, step: 7, layer: 3 };

function drawn(count: number, at: Partial<typeof place> = {}, first = 0): number[] {
  const words = new Uint32Array(count);
  fillRandom(words, { ...place, ...at }, first);
  return [...words];
}

it('an element has the same bits, whichever others are drawn with it', () => {
  const all = drawn(64);
  expect(all.slice(0, 4)).toEqual([...philox4x32([0, 3, 7, 1], [0x6a8885a3, 0x243f])]);
  for (const first of [1, 4, 6, 63]) expect(drawn(64 - first, {}, first)).toEqual(all.slice(first));
});

it('another seed, step or layer has other bits', () => {
  const all = [drawn(16), drawn(16, { seed: 1 }), drawn(16, { step: 8 }), drawn(16, { layer: 4 })];
  expect(new Set(all.flat()).size).toBe(64);
});
