// Keeps the page itself for times without a network; models from elsewhere lie in the origin's private
// file system and need no help. The network goes first wherever a newer version may be there: what is
// kept answers only when nobody else does, which a line that hangs does not either. Nothing of other origins
// passes through here. What the site is to be sent with (scripts/policy.mjs) is added where the host did not:
// from the second visit on its worker, too, stands under the policy, and both are isolated.

/** Files of the built site, relative to it; the build puts them here. */
declare const __FILES__: readonly string[];
/** Files of the model that comes with the page. */
declare const __MODEL_FILES__: readonly string[];
/** Stands for the contents of all of them. */
declare const __BUILD__: string;
/** Headers that page and scripts are to have. */
declare const __HEADERS__: Readonly<Record<string, string>>;

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(
    type: 'message',
    listener: (event: WorkerEvent & { readonly data: unknown }) => void,
  ): void;
}

// TypeScript knows pages or workers, not both in one project.
const scope = self as unknown as Scope;
const PREFIX = 'glass-gpt-';
const SITE = `${PREFIX}${__BUILD__}`;
const home = scope.registration.scope;
/** Of the page, whatever its query says. */
const PAGE = './';
const MODEL = 'models/tales-7m/';
/** To train on: kept from the first time that somebody takes one. */
const TEXTS = 'texts/';
/** A line that has not answered by then hangs, as far as a visitor can tell. */
const PATIENCE_MS = 5000;
/** It hung: what is kept answers at once, until a page is opened anew. */
let isHanging = false;

scope.addEventListener('install', (event) => {
  event.waitUntil(keep([PAGE, ...__FILES__], 'no-cache'));
});

scope.addEventListener('activate', (event) => {
  // The first visit's page too is kept from now on. A newer build's worker comes to this when no page of the
  // older one is left, so it takes none over; and whatever it did not keep, it asks the network for.
  event.waitUntil(dropOlder().then(async () => scope.clients.claim()));
});

/** The page asks for it once its model has arrived, so that the two do not compete for the line. */
scope.addEventListener('message', (event) => {
  if (event.data === 'keep-model') event.waitUntil(keep(__MODEL_FILES__, 'no-cache'));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !request.url.startsWith(home)) return;
  const path = new URL(request.url).pathname.slice(new URL(home).pathname.length);
  if (request.mode === 'navigate') {
    if (path === '' || path === 'index.html')
      event.respondWith(networkFirst(request, PAGE).then(withHeaders));
  } else if (path.startsWith('assets/')) {
    // Their names change with their contents.
    event.respondWith(cacheFirst(request).then(withHeaders));
  } else if (__FILES__.includes(path) || path.startsWith(MODEL)) {
    event.respondWith(networkFirst(request, path));
  } else if (path.startsWith(TEXTS)) {
    event.respondWith(keepUsed(request));
  }
});

async function keep(paths: readonly string[], cache: RequestCache): Promise<void> {
  const kept = await caches.open(SITE);
  for (const path of paths) {
    const url = new URL(path, home);
    // oxlint-disable-next-line no-await-in-loop -- one after the other: nobody waits for them
    if ((await kept.match(url)) === undefined) await kept.add(new Request(url, { cache }));
  }
}

/** What an older build kept goes, but for a model that this one has not fetched itself. */
async function dropOlder(): Promise<void> {
  const kept = await caches.open(SITE);
  for (const path of __MODEL_FILES__) {
    const url = new URL(path, home);
    if ((await kept.match(url)) !== undefined) continue;
    const older = await caches.match(url);
    if (older !== undefined) await kept.put(url, older);
  }
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(PREFIX) && name !== SITE);
  await Promise.all(older.map(async (name) => caches.delete(name)));
}

async function cacheFirst(request: Request): Promise<Response> {
  return (await caches.match(request.url)) ?? fetch(request);
}

async function networkFirst(request: Request, path: string): Promise<Response> {
  const kept = (await caches.match(new URL(path, home))) ?? (await notHere(path));
  if (kept === undefined) return fetch(request);
  if (request.mode === 'navigate') isHanging = false;
  const answer = isHanging ? null : await ask(request);
  // A gateway may speak for a server that is away.
  return answer === null || answer.status >= 500 ? kept : answer;
}

/** As the network has it, of which a copy is kept for times when nobody answers. */
async function keepUsed(request: Request): Promise<Response> {
  const kept = await caches.match(request.url);
  const answer = kept === undefined ? await fetch(request) : isHanging ? null : await ask(request);
  if (kept !== undefined && (answer === null || answer.status >= 500)) return kept;
  if (answer?.ok === true) {
    const site = await caches.open(SITE);
    // Where there is no room, it is fetched again next time.
    await site.put(request.url, answer.clone()).catch(() => {});
  }
  return answer ?? Response.error();
}

/** The same answer with the headers that the host left out; a header of its own stays as it is. */
function withHeaders(answer: Response): Response {
  const missing = Object.entries(__HEADERS__).filter(([name]) => !answer.headers.has(name));
  // A redirect, for one, cannot be made anew, and what is no file of the site runs nothing.
  if (!answer.ok || missing.length === 0) return answer;
  const { body, status, statusText } = answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of missing) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}

/** null where nobody answers in time. */
async function ask(request: Request): Promise<Response | null> {
  const patience = new AbortController();
  const timer = setTimeout(() => {
    isHanging = true;
    // One that goes on waiting would hold up whoever asks for the same address later.
    patience.abort();
  }, PATIENCE_MS);
  try {
    return await fetch(request, { signal: patience.signal });
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** A file that the kept model never had is missing, not out of reach. */
async function notHere(path: string): Promise<Response | undefined> {
  if (!path.startsWith(MODEL) || __MODEL_FILES__.includes(path)) return undefined;
  const [first = ''] = __MODEL_FILES__;
  const isKept = (await caches.match(new URL(first, home))) !== undefined;
  return isKept ? new Response(null, { status: 404 }) : undefined;
}
