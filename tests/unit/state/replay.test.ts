import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINK, type Recording } from '../../../src/state/replay.ts';
import { areRunsOf } from '../../../src/state/runs.ts';
import { DEFAULT_SETTINGS } from '../../../src/state/settings.ts';
import { formatLink, parseUrl } from '../../../src/state/urlState.ts';
import { FIRST_VIEW } from '../../../src/state/view.ts';
import { prompt, recording, settings } from './texts.ts';

const BASE = 'https://example.org/glass/';
const read = (hash: string) => parseUrl('', hash, BASE);

const small: Recording = {
  texts: [
    {
      ids: [100, 7, 8, 9, 10],
      promptCount: 2,
      runs: [{ start: 2, end: 5, seed: 7, settings: DEFAULT_SETTINGS, off: [] }],
    },
    { ids: [100, 7, 8, 40], promptCount: 2, runs: [] },
  ],
  here: 1,
  view: {
    ...FIRST_VIEW,
    off: [{ part: 'head', layer: 4, head: 1, by: 'zero' }],
    pins: [
      { layer: 4, head: 1 },
      { layer: 5, head: 2 },
    ],
    layer: 5,
    head: 2,
    panel: 'attention',
  },
};
const link = formatLink(DEFAULT_SETTINGS, 'Hi', null, small).hash;

describe('a link that replays', () => {
  it('brings back every text, run, branch, head, part and setting', () => {
    fc.assert(
      fc.property(recording, settings, prompt, (wanted, own, words) => {
        const { hash, holds } = formatLink(own, words, { source: 'models/mine' }, wanted);
        fc.pre(holds === 'everything');
        const found = read(hash);
        expect(found.notes).toEqual([]);
        expect(found.recording).toEqual(wanted);
        expect(found.settings).toEqual(own);
        expect(found.prompt).toBe(words);
        expect(found.wish).toEqual({ source: 'https://example.org/glass/models/mine' });
      }),
      { numRuns: 60 },
    );
  });

  it('writes what an address may hold as it is, in few characters', () => {
    expect(link).toBe(
      '#v=1&texts=2-2s.7.8.9.a*2-14-0-3&here=1&runs=2-3-7-0*&how=t0.8k40p1m0r1' +
        '&off=h4.1z&pins=4.1_5.2&head=5.2&view=attention&prompt=Hi',
    );
  });

  it('drops the other branches first, then all but the prompt, then that too', () => {
    const ids = Array.from({ length: 3000 }, (_, i) => 40_000 + i);
    const large = { ...small, texts: [{ ids, promptCount: 1, runs: [] }, ...small.texts], here: 0 };
    const other = { ids: [1, ...ids], promptCount: 1, runs: [] };
    const whole = formatLink(DEFAULT_SETTINGS, 'Hi', null, large);
    expect(whole.holds).toBe('everything');
    const more = { ...large, texts: [...large.texts, other] };
    const shown = formatLink(DEFAULT_SETTINGS, 'Hi', null, more);
    expect(shown.holds).toBe('this branch');
    expect(read(shown.hash).recording?.texts).toEqual([large.texts[0]]);
    const longer = { ...large, texts: [{ ...other, ids: [...ids, ...ids] }] };
    const words = formatLink(DEFAULT_SETTINGS, 'Hi', null, longer);
    expect(words.holds).toBe('the prompt');
    expect(read(words.hash)).toMatchObject({ prompt: 'Hi', notes: [] });
    expect(read(words.hash).recording).toBeUndefined();
    const nothing = formatLink(DEFAULT_SETTINGS, 'Hi'.repeat(9000), null, longer);
    expect(nothing.holds).toBe('the settings');
    for (const { hash } of [whole, shown, words, nothing]) {
      expect(hash.length).toBeLessThanOrEqual(MAX_LINK);
    }
  });

  it('reads so many tokens over all branches and no more', () => {
    const trunk = Array.from({ length: 16_000 }, () => '1').join('.');
    const branches = Array.from({ length: 20 }, () => `0--0-${(16_000).toString(36)}`).join('*');
    const found = read(`#v=1&texts=0-${trunk}*${branches}`);
    const tokens = found.recording?.texts.reduce((sum, { ids }) => sum + ids.length, 0) ?? 0;
    expect(tokens).toBeGreaterThan(16_000);
    expect(tokens).toBeLessThanOrEqual(200_000);
    expect(found.notes.join(' ')).toContain('too long together');
  });

  it('takes the defaults for settings it does not name, not the visitor’s', () => {
    const found = read('#v=1&texts=0-1.2&temperature=0.3');
    expect(found.settings).toEqual({ ...DEFAULT_SETTINGS, temperature: 0.3 });
  });

  it('keeps links that hold a prompt alone as they were', () => {
    expect(parseUrl('?top_k=7', '#prompt=Hello', BASE)).toMatchObject({
      settings: { top_k: 7 },
      prompt: 'Hello',
      notes: [],
    });
  });

  it('names a model of a Hub with its commit and its host', () => {
    const name = { source: 'owner/name', revision: 'e7da7f2', host: 'mirror.example' };
    expect(read(formatLink(DEFAULT_SETTINGS, 'Hi', name, small).hash).wish).toEqual(name);
  });
});

