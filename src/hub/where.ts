// Where a model is: from what was typed to an address, with what only a look at the disk or a server can tell.
import type { RunStep } from '../api.ts';
import { type Address, HUB, parseAddress } from '../modelAddress.ts';
import type { HubAddress } from './hubClient.ts';
import type { FolderOptions } from './modelFolder.ts';
import { discard, request } from './network.ts';
import { isNode } from './isNode.ts';

export interface OpenOptions extends FolderOptions {
  readonly revision?: string;
  readonly commit?: string;
  readonly host?: string;
  readonly base?: string;
  /** Files that were dropped, instead of an address. */
  readonly files?: readonly File[];
  /** A checkpoint that is kept here, instead of an address. */
  readonly run?: RunStep;
  /** False streams a download to the device and keeps nothing. */
  readonly keep?: boolean;
  /** A directory that keeps downloads, in Node. */
  readonly cache_dir?: string;
}

/** The meaning of `source` here. Throws as `parseAddress` does. */
export async function toAddress(
  source: string,
  { revision, commit, host, base }: OpenOptions,
): Promise<Address> {
  const own = isNode() ? undefined : globalThis.location.href;
  const address = parseAddress(source, { revision, commit, host, base: base ?? own });
  // In Node a folder that is there goes before a name on the Hub.
  const mayBeHere = isNode() && host === undefined && base === undefined;
  if (
    mayBeHere &&
    address.kind === 'hub' &&
    !/^https?:/i.test(source) &&
    (await (await import('../kept/nodeFiles.ts')).isFolder(source))
  ) {
    return { kind: 'path', path: source };
  }
  return address;
}

/** A host without the Hub's API may have the model as a plain folder under its id. */
export async function plainFolder(
  { host, id }: HubAddress,
  error: unknown,
  { signal }: OpenOptions,
): Promise<URL | null> {
  const { code } = error as { code?: string };
  if (host === HUB || (code !== 'hub/not-found' && code !== 'hub/answer')) return null;
  const base = new URL(`${host}/${id}/`);
  const answer = await request(new URL('config.json', base), { signal }).catch(() => null);
  await discard(answer);
  const isPage = answer?.headers.get('content-type')?.startsWith('text/html') ?? false;
  return answer?.ok && !isPage ? base : null;
}
