// Which words of a sample the run's text does not have: what a small model makes up.

import { WORD } from '../../words.ts';

/** Words of a text, without regard to capitals. */
export function wordsOf(bytes: Uint8Array): ReadonlySet<string> {
  const text = new TextDecoder().decode(bytes).toLowerCase();
  return new Set(text.match(WORD) ?? []);
}

/**
 * Where words begin and end in `text` that are not among `known`. One that the prompt began counts whole; one that the end
 * of the sample cuts off does not count.
 */
export function strangeWords(
  prompt: string,
  text: string,
  known: ReadonlySet<string>,
): [from: number, to: number][] {
  const whole = prompt + text;
  const found: [number, number][] = [];
  for (const { 0: word, index } of whole.matchAll(WORD)) {
    const end = index + word.length;
    if (end <= prompt.length || end === whole.length || known.has(word.toLowerCase())) continue;
    found.push([Math.max(0, index - prompt.length), end - prompt.length]);
  }
  return found;
}
