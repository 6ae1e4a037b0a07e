// A text of several documents, with a line between them that says so.
import { type TextSource, textParts } from './textSource.ts';

/** A part of a document. */
export interface DocumentPart {
  readonly text: string;
  /** Whether a separator stands behind it: the document ends here. */
  readonly ends: boolean;
  /** As of a `TextPart`. */
  readonly share: number | null;
}

/**
 * The parts of a text without its separators: line breaks right before and behind one belong to it. A document comes in
 * any number of parts, also in none with any text. Where `separator` is null, all of the text is one document.
 * Throws as `textParts`.
 */
export async function* documentParts(
  source: TextSource,
  separator: string | null,
  signal?: AbortSignal,
): AsyncGenerator<DocumentPart, void, undefined> {
  let held = '';
  let isBehind = false;
  for await (const { text: part, share } of textParts(source, signal)) {
    if (separator === null || separator === '') {
      yield { text: part, ends: false, share };
      continue;
    }
    const text = held + part;
    let from = 0;
    /** Leaves out what belongs to the separator before. */
    const skip = (): void => {
      if (!isBehind) return;
      while (isBreak(text, from)) from++;
      isBehind = from === text.length;
    };
    skip();
    for (let at = text.indexOf(separator, from); at >= 0; at = text.indexOf(separator, from)) {
      yield { text: text.slice(from, beforeBreaks(text, from, at)), ends: true, share };
      from = at + separator.length;
      isBehind = true;
      skip();
    }
    // What could be the beginning of a separator waits, and the line breaks before it.
    const end = beforeBreaks(text, from, Math.max(from, text.length - separator.length + 1));
    held = text.slice(end);
    if (end > from) yield { text: text.slice(from, end), ends: false, share };
  }
  if (held !== '') yield { text: held, ends: false, share: 1 };
}

function isBreak(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x0a || code === 0x0d;
}

/** Where the line breaks before `to` begin, not before `from`. */
function beforeBreaks(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && isBreak(text, at - 1)) at--;
  return at;
}
