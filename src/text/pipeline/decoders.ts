// How names of tokens become text again: the decoders of Hugging Face's tokenizers, a token at a time.
import { show } from '../../json.ts';
import { toBinary, toBytes, utf8 } from '../byteStrings.ts';
import { type Spec, flagOf, partsOf, patternOf, textOf, unsupported } from './spec.ts';

/** Where in a text a token stands: some leave a blank out at its beginning or end. */
export interface Place {
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** A token's bytes as a binary string, by its name. */
export type Decoder = (name: string, place: Place) => string;

type Step = (name: string, place: Place) => string;

export interface DecoderOptions {
  /** Names are bytes in GPT-2's printable alphabet. */
  readonly isMapped: boolean;
  /** Ends a word; a space where no decoder says otherwise. */
  readonly suffix: string;
}

/** Throws `tokenizer/unsupported`. */
export function readDecoder(value: unknown, { isMapped, suffix }: DecoderOptions): Decoder {
  const parts = partsOf(value, 'decoders');
  const steps: Step[] = [];
  let isFused = false;
  for (const spec of parts) {
    if (spec.type === 'Fuse') isFused = true;
    else steps.push(readStep(spec, isFused));
  }
  const hasEnds = suffix !== '' && !parts.some(({ type }) => type === 'BPEDecoder');
  // Without a decoder words stand apart.
  if (parts.length === 0 && !isMapped && suffix === '') {
    steps.push((name, { isFirst }) => (isFirst ? name : ` ${name}`));
  }
  const hasBytes = parts.some(({ type }) => type === 'ByteFallback');
  return (name, place) => {
    const byte = hasBytes ? /^<0x([\dA-F]{2})>$/.exec(name) : null;
    if (byte) return String.fromCharCode(Number.parseInt(byte[1], 16));
    const isEnd = hasEnds && name.endsWith(suffix);
    let text = isEnd ? name.slice(0, -suffix.length) : name;
    for (const step of steps) text = step(text, place);
    const bytes = (isMapped ? toBytes(text) : undefined) ?? toBinary(utf8.encode(text));
    return isEnd && !place.isLast ? `${bytes} ` : bytes;
  };
}

function readStep(spec: Spec, isFused: boolean): Step {
  switch (spec.type) {
    case 'ByteLevel':
    case 'ByteFallback':
      return (name) => name;
    case 'Metaspace': {
      const sign = textOf(spec, 'replacement', '▁');
      const isSpaced = flagOf(spec, 'add_prefix_space', true);
      const leaves = textOf(spec, 'prepend_scheme', isSpaced ? 'always' : 'never') !== 'never';
      return (name, { isFirst }) => name.replaceAll(sign, isFirst && leaves ? '' : ' ');
    }
    case 'WordPiece': {
      const prefix = textOf(spec, 'prefix', '##');
      const isClean = flagOf(spec, 'cleanup', true);
      return (name, { isFirst }) => {
        let text = name;
        if (!isFirst) text = name.startsWith(prefix) ? name.slice(prefix.length) : ` ${name}`;
        return isClean ? cleaned(text) : text;
      };
    }
    case 'BPEDecoder': {
      const suffix = textOf(spec, 'suffix', '</w>');
      return (name, { isLast }) => name.replaceAll(suffix, isLast ? '' : ' ');
    }
    case 'Replace': {
      const pattern = patternOf(spec);
      const content = textOf(spec, 'content');
      return (name) => {
        let text = '';
        let at = 0;
        for (const [from, to] of pattern.findAll(name)) {
          text += name.slice(at, from) + content;
          at = to;
        }
        return text + name.slice(at);
      };
    }
    case 'Strip':
      return strip(spec, isFused);
    default:
      throw unsupported(`it writes text by ${show(spec.type)}`);
  }
}

/** Takes letters off each token, or off the whole text once its tokens are joined. */
function strip(spec: Spec, isFused: boolean): Step {
  const content = textOf(spec, 'content', ' ');
  const count = (key: string): number => (typeof spec[key] === 'number' ? spec[key] : 0);
  const [start, stop] = [count('start'), count('stop')];
  return (name, { isFirst, isLast }) => {
    let text = name;
    const most = Math.min(Math.max(start, stop), name.length);
    for (let i = 0; i < most; i++) {
      if (i < start && (isFirst || !isFused) && text.startsWith(content)) {
        text = text.slice(content.length);
      }
      if (i < stop && (isLast || !isFused) && text.endsWith(content)) {
        text = text.slice(0, text.length - content.length);
      }
    }
    return text;
  };
}

const CLEANED = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

function cleaned(text: string): string {
  let clean = text;
  for (const [from, to] of CLEANED) clean = clean.replaceAll(from, to);
  return clean;
}
