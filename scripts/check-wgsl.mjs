// The format of shaders/*.wgsl, for which there is no formatter: no tabs, no trailing space, at most 120 columns,
// a final newline, and a first line that begins with the file's own name. --fix repairs the white space.
// @ts-check
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './setup.mjs';

const COLUMNS = 120;
const fix = process.argv.includes('--fix');
const folder = join(root, 'shaders');
const names = existsSync(folder)
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.wgsl'),
    )
  : [];

const problems = names.flatMap((name) => {
  const path = join(folder, name);
  if (fix) writeFileSync(path, repaired(readFileSync(path, 'utf8')));
  return faults(basename(name, '.wgsl'), readFileSync(path, 'utf8')).map(
    (fault) => `shaders/${name}:${fault}`,
  );
});
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);

/** @param {string} text */
function repaired(text) {
  const lines = text.replaceAll('\r', '').replaceAll('\t', '  ').split('\n');
  return `${lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()}\n`;
}

/** @param {string} stem @param {string} text */
function faults(stem, text) {
  const found = [];
  const header = `// ${stem} — `;
  if (!text.startsWith(header)) found.push(`1: begins with "${header}" and one sentence`);
  if (!text.endsWith('\n') || text.endsWith('\n\n')) found.push('0: ends with one newline');
  for (const [index, line] of text.split('\n').entries()) {
    if (line.includes('\t')) found.push(`${index + 1}: has a tab`);
    if (/\s$/.test(line)) found.push(`${index + 1}: has trailing space`);
    if (Array.from(line).length > COLUMNS)
      found.push(`${index + 1}: is longer than ${COLUMNS} columns`);
  }
  return found;
}
