// Builds the library and loads it as a stranger would: from an empty folder, in plain Node, with nothing installed,
// where it computes, and once through its types. One test of `npm test`.
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
    "import * as training from 'glass-gpt/training';\n" +
    "for (const part of [library, tokenizer, training]) {\n  if (Object.keys(part).length === 0) throw new Error('exports nothing');\n}\n",
);
cpSync(join(away, 'use.ts'), join(away, 'use.js')); // it has no type syntax
step('load in Node', ['use.js'], away);
writeFileSync(
  join(away, 'compute.js'),
  `import { GPT2 } from 'glass-gpt';
const options = { device: 'cpu', processor: { threads: 3 } };
const model = await GPT2.from_pretrained(process.argv[2], options);
let text = '';
for await (const token of model.generate('Once upon a', { max_new_tokens: 4 })) {
  text += token.text;
  if (process.argv[3] === 'exit') process.exit();
}
if (!/, 3 threads/.test(model.device.description)) throw new Error(model.device.description);
if (!/^ time/.test(text)) throw new Error(text);
`,
);
// Helpers wait in the middle of a kernel's loop: they keep no process alive, and hold up none that ends.
const OWN_MODEL = join(root, 'public/models/tales-7m');
step('compute in Node with helpers, and end', ['compute.js', OWN_MODEL], away);
step('end in the middle of it', ['compute.js', OWN_MODEL, 'exit'], away);
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
for (const name of ['index.d.ts', 'tokenizer.d.ts', 'training.d.ts']) {
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
