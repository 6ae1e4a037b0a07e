// What people type to name a model, and what it means: an id on a Hub, a folder at an address, or a path. The engine
// loads by it, and the page knows by it whom a name would reach, before anybody is asked.
import { EngineError } from './errors.ts';

export type Address =
  | {
      readonly kind: 'hub';
      /** Origin, perhaps with a path in front of the API, without a slash at its end. */
      readonly host: string;
      /** `owner/name`. */
      readonly id: string;
      /** Branch, tag or commit. */
      readonly revision: string;
      /** What `revision` meant when somebody agreed to it, 40 hex digits; it is not asked again then. */
      readonly commit?: string;
    }
  | { readonly kind: 'folder'; /** Ends with a slash. */ readonly url: URL }
  | { readonly kind: 'path'; readonly path: string };

export interface AddressOptions {
  /** Branch, tag or commit; `main` where nothing is said. */
  readonly revision?: string;
  /** The commit of `revision` that was agreed to. */
  readonly commit?: string;
  /** A mirror, or a server that speaks the Hub's language: `https://mirror.example`, `localhost:8000`. */
  readonly host?: string;
  /** What paths are relative to; without it they are paths on this machine. */
  readonly base?: string;
}

export const HUB = 'https://huggingface.co';

const HUB_NAMES = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co']);

/** Short names that need no owner. */
const ALIASES: Readonly<Record<string, string>> = {
  gpt2: 'openai-community/gpt2',
  'gpt2-medium': 'openai-community/gpt2-medium',
  'gpt2-large': 'openai-community/gpt2-large',
  'gpt2-xl': 'openai-community/gpt2-xl',
  distilgpt2: 'distilbert/distilgpt2',
};

/** A part of an id: letters, digits, `-`, `_` and single dots, which neither begin nor end it. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|$)){0,95}$/;
const COMMIT = /^[0-9a-f]{40}$/;
const REVISION = /^[A-Za-z0-9_](?:[A-Za-z0-9_/-]|\.(?!\.)){0,200}$/;

/**
 * The meaning of `source`:
 * - an address with http: or https: is a folder; on huggingface.co, or with `/tree/`, `/blob/` or `/resolve/`
 *   in it, it is a model of that Hub;
 * - `./…`, `../…`, `/…` and `models/…` are paths;
 * - `gpt2`, `gpt2-medium`, `gpt2-large`, `gpt2-xl`, `distilgpt2` and `owner/name` are models of the Hub;
 * - anything else is a path. With `host`, everything but an address is an id.
 * Throws `network/url`, `network/scheme`, `network/credentials`, `hub/id`, `hub/revision`, `hub/host`.
 */
