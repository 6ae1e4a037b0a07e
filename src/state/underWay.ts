// Runs that began in this browser and have not ended: where a page opens and no tab has one of them, it was broken off, and
// whoever was at it comes back to it.
import { runLock } from '../runLock.ts';

/** A run, by its id, and when it began or went on, in ms since 1970. */
export type UnderWay = readonly (readonly [id: string, begun: number])[];

const NOTE = 'glass-gpt runs-under-way';
/** In the tab: when the last one that it greeted with began. */
const GREETED = 'glass-gpt greeted';
/** One that was broken off longer ago, in ms, greets nobody: it stands in the list. */
export const GREETS_MS = 7 * 24 * 3_600_000;

export function readUnderWay(): UnderWay {
  try {
    const value = JSON.parse(localStorage.getItem(NOTE) ?? '[]') as unknown;
    return Array.isArray(value) ? value.filter(isOne) : [];
  } catch {
    // Nothing is kept for this site, or something else stands there.
    return [];
  }
}

export function writeUnderWay(runs: UnderWay): void {
  try {
    localStorage.setItem(NOTE, JSON.stringify(runs));
  } catch {
    // Then the list tells of it.
  }
}

/**
 * Whether one of them has been broken off lately. A tab hears of each once: whoever went elsewhere from it finds the page
 * where they left it.
 */
export async function isBrokenOff(): Promise<boolean> {
  const lately = readUnderWay().filter(([, begun]) => Date.now() - begun < GREETS_MS);
  if (lately.length === 0 || !('locks' in navigator)) return false;
  const { held = [] } = await navigator.locks.query();
  const broken = lately.filter(([id]) => !held.some(({ name }) => name === runLock(id)));
  const last = Math.max(0, ...broken.map(([, begun]) => begun));
  try {
    if (last <= Number(sessionStorage.getItem(GREETED))) return false;
    sessionStorage.setItem(GREETED, String(last));
  } catch {
    // Then it is told each time.
  }
  return last > 0;
}

function isOne(value: unknown): value is UnderWay[number] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number';
}
