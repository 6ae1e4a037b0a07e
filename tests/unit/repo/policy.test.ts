// The headers where no page test looks: what is written for static hosts, and what the dev servers send, over real HTTP.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'vite';
import { expect, test } from 'vitest';
import { serveEngine } from '../../../scripts/enginePage.mjs';
import { HEADERS, HEADERS_FILE, ISOLATION, POLICY } from '../../../scripts/policy.mjs';
import { root } from './files.ts';

const WORKER = '/src/worker/worker.ts?worker_file&type=module';

test('nothing is named unsafe but WebAssembly, and only as a script', () => {
  expect(POLICY.match(/[^;]*unsafe[^;]*/g)).toEqual([" script-src 'self' 'wasm-unsafe-eval'"]);
});

test('`_headers` has a static host send every header with every file', () => {
  const [path, ...lines] = HEADERS_FILE.trimEnd().split('\n');
  expect(path).toBe('/*');
  const sent = lines.map((line) => /^ {2}(?<name>[\w-]+): (?<value>.+)$/.exec(line)?.groups);
  expect(Object.fromEntries(sent.map((one) => [one?.name, one?.value]))).toEqual(HEADERS);
});

/** What the server at `origin` says to be isolated by, with the page and its worker, new and known already. */
async function expectIsolation(origin: string, page: string): Promise<void> {
  for (const path of [page, WORKER]) {
    const first = await fetch(origin + path);
    expect(first.status).toBe(200);
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(origin + path, { headers: { 'if-none-match': etag } });
    expect(again.status, path).toBe(304);
    for (const { headers } of [first, again]) {
      expect(Object.fromEntries(headers)).toMatchObject(lowerCased(ISOLATION));
      // It runs inline scripts.
      expect(headers.has('content-security-policy')).toBe(false);
    }
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

test('the dev server isolates page and worker, what the browser has kept included', async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'glass-gpt-dev-'));
  const server = await createServer({
    root,
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'silent',
    cacheDir,
    server: { port: 0, hmr: false, watch: null },
  });
  try {
    await server.listen();
    await expectIsolation(server.resolvedUrls?.local[0]?.replace(/\/$/, '') ?? '', '/');
  } finally {
    await server.close();
    rmSync(cacheDir, { recursive: true, force: true });
  }
});

test('so does the page of bench and verify', async () => {
  const { server, origin } = await serveEngine();
  try {
    await expectIsolation(origin, '/tests/support/blank.html');
  } finally {
    await server.close();
  }
});
