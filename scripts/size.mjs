// npm run size: what a first visit downloads, against a budget (gzip, kB of 1000 bytes). Reads dist/ as built.
// @ts-check
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fail, root } from './setup.mjs';

const STORY_BUDGET = 60;

const dist = join(root, 'dist');
const assets = join(dist, 'assets');
if (!existsSync(join(dist, 'index.html')) || !existsSync(assets)) {
  fail('dist/ holds no built site: npm run build makes one.');
}

const html = readFileSync(join(dist, 'index.html'), 'utf8');
const files = readdirSync(assets).filter((name) => name.endsWith('.js'));

const initial = reachable(
  [...html.matchAll(/(?:src|href)="[^"]*?([^"/]+\.js)"/g)].map(([, name]) => name),
);
const named = (/** @type {string} */ beginning) =>
  files.filter((name) => name.startsWith(beginning));
// What a page starts a worker with, and what that starts its threads with.
const worker = reachable(named('worker-'));
// What trains is one file for the workers' own to fetch, and beside it what nothing else of the engine needs.
const trainerEntry = named('trainerWorker-');
const engines = reachable(named('worker-'), (name) => !trainerEntry.includes(name));
const trainer = reachable(trainerEntry).filter((name) => !engines.includes(name));
const workspace = reachable(named('TrainWorkspace-')).filter((name) => !initial.includes(name));
const lessons = reachable(named('Learn-')).filter((name) => !initial.includes(name));
const words = reachable(named('Meaning-')).filter((name) => !initial.includes(name));
const ranks = files.filter((name) => name.startsWith('ranks-'));
const eager = [...initial, ...worker, ...trainer].filter((name) => ranks.includes(name));

const rows = [
  // Room for lessons and training, which share the page's first chunk: each adds a little to store and layout.
  { what: 'initial JavaScript', names: initial, budget: 150, each: false },
  // And here for what trains, and what computes on the processor, beside the engine of today.
  { what: 'worker', names: worker, budget: 80, each: false },
  // Of the workspace that trains, and of the trainer beside the engine, when somebody opens it.
  { what: 'what trains (lazy)', names: [...trainer, ...workspace], budget: 90, each: false },
  { what: 'lessons (lazy)', names: lessons, budget: 60, each: false },
  // What the words mean, for whoever asks.
  { what: 'words (lazy)', names: words, budget: 4, each: false },
  // The page and the worker may each have their own copy; a visit loads one.
  { what: 'ranks of js-tiktoken (lazy)', names: ranks, budget: 240, each: true },
];
let failed = false;
for (const { what, names, budget, each } of rows) {
  const sizes = names.map(gzipped);
  const size = (each ? Math.max(0, ...sizes) : sizes.reduce((sum, bytes) => sum + bytes, 0)) / 1000;
  const verdict = names.length === 0 ? 'missing' : size > budget ? 'too big' : 'ok';
  failed ||= verdict !== 'ok';
  tell(verdict, what, size, budget);
}
// No script: what a first visit finds as its text before the model is there.
const story = gzipSync(readFileSync(join(dist, 'story.json')), { level: 9 }).length / 1000;
failed ||= story > STORY_BUDGET;
tell(story > STORY_BUDGET ? 'too big' : 'ok', 'story of a first visit', story, STORY_BUDGET);
if (eager.length > 0) {
  failed = true;
  console.log(
    `too early: ${eager.join(', ')} is imported statically; it must be a dynamic import.`,
  );
}
process.exit(failed ? 1 : 0);

/**
 * The named chunks and all that they import statically; with `follows`, also what they fetch later and it agrees to.
 * @param {(string | undefined)[]} entries @param {((name: string) => boolean)} [follows]
 */
function reachable(entries, follows) {
  const seen = new Set();
  const queue = [...entries];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name) || !files.includes(name)) continue;
    seen.add(name);
    const text = readFileSync(join(assets, name), 'utf8');
    // `import"./a.js"`, `import{b}from"./a.js"`, `export*from"./a.js"`, in any quotes; not `import("./a.js")`.
    for (const match of text.matchAll(/(?:\bfrom|\bimport)\s*["'`]\.\/([^"'`]+\.js)["'`]/g))
      queue.push(match[1]);
    if (!follows) continue;
    for (const [, later] of text.matchAll(/\bimport\(\s*["'`]\.\/([^"'`]+\.js)["'`]/g))
      if (follows(later)) queue.push(later);
  }
  return [...seen];
}

/** @param {string} verdict @param {string} what @param {number} size @param {number} budget */
function tell(verdict, what, size, budget) {
  console.log(
    `${verdict.padEnd(8)}${what.padEnd(30)}${size.toFixed(1).padStart(7)} kB of ${budget} kB`,
  );
}

/** @param {string} name */
function gzipped(name) {
  return gzipSync(readFileSync(join(assets, name)), { level: 9 }).length;
}
