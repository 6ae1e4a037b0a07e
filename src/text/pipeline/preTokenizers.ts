// How a text is split before its parts become tokens: the pre-tokenizers of Hugging Face's tokenizers.
import { show } from '../../json.ts';
import { Pattern, type Span } from '../pattern/pattern.ts';
import { endOfPiece } from '../pieces.ts';
import { toAlphabet } from './normalizers.ts';
import { type Spec, flagOf, patternOf, textOf, unsupported } from './spec.ts';

/** A part of a text; `isStart` where it begins the whole text. */
export interface Part {
  readonly text: string;
  readonly isStart: boolean;
}

export type PreTokenizer = (part: Part) => readonly Part[];

/** What becomes of what is split at (`SplitDelimiterBehavior`). */
type Behaviour = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

const BEHAVIOURS = new Map<string, Behaviour>(
  (['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const).map(
    (name) => [name, name],
  ),
);

/** One part of a pre-tokenizer; `isMapped` says whether ByteLevel gives bytes as letters of its alphabet. Throws `tokenizer/unsupported`. */
export function readPreTokenizer(spec: Spec, isMapped: boolean): PreTokenizer {
  switch (spec.type) {
    case 'ByteLevel':
      return byteLevel(spec, isMapped);
    case 'Digits': {
      const behaviour = flagOf(spec, 'individual_digits', false) ? 'Isolated' : 'Contiguous';
      return splitBy(letters(/\p{N}/gu), behaviour);
    }
    case 'Split': {
      const pattern = patternOf(spec);
      return splitBy(
        (text) => pattern.findAll(text),
        behaviourOf(spec),
        flagOf(spec, 'invert', false),
      );
    }
    case 'Whitespace': {
      const words = new Pattern(
        String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\s]+`,
      );
      return splitBy((text) => words.findAll(text), 'Removed', true);
    }
    case 'WhitespaceSplit':
      return splitBy(letters(/\p{White_Space}/gu), 'Removed');
    case 'Punctuation':
      return splitBy(letters(PUNCTUATION), behaviourOf(spec, 'Isolated'));
    case 'BertPreTokenizer': {
      const words = splitBy(letters(/\p{White_Space}/gu), 'Removed');
      const signs = splitBy(letters(PUNCTUATION), 'Isolated');
      return (part) => words(part).flatMap(signs);
    }
    case 'CharDelimiterSplit': {
      const pattern = Pattern.ofText(textOf(spec, 'delimiter'));
      return splitBy((text) => pattern.findAll(text), 'Removed');
    }
    case 'FixedLength':
      return fixedLength(spec);
    case 'Metaspace':
      return metaspace(spec);
    default:
      throw unsupported(`it splits text by ${show(spec.type)}`);
  }
}

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;

function behaviourOf(spec: Spec, otherwise?: Behaviour): Behaviour {
  const behaviour = BEHAVIOURS.get(textOf(spec, 'behavior', otherwise));
  if (behaviour) return behaviour;
  throw unsupported(`${show(spec.type)} has the behavior ${show(spec.behavior)}`);
}

/** Every letter that a regular expression of ours has. */
function letters(pattern: RegExp): (text: string) => Span[] {
  return (text) =>
    Array.from(text.matchAll(pattern), ({ index, 0: { length } }) => [index, index + length]);
}

function splitBy(
  find: (text: string) => readonly Span[],
  behaviour: Behaviour,
  isInverted = false,
): PreTokenizer {
  return ({ text, isStart }) => {
    const all: { from: number; to: number; isMatch: boolean }[] = [];
    let at = 0;
    const push = (from: number, to: number, isMatch: boolean): void => {
      if (to > from) all.push({ from, to, isMatch: isMatch !== isInverted });
    };
    for (const [from, to] of find(text)) {
      push(at, from, false);
      push(from, to, true);
      at = to;
    }
    push(at, text.length, false);
    return joined(all, behaviour).map(({ from, to }) => ({
      text: text.slice(from, to),
      isStart: isStart && from === 0,
    }));
  };
}

type Stretch = { from: number; to: number; isMatch: boolean };

function joined(all: Stretch[], behaviour: Behaviour): Stretch[] {
  if (behaviour === 'Isolated') return all;
  if (behaviour === 'Removed') return all.filter(({ isMatch }) => !isMatch);
  const isNext = behaviour === 'MergedWithNext';
  const result: Stretch[] = [];
  let before = false;
  for (const stretch of isNext ? all.toReversed() : all) {
    const last = result.at(-1);
    const joins =
      behaviour === 'Contiguous' ? stretch.isMatch === before : stretch.isMatch && !before;
    before = stretch.isMatch;
    if (!joins || !last) result.push({ ...stretch });
    else if (isNext) last.from = stretch.from;
    else last.to = stretch.to;
  }
  return isNext ? result.toReversed() : result;
}

function byteLevel(spec: Spec, isMapped: boolean): PreTokenizer {
  const isSpaced = flagOf(spec, 'add_prefix_space', true);
  const isSplit = flagOf(spec, 'use_regex', true);
  return ({ text, isStart }) => {
    const whole = isSpaced && !text.startsWith(' ') ? ` ${text}` : text;
    const parts: Part[] = [];
    for (let from = 0; from < whole.length;) {
      const to = isSplit ? endOfPiece(whole, from) : whole.length;
      const part = whole.slice(from, to);
      parts.push({ text: isMapped ? toAlphabet(part) : part, isStart: isStart && from === 0 });
      from = to;
    }
    return parts;
  };
}

function metaspace(spec: Spec): PreTokenizer {
  const sign = textOf(spec, 'replacement', '▁');
  const isSpaced = flagOf(spec, 'add_prefix_space', true);
  const scheme = textOf(spec, 'prepend_scheme', isSpaced ? 'always' : 'never').toLowerCase();
  const pattern = Pattern.ofText(sign);
  const split = flagOf(spec, 'split', true)
    ? splitBy((text) => pattern.findAll(text), 'MergedWithNext')
    : (part: Part) => [part];
  return ({ text, isStart }) => {
    const signed = text.replaceAll(' ', sign);
    const wants = scheme === 'always' || (scheme === 'first' && isStart);
    return split({ text: wants && !signed.startsWith(sign) ? sign + signed : signed, isStart });
  };
}

function fixedLength(spec: Spec): PreTokenizer {
  const { length } = spec;
  if (!Number.isInteger(length) || Number(length) < 1) {
    throw unsupported(`FixedLength has the length ${show(length)}`);
  }
  return ({ text, isStart }) => {
    const parts: Part[] = [];
    let from = 0;
    let count = 0;
    let at = 0;
    for (const character of text) {
      at += character.length;
      if (++count % Number(length) !== 0 && at < text.length) continue;
      parts.push({ text: text.slice(from, at), isStart: isStart && from === 0 });
      from = at;
    }
    return parts;
  };
}
