import { expect, it } from 'vitest';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../../src/state/settings.ts';
import { authored } from '../../../src/state/tokenText.ts';
import { toPiece } from './texts.ts';

it('a text is told apart by hands, and a character that two hands wrote is whole', () => {
  const run = { seed: 1, settings: toSamplingOptions(DEFAULT_SETTINGS), off: [] };
  const fox = [...new TextEncoder().encode('🦊')];
  const half = (bytes: number[]): ReturnType<typeof toPiece> => ({ ...toPiece('x'), bytes });
  const pieces = [
    ...[...'ab'].map(toPiece),
    ...[...'cd'].map(toPiece),
    toPiece('e'),
    half(fox.slice(0, 2)),
    half(fox.slice(2)),
  ];
  const runs = [
    { ...run, start: 2, end: 4 },
    { ...run, start: 6, end: 7 },
  ];
  expect(authored({ pieces, promptCount: 2, runs })).toEqual([
    { isYours: true, words: 'ab' },
    { isYours: false, words: 'cd' },
    { isYours: true, words: 'e' },
    { isYours: false, words: '🦊' },
  ]);
  // A text that was made the prompt is a person's, whoever wrote it once.
  expect(authored({ pieces, promptCount: 7, runs })).toEqual([{ isYours: true, words: 'abcde🦊' }]);
});
