// What the repository promises to people who clone it: licences, Node versions, no foreign hosts, links that lead somewhere.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryFiles, root } from './files.ts';

const files = repositoryFiles();
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readJson = (path: string) => JSON.parse(read(path));
const manifest = readJson('package.json');

describe('package.json', () => {
  test('names the Node versions that the tools support', () => {
    expect(manifest.engines).toEqual({ node: '^20.19.0 || ^22.12.0 || >=24' });
  });

  test('is MIT, like LICENSE', () => {
    expect(manifest.license).toBe('MIT');
    expect(read('LICENSE')).toMatch(/^MIT License\n/);
  });

  test('points every script at a file that is there', () => {
    const missing = Object.values<string>(manifest.scripts)
      .flatMap((script) =>
        [...script.matchAll(/\bnode (scripts\/\S+)/g)].map(([, file]) => file ?? ''),
      )
      .filter((file) => !existsSync(join(root, file)));
    expect(missing).toEqual([]);
  });

  test('exports types before code', () => {
    for (const entry of Object.values<Record<string, string>>(manifest.exports)) {
      expect(Object.keys(entry)).toEqual(['types', 'default']);
    }
  });

  test('depends at run time only on code under MIT, ISC, BSD or Apache', () => {
    const licences = new Map<string, string>();
    const queue = Object.keys(manifest.dependencies);
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (licences.has(name)) continue;
      const dependency = readJson(`node_modules/${name}/package.json`);
      licences.set(name, String(dependency.license));
      queue.push(...Object.keys(dependency.dependencies ?? {}));
    }
    expect(licences.size).toBeGreaterThan(0);
    const others = [...licences].filter(
      ([, licence]) => !/^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0)$/.test(licence),
    );
    expect(others).toEqual([]);
  });

  test('needs no install scripts', () => {
    const lock = readJson('package-lock.json');
    const scripted = Object.entries<{ hasInstallScript?: boolean; optional?: boolean }>(
      lock.packages,
    )
      .filter(([, entry]) => entry.hasInstallScript && !entry.optional)
      .map(([name]) => name);
    expect(scripted).toEqual([]);
  });
});

describe('package-lock.json', () => {
  // npm ci refuses a lock file that lacks a package for another system, which an install on one system may leave out.
  test('lists every optional package, for every system', () => {
    interface Entry {
      optionalDependencies?: Record<string, string>;
    }
    const packages: Record<string, Entry> = readJson('package-lock.json').packages;
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
      ),
    );
    expect(missing).toEqual([]);
  });

  test('was made for the dependencies in package.json', () => {
    const { dependencies, devDependencies } = readJson('package-lock.json').packages[''];
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });
});

describe('no foreign hosts', () => {
  test('package-lock.json and .npmrc name none', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved":\s*"https?:/);
    const settings = files.filter((file) => /(?:^|\/)\.npmrc$/.test(file));
    for (const file of settings) expect(read(file)).not.toMatch(/registry\s*=|:\/\//);
  });

  test('index.html loads nothing from one', () => {
    const html = read('index.html').replace(/<!--[\s\S]*?-->/g, '');
    // Links that a person clicks are not loads; everything else with an address is.
    const loads = html
      .replace(/<a\s[^>]*>/g, '')
      .match(/(?:src|href|content|action|data|srcset)\s*=\s*["'][^"']*\/\/[^"']*["']/g);
    expect(loads ?? []).toEqual([]);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>\s*\S/);
  });

  test('no style sheet loads from one', () => {
    const sheets = files.filter((file) => /^(?:src|public)\/.*\.css$/.test(file));
    const loading = sheets.filter((file) =>
      /@import[^;]*\/\/|url\(\s*["']?(?:https?:)?\/\//.test(read(file)),
    );
    expect(loading).toEqual([]);
  });
});

describe('README.md', () => {
  test('says how to run it and how to test it', () => {
    const readme = read('README.md');
    expect(readme).toContain('npm start');
    expect(readme).toContain('npm test');
  });

  const readmes = files.filter((file) =>
    /(?:^|\/)(?:README|CHANGELOG|CONTRIBUTING)\.md$|^docs\/.*\.md$/.test(file),
  );
  for (const readme of readmes) {
    test(`${readme} links only to files that are there`, () => {
      const text = read(readme).replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
      const targets = [
        ...text.matchAll(/\]\(\s*<?([^)\s>]+)/g),
        ...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
        ...text.matchAll(/\b(?:src|href)="([^"]+)"/g),
      ].map(([, target]) => target ?? '');
      const broken = targets
        .filter((target) => !/^(?:[a-z][a-z+.-]*:|#|\/\/)/i.test(target))
        .filter((target) => {
          const path = decodeURI(target.replace(/[?#].*$/, ''));
          return !existsSync(
            path.startsWith('/') ? join(root, path) : join(root, dirname(readme), path),
          );
        });
      expect(broken).toEqual([]);
    });
  }
});

describe('src/README.md', () => {
  test('is right that a block is seven calls, four for attention and three for the MLP', () => {
    expect(read('src/README.md')).toContain(
      'a block is seven calls, x ← x + attn(ln1(x)); x ← x + mlp(ln2(x))',
    );
    const code = read('src/model/forward.ts');
    const [, body = ''] =
      /export function encodeBlock\(.*\): void \{\n([\s\S]*?)\n\}/.exec(code) ?? [];
    const calls = body
      .split('\n\n')
      .map((lines) => [...lines.matchAll(/(\w+)\s*\(/g)].map(([, name]) => name));
    expect(calls).toEqual([
      [],
      ['encodeNormed', 'encodeQkv', 'encodeHeads', 'encodeSum'],
      ['encodeNormed', 'encodeInner', 'encodeSum'],
    ]);
  });
});
