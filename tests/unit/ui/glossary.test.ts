// The words that the page explains: each has a sentence, and stands somewhere to be asked.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NUMERIC_KEYS } from '../../../src/state/settings.ts';
import { READINGS } from '../../../src/state/view.ts';
import { PANELS } from '../../../src/ui/panels.ts';
import { GLOSSARY } from '../../../src/ui/words/glossary.ts';

const source = readdirSync('src/ui', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.tsx'))
  .map((name) => readFileSync(`src/ui/${name}`, 'utf8'))
  .join('\n');
/** The knobs stand in one line of code for all of them. */
const knobs = source.includes('<Word id={name}>') ? NUMERIC_KEYS : [];

describe('the glossary', () => {
  it('has thirty words', () => {
    expect(Object.keys(GLOSSARY)).toHaveLength(30);
  });

  it.each(Object.entries(GLOSSARY))('has one sentence and one place for %s', (id, meaning) => {
    expect(meaning.word).not.toBe('');
    expect(meaning.sentence).toMatch(/^[A-Z].{30,200}\.$/u);
    if ('view' in meaning.see) {
      expect(PANELS.map((panel) => panel.id)).toContain(meaning.see.view);
    } else if ('region' in meaning.see) {
      expect(source).toContain(`data-region="${meaning.see.region}"`);
    } else expect(READINGS).toContain(meaning.see.reading);
    // The lens has a Word of its own.
    const places = source.split(new RegExp(`<(?:Word|Explained) id="${id}"`, 'u')).length - 1;
    expect(places + knobs.filter((key) => key === id).length).toBe(1);
  });
});
