// Texts that come in parts.
import fc from 'fast-check';

/** Lengths of parts, in UTF-16 units. */
export const partsOf = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });

/** A text in parts of these lengths, over and over; they may part a surrogate pair. */
export async function* inParts(
  text: string,
  ...lengths: number[]
): AsyncGenerator<string, void, undefined> {
  for (let at = 0, part = 0; at < text.length; part++) {
    const end = at + lengths[part % lengths.length];
    yield await Promise.resolve(text.slice(at, end));
    at = end;
  }
}
