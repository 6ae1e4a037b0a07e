// What a run goes on with where somebody changes it: what is in force, and not what is still to come.
import { expect, it } from 'vitest';
import { comingChange, goOnWith, inForce } from '../../../../src/state/training/inForce.ts';
import { recordOf } from './toyTrainer.ts';
import { open } from './toyWorkspace.ts';

const { settings } = open().facts().draft;
const last = { ...settings.arguments, learning_rate: 0.02, min_lr: 0.002, max_steps: 24 };
const first = { ...last, learning_rate: 0.01, min_lr: 0.001 };
const change = { step: 8, words: 'learning_rate 0.01 → 0.02', before: first };
const at = (step: number) => ({
  ...recordOf({ ...settings, arguments: last }),
  step,
  max_steps: 24,
  changes: [change],
});

it('is the rate of the next step: before a change that is to come the one until then', () => {
  expect(inForce(at(5))).toEqual(first);
  expect(comingChange(at(5))).toBe(change);
  expect(inForce(at(8))).toEqual(last);
  expect(comingChange(at(8))).toBeNull();
});

it('is nothing else where nothing else is said, and what is to come still comes', () => {
  expect(goOnWith(at(5), { learning_rate: 0.01, max_steps: 24 })).toBeUndefined();
  expect(goOnWith(at(9), { learning_rate: 0.02, max_steps: 24 })).toBeUndefined();
});

it('is what is in force with what is said, also where that is what was to come', () => {
  expect({ ...last, ...goOnWith(at(5), { learning_rate: 0.01, max_steps: 30 }) }).toEqual({
    ...first,
    max_steps: 30,
  });
  expect({ ...last, ...goOnWith(at(5), { learning_rate: 0.02, max_steps: 24 }) }).toEqual({
    ...first,
    learning_rate: 0.02,
  });
  expect(goOnWith(at(9), { learning_rate: 0.005, max_steps: 24 })).toEqual({
    learning_rate: 0.005,
  });
});

it('is the last where a record of an earlier version does not say', () => {
  const { before: _, ...old } = change;
  expect(inForce({ ...at(5), changes: [old] })).toEqual(last);
});
