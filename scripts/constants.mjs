// The two constants that every build and test is given: the version and the commit it was made from.
// @ts-check
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** `__VERSION__` and `__COMMIT__` (short hash, or "unknown" outside a git checkout) for Vite's `define`. */
export function buildConstants() {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return { __VERSION__: JSON.stringify(version), __COMMIT__: JSON.stringify(commit()) };
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: new URL('..', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
