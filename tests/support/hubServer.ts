// A Hub on loopback: the API under /api/models, files under /resolve/ that redirect to another port, ranges,
// tags, and everything that can go wrong on the way, switched on by a test. Only models made by tests are in it.
import { createHash } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A file that need not be in memory. */
export interface BigFile {
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  read(from: number, count: number): Uint8Array;
}

export interface ServedModel {
  readonly id: string;
  /** 40 hex digits. */
  readonly commit: string;
  /** `main` where nothing is said. An older commit of the same id has none, and is known by itself alone. */
  readonly revisions?: readonly string[];
  readonly files: Readonly<Record<string, Uint8Array | BigFile>>;
  readonly gated?: boolean;
}

/** What goes wrong with a file, or with all (`*`). */
export interface Fault {
  /** How often; for ever where nothing is said. */
  times?: number;
  /** What goes wrong after that many times. */
  next?: Fault;
  /** Bytes a second. */
  slow?: number;
  /**
   * The rest after this many bytes of the answer comes when this fault is taken away, however long that takes;
   * until then a byte every few seconds says that the line is not dead.
   */
  holdAfter?: number;
  /** The connection is cut after this many bytes of the answer. */
  cutAfter?: number;
  /** Nothing more is sent after this many bytes of the answer, and the connection stays open. */
  stallAfter?: number;
  /** This byte of the file is wrong. */
  flip?: number;
  /** The file has this many bytes instead. */
  length?: number;
  /** This status instead. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** Ranges are not understood. */
  noRange?: boolean;
  /** Another version under the same name. */
  etag?: string;
  /** Nothing is sent until this fault is taken away, and the connection stays open. */
  hang?: boolean;
}

/** A request that came, and what was sent. */
export interface Seen {
  readonly path: string;
  readonly range: string | null;
  readonly ifRange: string | null;
  status: number;
  bytes: number;
}

export interface HubServer {
  readonly origin: string;
  /** Where files are redirected to. */
  readonly filesOrigin: string;
  readonly seen: Seen[];
  readonly faults: Map<string, Fault>;
  /** Without it, pages of other origins may not read anything. */
  cors: boolean;
  /** Redirects of files lead here instead of to the second port. */
  redirectTo: string | null;
  /** Bytes sent of files whose name has this in it. */
  sent(part: string): number;
  reset(): void;
  close(): Promise<void>;
}

const PIECE = 16 << 10;
/** Less than the silence after which a reader gives a line up. */
const DRIP_MS = 10_000;
const LOOK_MS = 20;

