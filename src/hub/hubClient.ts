// The Hub's API: which commit a revision means, which files it has, and which of them a GPT-2 needs.
import { EngineError } from '../errors.ts';
import { isObject } from '../json.ts';
import { parseShardIndex } from '../formats/shards.ts';
import { byName } from '../formats/whatItIs.ts';
import type { Address } from '../modelAddress.ts';
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  INDEX,
  SMALL_FILE_BYTES,
  WEIGHTS,
} from './modelFolder.ts';
import { findAdapter, isWeights } from './pickWeights.ts';
import { type Patience, discard, readAll, requestPatiently, retryAfterMs } from './network.ts';
import type { HubIdentity, ListedFile } from '../kept/store.ts';

export type HubAddress = Extract<Address, { kind: 'hub' }>;

export interface HubModel extends HubIdentity {
  /** Every file in the model's top folder. */
  readonly files: ReadonlyMap<string, ListedFile>;
}

export interface HubOptions {
  readonly patience: Patience;
  readonly signal?: AbortSignal;
}

/** Bytes of an answer that is believed to be JSON of ours. */
const MOST_JSON_BYTES = 16 << 20;
const MOST_FILES = 100_000;
/** The list comes in pages of a thousand. */
const MOST_PAGES = 20;

/**
 * Asks which commit `revision` means, unless one was agreed to, and which files it has. Throws `hub/…`
 * and `network/…`.
 */
export async function resolveModel(address: HubAddress, options: HubOptions): Promise<HubModel> {
  const { host, id } = address;
  const commit = address.commit ?? (await commitOf(address, options));
  const files = new Map<string, ListedFile>();
  let next: URL | null = new URL(`${host}/api/models/${id}/tree/${commit}?recursive=true`);
  for (let page = 0; next !== null && page < MOST_PAGES; page++) {
    const url: URL = next;
    const list = await requestPatiently(url, options.patience, options);
    if (!list.ok) throw await toHubError(list, address, options);
    const entries = await readJson(list, url, options);
    if (!Array.isArray(entries)) throw notTheHub(url, 'it gives no list of files');
    for (const entry of entries) addFile(files, entry, url);
    next = nextPage(list, url);
  }
  return { kind: 'hub', host, id, commit, files };
}

/** The commit that `revision` means now. */
async function commitOf(address: HubAddress, options: HubOptions): Promise<string> {
  const { host, id, revision } = address;
  const asked = new URL(`${host}/api/models/${id}/revision/${encodeURIComponent(revision)}`);
  const answer = await requestPatiently(asked, options.patience, options);
  if (!answer.ok) throw await toHubError(answer, address, options);
  const facts = await readJson(answer, asked, options);
  const commit = isObject(facts) ? facts.sha : undefined;
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) {
    throw notTheHub(asked, 'it names no commit');
  }
  if (isObject(facts) && facts.gated !== undefined && facts.gated !== false) throw gated(address);
  return commit;
}

function addFile(files: Map<string, ListedFile>, entry: unknown, url: URL): void {
  if (!isObject(entry) || entry.type !== 'file' || typeof entry.path !== 'string') return;
  // Only what lies in the top folder is ever loaded, so that no name leads anywhere.
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(entry.path)) return;
  const lfs = isObject(entry.lfs) ? entry.lfs : null;
  const size = lfs?.size ?? entry.size;
  if (!Number.isSafeInteger(size) || Number(size) < 0 || files.size >= MOST_FILES) {
    throw notTheHub(url, `it gives ${entry.path.slice(0, 80)} no size`);
  }
  const hex = (value: unknown, length: number): string | null =>
    typeof value === 'string' && new RegExp(`^[0-9a-f]{${length}}$`).test(value) ? value : null;
  files.set(entry.path, {
    size: Number(size),
    sha256: lfs ? hex(lfs.oid, 64) : null,
    blob: lfs ? null : hex(entry.oid, 40),
  });
}

/** The next page of a list, on the same server; null at its end. */
function nextPage(response: Response, url: URL): URL | null {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
  if (link === undefined || !URL.canParse(link, url)) return null;
  const next = new URL(link, url);
  return next.origin === url.origin ? next : null;
}

async function readJson(response: Response, url: URL, options: HubOptions): Promise<unknown> {
  const bytes = await readAll(response, url.pathname, MOST_JSON_BYTES, options);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw notTheHub(url, 'it is no JSON', cause);
  }
}

/** Where a file of a model at a commit is. */
export function fileUrl({ host, id, commit }: HubIdentity, file: string): URL {
  return new URL(`${host}/${id}/resolve/${commit}/${encodeURIComponent(file)}`);
}

/** Files that loading needs. */
export interface Needed {
  /** One file of weights, or an index; null where there is an adapter alone. */
  readonly weights: string | null;
  readonly isIndex: boolean;
  /** An adapter's file of weights; null where there is none, or none of its own. */
  readonly adapter: string | null;
  /** Files other than weights, in the order in which they are read. */
  readonly small: readonly string[];
}

