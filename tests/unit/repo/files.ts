// The files of the repository, as the tests about the repository see them.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist', 'test-results', 'playwright-report', 'coverage']);

/** Every tracked or new file, as a path from the root; read from the disk where there is no git. */
export function repositoryFiles(): string[] {
  try {
    const list = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const files = list.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
    if (files.length > 0) return files;
  } catch {
    // Not a checkout: an archive of the sources.
  }
  return walk(root).filter((file) => !file.startsWith('.') || file.startsWith('.github/'));
}

/** Files under a folder, as paths from the root; none when the folder does not exist yet. */
export function filesUnder(folder: string, extension: RegExp): string[] {
  const start = join(root, folder);
  return existsSync(start) ? walk(start).filter((file) => extension.test(file)) : [];
}

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    if (NOT_OURS.has(name) || name === '.git') return [];
    const path = join(folder, name);
    return statSync(path).isDirectory()
      ? walk(path)
      : [relative(root, path).split(sep).join(posix.sep)];
  });
}