export async function startHub(models: readonly ServedModel[]): Promise<HubServer> {
  const servers: Server[] = [];
  const listen = async (
    answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ): Promise<string> => {
    const server = createServer((request, response) => {
      void answer(request, response).catch(() => response.destroy());
    });
    servers.push(server);
    // A line that is used again late, by a busy reader, is not closed under its request.
    server.keepAliveTimeout = 0;
    // Nobody has to wait for it at the end of a run.
    server.unref();
    server.on('connection', (socket) => socket.unref());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const hub: HubServer = {
    origin: '',
    filesOrigin: '',
    seen: [],
    faults: new Map(),
    cors: true,
    redirectTo: null,
    sent: (part) =>
      hub.seen.reduce((sum, { path, bytes }) => (path.includes(part) ? sum + bytes : sum), 0),
    reset() {
      hub.seen.length = 0;
      hub.faults.clear();
      hub.cors = true;
      hub.redirectTo = null;
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };

  /** The fault that holds for a name now, a status or another; those of a number of times are used up. */
  function faultOf(name: string, isStatus: boolean): Fault {
    for (const key of [name, '*']) {
      let fault = hub.faults.get(key);
      while (fault?.times === 0) fault = fault.next;
      if (!fault || (fault.status !== undefined) !== isStatus) continue;
      if (fault.times !== undefined) fault.times--;
      return fault;
    }
    return {};
  }
  /** Waits until a fault that was set for a name is taken away: whether it was, within `ms`. */
  async function letGo(name: string, response: ServerResponse, ms = Infinity): Promise<boolean> {
    const key = hub.faults.has(name) ? name : '*';
    const set = hub.faults.get(key);
    for (let waited = 0; waited < ms && !response.destroyed; waited += LOOK_MS) {
      if (hub.faults.get(key) !== set || set === undefined) return true;
      await sleep(LOOK_MS);
    }
    return false;
  }
  function note(request: IncomingMessage): Seen {
    const header = (name: string): string | null => (request.headers[name] as string) ?? null;
    const seen = {
      path: request.url ?? '/',
      range: header('range'),
      ifRange: header('if-range'),
      status: 0,
      bytes: 0,
    };
    hub.seen.push(seen);
    return seen;
  }
  function open(request: IncomingMessage, response: ServerResponse): boolean {
    if (hub.cors) {
      response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
      response.setHeader(
        'access-control-expose-headers',
        'ETag, Link, X-Error-Code, Content-Range, Accept-Ranges, Retry-After',
      );
    }
    if (request.method !== 'OPTIONS') return true;
    response.setHeader('access-control-allow-headers', 'range, if-range');
    response.writeHead(204).end();
    return false;
  }
  const json = (seen: Seen, response: ServerResponse, value: unknown, status = 200): void => {
    seen.status = status;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  const missing = (seen: Seen, response: ServerResponse, word: string): void => {
    response.setHeader('x-error-code', word);
    json(seen, response, { error: word }, word === 'RepoNotFound' ? 401 : 404);
  };

  async function api(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!open(request, response)) return;
    const seen = note(request);
    const url = new URL(seen.path, 'http://hub');
    const parts = url.pathname.split('/').slice(1).map(decodeURIComponent);
    const isApi = parts[0] === 'api';
    const [owner, name, verb, revision, ...rest] = isApi ? parts.slice(2) : parts;
    const versions = models.filter(({ id }) => id === `${owner}/${name}`);
    const fault = faultOf(isApi ? `api/${verb ?? ''}` : rest.join('/'), true);
    if (fault.status !== undefined) {
      seen.status = fault.status;
      response.writeHead(fault.status, fault.headers);
      response.end();
      return;
    }
    if (versions.length === 0) return missing(seen, response, 'RepoNotFound');
    if (isApi && verb === undefined) return json(seen, response, { id: versions[0].id });
    const model = versions.find(
      ({ commit, revisions = ['main'] }) =>
        revisions.includes(revision) || (revision.length >= 7 && commit.startsWith(revision)),
    );
    if (!model) return missing(seen, response, 'RevisionNotFound');
    if (isApi && verb === 'revision') {
      return json(seen, response, {
        id: model.id,
        sha: model.commit,
        gated: model.gated ? 'auto' : false,
      });
    }
    if (isApi && verb === 'tree') return json(seen, response, listOf(model));
    const file = rest.join('/');
    if (verb !== 'resolve' || !Object.hasOwn(model.files, file)) {
      return missing(seen, response, 'EntryNotFound');
    }
    seen.status = 302;
    const to = hub.redirectTo ?? hub.filesOrigin;
    response.writeHead(302, { location: `${to}/${model.id}/${file}?of=${model.commit}` });
    response.end();
  }

  async function files(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!open(request, response)) return;
    const seen = note(request);
    const url = new URL(seen.path, 'http://hub');
    const path = url.pathname.split('/').slice(1);
    // Whoever comes without the Hub's word for it gets the newest.
    const of = url.searchParams.get('of');
    const model = models.find(
      ({ id, commit }) => id === path.slice(0, 2).join('/') && (of === null || of === commit),
    );
    const name = path.slice(2).join('/');
    const file = model?.files[name];
    if (!file) {
      seen.status = 404;
      response.writeHead(404).end();
      return;
    }
    const fault = faultOf(name, false);
    if (fault.hang) await letGo(name, response);
    if (response.destroyed) return;
    const source = toBig(file);
    const size = fault.length ?? source.size;
    const etag = fault.etag ?? `"${source.sha256.slice(0, 32)}"`;
    response.setHeader('etag', etag);
    response.setHeader('accept-ranges', 'bytes');
    const asked = fault.noRange ? null : /^bytes=(\d+)-(\d*)$/.exec(seen.range ?? '');
    let [from, to] = [0, size];
    if (asked && (seen.ifRange === null || seen.ifRange === etag)) {
      from = Number(asked[1]);
      to = asked[2] === '' ? size : Math.min(size, Number(asked[2]) + 1);
      if (from >= size) {
        seen.status = 416;
        response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
        return;
      }
      seen.status = 206;
      response.setHeader('content-range', `bytes ${from}-${to - 1}/${size}`);
    } else seen.status = 200;
    response.writeHead(seen.status, { 'content-length': to - from });
    response.flushHeaders();
    const end = Math.min(to, from + (fault.cutAfter ?? fault.stallAfter ?? Infinity));
    let hold = from + (fault.holdAfter ?? Infinity);
    for (let at = from; at < end && !response.destroyed;) {
      if (at >= hold && (await letGo(name, response, DRIP_MS))) hold = Infinity;
      if (response.destroyed) break;
      const count = at < hold ? Math.min(PIECE, end - at, hold - at) : 1;
      // Before it is sent: a small file is one piece, and would be there at once.
      if (fault.slow !== undefined) await sleep((1000 * count) / fault.slow);
      const piece = Buffer.alloc(count);
      if (at < source.size) piece.set(source.read(at, Math.min(count, source.size - at)));
      if (fault.flip !== undefined && fault.flip >= at && fault.flip < at + count) {
        piece[fault.flip - at] ^= 1;
      }
      response.write(piece);
      seen.bytes += count;
      at += count;
      if (response.writableNeedDrain && !response.destroyed) {
        await new Promise<void>((resolve) => {
          const go = (): void => {
            response.off('drain', go);
            response.off('close', go);
            resolve();
          };
          response.on('drain', go);
          response.on('close', go);
        });
      }
    }
    if (end < to && fault.stallAfter !== undefined) return;
    if (end < to) {
      // What came and was not read yet is lost with a connection that breaks: a busy reader gets its time.
      await sleep(250);
      response.destroy();
    } else response.end();
  }

  const [origin, filesOrigin] = [await listen(api), await listen(files)];
  return Object.assign(hub, { origin, filesOrigin });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function toBig(file: Uint8Array | BigFile): BigFile {
  if (!(file instanceof Uint8Array)) return file;
  const read = (from: number, count: number): Uint8Array => file.subarray(from, from + count);
  return { size: file.length, sha256: sha256Of(file), read };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The tree as the Hub's API lists it: large files by their SHA-256, small ones by git's name. */
function listOf({ files }: ServedModel): object[] {
  return Object.entries(files).map(([path, file]) => {
    const { size, sha256 } = toBig(file);
    const isLarge = path.endsWith('.safetensors') || path.endsWith('.bin');
    const blob =
      file instanceof Uint8Array
        ? createHash('sha1').update(`blob ${size}\0`).update(file).digest('hex')
        : ''.padEnd(40, '0');
    const lfs = isLarge ? { lfs: { oid: sha256, size, pointerSize: 134 } } : {};
    return { type: 'file', oid: isLarge ? ''.padEnd(40, '1') : blob, size, path, ...lfs };
  });
}
