// A model's folder on any web server: its files under their own names, read as they come and kept nowhere.
import { EngineError } from '../errors.ts';
import { sizeByHeader } from '../formats/safetensors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { readHeader } from '../formats/safetensorsSource.ts';
import { parseShardIndex, streamShards, streamWeights } from '../formats/shards.ts';
import { UNKNOWN_SIZE, createBodyStream, truncated } from './bodyStream.ts';
import { Meter } from './meter.ts';
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  type FolderOptions,
  INDEX,
  type ModelFolder,
  SMALL_FILE_BYTES,
  WEIGHTS,
  nameOf,
} from './modelFolder.ts';
import {
  PATIENCE,
  type Patience,
  type RequestOptions,
  broken,
  discard,
  readAll,
  request,
} from './network.ts';
import { notSilent, readPieces } from './pieces.ts';

/** Room is taken for a header of a file whose size nobody knows, if it claims no more than this. */
const MOST_HEADER_BYTES = 12_500_000;

/** Opens the folder at `base`, which ends with a slash. */
export function openHttpFolder(
  source: string,
  base: URL,
  { signal, progress_callback, patience = PATIENCE }: FolderOptions = {},
): ModelFolder {
  const { silenceMs } = patience;
  const name = nameOf(base.pathname === '/' ? base.host : base.pathname);
  const meter = new Meter(name, progress_callback);
  /** The weights' stream broke once; a browser's cache may be what broke it. */
  let broke = false;

  async function read(file: string, optional = false): Promise<Uint8Array | null> {
    meter.begin(file);
    const answer = await requestFile(new URL(file, base), file, optional, { signal, silenceMs });
    if (!answer) return null;
    const { response, told } = answer;
    meter.expect(file, told);
    let loaded = 0;
    const onBytes = (now: number): void => {
      meter.move(file, now, now - loaded);
      loaded = now;
    };
    const bytes = await readAll(response, file, SMALL_FILE_BYTES, { signal, onBytes, patience });
    // `told` may be a compressed length: only less is wrong.
    if (told > 0 && loaded < told) throw truncated(file, loaded, told);
    meter.done(file);
    return bytes;
  }

  async function open(file: string, optional = false): Promise<ByteSource | null> {
    meter.begin(file);
    const how = { signal, silenceMs, cache: broke ? 'no-store' : undefined } as const;
    const answer = await requestFile(new URL(file, base), file, optional, how);
    if (!answer) return null;
    const { response, told, isExact } = answer;
    if (!response.body) throw truncated(file, 0);
    meter.expect(file, told);
    let before = 0;
    const onProgress = (loaded: number): void => {
      meter.move(file, loaded, loaded - before);
      before = loaded;
    };
    const size = told > 0 && isExact ? told : UNKNOWN_SIZE;
    const pieces = notSilent(readPieces(response.body), silenceMs);
    const body = createBodyStream(pieces, { file, size, onProgress });
    const stream = size === told ? body : await withOwnSize(body, file);
    return { ...stream, close: () => stream.close().then(() => meter.done(file)) };
  }

  return {
    source,
    name,
    origin: {
      kind: 'folder',
      id: base.href,
      host: base.origin,
      commit: null,
      keptIn: 'memory',
      isVerified: false,
    },
    read,
    async openAdapter() {
      const config = await read(ADAPTER_CONFIG, true).catch((error: unknown) => {
        // Another site may hide even from a page that it does not have a file.
        const page = globalThis.location as Location | undefined;
        const isElsewhere = page !== undefined && page.origin !== base.origin;
        if (isElsewhere && (error as { code?: string }).code === 'network/unreachable') return null;
        throw error;
      });
      if (!config) return null;
      // Asked for only where there is an adapter: what is not there shows as an error in a browser's console.
      const isThere = async (file: string): Promise<boolean> => {
        const answer = await request(new URL(file, base), { method: 'HEAD', signal, silenceMs });
        const isPage = answer.headers.get('content-type')?.startsWith('text/html') ?? false;
        // Some servers answer GET alone.
        return answer.ok ? !isPage : ![403, 404, 410].includes(answer.status);
      };
      const isBesideLayers = !(await isThere(ADAPTER_WEIGHTS));
      return {
        config,
        hasModel: isBesideLayers || (await isThere(WEIGHTS)) || (await isThere(INDEX)),
        isBesideLayers,
        open: async () => {
          if (isBesideLayers) return this.openWeights();
          const file = await open(ADAPTER_WEIGHTS);
          if (!file) throw notFound(ADAPTER_WEIGHTS, base);
          return streamWeights(file, ADAPTER_WEIGHTS);
        },
      };
    },
    async openWeights() {
      const single = await open(WEIGHTS, true);
      if (single) return streamWeights(single, WEIGHTS);
      const index = await read(INDEX, true);
      if (!index) throw notFound(WEIGHTS, new URL(WEIGHTS, base));
      return streamShards(parseShardIndex(index, INDEX), {
        peek: async (file, count) => {
          const headers = { Range: `bytes=0-${count - 1}` };
          const how = { signal, silenceMs, headers };
          const answer = await requestFile(new URL(file, base), file, false, how);
          if (!answer) throw notFound(file, base);
          return readStart(answer.response, file, count, patience);
        },
        open: async (file) => {
          const shard = await open(file);
          if (!shard) throw notFound(file, base);
          return shard;
        },
      });
    },
    recover: (error) => {
      const again = !broke && error instanceof EngineError && error.code === 'network/broken';
      broke = true;
      return Promise.resolve(again);
    },
    close: () => Promise.resolve(),
  };
}

