// The first look at JSON that came from outside, before anything in it is believed.

/** What JSON can say; numbers are finite. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** What Python's json writes for them is no JSON, and what stands for them until it is parsed is in no file. */
const NO_NUMBERS = new Map<unknown, number>(
  [NaN, Infinity, -Infinity].map((value) => [`\0${value}`, value]),
);

/**
 * Parses JSON as Python's json does, which writes and reads NaN, Infinity and -Infinity where a number stands. Throws
 * what `JSON.parse` throws.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    let isInText = false;
    let count = 0;
    const marked = text.replace(/\\.|"|\bNaN\b|-?\bInfinity\b/gsu, (found) => {
      if (found === '"') isInText = !isInText;
      if (isInText || !NO_NUMBERS.has(`\0${found}`)) return found;
      count++;
      return JSON.stringify(`\0${found}`);
    });
    if (count === 0) throw error;
    try {
      return JSON.parse(marked, (_, value: unknown) => NO_NUMBERS.get(value) ?? value);
    } catch {
      throw error;
    }
  }
}

/** Whether it is an object with names: no list, and not null. What stands under them may be anything. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether JSON says the same of both, in the same order: for what one and the same code wrote. */
export function isSameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Levels, entries of a level and letters of a text that are quoted: enough to find it again. */
const MOST_LEVELS = 4;
const MOST_ENTRIES = 8;
const MOST_LETTERS = 80;

/**
 * A value as errors quote it: its JSON, as far as it is short. However deep or long it is, that costs neither a
 * stack nor time.
 */
export function show(value: unknown): string {
  // JSON has no word for NaN.
  if (typeof value === 'number') return String(value);
  return cut(JSON.stringify(shortened(value, MOST_LEVELS)) ?? 'nothing');
}

/** The beginning of a text. */
export function cut(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}

function shortened(value: unknown, levels: number): unknown {
  if (typeof value === 'string')
    return value.length > MOST_LETTERS / 2 ? `${value.slice(0, MOST_LETTERS / 2)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '…';
  if (Array.isArray(value)) {
    const first = value.slice(0, MOST_ENTRIES).map((entry) => shortened(entry, levels - 1));
    return value.length > MOST_ENTRIES ? [...first, '…'] : first;
  }
  const entries: [string, unknown][] = [];
  for (const key in value) {
    if (entries.length === MOST_ENTRIES) {
      entries.push(['…', '…']);
      break;
    }
    entries.push([cut(key), shortened((value as Record<string, unknown>)[key], levels - 1)]);
  }
  return Object.fromEntries(entries);
}
