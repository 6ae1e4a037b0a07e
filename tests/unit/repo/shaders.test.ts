// What the compiler cannot tie together: functions that stand in several shaders, because a shader file stands
// alone, and what a shader and its kernel both declare.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allKernels } from '../../support/kernels.ts';

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

describe('a kernel and its shader', () => {
  const kernels = allKernels();

  it('are one for each file', () => {
    expect(kernels.map(({ name }) => `${name}.wgsl`)).toEqual(
      files.toSorted((a, b) => a.localeCompare(b)),
    );
  });

  for (const { name, source, params, bindings, overrides } of kernels) {
    it(`${name} declare the same params, tensors and overrides, in the same order`, () => {
      expect(source).toMatch(new RegExp(`@compute[^\\n]*\\nfn ${name}\\(`, 'u'));
      const struct = /^struct Params \{$([\s\S]*?)^\}$/mu.exec(source)?.[1] ?? '';
      const fields = [...struct.matchAll(/^ {2}(\w+): (\w+),$/gmu)];
      expect(fields.map(([, field, type]) => [field, type])).toEqual(Object.entries(params));
      const declared = [
        ...source.matchAll(/^@group\(0\) @binding\((\d+)\) var<([^>]+)> (\w+): /gmu),
      ].map(([, binding, space, variable]) => [Number(binding), space, variable]);
      const wanted = Object.entries(bindings).map(([tensor, access], i) => [
        i + 1,
        access === 'read' ? 'storage, read' : 'storage, read_write',
        tensor,
      ]);
      expect(declared).toEqual([[0, 'uniform', 'params'], ...wanted]);
      const settable = [...source.matchAll(/^override (\w+): /gmu)].map(([, found]) => found);
      expect(settable.toSorted()).toEqual(overrides.toSorted());
    });
  }
});
