import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_SETTINGS,
  NUMERIC_KEYS,
  RANGES,
  type Settings,
} from '../../../src/state/settings.ts';
import { hostOf } from '../../../src/state/modelName.ts';
import { formatUrl, MAX_PROMPT_IN_URL, parseUrl } from '../../../src/state/urlState.ts';

const BASE = 'https://example.org/glass/';

const numeric = Object.fromEntries(
  NUMERIC_KEYS.map((key) => {
    const { min, max, integer } = RANGES[key];
    return [
      key,
      integer
        ? fc.integer({ min, max })
        : fc.double({ min, max, noNaN: true, noDefaultInfinity: true }),
    ];
  }),
);
const settings = fc.record({
  ...numeric,
  do_sample: fc.boolean(),
  seed: fc.option(fc.nat(0xffff_ffff), { nil: null }),
  stop: fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), {
    maxLength: 8,
  }),
}) as unknown as fc.Arbitrary<Settings>;
const prompt = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 });

describe('the address as state', () => {
  it('brings back every setting and every prompt that was written', () => {
    fc.assert(
      fc.property(settings, prompt, (wanted, text) => {
        const { search, hash } = formatUrl(wanted, text);
        const read = parseUrl(search, hash, BASE);
        expect(read.notes).toEqual([]);
        expect({ ...DEFAULT_SETTINGS, ...read.settings }).toEqual(wanted);
        expect(read.prompt).toBe(text);
      }),
    );
  });

  it('never throws and never leaves the ranges, whatever the address says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (search, hash) => {
        const { settings: found } = parseUrl(search, hash, BASE);
        for (const key of NUMERIC_KEYS) {
          const value = found[key];
          if (value === undefined) continue;
          expect(value).toBeGreaterThanOrEqual(RANGES[key].min);
          expect(value).toBeLessThanOrEqual(RANGES[key].max);
        }
      }),
    );
  });

  it('clamps numbers that are out of range and says so', () => {
    const read = parseUrl('?temperature=99&top_k=-3&seed=1.5', '', BASE);
    expect(read.settings).toEqual({ temperature: 5, top_k: 0, seed: 2 });
    expect(read.notes).toHaveLength(3);
    expect(read.notes[0]).toContain('temperature=99');
  });

  it('takes a temperature of 0 for greedy', () => {
    const read = parseUrl('?temperature=0', '', BASE);
    expect(read.settings).toEqual({ do_sample: false });
    expect(read.notes).toEqual([]);
  });

  it('drops what is no number and says so', () => {
    const read = parseUrl('?temperature=hot&top_p=&seed=x&greedy=maybe', '', BASE);
    expect(read.settings).toEqual({});
    expect(read.notes).toHaveLength(4);
  });

  it('ignores parameters it does not know, in silence', () => {
    expect(parseUrl('?utm_source=x&whatever=1', '#other=1', BASE)).toEqual({
      settings: {},
      localEngine: false,
      notes: [],
    });
  });

  it('takes a model of its own site as an absolute address', () => {
    for (const path of ['models/mine/', './models/mine', '/glass/models/mine']) {
      expect(parseUrl(`?model=${path}`, '', BASE).wish).toEqual({
        source: 'https://example.org/glass/models/mine',
      });
    }
  });

  it('takes a model of a Hub, or of another site, as it is named', () => {
    expect(parseUrl('?model=gpt2&revision=e7da7f2&host=localhost:8000', '', BASE).wish).toEqual({
      source: 'gpt2',
      revision: 'e7da7f2',
      host: 'localhost:8000',
    });
    expect(parseUrl('?model=https%3A%2F%2Felsewhere.example%2Fm', '', BASE).wish).toEqual({
      source: 'https://elsewhere.example/m',
    });
  });

  it('takes an adapter together with the model that it is merged into, and writes both', () => {
    const name = {
      source: 'someone/lora',
      base_model: 'gpt2',
      base_revision: 'a'.repeat(40),
    };
    const { search } = formatUrl(DEFAULT_SETTINGS, '', { model: name });
    expect(search).toBe(`?model=someone%2Flora&base_model=gpt2&base_revision=${'a'.repeat(40)}`);
    expect(parseUrl(search, '', BASE).wish).toEqual(name);
    // On this site, it asks another one for its model.
    const { wish } = parseUrl('?model=models/lora&base_model=gpt2', '', BASE);
    expect(hostOf(wish!, BASE)).toBe('huggingface.co');
  });

  it('takes no model from other schemes', () => {
    for (const foreign of [
      'javascript:alert(1)',
      'data:,x',
      'file:///etc',
      `a/${'b'.repeat(3000)}`,
    ]) {
      const read = parseUrl(`?model=${encodeURIComponent(foreign)}`, '', BASE);
      expect(read.wish).toBeUndefined();
      expect(read.notes).toHaveLength(1);
    }
  });

  it('writes the model that is loaded, or leaves the one that the address names', () => {
    const oldSearch = '?model=a%2Fb&host=c.example';
    expect(formatUrl(DEFAULT_SETTINGS, '', { oldSearch }).search).toBe(oldSearch);
    expect(formatUrl(DEFAULT_SETTINGS, '', { oldSearch, model: null }).search).toBe('');
    const model = { source: 'gpt2', revision: 'e7da7f2' };
    expect(formatUrl(DEFAULT_SETTINGS, '', { oldSearch, model }).search).toBe(
      '?model=gpt2&revision=e7da7f2',
    );
  });

  it('knows devices, precisions and engines by name', () => {
    const read = parseUrl('?device=cpu&dtype=fp32&engine=local', '', BASE);
    expect(read).toMatchObject({ device: 'cpu', dtype: 'fp32', localEngine: true, notes: [] });
    expect(parseUrl('?device=npu', '', BASE).notes[0]).toContain('device=npu');
  });

  it('keeps device, precision, model and engine of the old address and drops the rest', () => {
    const { search } = formatUrl(DEFAULT_SETTINGS, '', {
      oldSearch: '?device=cpu&temperature=1&x=1',
    });
    expect(search).toBe('?device=cpu');
  });

  it('makes no order of the device that a link asks for', () => {
    const oldHash = '#v=1&device=webgpu&dtype=q8&engine=local&prompt=ab';
    expect(parseUrl('', oldHash, BASE)).toMatchObject({ device: 'webgpu', deviceLinked: true });
    const { search, hash } = formatUrl(DEFAULT_SETTINGS, 'ab', { oldHash });
    const read = parseUrl(search, hash, BASE);
    expect(read).toMatchObject({ dtype: 'q8', prompt: 'ab', localEngine: false });
    expect(read.device).toBeUndefined();
    const asked = formatUrl(DEFAULT_SETTINGS, 'ab', { oldSearch: '?device=cpu', oldHash });
    expect(parseUrl(asked.search, asked.hash, BASE).device).toBe('cpu');
  });

  it('leaves long prompts out', () => {
    expect(formatUrl(DEFAULT_SETTINGS, 'a'.repeat(MAX_PROMPT_IN_URL + 1)).hash).toBe('');
  });
});

it('the step of the lessons stands in the fragment, beside all else', () => {
  const { search, hash } = formatUrl(DEFAULT_SETTINGS, 'a fox', { lesson: 3 });
  expect(hash).toBe('#prompt=a+fox&learn=3');
  expect(parseUrl(search, hash, BASE)).toMatchObject({ prompt: 'a fox', lesson: 3, notes: [] });
  expect(parseUrl('', '#learn=zero', BASE).lesson).toBeUndefined();
  expect(parseUrl('', '#learn=zero', BASE).notes).toEqual([
    'learn=zero is no step of the lessons; ignored.',
  ]);
  expect(formatUrl(DEFAULT_SETTINGS, '', { oldHash: '#learn=3' }).hash).toBe('');
});
