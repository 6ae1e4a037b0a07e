// Expressions of module names fit what Python's fit, and take no time that grows beyond the name.
import { describe, expect, test } from 'vitest';
import { toNamePattern } from '../../../src/model/adapters/namePattern.ts';
import { cpuMs } from '../../support/cpuTime.ts';

const NAMES = [
  'transformer.h.0.attn.c_attn',
  'transformer.h.1.attn.c_proj',
  'transformer.h.10.mlp.c_fc',
  'transformer.h.11.mlp.my_c_fc',
  'h.0.attn.c_attn',
  'c_attn',
  'transformer.wte',
  'lm_head',
  '',
];

describe('an expression', () => {
  for (const pattern of [
    'c_attn',
    'attn.c_attn',
    'h.0.attn.c_attn',
    '^transformer.h.0.attn.c_attn',
    '^h.0.attn.c_attn$',
    'h\\.(0|1)\\.attn.*',
    'h\\.1\\d\\.mlp\\.c_fc',
    'h.[0-9]+.(attn|mlp).c_(attn|fc)',
    '[^.]*c_fc',
    '(?:my_)?c_fc',
    'h\\.\\d{2}\\..*',
    'h\\.\\d{1,3}\\.attn\\.[a-z_]{6,}',
    'w.e|lm_head',
    '.*',
    '',
    'a|',
    '[\\w.]+c_proj',
    'c_attn|^lm_head$',
  ]) {
    test(`${JSON.stringify(pattern)} fits the same names`, () => {
      const fits = toNamePattern(pattern)!;
      const same = new RegExp(`^(?:.*\\.)?(?:${pattern})$`, 'u');
      expect(NAMES.filter(fits)).toEqual(NAMES.filter((name) => same.test(name)));
    });
  }

  test('that is not understood is none', () => {
    for (const pattern of [
      '(',
      ')',
      'a**',
      '[a',
      '(?P<x>a)',
      '(?i)a',
      '\\b',
      '\\1',
      'a{',
      '+',
      '(?=a)',
      '\\',
      '[b-a]',
      'x'.repeat(301),
    ]) {
      expect(toNamePattern(pattern)).toBeNull();
    }
    expect(toNamePattern(`${'('.repeat(20)}a${'{99}'.repeat(1)}${')'.repeat(20)}{99}`)).toBeNull();
  });

  test('that would keep a backtracking machine busy for ever is tried at once', () => {
    const name = `${'a.'.repeat(500)}b`;
    for (const pattern of ['(a+)+c', '(.*)*(.*)*x', '(a|a)*c', '(.?){50}x']) {
      const fits = toNamePattern(pattern)!;
      const before = cpuMs();
      expect(fits(name)).toBe(false);
      expect(cpuMs() - before).toBeLessThan(5000);
    }
  });
});
