// The first look at JSON that came from outside, before anything in it is believed.

/** Whether it is an object with names: no list, and not null. What stands under them may be anything. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
