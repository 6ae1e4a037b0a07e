import { describe, expect, test } from 'vitest';
import { headSentence, labelHead, labelWithScore } from '../../../src/state/headLabels.ts';
import { scores } from '../../support/headScores.ts';

describe('the name of a head', () => {
  test('is the strongest behaviour that needs one particular token', () => {
    expect(labelHead(scores({ induction: 0.83, previous: 0.41 }), 0, 0)).toMatchObject({
      name: 'induction',
      letter: 'I',
    });
  });

  test('is not “first token” or “local” where something more telling stands out', () => {
    expect(labelHead(scores({ first: 0.55, induction: 0.42 }), 0, 0).name).toBe('induction');
    expect(labelHead(scores({ local: 0.95, previous: 0.9 }), 0, 0).name).toBe('previous');
    expect(labelHead(scores({ first: 0.55, local: 0.3 }), 0, 0).name).toBe('first');
  });

  test('is “mixed” below every threshold, and then says what comes nearest', () => {
    const label = labelHead(scores({ local: 0.59, induction: 0.2 }), 0, 0);
    expect(label.name).toBe('mixed');
    expect(labelWithScore(label)).toBe('mixed, most local 0.59');
  });

  test('takes no score that could not be measured', () => {
    expect(labelHead(scores({ induction: Number.NaN, previous: 0.5 }), 0, 0).name).toBe('previous');
    const nothing = Number.NaN;
    const none = scores({
      previous: nothing,
      first: nothing,
      duplicate: nothing,
      induction: nothing,
      local: nothing,
      broad: nothing,
    });
    expect(headSentence(none, 0, 0)).toBe('Head 0.0 — not measured yet.');
  });

  test('never stands without its score', () => {
    expect(headSentence(scores({ induction: 0.83 }), 0, 0)).toBe(
      'Head 0.0 — induction 0.83 on repeated random tokens: it looks at what followed the last time this token came.',
    );
    expect(headSentence(scores({ broad: 0.7 }), 0, 0)).toContain('strongest: broad 0.70');
    expect(headSentence(null, 0, 0)).toContain('not measured');
  });
});
