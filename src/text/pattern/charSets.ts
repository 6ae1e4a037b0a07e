// Sets of characters, asked by code point.

export interface CharSet {
  /** The one code point that the set has, where it is known to have one. */
  readonly only?: number;
  /** False where the set was asked for by a name that nobody knows. */
  readonly isKnown: boolean;
  has(codePoint: number): boolean;
}

/** The first character of a text; nothing for an empty one. */
export function oneOf(character: string): CharSet {
  const only = character.codePointAt(0);
  return { only, isKnown: true, has: (codePoint) => codePoint === only };
}

export function ranges(...pairs: readonly (readonly [from: number, to: number])[]): CharSet {
  return { isKnown: true, has: (c) => pairs.some(([from, to]) => c >= from && c <= to) };
}

export function not(set: CharSet): CharSet {
  return { isKnown: set.isKnown, has: (codePoint) => !set.has(codePoint) };
}

export function anyOf(sets: readonly CharSet[]): CharSet {
  if (sets.length === 1) return sets[0];
  return { isKnown: true, has: (codePoint) => sets.some((set) => set.has(codePoint)) };
}

export function both(one: CharSet, other: CharSet): CharSet {
  return { isKnown: true, has: (codePoint) => one.has(codePoint) && other.has(codePoint) };
}

/** A property of Unicode by its name: a category, a binary property, or a script. */
export function property(name: string): CharSet {
  for (const words of [name, `Script=${name}`, `General_Category=${name}`]) {
    try {
      const pattern = new RegExp(`\\p{${words}}`, 'u');
      return { isKnown: true, has: (codePoint) => pattern.test(String.fromCodePoint(codePoint)) };
    } catch {
      // Another kind of name.
    }
  }
  return { isKnown: false, has: () => false };
}

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

const memories = new WeakMap<CharSet, (codePoint: number) => boolean>();

/** Answers of a set, kept for the characters that texts are made of. */
export function remembered(set: CharSet): (codePoint: number) => boolean {
  const { only } = set;
  if (only !== undefined) return (codePoint) => codePoint === only;
  const before = memories.get(set);
  if (before) return before;
  let known: Uint8Array | undefined;
  const test = (codePoint: number): boolean => {
    if (codePoint > 0xffff) return set.has(codePoint);
    known ??= new Uint8Array(0x10000);
    if (known[codePoint] === UNKNOWN) known[codePoint] = set.has(codePoint) ? YES : NO;
    return known[codePoint] === YES;
  };
  memories.set(set, test);
  return test;
}
