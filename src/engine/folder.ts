// Reads the files of a model folder in Hugging Face layout: over http(s), or from disk in Node.
import type { ProgressInfo } from '../api.ts';
import { EngineError } from '../errors.ts';
import { parseSafetensorsHeader, readHeaderLength } from '../model/safetensors.ts';

export interface FolderOptions {
  readonly signal?: AbortSignal;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

export interface ModelFolder {
  /** The folder as it was given. */
  readonly source: string;
  readonly name: string;
  /** All bytes of a file, or null when it is optional and absent. Throws `network/…`. */
  read(file: string, optional?: boolean): Promise<Uint8Array | null>;
}

/** Files whose sizes are believed up to this; weights may be as large as memory allows. */
const SMALL_FILE_BYTES = 64 << 20;

const WEIGHTS = 'model.safetensors';

/**
 * Opens a folder given as a path or URL. In a page or worker a path is relative to the page; other
 * schemes than http(s) are refused. In Node anything that is no http(s) URL is a path on disk.
 */
export function openFolder(source: string, options: FolderOptions = {}): ModelFolder {
  const name =
    source
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) || source;
  const inBrowser = typeof globalThis.location === 'object';
  if (!inBrowser && !/^https?:/.test(source)) return openDiskFolder(source, name, options);
  let base: URL;
  try {
    const withSlash = source.endsWith('/') ? source : `${source}/`;
    base = inBrowser ? new URL(withSlash, globalThis.location.href) : new URL(withSlash);
  } catch (cause) {
    throw new EngineError(`${JSON.stringify(source)} is not a path or URL.`, {
      code: 'network/url',
      hint: 'Give the address of a folder that holds config.json and model.safetensors.',
      cause,
    });
  }
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new EngineError(`${base.protocol} addresses are not loaded; expected http: or https:.`, {
      code: 'network/scheme',
      hint: 'Serve the folder over http, or put it beside the page.',
    });
  }
  return {
    source,
    name,
    read: (file, optional = false) => download(new URL(file, base), name, file, optional, options),
  };
}

async function download(
  url: URL,
  name: string,
  file: string,
  optional: boolean,
  { signal, progress_callback }: FolderOptions,
): Promise<Uint8Array | null> {
  progress_callback?.({ status: 'initiate', name, file });
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new EngineError(`${file} could not be fetched from ${url.origin}.`, {
      code: 'network/unreachable',
      hint: 'Check the connection and the address; another host must also allow this page (CORS).',
      cause,
    });
  }
  // Servers of single-page apps answer every path with their page.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  // Some stores answer 403 for what is not there.
  if (optional && [403, 404, 410].includes(response.status)) {
    await response.body?.cancel();
    return null;
  }
  if (response.status === 404 || (response.ok && isPage)) {
    await response.body?.cancel();
    if (optional) return null;
    throw new EngineError(`There is no ${file} at ${url.href}.`, {
      code: 'network/not-found',
      hint: 'The folder must hold config.json and model.safetensors. Check the address.',
    });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new EngineError(`${url.href} answered ${response.status} ${response.statusText}.`, {
      code: 'network/http',
      hint: 'Try again later, or check that this address may be read by everybody.',
    });
  }
  // A compressed answer states its compressed length, which says nothing of ours.
  const plain = !response.headers.get('content-encoding');
  const told = plain ? Number(response.headers.get('content-length') ?? 0) : 0;
  const sameOrigin = globalThis.location === undefined || url.origin === globalThis.location.origin;
  const bytes = await readBody(response, file, told, sameOrigin, (loaded, total) =>
    progress_callback?.({
      status: 'progress',
      name,
      file,
      loaded,
      total,
      progress: total > 0 ? Math.min(100, (100 * loaded) / total) : 0,
    }),
  );
  progress_callback?.({ status: 'done', name, file });
  return bytes;
}

async function readBody(
  response: Response,
  file: string,
  told: number,
  isExact: boolean,
  onProgress: (loaded: number, total: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  let headerChecked = told === 0 || !isExact;
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      loaded += value.byteLength;
      if (file !== WEIGHTS && loaded > SMALL_FILE_BYTES) {
        await reader.cancel();
        throw new EngineError(`${file} is larger than ${SMALL_FILE_BYTES} bytes.`, {
          code: 'network/size',
          hint: 'This is not the file it is called. Check the address.',
        });
      }
      chunks.push(value);
      if (file === WEIGHTS && !headerChecked) headerChecked = checkHeader(chunks, loaded, told);
      onProgress(loaded, told);
    }
  } catch (cause) {
    if (cause instanceof EngineError || (cause as Error).name === 'AbortError') throw cause;
    throw new EngineError(`The connection broke after ${loaded} bytes of ${file}.`, {
      code: 'network/broken',
      hint: 'Try again.',
      cause,
    });
  }
  // Across origins the encoding is hidden, so `told` may be a compressed length: only less is wrong.
  if (told > 0 && loaded < told) {
    throw new EngineError(`${file} ended after ${loaded} of ${told} bytes.`, {
      code: 'network/truncated',
      hint: 'Try again; the connection may have broken.',
    });
  }
  return join(chunks, loaded);
}

/**
 * Refuses a file whose header lies as soon as the header is here, not after the last byte. True
 * once it has been seen whole.
 */
function checkHeader(chunks: Uint8Array[], loaded: number, total: number): boolean {
  if (loaded < 8) return false;
  if (chunks[0].byteLength < 8) chunks.splice(0, chunks.length, join(chunks, loaded));
  if (loaded < 8 + readHeaderLength(chunks[0].subarray(0, 8), total)) return false;
  chunks.splice(0, chunks.length, join(chunks, loaded));
  parseSafetensorsHeader(chunks[0], total);
  return true;
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(size);
  } catch (cause) {
    throw new EngineError(`There is no memory for ${size} bytes.`, {
      code: 'device/out-of-memory',
      hint: 'Close other tabs, or choose a smaller model.',
      cause,
    });
  }
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function openDiskFolder(path: string, name: string, options: FolderOptions): ModelFolder {
  return {
    source: path,
    name,
    async read(file, optional = false) {
      options.signal?.throwIfAborted();
      // Named in a variable so that no bundler for browsers looks for it.
      const module = 'node:fs/promises';
      const fs = (await import(/* @vite-ignore */ module)) as {
        readFile(path: string): Promise<Uint8Array>;
      };
      try {
        return await fs.readFile(`${path.replace(/^file:\/\//, '')}/${file}`);
      } catch (cause) {
        if (optional && (cause as { code?: string }).code === 'ENOENT') return null;
        throw new EngineError(`${path}/${file} could not be read.`, {
          code: 'network/not-found',
          hint: 'The folder must hold config.json and model.safetensors. Check the path.',
          cause,
        });
      }
    },
  };
}

/** Parses a JSON file of the folder; says which file is broken. */
export function parseJsonFile(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new EngineError(`${file} is not JSON: ${(cause as Error).message}`, {
      code: 'config/format',
      hint: `Take ${file} from the model's own folder again.`,
      cause,
    });
  }
}