/** Picks the files of a GPT-2. Throws `hub/pickle`, `hub/no-weights`, `hub/no-config`. */
export function chooseFiles({ id, files }: HubModel): Needed {
  const adapter = findAdapter([...files.keys()]);
  const isAdapterAlone = adapter !== null && !adapter.hasModel;
  if (!files.has('config.json') && !isAdapterAlone) {
    throw new EngineError(`${id} has no config.json, so nobody can say what model it is.`, {
      code: 'hub/no-config',
      hint: 'Choose a repository of a GPT-2 with config.json and model.safetensors.',
    });
  }
  const weights = [WEIGHTS, INDEX].find((name) => files.has(name));
  const adapterFile = adapter?.file ?? null;
  if (weights === undefined && !(isAdapterAlone && adapterFile === ADAPTER_WEIGHTS)) {
    throw noWeights(id, [...files.keys()]);
  }
  const wanted = [
    ADAPTER_CONFIG,
    'config.json',
    'generation_config.json',
    ...tokenizerFiles(files),
  ];
  if (weights === INDEX) wanted.push(INDEX);
  const small = wanted.filter((name) => files.has(name));
  for (const name of small) {
    const size = files.get(name)?.size ?? 0;
    if (size <= SMALL_FILE_BYTES) continue;
    throw new EngineError(`${name} of ${id} has ${size} bytes; no such file is that large.`, {
      code: 'network/size',
      hint: 'This is not the file it is called. Choose another model.',
    });
  }
  return { weights: weights ?? null, isIndex: weights === INDEX, adapter: adapterFile, small };
}

/** Files of a model's tokenizer: tokenizer.json, else what stands for it, and what is said beside it. */
function tokenizerFiles(files: HubModel['files']): readonly string[] {
  const beside = ['tokenizer_config.json', 'special_tokens_map.json'];
  if (files.has('tokenizer.json')) return ['tokenizer.json', ...beside];
  if (files.has('vocab.json') || files.has('merges.txt')) {
    return ['vocab.json', 'merges.txt', 'added_tokens.json', ...beside];
  }
  return ['meta.json', 'chars.json', 'stoi.json', 'itos.json', 'added_tokens.json', ...beside];
}

/** The shards that an index names, all of which the model must have. Throws `safetensors/index`. */
export function shardsOf(index: Uint8Array, { id, files }: HubModel): readonly string[] {
  const shards = parseShardIndex(index, INDEX).files;
  const absent = shards.find((name) => !files.has(name));
  if (absent === undefined) return shards;
  throw new EngineError(`${INDEX} names ${absent}, which ${id} does not have.`, {
    code: 'safetensors/index',
    hint: 'The repository is incomplete at this commit. Choose another revision.',
  });
}

function noWeights(id: string, names: readonly string[]): EngineError {
  const foreign = names.find(isWeights);
  const kind = foreign === undefined ? null : byName(foreign);
  if (kind?.kind === 'pickle') {
    return new EngineError(`${id} has only pickled weights, which can run any code when opened.`, {
      code: 'hub/pickle',
      hint: [
        'Convert it once with Python, then drop the folder here:',
        'from transformers import AutoModelForCausalLM',
        `model = AutoModelForCausalLM.from_pretrained(${JSON.stringify(id)})`,
        'model.save_pretrained("converted", safe_serialization=True)',
      ].join('\n'),
    });
  }
  const what = kind === null ? '' : ` ${kind.error.message}`;
  return new EngineError(
    `${id} has no ${WEIGHTS}${foreign === undefined ? '' : `, only ${foreign}`}.${what}`,
    {
      code: 'hub/no-weights',
      hint:
        kind?.error.hint ??
        'Choose a repository with model.safetensors, the format that Hugging Face saves by default.',
    },
  );
}

/** What an answer that is no success means. */
export async function toHubError(
  response: Response,
  { host, id, revision, commit = revision }: HubAddress,
  options: HubOptions,
): Promise<EngineError> {
  await discard(response);
  const name = new URL(host).host;
  const word = response.headers.get('x-error-code') ?? '';
  const { status } = response;
  if (word === 'GatedRepo' || (status === 403 && word !== 'RepoNotFound')) {
    return gated({ host, id });
  }
  if (status === 429) {
    const asked = retryAfterMs(response);
    const wait = asked === null ? '' : ` It asks to wait ${Math.ceil(asked / 1000)} seconds.`;
    return new EngineError(`${name} has had enough requests from here.${wait}`, {
      code: 'network/busy',
      hint: 'Wait a little and load again: what came is kept.',
    });
  }
  if (status === 404 && word !== 'RepoNotFound') {
    // Without a word from the server, the model alone tells which of the two is missing.
    const isThere =
      word === 'RevisionNotFound' || (await hasModel(`${host}/api/models/${id}`, options));
    if (isThere) {
      return new EngineError(`${id} on ${name} has no revision ${JSON.stringify(commit)}.`, {
        code: 'hub/revision',
        hint: 'Leave the revision out for the newest, or look at the history of the model for a commit.',
      });
    }
  }
  if (status === 404 || status === 401 || word === 'RepoNotFound') {
    return new EngineError(`There is no public model ${id} on ${name}.`, {
      code: 'hub/not-found',
      hint: 'Check the spelling: owner/name, as in openai-community/gpt2. Private models cannot be loaded here.',
    });
  }
  return new EngineError(`${name} answered ${status} ${response.statusText}`.trimEnd(), {
    code: 'network/http',
    hint: 'Try again later, or give another host.',
  });
}

async function hasModel(address: string, { patience, signal }: HubOptions): Promise<boolean> {
  try {
    const response = await requestPatiently(new URL(address), patience, { signal });
    await discard(response);
    return response.ok;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

function gated({ host, id }: { host: string; id: string }): EngineError {
  return new EngineError(
    `${id} is gated: ${new URL(host).host} gives it only to people who asked.`,
    {
      code: 'hub/gated',
      hint: 'No password or token is ever asked for here. Download it where you are signed in, and drop the folder on this page.',
    },
  );
}

function notTheHub(url: URL, problem: string, cause?: unknown): EngineError {
  return new EngineError(`${url.host} does not answer as a Hub does: ${problem}.`, {
    code: 'hub/answer',
    hint: 'Check the host. It must have the API of huggingface.co under /api/models.',
    cause,
  });
}
