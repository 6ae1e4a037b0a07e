// The two towers and the bridge, as data: who may import whom. A new folder or package in src/ needs a line here,
// and whoever adds it should read "Two towers" in src/README.md first.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesUnder, root } from './files.ts';
import { importsOf, withoutComments } from './imports.ts';

interface Rule {
  /** Path prefix from the root; the first rule that fits a file decides. */
  readonly part: string;
  /** Prefixes it may import, besides its own. */
  readonly may: readonly string[];
  /** Packages it may import. */
  readonly packages?: readonly string[];
}

/** Leaves that everybody may import. */
const LEAVES = [
  'src/api.ts',
  'src/breath.ts',
  'src/csv.ts',
  'src/errors.ts',
  'src/json.ts',
  'src/modelAddress.ts',
  'src/window.ts',
  'src/words.ts',
  'src/habits.ts',
  'src/marks.ts',
  'src/visibleText.ts',
  'src/folders.ts',
  'src/runChanges.ts',
  'src/runFiles.ts',
  'src/runBase.ts',
  'src/runModel.ts',
  'src/runSteps.ts',
  'src/runLock.ts',
  'src/storageRoom.ts',
];

const RULES: readonly Rule[] = [
  // Everybody has the treaty's types from its entry.
  { part: 'src/api.ts', may: ['src/api/'] },
  { part: 'src/api/', may: [] },
  { part: 'src/breath.ts', may: [] },
  { part: 'src/csv.ts', may: [] },
  { part: 'src/errors.ts', may: [] },
  { part: 'src/json.ts', may: [] },
  { part: 'src/modelAddress.ts', may: [] },
  { part: 'src/window.ts', may: [] },
  { part: 'src/words.ts', may: [] },
  { part: 'src/habits.ts', may: [] },
  { part: 'src/marks.ts', may: [] },
  { part: 'src/folders.ts', may: [] },
  { part: 'src/visibleText.ts', may: [] },
  { part: 'src/runChanges.ts', may: [] },
  { part: 'src/runFiles.ts', may: [] },
  { part: 'src/runBase.ts', may: [] },
  { part: 'src/runModel.ts', may: [] },
  { part: 'src/runSteps.ts', may: [] },
  { part: 'src/runLock.ts', may: [] },
  { part: 'src/storageRoom.ts', may: [] },
  { part: 'src/globals.d.ts', may: [] },
  // Node's own threads, asked for by name at run time: no bundle has a trace of them.
  {
    part: 'src/gpu/cpu/threads.ts',
    may: ['src/gpu/'],
    packages: ['node:worker_threads', 'node:os'],
  },
  { part: 'src/gpu/', may: [] },
  { part: 'src/kernels/', may: ['src/gpu/', 'shaders/'] },
  // Halves are numbers, and no matter of a device.
  { part: 'src/formats/', may: ['src/gpu/half.ts'] },
  { part: 'src/model/', may: ['src/formats/', 'src/kernels/', 'src/gpu/'] },
  { part: 'src/text/', may: [], packages: ['js-tiktoken'] },
  { part: 'src/kept/', may: ['src/formats/'] },
  {
    part: 'src/hub/',
    may: ['src/formats/', 'src/kept/', 'src/model/configFile.ts', 'src/model/adapters/'],
    packages: ['@noble/hashes'],
  },
  // The one who knows that the processor needs the kernels' twins.
  { part: 'src/engine/load/processor.ts', may: ['src/kernels/', 'src/gpu/'] },
  {
    part: 'src/engine/load/',
    may: ['src/hub/', 'src/kept/', 'src/formats/', 'src/model/', 'src/gpu/', 'src/text/'],
  },
  {
    part: 'src/engine/reading/',
    may: ['src/engine/sampling/random.ts', 'src/model/', 'src/gpu/', 'src/text/'],
  },
  {
    part: 'src/engine/sampling/',
    may: ['src/engine/reading/', 'src/engine/load/vocabulary.ts', 'src/gpu/philox.ts', 'src/text/'],
  },
  {
    part: 'src/engine/runs/',
    may: ['src/engine/', 'src/kept/', 'src/formats/', 'src/model/', 'src/gpu/', 'src/text/'],
    packages: ['@noble/hashes'],
  },
  {
    part: 'src/engine/',
    may: ['src/hub/', 'src/kept/', 'src/formats/', 'src/model/', 'src/gpu/', 'src/text/'],
  },
  // The channel and what stands on it know no engine; a worker's entry starts one.
  { part: 'src/worker/worker.ts', may: ['src/engine/', 'src/worker/'] },
  { part: 'src/worker/trainerWorker.ts', may: ['src/engine/', 'src/worker/'] },
  { part: 'src/worker/', may: [] },
  { part: 'src/offline/', may: [] },
  { part: 'src/state/', may: ['src/kept/spool.ts'], packages: ['zustand', 'fflate'] },
  {
    part: 'src/ui/',
    may: ['src/state/', 'src/kept/spool.ts'],
    packages: ['react', 'react-dom', 'react-error-boundary', 'zustand'],
  },
  // The composition root may import everything.
  {
    part: 'src/main.ts',
    may: ['src/'],
  },
  // The second root, which is fetched when somebody first trains.
  { part: 'src/trainingRoot.ts', may: ['src/state/', 'src/worker/'] },
  // The library's entries.
  { part: 'src/index.ts', may: ['src/engine/', 'src/model/', 'src/gpu/', 'src/text/'] },
  { part: 'src/tokenizer.ts', may: ['src/text/'] },
  { part: 'src/training.ts', may: ['src/engine/', 'src/model/', 'src/text/'] },
];

