// How models are named in the address, in links and in the dialog, and whom a name reaches.
import type { ModelSummary, StoredModelFacts } from '../api.ts';
import { parseAddress } from '../modelAddress.ts';

/** An id on a Hub, an address, or a path on this site; as `ModelRequest` of the treaty. */
export interface ModelName {
  readonly source: string;
  readonly revision?: string;
  readonly host?: string;
  /** Of an adapter: the model that it is merged into, and its revision. */
  readonly base_model?: string;
  readonly base_revision?: string;
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

/** Ids and revisions end long before. */
export const MAX_NAME = 2000;

/** Whether loading this asks nobody but this page's own site; `base` is the page's address. */
export function isHere(name: ModelName, base: string): boolean {
  const { origin } = new URL(base);
  return placesOf(name).every((place) => originOf(place, base) === origin);
}

/** Whom loading this would contact elsewhere: a host's name; null where that is nobody. */
export function hostOf(name: ModelName, base: string): string | null {
  const own = new URL(base).origin;
  const origins = placesOf(name).map((place) => originOf(place, base));
  const other = origins.find((origin) => origin !== null && origin !== own);
  return other === undefined || other === null ? null : nameOfHost(other);
}

/** Whether a name that a file gives means a model of a Hub, and no path of another machine. */
export function isOnHub(source: string): boolean {
  try {
    return parseAddress(source, { base: 'https://here.invalid/' }).kind === 'hub';
  } catch {
    return false;
  }
}

/** A model, or an adapter and the model that it changes. */
function placesOf({ base_model, host, ...name }: ModelName): ModelName[] {
  const own = { ...name, ...(host === undefined ? {} : { host }) };
  if (base_model === undefined) return [own];
  return [own, { source: base_model, ...(host === undefined ? {} : { host }) }];
}

/** Where the engine would ask for it; null where it would refuse the name, and ask nobody. */
function originOf({ source, host }: ModelName, base: string): string | null {
  try {
    const address = parseAddress(source, { base, ...(host === undefined ? {} : { host }) });
    if (address.kind === 'hub') return new URL(address.host).origin;
    return address.kind === 'folder' ? address.url.origin : null;
  } catch {
    return null;
  }
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
    a?.host === b?.host &&
    a?.base_model === b?.base_model
  );
}

/** What names a wish, and nothing else of it. */
export function toRequest(name: ModelName): ModelName {
  const { source, revision, host, base_model, base_revision } = name;
  return {
    source,
    ...(revision === undefined ? {} : { revision }),
    ...(host === undefined ? {} : { host }),
    ...(base_model === undefined ? {} : { base_model }),
    ...(base_revision === undefined ? {} : { base_revision }),
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

/** Tells models apart whose last names are the same: whose tokens a text holds. All steps of a run have the same tokens. */
export function identityOf({ name, fingerprint, origin }: ModelSummary): string {
  return origin?.run === undefined ? `${name} ${fingerprint}` : `run ${origin.run.id}`;
}
