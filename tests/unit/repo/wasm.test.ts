// The built modules belong to the C files beside them. `npm test` builds them again as well, and compares bytes.
import { expect, it } from 'vitest';
import { sumOfSources } from '../../../scripts/wasm/sources.mjs';
import * as exact from '../../../src/kernels/wasm/exact.ts';
import * as relaxed from '../../../src/kernels/wasm/relaxed.ts';

const modules = { exact, relaxed };

it('every module says that it was built from the sources as they are', () => {
  for (const [name, { SOURCES }] of Object.entries(modules)) {
    expect(SOURCES, `${name}: npm run build:wasm`).toBe(sumOfSources());
  }
});

it('the exact module is valid here, and both import nothing but memory', () => {
  const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const module = new WebAssembly.Module(bytes(exact.BYTES));
  expect(WebAssembly.Module.imports(module)).toEqual([
    { module: 'env', name: 'memory', kind: 'memory' },
  ]);
  // The same source, so the same names; whether it may fuse is the machine's matter.
  expect(bytes(relaxed.BYTES).slice(0, 8)).toEqual(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
});
