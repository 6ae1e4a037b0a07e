// What a record, a receipt, a run's file or a link says of the model that a run goes on from. A stranger may have written it, and
// following it must ask nobody elsewhere.
import type { BaseSource, RunBase } from './api.ts';
import { isObject } from './json.ts';
import { parseAddress } from './modelAddress.ts';

/** A SHA-256 in hex. */
export const SHA256 = /^[0-9a-f]{64}$/u;
const FINGERPRINT = /^[0-9a-f]{16}$/u;
const MOST_NAME = 200;
/** Names, revisions and hosts end long before. */
const MOST_SOURCE = 2000;
/** A site that is none: what is relative to a page lies there. */
const NOWHERE = 'https://here.invalid/';

/** Null for what is none. A source that would ask another site is left out: whoever has the model loads it. */
export function readBase(value: unknown): RunBase | null {
  if (!isObject(value)) return null;
  const { name, fingerprint, sha256, source, lora } = value;
  if (typeof name !== 'string' || typeof fingerprint !== 'string') return null;
  if (!FINGERPRINT.test(fingerprint)) return null;
  const isHash = typeof sha256 === 'string' && SHA256.test(sha256);
  const adapter = isObject(lora) ? readLora(lora) : null;
  return {
    name: name.slice(0, MOST_NAME),
    fingerprint,
    ...(isHash && { sha256 }),
    source: isObject(source) ? readSource(source) : null,
    ...(adapter && { lora: adapter }),
  };
}

/** What is out of range `train` refuses. */
function readLora({ r, lora_alpha }: Record<string, unknown>): RunBase['lora'] | null {
  return typeof r === 'number' && typeof lora_alpha === 'number' ? { r, lora_alpha } : null;
}

const NAMES = ['revision', 'host', 'base_model', 'base_revision', 'activation_function'] as const;

function readSource(value: Record<string, unknown>): BaseSource | null {
  const { source, run, nHead, layer_norm_denominator: denominator } = value;
  if (typeof source !== 'string' || source.length > MOST_SOURCE) return null;
  const named = Object.fromEntries(
    NAMES.flatMap((key) => {
      const one = value[key];
      return typeof one === 'string' && one.length <= MOST_SOURCE ? [[key, one] as const] : [];
    }),
  ) as Partial<Record<(typeof NAMES)[number], string>>;
  const step = isObject(run) ? readStep(run) : null;
  const found: BaseSource = {
    source,
    ...named,
    ...(typeof nHead === 'number' && { nHead }),
    ...((denominator === 'variance' || denominator === 'std') && {
      layer_norm_denominator: denominator,
    }),
    ...(step && { run: step }),
  };
  return step || isHome(found) ? found : null;
}

function readStep({ id, step }: Record<string, unknown>): BaseSource['run'] | null {
  return typeof id === 'string' && Number.isSafeInteger(step) ? { id, step: Number(step) } : null;
}

/** Whether reading it asks this page's own site alone, or what was kept of a Hub. */
function isHome({ source, host, base_model }: BaseSource): boolean {
  return [source, ...(base_model === undefined ? [] : [base_model])].every((name) => {
    try {
      const address = parseAddress(name, { base: NOWHERE, ...(host !== undefined && { host }) });
      return (
        address.kind === 'hub' ||
        (address.kind === 'folder' && address.url.href.startsWith(NOWHERE))
      );
    } catch {
      return false;
    }
  });
}