/**
 * The first `count` bytes of a file from an answer that may be the whole of it, and the file's size
 * where the server says it. Throws `network/broken`.
 */
export async function readStart(
  response: Response,
  file: string,
  count: number,
  { silenceMs }: Patience,
): Promise<{ bytes: Uint8Array; size: number | null }> {
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  const size = response.status === 206 && total !== undefined ? Number(total) : null;
  const bytes = new Uint8Array(count);
  let loaded = 0;
  if (!response.body) return { bytes: bytes.subarray(0, 0), size };
  const pieces = notSilent(readPieces(response.body), silenceMs);
  try {
    while (loaded < count) {
      const piece = await pieces.read();
      if (!piece) break;
      const part = piece.subarray(0, count - loaded);
      bytes.set(part, loaded);
      loaded += part.length;
    }
  } catch (cause) {
    if ((cause as Error).name === 'AbortError') throw cause;
    throw broken(file, loaded, cause);
  } finally {
    await pieces.cancel().catch(() => {});
  }
  return { bytes: bytes.subarray(0, loaded), size };
}

/** An answer that holds a file. */
interface FileAnswer {
  readonly response: Response;
  /** What the server says its length is, in bytes; 0 where it does not say. */
  readonly told: number;
  /** Whether `told` counts the file's own bytes, not compressed ones. */
  readonly isExact: boolean;
}

async function requestFile(
  url: URL,
  file: string,
  optional: boolean,
  options: RequestOptions,
): Promise<FileAnswer | null> {
  const response = await request(url, options);
  // Servers of single-page apps answer every path with their page.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  // Some stores answer 403 for what is not there.
  if (optional && [403, 404, 410].includes(response.status)) {
    await discard(response);
    return null;
  }
  if (response.status === 404 || (response.ok && isPage)) {
    await discard(response);
    if (optional) return null;
    throw notFound(file, url);
  }
  if (!response.ok) {
    await discard(response);
    throw new EngineError(`${url.href} answered ${response.status} ${response.statusText}.`, {
      code: 'network/http',
      hint: 'Try again later, or check that this address may be read by everybody.',
    });
  }
  // A compressed answer states its compressed length, which says nothing of ours.
  const plain = !response.headers.get('content-encoding');
  const told = plain ? Number(response.headers.get('content-length') ?? 0) : 0;
  const sameOrigin = globalThis.location === undefined || url.origin === globalThis.location.origin;
  // Across origins the encoding is hidden.
  return { response, told, isExact: sameOrigin };
}

/** A stream of safetensors whose length nobody can be believed about but its own header. */
async function withOwnSize(stream: ByteSource, file: string): Promise<ByteSource> {
  try {
    const head = await readHeader(stream, file, MOST_HEADER_BYTES);
    return {
      size: sizeByHeader(head),
      read: (from, count, into) =>
        from + count <= head.length
          ? Promise.resolve(head.subarray(from, from + count))
          : stream.read(from, count, into),
      close: () => stream.close(),
    };
  } catch (error) {
    await stream.close();
    throw error;
  }
}

function notFound(file: string, url: URL): EngineError {
  return new EngineError(`There is no ${file} at ${url.href}.`, {
    code: 'network/not-found',
    hint: 'The folder must hold config.json and model.safetensors. Check the address.',
  });
}
