// The first look at JSON that came from outside, before anything in it is believed.

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
