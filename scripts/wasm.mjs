// npm run build:wasm [-- --check]: builds the processor's kernels, src/kernels/wasm/*.c, into two modules that are committed
// beside them. With --check nothing is written, and a module that is not what its sources give is an error.
// The compiler is clang as WebAssembly, pinned and fetched once into a cache (105 MB): `npm install`, `npm start`, Vite
// and the unit tests need none.
// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { gzipSync } from 'node:zlib';
import { fetched } from './fetched.mjs';
import { FLAGS, FOLDER, MODULES, SOURCES, sumOfSources } from './wasm/sources.mjs';

/** Both modules together, gzip. */
const MOST_BYTES = 30_000;

// A compiler that runs twice is not worth compiling well: half of the time.
setFlagsFromString('--liftoff-only');

const isCheck = process.argv.includes('--check');
const folder = fetched('wasm', '@yowasp/clang', 'the C compiler (once, 105 MB)');
const entry = join(folder, 'node_modules/@yowasp/clang/gen/bundle.js');
const { commands, Exit } = await import(pathToFileURL(entry).href);
const files = Object.keys(SOURCES).filter((name) => name.endsWith('.c'));

let zipped = 0;
let failed = false;
for (const [name, extra] of Object.entries(MODULES)) {
  const bytes = await compile([...FLAGS, ...extra]);
  await check(name, bytes);
  zipped += gzipSync(bytes, { level: 9 }).length;
  const text = toSource(name, bytes);
  const path = join(FOLDER, `${name}.ts`);
  if (!isCheck) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    failed = true;
    console.error(`src/kernels/wasm/${name}.ts is not what its sources give: npm run build:wasm.`);
  }
  console.log(`${name}: ${bytes.length} bytes`);
}
console.log(`both: ${zipped} bytes as gzip, of ${MOST_BYTES}`);
if (zipped > MOST_BYTES) failed = true;
process.exit(failed ? 1 : 0);

/** @param {string[]} flags @returns {Promise<Uint8Array>} */
async function compile(flags) {
  const decoder = new TextDecoder();
  /** @param {Uint8Array | null} bytes */
  const show = (bytes) => void (bytes && process.stderr.write(decoder.decode(bytes)));
  try {
    const options = { stdout: show, stderr: show, fetchProgress: () => {} };
    return (await commands.clang([...flags, ...files, '-o', 'out.wasm'], SOURCES, options))[
      'out.wasm'
    ];
  } catch (error) {
    if (error instanceof Exit) process.exit(1);
    throw error;
  }
}

/**
 * Threads have one memory, and each the same stack pointer to begin with: a module may bring no data and use no stack.
 * @param {string} name @param {Uint8Array} bytes
 */
async function check(name, bytes) {
  let text = '';
  const decoder = new TextDecoder();
  /** @param {Uint8Array | null} part */
  const hear = (part) => void (part && (text += decoder.decode(part, { stream: true })));
  const options = { stdout: hear, fetchProgress: () => {} };
  await commands.objdump(['-d', '-h', 'module.wasm'], { 'module.wasm': bytes }, options);
  if (!/i32\.load/.test(text)) throw new Error(`What ${name} does could not be read.`);
  if (/global\.(?:get|set)/.test(text)) throw new Error(`${name} uses the stack.`);
  if (/\bDATA\b/.test(text)) throw new Error(`${name} brings data.`);
}

/** @param {string} name @param {Uint8Array} bytes */
function toSource(name, bytes) {
  const text = Buffer.from(bytes).toString('base64');
  return [
    `// Built by \`npm run build:wasm\` from the C files here, with ${name === 'exact' ? 'no multiply-add fused' : 'relaxed SIMD'}. Not to be edited.`,
    `/** SHA-256 of sources and flags. */`,
    `export const SOURCES = '${sumOfSources()}';`,
    `export const BYTES =\n  '${text}';`,
    '',
  ].join('\n');
}
