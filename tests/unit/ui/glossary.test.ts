// The words that the page explains: each has a sentence, and stands somewhere to be asked.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NUMERIC_KEYS } from '../../../src/state/settings.ts';
import { PANELS } from '../../../src/ui/panels.ts';
import { GLOSSARY } from '../../../src/ui/words/glossary.ts';

const source = readdirSync('src/ui', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.tsx'))
  .map((name) => readFileSync(`src/ui/${name}`, 'utf8'))
  .join('\n');
/** The knobs stand in one line of code for all of them. */
const knobs = source.includes('<Word id={name}>') ? NUMERIC_KEYS : [];

describe('the glossary', () => {
  it.each(Object.entries(GLOSSARY))('has one sentence and one place for %s', (id, meaning) => {
    expect(meaning.word).not.toBe('');
    expect(meaning.sentence).toMatch(/^[A-Z].{30,200}\.$/u);
    expect(PANELS.map((panel) => panel.id)).toContain(meaning.view ?? 'model');
    const places = source.split(`<Word id="${id}"`).length - 1;
    expect(places + knobs.filter((key) => key === id).length).toBe(1);
  });
});