describe('a link from another hand', () => {
  const bounded = (hash: string): void => {
    const found = read(hash);
    const { texts, here, view } = found.recording ?? { texts: [], here: 0, view: FIRST_VIEW };
    const { off, pins } = view;
    expect(texts.length).toBeLessThanOrEqual(64);
    if (found.recording) expect(texts[here]).toBeDefined();
    expect(off.length).toBeLessThanOrEqual(2000);
    expect(pins.length).toBeLessThanOrEqual(3);
    for (const { ids, promptCount, runs } of texts) {
      expect(ids.length).toBeLessThanOrEqual(16_384);
      expect(ids.every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
      expect(promptCount).toBeLessThanOrEqual(ids.length);
      expect(areRunsOf(ids.length, runs)).toBe(true);
    }
  };

  it('never throws and never leaves its bounds: any text', () => {
    const value = fc.string({ unit: fc.constantFrom(...'0129az.-_*&=%ghmtkpr ') });
    const field = fc.constantFrom('texts', 'runs', 'how', 'gone', 'here', 'off', 'pins', 'head');
    fc.assert(
      fc.property(fc.array(fc.tuple(field, value)), (fields) => {
        bounded(`#v=1&${fields.map(([name, text]) => `${name}=${text}`).join('&')}`);
      }),
    );
  });

  it('never throws and never leaves its bounds: a good link with damage', () => {
    const at = fc.nat(link.length);
    fc.assert(
      fc.property(fc.array(fc.tuple(at, fc.string()), { maxLength: 5 }), (damage) => {
        let hash = link;
        for (const [where, what] of damage)
          hash = hash.slice(0, where) + what + hash.slice(where + 1);
        bounded(hash);
      }),
    );
  });

  it('cannot make a small link into a huge text', () => {
    const ids = Array.from({ length: 2000 }, () => '1').join('.');
    const chain = Array.from({ length: 63 }, (_, i) => `0-${ids}-${i.toString(36)}-zzz`);
    bounded(`#v=1&texts=0-${ids}*${chain.join('*')}`);
    bounded(`#v=1&texts=0-${'1.'.repeat(40_000)}1`);
  });

  for (const [what, change, words] of [
    ['another version', ['v=1', 'v=2'], /another version/u],
    ['tokens that are none', ['2-2s.7.8.9.a*2-14-0-3', 'x'], /tokens cannot be read/u],
    [
      'a branch of a branch that is not there',
      ['2-14-0-3', '2-14-5-3'],
      /1 of 2 recorded branches/u,
    ],
    ['runs beyond the text', ['runs=2-3-7-0', 'runs=2-z-7-0'], /cannot run live/u],
    ['settings that no slider has', ['t0.8', 't80'], /cannot run live/u],
    ['a part that nobody knows', ['off=h4.1z', 'off=x9'], /off=x9 names no parts/u],
    ['heads that are none', ['pins=4.1_5.2', 'pins=4'], /pins=4 names no heads/u],
    ['a focus that is none', ['head=5.2', 'head=five'], /head=five names no head/u],
  ] as const) {
    it(`says in words what it left out: ${what}`, () => {
      const found = read(link.replace(change[0], change[1]));
      expect(found.notes).toHaveLength(1);
      expect(found.notes[0]).toMatch(words);
      expect(found.prompt).toBe('Hi');
    });
  }
});