export function parseAddress(source: string, options: AddressOptions = {}): Address {
  const text = source.trim();
  if (text === '') throw noAddress(source, 'it is empty');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(text)?.[1].toLowerCase();
  const isLocal = options.base === undefined;
  if (scheme === 'http' || scheme === 'https') return fromUrl(text, options);
  if (scheme !== undefined && !(isLocal && scheme === 'file')) {
    throw new EngineError(`${scheme}: addresses are not loaded; expected http: or https:.`, {
      code: 'network/scheme',
      hint: 'Serve the folder over http, or put it beside the page.',
    });
  }
  const isPath = /^(?:\.{1,2}\/|\/|models\/|~\/)/.test(text) || text === '.' || text === '..';
  if (options.host !== undefined) {
    if (isPath) throw badId(text, 'a path');
    return onHub(toId(text), toHost(options.host, options), options);
  }
  if (Object.hasOwn(ALIASES, text)) return onHub(ALIASES[text], HUB, options);
  const parts = text.split('/');
  if (!isPath && parts.length === 2 && parts.every((part) => NAME.test(part))) {
    return onHub(text, HUB, options);
  }
  if (isLocal) return { kind: 'path', path: text.replace(/^file:\/\//, '') };
  // What looks like an id and tries to leave its folder is no path that anybody means.
  if (!isPath && leavesItsFolder(text)) throw badId(text, 'a name that leaves its folder');
  // Nor is one with spaces in it, unless it is written as a path.
  if (!isPath && !parts.every((part) => NAME.test(part))) throw badId(text, 'no id');
  return folderAt(text, options.base);
}

function fromUrl(text: string, options: AddressOptions): Address {
  const url = toUrl(text, undefined);
  checkForPage(url, options);
  const isHub = HUB_NAMES.has(url.hostname);
  const parts = url.pathname.split('/').filter((part) => part !== '');
  const verb = parts.findIndex((part) => ['tree', 'blob', 'resolve', 'raw'].includes(part));
  const owned = verb < 0 ? parts : parts.slice(0, verb);
  // Another server's folder may have one of these words in its path; the Hub's come after the id.
  if (!isHub && !(verb === 2 && parts.length > 3)) {
    if (options.host !== undefined) {
      throw new EngineError(`${text} already names a host; ${options.host} was given too.`, {
        code: 'hub/host',
        hint: 'Give an id like openai-community/gpt2 together with a host, or the address alone.',
      });
    }
    return folderAt(text, undefined);
  }
  // The URL's parser has resolved `..` already; what was written must not have had it.
  if (leavesItsFolder(text.replace(/^https?:\/\//i, ''))) throw badId(text, 'an address with ..');
  const id = toId(owned.map(decoded).join('/'));
  const told = verb < 0 ? undefined : parts[verb + 1];
  const revision = options.revision ?? (told === undefined ? undefined : decoded(told));
  const own = isHub ? HUB : url.origin;
  const host = options.host === undefined ? own : toHost(options.host, options);
  return onHub(id, host, { ...options, revision });
}

function onHub(id: string, host: string, { revision = 'main', commit }: AddressOptions): Address {
  if (!REVISION.test(revision)) {
    throw new EngineError(`${JSON.stringify(revision.slice(0, 80))} is no revision.`, {
      code: 'hub/revision',
      hint: 'Give a branch, a tag or a commit: main, v1.0, e7da7f2.',
    });
  }
  if (commit === undefined) return { kind: 'hub', host, id, revision };
  if (!COMMIT.test(commit)) {
    throw new EngineError(`${JSON.stringify(commit.slice(0, 80))} is no commit.`, {
      code: 'hub/revision',
      hint: 'A commit has 40 hex digits. Leave it out for the newest of the revision.',
    });
  }
  return { kind: 'hub', host, id, revision, commit };
}

function toId(text: string): string {
  const id = Object.hasOwn(ALIASES, text) ? ALIASES[text] : text;
  const parts = id.split('/');
  if (parts.length <= 2 && parts.every((part) => NAME.test(part))) return id;
  throw badId(text, leavesItsFolder(text) ? 'a name that leaves its folder' : 'no id');
}

/** Whether a name has `..`, a backslash, a percent sign or control characters in it, or begins with a slash. */
function leavesItsFolder(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /(?:^|\/)\.{1,2}(?:\/|$)|[\\%\u0000-\u001F]|^\//.test(text);
}

function folderAt(text: string, base: string | undefined): Address {
  const url = toUrl(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new EngineError(`${url.protocol} addresses are not loaded; expected http: or https:.`, {
      code: 'network/scheme',
      hint: 'Serve the folder over http, or put it beside the page.',
    });
  }
  url.search = '';
  url.hash = '';
  // Somebody who copies the address of a file means its folder.
  url.pathname = url.pathname.replace(/\/[^/]+\.(?:safetensors|json)$/, '/');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return { kind: 'folder', url };
}

/** The host of a Hub as an origin with a path. Throws `hub/host`, `network/credentials`. */
function toHost(host: string, options: AddressOptions): string {
  const text = host.trim();
  const isHere = /^(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/.test(text);
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? text
    : `${isHere ? 'http' : 'https'}://${text}`;
  let url: URL | null = null;
  try {
    url = toUrl(full, undefined);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'network/credentials') throw error;
  }
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search || url.hash) {
    throw new EngineError(`${JSON.stringify(text.slice(0, 80))} is no host of models.`, {
      code: 'hub/host',
      hint: 'Give an address like https://mirror.example or localhost:8000.',
    });
  }
  checkForPage(url, options);
  const path = url.pathname.replace(/\/+$/, '');
  return HUB_NAMES.has(url.hostname) ? HUB : url.origin + path;
}

/**
 * Pages ask this machine under its names alone: the policy that keeps them from other unencrypted addresses cannot
 * name an IPv6 one. Throws `hub/host`.
 */
function checkForPage(url: URL, { base }: AddressOptions): void {
  if (base === undefined || url.protocol !== 'http:' || url.hostname !== '[::1]') return;
  if (url.origin === new URL(base).origin) return;
  throw new EngineError(`A page may not ask ${url.host}, though it is this machine.`, {
    code: 'hub/host',
    hint: `Write localhost or 127.0.0.1 in its place: http://localhost${url.port && `:${url.port}`}.`,
  });
}

function toUrl(text: string, base: string | undefined): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (cause) {
    throw noAddress(text, 'it cannot be read', cause);
  }
  if (url.username || url.password) {
    throw new EngineError('An address with a name or password in it is not loaded.', {
      code: 'network/credentials',
      hint: 'Leave out what stands before the @; models that need a password cannot be loaded here.',
    });
  }
  return url;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function noAddress(source: string, problem: string, cause?: unknown): EngineError {
  return new EngineError(
    `${JSON.stringify(source.slice(0, 200))} is not a path or URL: ${problem}.`,
    {
      code: 'network/url',
      hint: 'Give an id like openai-community/gpt2, or the address of a folder with config.json and model.safetensors.',
      cause,
    },
  );
}

function badId(text: string, what: string): EngineError {
  const told = what === 'no id' ? '' : `${what}, and `;
  return new EngineError(`${JSON.stringify(text.slice(0, 80))} is ${told}no id of a model.`, {
    code: 'hub/id',
    hint: 'An id is owner/name, like openai-community/gpt2; a folder beside the page begins with ./ .',
  });
}
