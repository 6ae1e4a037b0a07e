// npm run test:naga: every shader compiles without a message in naga too, the WGSL front end of Firefox, wgpu and Deno.
// Chromium's Tint accepts what naga refuses (`enable subgroups;`), and nobody here has a Firefox at hand for every run.
// Deno comes from npm into a cache of its own, never into node_modules: 42 MB that only the tests need.
// @ts-check
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromiums } from './chromium.mjs';
import { fetched } from './fetched.mjs';
import { root } from './setup.mjs';

/** Modules that say whether this test could fail at all. `refused` ones must have a message. */
const PROBES = [
  { name: 'right', refused: false, code: '@compute @workgroup_size(1) fn right() {}' },
  {
    name: 'wrongType',
    refused: true,
    code: '@compute @workgroup_size(1) fn wrongType() { let x: u32 = 1.5; }',
  },
  // Tint accepts it where the adapter has subgroups.
  {
    name: 'tintOnly',
    refused: true,
    code: 'enable subgroups;\n@compute @workgroup_size(1) fn tintOnly() {}',
  },
];

const { values } = parseArgs({ options: { json: { type: 'string' } } });

const shaders = readdirSync(join(root, 'shaders'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.wgsl'))
  .map((name) => ({
    name: basename(name, '.wgsl'),
    refused: false,
    code: readFileSync(join(root, 'shaders', name), 'utf8'),
  }));
const tests = [...PROBES, ...shaders];
if (shaders.length === 0) throw new Error('There are no shaders.');

let passed = 0;
let failed = 0;
let skipped = 0;
try {
  const results = compile(findDeno());
  for (const { name, refused } of tests) {
    const { messages } = results.find((one) => one.name === name) ?? { messages: ['no answer'] };
    const isRight = refused ? messages.length > 0 : messages.length === 0;
    if (isRight) passed++;
    else {
      failed++;
      const what = refused ? 'was to be refused, and was not' : messages.join('\n    ');
      console.log(`not ok ${name}: ${what}`);
    }
  }
  console.log(`${passed} of ${tests.length} as they should be in naga`);
} catch (error) {
  const why = error instanceof Error ? error.message : String(error);
  // Elsewhere a driver may be missing that nobody can be asked to install; Linux has all that it takes.
  if (process.platform === 'linux') failed = tests.length - passed;
  else skipped = tests.length;
  console.error(`The second WGSL front end was not run: ${why}`);
}
if (values.json) writeFileSync(values.json, JSON.stringify({ passed, failed, skipped }));
process.exit(failed === 0 ? 0 : 1);

/**
 * @param {string} deno path of the program
 * @returns {{ name: string, messages: string[] }[]}
 */
function compile(deno) {
  const scratch = mkdtempSync(join(tmpdir(), 'glass-gpt-naga-'));
  try {
    const [from, to] = [join(scratch, 'modules.json'), join(scratch, 'results.json')];
    writeFileSync(from, JSON.stringify(tests.map(({ name, code }) => ({ name, code }))));
    const { status, stdout, stderr, error } = spawnSync(
      deno,
      [
        'run',
        '--no-config',
        '--no-lock',
        '--cached-only',
        '--allow-env',
        '--allow-sys',
        `--allow-read=${scratch},${join(root, 'scripts')}`,
        `--allow-write=${scratch}`,
        join(root, 'scripts/naga/compile.mjs'),
        from,
        to,
      ],
      { encoding: 'utf8', env: { ...process.env, ...software() }, timeout: 5 * 60_000 },
    );
    if (error) throw error;
    process.stdout.write(stdout);
    if (status !== 0) throw new Error(`Deno ended with ${status}:\n${stderr.trim()}`);
    return JSON.parse(readFileSync(to, 'utf8'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Where the tests' Chromium brings its own Vulkan loader and software driver, they serve Deno too. */
function software() {
  const folders = chromiums().map((path) => dirname(realpathSync(path)));
  folders.push('/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome');
  for (const folder of folders) {
    const driver = join(folder, 'vk_swiftshader_icd.json');
    if (!existsSync(driver) || !existsSync(join(folder, 'libvulkan.so.1'))) continue;
    const path = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
    return { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: path };
  }
  return {};
}

/** The pinned Deno, from the cache or, once, from npm. */
function findDeno() {
  const what = "Deno for the shaders' second compiler (once, 42 MB)";
  return program(fetched('naga', 'deno', what, program));
}

/** @param {string} folder */
function program(folder) {
  const packages = join(folder, 'node_modules/@deno');
  for (const name of existsSync(packages) ? readdirSync(packages) : []) {
    const path = join(packages, name, process.platform === 'win32' ? 'deno.exe' : 'deno');
    if (existsSync(path)) return path;
  }
  throw new Error(`npm has no Deno for ${process.platform} on ${process.arch}.`);
}