const sources = filesUnder('src', /\.tsx?$/).map((path) => {
  const text = readFileSync(join(root, path), 'utf8');
  return { path, code: withoutComments(text), imports: importsOf(path, text) };
});

describe('the import rules', () => {
  test('cover every file of src/', () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter(({ path }) => !ruleOf(path)).map(({ path }) => path)).toEqual([]);
  });

  for (const rule of RULES) {
    test(`${rule.part} imports only ${[...rule.may, ...(rule.packages ?? [])].join(', ') || 'the leaves'}`, () => {
      const allowed = [rule.part, ...rule.may, ...LEAVES];
      const broken = sources
        .filter(({ path }) => ruleOf(path) === rule)
        .flatMap(({ path, imports }) =>
          imports
            .filter(({ specifier, file }) =>
              file === undefined
                ? !(rule.packages ?? []).some((name) => inPackage(specifier, name))
                : !allowed.some((prefix) => file.startsWith(prefix)),
            )
            .map(({ specifier }) => `${path} imports ${specifier}`),
        );
      expect(broken).toEqual([]);
    });
  }

  test('let nobody import the composition root or a library entry', () => {
    const entries = ['src/main.ts', 'src/index.ts', 'src/tokenizer.ts'];
    const broken = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file !== undefined && entries.includes(file))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(broken).toEqual([]);
  });

  test('leave no circle', () => {
    expect(circle()).toBeUndefined();
  });
});

describe('a word that only one folder says', () => {
  const words: readonly { word: RegExp; home: string }[] = [
    { word: /\bGPUBuffer(?:Usage)?\b/, home: 'src/gpu/' },
    { word: /\brequestAdapter\b/, home: 'src/gpu/' },
    { word: /\bgetDirectory\(\)/, home: 'src/kept/' },
  ];
  for (const { word, home } of words) {
    test(`${word.source} is said in ${home}`, () => {
      const elsewhere = sources.filter(
        ({ path, code }) => !path.startsWith(home) && word.test(code),
      );
      expect(elsewhere.map(({ path }) => path)).toEqual([]);
    });
  }
});

describe('the treaty', () => {
  test('has no question that nobody asks', () => {
    const treaty = withoutComments(readFileSync(join(root, 'src/api.ts'), 'utf8'));
    const questions = [...treaty.matchAll(/interface \w+Questions \{([\s\S]*?)\n\}/g)].flatMap(
      ([, body]) => [...body.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name),
    );
    // Both tables were found.
    expect(questions).toEqual(expect.arrayContaining(['planModel', 'tokenize']));
    const page = sources.filter(({ path }) => /^src\/(?:state|ui)\//.test(path));
    // Tests ask much; what no page asks is a door that leads nowhere.
    const isAsked = (name: string): boolean =>
      page.some(({ code }) => new RegExp(`\\bask\\(\\s*'${name}'`).test(code));
    expect(questions.filter((name) => !isAsked(name))).toEqual([]);
  });
});

describe('the page’s facts', () => {
  test('are written through one door: no component and no slice writes the store itself', () => {
    const writers = sources.filter(({ code }) => /\.setState\b/u.test(code));
    expect(writers.map(({ path }) => path)).toEqual(['src/state/door.ts']);
  });

  test('are changed by owners: a pen is handed out where the slices are made', () => {
    const hands = sources.filter(({ code }) => /\.pen\b|\bopenDoor[(<]/u.test(code));
    expect(hands.map(({ path }) => path)).toEqual([
      'src/state/door.ts',
      'src/state/page.ts',
      'src/state/training/training.ts',
    ]);
  });
});

describe('the reader of imports', () => {
  test('finds every form of import and nothing in comments or strings', () => {
    const text = `
      import a from './a.ts';
      import './style.css';
      import type { B } from './b.ts'; import { c,
        d } from "./c.ts";
      export * from './d.ts';
      export { e } from './e.ts';
      // import f from './f.ts';
      /* import g from './g.ts'; */
      const h = await import('./h.ts');
      import i from '../shaders/i.wgsl?raw';
      import j from 'js-tiktoken/ranks/gpt2';
      const text = 'https://example.org'; import k from './k.ts';
      export const from = ['./l.ts'];
    `;
    expect(importsOf('src/x.ts', text).map(({ specifier, file }) => file ?? specifier)).toEqual([
      'src/a.ts',
      'src/style.css',
      'src/b.ts',
      'src/c.ts',
      'src/d.ts',
      'src/e.ts',
      'shaders/i.wgsl',
      'js-tiktoken/ranks/gpt2',
      'src/k.ts',
      'src/h.ts',
    ]);
  });
});

function ruleOf(path: string): Rule | undefined {
  return RULES.find(({ part }) => path.startsWith(part));
}

function inPackage(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

/** The first circle of imports, as a readable path, or undefined. */
function circle(): string | undefined {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ file }) => (file === undefined ? [] : [file])),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' → ');
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const found = visit(next, [...trail, path]);
      if (found) return found;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const found = visit(path, []);
    if (found) return found;
  }
  return undefined;
}
