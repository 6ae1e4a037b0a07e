// Builds the library and loads it as a stranger would: from an empty folder, in plain Node, with nothing installed,
// and once through its types. One test of `npm test`.
// @ts-check
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';

const lib = join(root, 'dist/lib');
const TSC = join(root, 'node_modules/typescript/bin/tsc');
const away = mkdtempSync(join(tmpdir(), 'glass-gpt-library-'));
process.on('exit', () => rmSync(away, { recursive: true, force: true }));

step(
  'build',
  [
    join(root, 'node_modules/vite/bin/vite.js'),
    'build',
    '-c',
    'vite.lib.config.ts',
    '--logLevel',
    'warn',
  ],
  root,
);
step('types', [TSC, '-p', 'tsconfig.lib.json'], root);

const installed = join(away, 'node_modules/glass-gpt');
mkdirSync(installed, { recursive: true });
cpSync(lib, join(installed, 'dist/lib'), { recursive: true });
cpSync(join(root, 'package.json'), join(installed, 'package.json'));
writeFileSync(join(away, 'package.json'), '{ "type": "module" }\n');
writeFileSync(
  join(away, 'use.ts'),
  "import * as library from 'glass-gpt';\nimport * as tokenizer from 'glass-gpt/tokenizer';\n" +
    "for (const part of [library, tokenizer]) {\n  if (Object.keys(part).length === 0) throw new Error('exports nothing');\n}\n",
);
cpSync(join(away, 'use.ts'), join(away, 'use.js')); // it has no type syntax
step('load in Node', ['use.js'], away);
step(
  'use its types',
  [
    TSC,
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'esnext,dom',
    '--types',
    '',
    'use.ts',
  ],
  away,
);
for (const name of ['index.d.ts', 'tokenizer.d.ts']) {
  if (!existsSync(join(lib, name))) stop(`dist/lib/${name} is missing.`);
}

/** @param {string} name @param {string[]} args @param {string} cwd */
function step(name, args, cwd) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  if (status !== 0) stop(`The library's step "${name}" failed:\n${stdout}${stderr}`.trimEnd());
  console.log(`ok    ${name}`);
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(message);
  process.exit(1);
}
