// Names of heads on a line of a task, which is short: heads that are made to do one thing, and their shuffles.
import { expect, test } from 'vitest';
import type { HeadNames } from '../../../src/api.ts';
import { NameSheet } from '../../../src/engine/reading/headNames.ts';
import { SHUFFLES } from '../../../src/engine/reading/shuffledHeads.ts';
import { probeOf } from '../../../src/engine/runs/tasks.ts';
import { headSentence, labelHead, namedBy } from '../../../src/state/headLabels.ts';

const WIDTH = 32;
/** Heads by what their keys say of a position. */
const COPIES = 0;
const FOLLOWS = 1;
const EVEN = 2;

/** Every token has an entry of its own: a query asks for that of its token, with `weight` before the softmax. */
async function namesOn(line: string, weight = 6): Promise<HeadNames> {
  const texts = [...line];
  const vocabulary = [...new Set(texts)];
  const ids = texts.map((text) => vocabulary.indexOf(text));
  const nHead = 3;
  const layout = {
    nHead,
    headSize: WIDTH,
    headStride: WIDTH,
    partStride: nHead * WIDTH,
    rowStride: 3 * nHead * WIDTH,
  };
  const qkv = new Float32Array(ids.length * layout.rowStride);
  ids.forEach((id, t) => {
    const row = t * layout.rowStride;
    for (let head = 0; head < nHead; head++) qkv[row + head * WIDTH + id] = 1;
    const keys = row + layout.partStride;
    qkv[keys + COPIES * WIDTH + id] = weight;
    const before = ids[t - 1];
    if (before !== undefined) qkv[keys + FOLLOWS * WIDTH + before] = weight;
  });
  const own = {
    words: Array.from({ length: nHead * (1 + SHUFFLES) }, () => new Set<string>()),
    first: new Float32Array(nHead).fill(Number.NaN),
  };
  const sheet = new NameSheet({ nLayer: 1, nHead }, ids, texts, own);
  await sheet.add(0, { qkv, layout, scoreScale: 1, size: ids.length });
  return { ...sheet.result(), standIn: { on: line } };
}

const line = probeOf('repeat') ?? '';

test('on the line of its task a head that copies is called so, by what was measured there beside its shuffles', async () => {
  const names = await namesOn(line);
  expect(labelHead(names, 0, FOLLOWS)).toMatchObject({ name: 'induction', letter: 'I' });
  expect(names.scores.induction[FOLLOWS]).toBeGreaterThan(0.9);
  expect(names.shuffled.induction[FOLLOWS]).toBeLessThan(0.4);
  expect(headSentence(names, 0, FOLLOWS)).toMatch(
    /^Head 0\.1 — induction: .*; on the line jxqkvbzmwp\|jxqkvbzmwp \(it stands in for a short text\) 0\.9\d; with its keys shuffled at most 0\.\d\d, any shuffled head at most 0\.\d\d\.$/u,
  );
  expect(namedBy(names)).toBe('jxqkvbzmwp|jxqkvbzmwp');
  expect(names.scores.duplicate[COPIES]).toBeGreaterThan(0.4);
  expect(labelHead(names, 0, COPIES).name).toBe('duplicate');
});

test('a head that does neither has no name there, and it is said how many names the line can show', async () => {
  const names = await namesOn(line);
  expect(names.scores.induction[EVEN]).toBeLessThan(0.1);
  expect(labelHead(names, 0, EVEN).name).toBe('mixed');
  expect(headSentence(names, 0, EVEN)).toMatch(
    / none of 6 names measured stands out from chance \(nearest: .*\)\.$/u,
  );
});

test('fewer copies, or as many of fewer tokens, say nothing of copying, and are not called chance', async () => {
  for (const few of ['\njxqkvbzmw|jxqkvbzmw', '\njxqkvjxqkvjxqkvjxq']) {
    // oxlint-disable-next-line no-await-in-loop
    const names = await namesOn(few);
    expect(names.scores.induction[FOLLOWS]).toBeNaN();
    expect(labelHead(names, 0, FOLLOWS).name).toBe('mixed');
    expect(headSentence(names, 0, FOLLOWS)).toMatch(/ none of \d names measured stands/u);
  }
  // Sixteen rows will do, whichever tokens they are of.
  const many = await namesOn(`\n${'jxqkv'.repeat(5)}`);
  expect(many.scores.induction[FOLLOWS]).not.toBeNaN();
});
