// Ends a generation at a stop string, wherever token boundaries fall. As in transformers the stop string
// itself stays in the text, so nothing is ever withheld: text that may begin one is due either way.
import { EngineError } from '../../errors.ts';

/** What of a pushed text to emit, and the stop string that ended it. */
export interface StopStringResult {
  /** The pushed text; up to and with the stop string if one was completed. */
  readonly emit: string;
  /** The stop string that was found. */
  readonly stopped?: string;
}

/**
 * Finds the first stop string to be complete in streamed text (the longest, if several end together).
 * Text after it is dropped, in this push and in later ones. Throws `sampling/options` for an empty one.
 */
export class StopStringMatcher {
  readonly #stops: readonly string[];
  /** As much of the text so far as may still begin a stop string. */
  #tail = '';
  readonly #tailLength: number;
  #stopped: string | undefined;

  constructor(stops: readonly string[]) {
    if (stops.includes('')) {
      throw new EngineError(
        'One of the stop strings is empty; expected texts of 1 character or more.',
        {
          code: 'sampling/options',
          hint: 'Remove the empty stop string.',
        },
      );
    }
    this.#stops = stops;
    this.#tailLength = stops.reduce((longest, stop) => Math.max(longest, stop.length - 1), 0);
  }

  /** Takes the next text of the stream and says what of it to emit. */
  push(text: string): StopStringResult {
    if (this.#stopped !== undefined) return { emit: '', stopped: this.#stopped };
    const seen = this.#tail + text;
    let end = Infinity;
    for (const stop of this.#stops) {
      const at = seen.indexOf(stop);
      if (at < 0) continue;
      const length = this.#stopped?.length ?? 0;
      if (at + stop.length > end || (at + stop.length === end && stop.length <= length)) continue;
      end = at + stop.length;
      this.#stopped = stop;
    }
    if (this.#stopped !== undefined) {
      return { emit: text.slice(0, end - this.#tail.length), stopped: this.#stopped };
    }
    // Not slice(-n): of 0 characters that would be all of them.
    this.#tail = seen.slice(Math.max(0, seen.length - this.#tailLength));
    return { emit: text };
  }
}
