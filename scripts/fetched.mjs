// Tools that only some people need, pinned by a package.json and a lock file of their own beside this file, and fetched
// from npm into a cache outside the repository when they are first needed.
// @ts-check
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { npm, root } from './setup.mjs';

/**
 * The folder with the `node_modules` of scripts/<own>, whose main package is `name`. npm checks sums against the lock
 * file, and runs nothing of what it fetches.
 * @param {string} own @param {string} name @param {string} what what is fetched, in words
 * @param {(folder: string) => unknown} [check] throws where what was fetched is no use
 */
export function fetched(own, name, what, check = () => {}) {
  const home = join(root, 'scripts', own);
  const { version } = JSON.parse(readFileSync(join(home, 'package-lock.json'), 'utf8')).packages[
    `node_modules/${name}`
  ];
  const folder = join(cacheFolder(), `${name.split('/').at(-1)}-${version}`);
  if (existsSync(folder)) return folder;
  console.log(`Fetching ${what} …`);
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      cpSync(join(home, file), join(fresh, file));
    }
    const { status, output } = npm(['ci', '--ignore-scripts', '--prefix', fresh], fresh);
    if (status !== 0) throw new Error(`${name} could not be fetched from npm:\n${output}`);
    check(fresh);
    // Whoever else fetched it meanwhile has the same.
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

function cacheFolder() {
  const { GLASS_GPT_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const platform =
    process.platform === 'win32'
      ? (LOCALAPPDATA ?? join(homedir(), 'AppData/Local'))
      : (XDG_CACHE_HOME ?? join(homedir(), '.cache'));
  return GLASS_GPT_CACHE ?? join(platform, 'glass-gpt');
}
