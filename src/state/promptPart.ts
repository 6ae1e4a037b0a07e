// The part of a long prompt that its field holds: browsers lay out every letter of a field, with each key anew. Pure.

/** Prompts up to so many UTF-16 units are in the field as a whole. */
const WHOLE = 12_000;
/** Of longer ones the field holds so many. */
const PART = 6000;

/** What the field holds of `prompt`: from one UTF-16 unit to before another. */
export interface PromptPart {
  readonly prompt: string;
  readonly from: number;
  readonly to: number;
}

export function isWhole({ prompt, from, to }: PromptPart): boolean {
  return from === 0 && to === prompt.length;
}

/** The part around a place, which is the whole where that is short. */
export function partAround(prompt: string, at: number): PromptPart {
  if (prompt.length <= WHOLE) return { prompt, from: 0, to: prompt.length };
  const from = Math.max(0, Math.min(at - PART / 2, prompt.length - PART));
  return { prompt, from: between(prompt, from), to: between(prompt, from + PART) };
}

/** The part after its field was changed by hand to `value`; `caret` is a place in that. */
export function withValue(part: PromptPart, value: string, caret: number): PromptPart {
  const { prompt, from, to } = part;
  const next = prompt.slice(0, from) + value + prompt.slice(to);
  if (isWhole(part) ? next.length > WHOLE : value.length > 2 * PART || next.length <= WHOLE) {
    return partAround(next, from + caret);
  }
  return { prompt: next, from, to: from + value.length };
}

/** Never between the two halves of a character. */
function between(prompt: string, at: number): number {
  const code = prompt.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
