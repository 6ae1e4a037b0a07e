// A shader file stands alone, so some functions stand in several files: they must stay the same.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('../../../shaders/', import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.wgsl'));

/** Top-level functions of a shader by name, entry points left out. */
function functionsOf(file: string): [name: string, text: string][] {
  const source = readFileSync(new URL(file, FOLDER), 'utf8');
  return [...source.matchAll(/^(@compute[^\n]*\n)?fn (\w+)[\s\S]*?^\}$/gmu)]
    .filter(([, attribute]) => attribute === undefined)
    .map(([text, , name]) => [name, text]);
}

describe('functions that stand in several shaders', () => {
  const places = new Map<string, { file: string; text: string }[]>();
  for (const file of files) {
    for (const [name, text] of functionsOf(file)) {
      places.set(name, [...(places.get(name) ?? []), { file, text }]);
    }
  }
  const shared = [...places].filter(([, found]) => found.length > 1);

  it('are found', () => {
    expect(shared.map(([name]) => name).toSorted()).toContain('activate');
  });

  for (const [name, found] of shared) {
    it(`${name} is the same in ${found.map(({ file }) => file).join(', ')}`, () => {
      for (const { text } of found) expect(text).toBe(found[0].text);
    });
  }
});
