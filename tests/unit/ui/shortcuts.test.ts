// What keys mean, on the keyboards that people have.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PLACE_KEYS, SHORTCUTS, shortcutOf } from '../../../src/ui/shortcuts.ts';

interface Key {
  readonly key: string;
  /** Held with it, in one word: `ctrl+alt`. */
  readonly held?: string;
  readonly typing?: boolean;
  readonly mac?: boolean;
}

/** The words of what a key does; undefined where it is left to the browser. */
function meaning({ key, held = '', typing = false, mac = false }: Key): string | undefined {
  const has = (name: string): boolean => held.split('+').includes(name);
  const event = {
    key,
    code: /^[a-z]$/u.test(key) ? `Key${key.toUpperCase()}` : key,
    ctrlKey: has('ctrl'),
    altKey: has('alt'),
    metaKey: has('meta'),
    shiftKey: has('shift'),
  } as KeyboardEvent;
  return shortcutOf(event, { typing, mac })?.words;
}

const STEP = 'One token more';
const HEAD = 'Previous, next attention head';
const LAYER = 'Previous, next layer';

describe('keys', () => {
  test.each<[string, Key, string | undefined]>([
    ['Alt+→ adds a token', { key: 'ArrowRight', held: 'alt' }, STEP],
    ['also while typing', { key: 'ArrowRight', held: 'alt', typing: true }, STEP],
    ['Option+→ adds a token on a Mac', { key: 'ArrowRight', held: 'alt', mac: true }, STEP],
    [
      'in a text it goes to the next word there',
      { key: 'ArrowRight', held: 'alt', typing: true, mac: true },
      undefined,
    ],
    [
      'and with Shift selects it',
      { key: 'ArrowRight', held: 'alt+shift', typing: true, mac: true },
      undefined,
    ],
    ['with Shift it is no key of ours', { key: 'ArrowRight', held: 'alt+shift' }, undefined],
    ['a bracket', { key: ']' }, HEAD],
    ['a bracket by AltGr, which Windows calls Ctrl+Alt', { key: '[', held: 'ctrl+alt' }, HEAD],
    ['a bracket by Option', { key: '[', held: 'alt', mac: true }, HEAD],
    ['a brace by AltGr', { key: '{', held: 'ctrl+alt' }, LAYER],
    ['a brace by Option and Shift', { key: '}', held: 'alt+shift', mac: true }, LAYER],
    ['⌘[ goes back in the browser', { key: '[', held: 'meta', mac: true }, undefined],
    ['Ctrl+] is the browser’s', { key: ']', held: 'ctrl' }, undefined],
    ['a bracket that is typed', { key: '[', held: 'ctrl+alt', typing: true }, undefined],
    ['a question mark', { key: '?', held: 'shift' }, 'This help'],
    ['a question mark that is typed', { key: '?', held: 'shift', typing: true }, undefined],
  ])('%s', (_, key, words) => {
    expect(meaning(key)).toBe(words);
  });

  test('each has words of its own, so that the help can list them', () => {
    expect(new Set(SHORTCUTS.map(({ words }) => words)).size).toBe(SHORTCUTS.length);
  });
});

/** Names of keys as the help writes them, where they differ. */
const SHOWN: Readonly<Record<string, string>> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  PageUp: 'PgUp',
  PageDown: 'PgDn',
  Escape: 'Esc',
  ' ': 'Space',
};

test('the help names every key that the page answers', () => {
  const help = [...SHORTCUTS, ...PLACE_KEYS].map(({ keys, words }) => `${keys} ${words}`).join(' ');
  const answered = new Set<string>();
  for (const file of readdirSync('src/ui', { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/u.test(file)) continue;
    const code = readFileSync(`src/ui/${file}`, 'utf8');
    const keys =
      /\bkey === '([^']+)'|case '((?:Arrow|Page)\w+|Home|End)'|^\s+((?:Arrow|Page)\w+|Home|End): /gmu;
    for (const [, ...found] of code.matchAll(keys)) answered.add(found.find(Boolean) ?? '');
    if (/\bshiftKey\) toggle/u.test(code)) answered.add('Shift click');
  }
  expect(answered.size).toBeGreaterThan(12);
  const words = help.split(/[\s.,:;]+/u);
  const unknown = [...answered].filter((key) => {
    const shown = SHOWN[key] ?? key;
    return shown.includes(' ') ? !help.includes(shown) : !words.includes(shown);
  });
  expect(unknown).toEqual([]);
});
