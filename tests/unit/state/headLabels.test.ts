import { describe, expect, test } from 'vitest';
import { headSentence, labelHead, nameWords } from '../../../src/state/headLabels.ts';
import { names } from '../../support/headScores.ts';

describe('the name of a head', () => {
  test('is the habit that needs one particular token and is furthest above its control', () => {
    expect(labelHead(names({ induction: 0.83, previous: 0.41 }), 0, 0)).toMatchObject({
      name: 'induction',
      letter: 'I',
    });
    // More weight on marks, but chance finds those as well.
    const scores = names(
      { sentence: 0.65, punctuation: 0.84 },
      { sentence: 0.3, punctuation: 0.7 },
    );
    expect(labelHead(scores, 0, 0).name).toBe('sentence');
  });

  test('is not “first token” or “local” where something more telling stands out', () => {
    expect(labelHead(names({ first: 0.55, induction: 0.42 }), 0, 0).name).toBe('induction');
    expect(labelHead(names({ local: 0.95, previous: 0.9 }), 0, 0).name).toBe('previous');
    expect(labelHead(names({ first: 0.55, local: 0.3 }), 0, 0).name).toBe('first');
    // The token that stands first here may be one that it would look at anywhere.
    expect(labelHead(names({ first: 0.93 }, {}, [], 0.05), 0, 0).name).toBe('mixed');
    expect(labelHead(names({ first: 0.93 }, {}, [], Number.NaN), 0, 0).name).toBe('mixed');
  });

  test('needs its score, and a lead over shuffled heads', () => {
    expect(labelHead(names({ local: 0.59 }), 0, 0).name).toBe('mixed');
    expect(labelHead(names({ local: 0.9 }, { local: 0.79 }), 0, 0).name).toBe('local');
    expect(labelHead(names({ local: 0.9 }, { local: 0.81 }), 0, 0).name).toBe('mixed');
    // The head itself is far away from its shuffles, another one's are not.
    const scores = { ...names({ local: 0.9 }, { local: 0.2 }) };
    const high = { ...scores, ceiling: { ...scores.ceiling, local: 0.89 } };
    expect(labelHead(high, 0, 0).name).toBe('mixed');
    expect(labelHead({ ...scores, ceiling: { ...scores.ceiling, local: 0.88 } }, 0, 0).name).toBe(
      'local',
    );
  });

  test('takes no score that could not be measured', () => {
    expect(labelHead(names({ induction: Number.NaN, previous: 0.5 }), 0, 0).name).toBe('previous');
    const { NaN: nothing } = Number;
    const none = names({
      previous: nothing,
      first: nothing,
      duplicate: nothing,
      induction: nothing,
      local: nothing,
      broad: nothing,
      sentence: nothing,
      punctuation: nothing,
      words: nothing,
    });
    expect(labelHead(none, 0, 0).letter).toBe('');
    expect(headSentence(none, 0, 0)).toBe('Head 0.0 — this text is too short to name heads by it.');
  });

  test('never stands without its score and its control’s', () => {
    expect(headSentence(names({ induction: 0.83 }, { induction: 0.1 }), 0, 0)).toBe(
      'Head 0.0 — induction: it looks at what followed the last time this token came; in this text 0.83; with its keys shuffled at most 0.10, any shuffled head at most 0.10.',
    );
    expect(headSentence(names({ broad: 0.9 }, { broad: 0.99 }), 0, 0)).toContain(
      'no name stands out from chance (nearest:',
    );
    expect(headSentence(null, 0, 0)).toContain('not measured');
  });

  test('of a head that looks at words says which', () => {
    const label = labelHead(names({ words: 0.4 }, {}, ['was', 'went', 'said', 'had']), 0, 0);
    expect(label).toMatchObject({ name: 'words', letter: 'W' });
    expect(nameWords(label)).toBe('looks at “was”, “went”, “said” …');
  });
});
