// What the modules of WebAssembly are built from, and how.
// @ts-check
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';

export const FOLDER = join(root, 'src/kernels/wasm');

/** One source, two modules: the same numbers everywhere, and multiply-adds that may be fused. */
export const MODULES = {
  exact: ['-ffp-contract=off'],
  relaxed: ['-mrelaxed-simd', '-ffp-contract=fast'],
};

export const FLAGS = [
  '--target=wasm32 -std=c2x -O3 -nostdlib -ffreestanding -Wall -Wextra -Werror',
  '-msimd128 -matomics -mbulk-memory',
  // What is written as four lanes stays so, and loops stay as short as they are: V8 has few registers.
  '-fno-unroll-loops -fno-vectorize -fno-slp-vectorize',
  '-Wl,--no-entry,--import-memory,--shared-memory,--max-memory=4294967296,--stack-first,-z,stack-size=4096,--strip-all',
].flatMap((words) => words.split(' '));

/** The C files by their names. @type {Record<string, string>} */
export const SOURCES = Object.fromEntries(
  readdirSync(FOLDER)
    .filter((name) => /\.[ch]$/.test(name))
    .toSorted()
    .map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]),
);

/** SHA-256 of sources and flags, hex: what a built module says it was built from. */
export function sumOfSources() {
  return createHash('sha256')
    .update(JSON.stringify([SOURCES, FLAGS, MODULES]))
    .digest('hex');
}
