// What must be true before anything else runs: a fitting Node and installed dependencies. Node built-ins only.
// @ts-check
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's folder, with a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Ends the process with one line. @param {string} message @returns {never} */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Stops on a Node that the tools do not support (`engines` in package.json). */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  if (!fits) {
    fail(
      `Glass GPT needs Node 20.19+, 22.12+ or 24+; this is ${process.versions.node}: https://nodejs.org`,
    );
  }
}

/** Runs `npm ci` when nothing is installed or package-lock.json is newer than what is. */
export function install() {
  const installed = `${root}node_modules/.package-lock.json`;
  const lock = `${root}package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('Installing dependencies (once, under a minute on most lines) …');
  const { status, output } = npm(['ci'], root);
  if (status === 0) return;
  console.error(output);
  fail('Dependencies could not be installed: npm ci failed (see above).');
}

/**
 * Runs npm quietly, with the registry that it is configured for.
 * @param {string[]} args @param {string} cwd
 * @returns {{ status: number | null, output: string }} `output` is the first lines of what it said
 */
export function npm(args, cwd) {
  const all = [...args, '--no-audit', '--no-fund', '--loglevel=error'];
  const program = process.env.npm_execpath;
  // `npm run` says where npm is; running its file with this Node works on every system.
  const { status, stdout, stderr } = program?.endsWith('.js')
    ? spawnSync(process.execPath, [program, ...all], { cwd, encoding: 'utf8' })
    : spawnSync('npm', all, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  const lines = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n');
  return { status, output: lines.slice(0, 12).join('\n') }; // npm's help for the command follows
}
