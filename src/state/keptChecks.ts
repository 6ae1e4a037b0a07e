// Checks that passed on an earlier visit: seconds of a laptop's processor that need not be spent on each. One holds for the
// same weights in the same precision, on the same device in the same browser, computed by the same version of this page, and
// for a month: drivers change. Reading trusts nothing: what is not as it must be counts as absent.
import type { ModelSummary, SelfCheck } from '../api.ts';
import { isObject } from '../json.ts';

const KEY = 'glass-gpt.checks';
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;
/** Models in their precisions, newest first. */
const MAX_KEPT = 8;
const MAX_REPORT = 20_000;

export interface KeptCheck {
  readonly found: SelfCheck;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

interface Entry extends KeptCheck {
  readonly of: string;
}

/** What a check is about: whatever may change its outcome. */
function subjectOf({ fingerprint, dtype, device }: ModelSummary): string {
  const version = `${__VERSION__} ${__COMMIT__}`;
  // Node 20 has no navigator.
  const browser = typeof navigator === 'undefined' ? 'node' : navigator.userAgent;
  return JSON.stringify([fingerprint, dtype, device, version, browser]);
}

/** The check of this model on this device that passed on an earlier visit; null where there is none. */
export function readCheck(model: ModelSummary, now = Date.now()): KeptCheck | null {
  const subject = subjectOf(model);
  const entry = readAll(now).find(({ of }) => of === subject);
  if (entry === undefined) return null;
  const { found, at } = entry;
  return { found: { ...found, dtype: model.dtype, device: model.device }, at };
}

/** Keeps a check that passed; one that failed is made again on each visit. */
export function keepCheck(model: ModelSummary, found: SelfCheck, now = Date.now()): void {
  const of = subjectOf(model);
  const others = readAll(now).filter((entry) => entry.of !== of);
  const entries = found.passed ? [{ of, found, at: now }, ...others] : others;
  try {
    localStorage.setItem(KEY, JSON.stringify(entries.slice(0, MAX_KEPT)));
  } catch {
    // Without it the next visit checks again.
  }
}

function readAll(now: number): Entry[] {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? '[]') as unknown;
    return Array.isArray(value) ? value.flatMap((entry) => parse(entry, now)) : [];
  } catch {
    return [];
  }
}

function parse(value: unknown, now: number): Entry[] {
  if (!isObject(value) || !isObject(value.found) || typeof value.of !== 'string') return [];
  const { of, at, found } = value;
  const isDated = typeof at === 'number' && at <= now && now - at < MAX_AGE_MS;
  const { against, report } = found;
  const isKind = against === 'reference' || against === 'published' || against === 'meanings';
  const numbers = [found.top1, found.klBits, found.maxDifference, found.ms];
  const isWhole =
    found.passed === true &&
    isKind &&
    numbers.every(Number.isFinite) &&
    typeof report === 'string' &&
    report.length <= MAX_REPORT;
  return isDated && isWhole ? [{ of, at, found: found as unknown as SelfCheck }] : [];
}
