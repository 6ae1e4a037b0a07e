// How models are named in the address, in links and in the dialog, and whom a name reaches.
import type { ModelSummary, StoredModelFacts } from '../api.ts';

/** An id on a Hub, an address, or a path on this site; as `ModelRequest` of the treaty. */
export interface ModelName {
  readonly source: string;
  readonly revision?: string;
  readonly host?: string;
}

/** A published GPT-2; sizes as the Hub shows them. */
export interface KnownModel {
  readonly source: string;
  readonly title: string;
  readonly parameters: string;
  /** Of `model.safetensors`. */
  readonly bytes: number;
  /** What it is good for, in words. */
  readonly words: string;
}

export const KNOWN_MODELS: readonly KnownModel[] = [
  {
    source: 'distilbert/distilgpt2',
    title: 'DistilGPT-2',
    parameters: '82 M',
    bytes: 352_824_413,
    words: '6 layers; the lightest that knows the wide world',
  },
  {
    source: 'openai-community/gpt2',
    title: 'GPT-2',
    parameters: '124 M',
    bytes: 548_105_171,
    words: '12 layers; the one that papers and tutorials mean',
  },
  {
    source: 'openai-community/gpt2-medium',
    title: 'GPT-2 medium',
    parameters: '355 M',
    bytes: 1_519_984_962,
    words: '24 layers; wants a GPU with 1 GB to spare',
  },
  {
    source: 'openai-community/gpt2-large',
    title: 'GPT-2 large',
    parameters: '774 M',
    bytes: 3_247_159_078,
    words: '36 layers; wants a good GPU',
  },
  {
    source: 'openai-community/gpt2-xl',
    title: 'GPT-2 XL',
    parameters: '1.56 B',
    bytes: 6_431_829_964,
    words: '48 layers; wants a large GPU and patience',
  },
];

const SHORT_NAMES = ['gpt2', 'gpt2-medium', 'gpt2-large', 'gpt2-xl', 'distilgpt2'];

/** Ids and revisions end long before. */
export const MAX_NAME = 2000;

/**
 * Whom loading this would contact: a host's name, or null where it lies on this page's own site (`base`
 * is the page's address). The engine decides for itself what a name means; this decides whom to ask first.
 */
export function hostOf({ source, host }: ModelName, base: string): string | null {
  const text = source.trim();
  if (host !== undefined) return nameOfHost(host);
  // With a scheme it is an address, slashes or not: nothing of this page's completes it.
  const isAddress = /^[a-z][a-z0-9+.-]*:/iu.test(text);
  const isPath = /^(?:\.{0,2}\/|models\/|\.{1,2}$)/u.test(text);
  const isId = SHORT_NAMES.includes(text) || text.split('/').length === 2;
  if (!isAddress && !isPath && isId) return 'huggingface.co';
  // `//elsewhere/…` and the like leave this site without saying so.
  const from = isAddress ? undefined : base;
  const url = URL.canParse(text, from) ? new URL(text, from) : null;
  return url === null || url.origin === new URL(base).origin ? null : url.host;
}

/** A host as people name it, whether it came with a scheme or without. */
export function nameOfHost(host: string): string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//iu.test(host) ? host : `https://${host}`;
  return URL.canParse(full) ? new URL(full).host : host;
}

/** The last part, for people. */
export function titleOf(source: string): string {
  return source.trim().replace(/\/+$/u, '').split('/').at(-1) || source;
}

export function isSameName(a: ModelName | null, b: ModelName | null): boolean {
  return (
    a?.source === b?.source &&
    (a?.revision ?? 'main') === (b?.revision ?? 'main') &&
    a?.host === b?.host
  );
}

/** What names a wish, and nothing else of it. */
export function toRequest({ source, revision, host }: ModelName): ModelName {
  return {
    source,
    ...(revision === undefined ? {} : { revision }),
    ...(host === undefined ? {} : { host }),
  };
}

/** A stored model as a name: its commit, so that it is this one and no newer one. */
export function nameOfStored({ id, host, commit }: StoredModelFacts): ModelName {
  return {
    source: id,
    ...(commit === null ? {} : { revision: commit }),
    ...(host === null || host === 'https://huggingface.co' ? {} : { host }),
  };
}

/** Tells models apart whose last names are the same: whose tokens a text holds. */
export function identityOf({ name, fingerprint }: ModelSummary): string {
  return `${name} ${fingerprint}`;
}
