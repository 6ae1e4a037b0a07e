// The service worker with a line that hangs, breaks or comes back. The browser's cache and network are faked,
// nothing of ours; tests/e2e/offline.spec.ts has the real ones.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const HOME = 'https://glass.example/gpt/';
const MODEL = 'models/tales-7m/';
/** What the site is to be sent with. */
const SENT = { 'content-security-policy': "default-src 'self'", 'x-isolated': 'yes' };

type Line = 'up' | 'away' | 'hangs' | 'gateway';
let line: Line;
/** What was asked of the network, below HOME. */
let asked: string[];
let claimed: number;
/** What the host sends with every file. */
let own: Record<string, string>;
let listeners: Map<string, (event: unknown) => void>;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  line = 'up';
  asked = [];
  claimed = 0;
  own = {};
  listeners = new Map();
  const shelves = new Map<string, Map<string, string>>();
  const find = (shelf: Map<string, string>, url: URL | string): Response | undefined => {
    const body = shelf.get(String(url));
    return body === undefined ? undefined : new Response(body);
  };
  vi.stubGlobal('__BUILD__', 'now');
  vi.stubGlobal('__FILES__', ['first.css', 'assets/index-1234.js']);
  vi.stubGlobal('__HEADERS__', SENT);
  vi.stubGlobal('__MODEL_FILES__', [`${MODEL}config.json`, `${MODEL}model.safetensors`]);
  vi.stubGlobal('self', {
    registration: { scope: HOME },
    clients: { claim: async () => void (claimed += 1) },
    addEventListener: (name: string, listener: (event: unknown) => void) =>
      listeners.set(name, listener),
  });
  vi.stubGlobal('caches', {
    open: async (name: string) => {
      const shelf = shelves.get(name) ?? new Map<string, string>();
      shelves.set(name, shelf);
      return {
        match: async (url: URL) => find(shelf, url),
        put: async (url: string, answer: Response) => void shelf.set(url, await answer.text()),
        add: async ({ url }: Request) => void shelf.set(url, `kept ${url.slice(HOME.length)}`),
      };
    },
    match: async (url: URL | string) =>
      [...shelves.values()].map((shelf) => find(shelf, url)).find((one) => one !== undefined),
    keys: async () => [...shelves.keys()],
    delete: async (name: string) => shelves.delete(name),
  });
  vi.stubGlobal('fetch', async ({ url }: { readonly url: string }, init?: RequestInit) => {
    asked.push(url.slice(HOME.length));
    if (line === 'hangs') {
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    }
    if (line === 'away') throw new TypeError('Failed to fetch');
    if (line === 'gateway') return new Response('sorry', { status: 503 });
    return new Response('fresh', { headers: own });
  });
  await import(String(new URL('../../../src/offline/serviceWorker.ts', import.meta.url)));
  await tell('install');
  await tell('activate');
  await tell('message', { data: 'keep-model' });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function tell(name: string, facts: object = {}): Promise<void> {
  let work: unknown;
  listeners.get(name)?.({ ...facts, waitUntil: (promise: unknown) => (work = promise) });
  await work;
}

/** What the service worker answers a page; undefined where it leaves that to the browser. */
function answerTo(path: string, mode = 'no-cors'): Promise<Response> | undefined {
  let answer: Promise<Response> | undefined;
  listeners.get('fetch')?.({
    request: { method: 'GET', url: HOME + path, mode },
    respondWith: (given: Promise<Response>) => (answer = given),
  });
  return answer;
}

/** What a page gets for a file of the site; 'pending' where nothing has come in `ms`. */
async function get(path: string, { mode = 'no-cors', ms = 0 } = {}): Promise<string> {
  const answer = answerTo(path, mode);
  let got = answer === undefined ? 'left to the browser' : 'pending';
  const words = answer?.then(
    async (response) => (response.ok ? response.text() : String(response.status)),
    () => 'failed',
  );
  void words?.then((text) => (got = text));
  await vi.advanceTimersByTimeAsync(ms);
  return got;
}

test('what may be newer comes from the network, what has its contents in its name does not', async () => {
  expect(await get('first.css')).toBe('fresh');
  expect(await get(`${MODEL}config.json`)).toBe('fresh');
  expect(await get('', { mode: 'navigate' })).toBe('fresh');
  asked = [];
  expect(await get('assets/index-1234.js')).toBe('kept assets/index-1234.js');
  expect(asked).toEqual([]);
  expect(await get('assets/of-another-build.js')).toBe('fresh');
  expect(await get('licenses.md')).toBe('left to the browser');
});

test('the first visit is served too', () => {
  expect(claimed).toBe(1);
});

test('a line that hangs is waited for once, and by the next visit again', async () => {
  line = 'hangs';
  expect(await get('', { mode: 'navigate', ms: 4990 })).toBe('pending');
  await vi.advanceTimersByTimeAsync(20);
  asked = [];
  expect(await get('first.css')).toBe('kept first.css');
  expect(await get(`${MODEL}model.safetensors`)).toBe(`kept ${MODEL}model.safetensors`);
  expect(asked).toEqual([]);
  expect(await get('', { mode: 'navigate', ms: 4990 })).toBe('pending');
  await vi.advanceTimersByTimeAsync(20);
  line = 'up';
  expect(await get('', { mode: 'navigate' })).toBe('fresh');
  expect(await get('first.css')).toBe('fresh');
});

test('a file that hangs is given up as well', async () => {
  line = 'hangs';
  expect(await get('first.css', { ms: 4990 })).toBe('pending');
  await vi.advanceTimersByTimeAsync(20);
  expect(await get('first.css')).toBe('kept first.css');
});

for (const broken of ['away', 'gateway'] as const) {
  test(`what is kept answers where the line is ${broken === 'away' ? 'cut' : 'a gateway that speaks for it'}`, async () => {
    line = broken;
    expect(await get('', { mode: 'navigate' })).toBe('kept ');
    expect(await get('first.css')).toBe('kept first.css');
    expect(await get(`${MODEL}config.json`)).toBe(`kept ${MODEL}config.json`);
    // The kept model never had it.
    expect(await get(`${MODEL}vocab.txt`)).toBe('404');
    line = 'up';
    expect(await get('first.css')).toBe('fresh');
  });
}

test('a text to train on is kept once somebody has taken it, and not before', async () => {
  line = 'away';
  expect(await get('texts/tales.txt')).toBe('failed');
  line = 'up';
  expect(await get('texts/tales.txt')).toBe('fresh');
  line = 'gateway';
  expect(await get('texts/tales.txt')).toBe('fresh');
  expect(await get('texts/names.txt')).toBe('503');
  line = 'hangs';
  expect(await get('texts/tales.txt', { ms: 4990 })).toBe('pending');
  await vi.advanceTimersByTimeAsync(20);
  expect(await get('texts/tales.txt')).toBe('fresh');
});

test('page and scripts get the headers that the host leaves out, from the network and from what is kept', async () => {
  const headersOf = async (path: string, mode?: string): Promise<Record<string, string>> =>
    Object.fromEntries((await answerTo(path, mode))?.headers ?? []);
  expect(await headersOf('', 'navigate')).toMatchObject(SENT);
  expect(await headersOf('assets/index-1234.js')).toMatchObject(SENT);
  line = 'away';
  expect(await headersOf('', 'navigate')).toMatchObject(SENT);
  line = 'up';
  own = { 'content-security-policy': "default-src 'none'" };
  expect(await headersOf('', 'navigate')).toMatchObject({ ...SENT, ...own });
});
