// What is done to a text before it is split: the normalizers of Hugging Face's tokenizers.
import { show } from '../../json.ts';
import { byteAlphabet, utf8 } from '../byteStrings.ts';
import { PrecompiledMap } from './precompiled.ts';
import { type Spec, flagOf, partsOf, patternOf, textOf, unsupported } from './spec.ts';

export type Normalizer = (text: string) => string;

/** Throws `tokenizer/unsupported` for what is not known here. */
export function readNormalizers(value: unknown): Normalizer[] {
  return partsOf(value, 'normalizers').map(readNormalizer);
}

function readNormalizer(spec: Spec): Normalizer {
  switch (spec.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = spec.type;
      return (text) => text.normalize(form);
    }
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => text.replaceAll(/\p{M}/gu, '');
    case 'Strip': {
      const left = flagOf(spec, 'strip_left', true);
      const right = flagOf(spec, 'strip_right', true);
      return (text) => {
        const trimmed = left ? text.replace(/^\p{White_Space}+/u, '') : text;
        return right ? trimmed.slice(0, endOfText(trimmed)) : trimmed;
      };
    }
    case 'Prepend': {
      const before = textOf(spec, 'prepend');
      return (text) => (text === '' ? '' : before + text);
    }
    case 'Replace': {
      const pattern = patternOf(spec);
      const content = textOf(spec, 'content');
      return (text) => replaceAll(text, pattern.findAll(text), content);
    }
    case 'ByteLevel':
      return toAlphabet;
    case 'BertNormalizer':
      return bertNormalizer(spec);
    case 'Nmt':
      return nmt;
    case 'Precompiled': {
      const map = new PrecompiledMap(textOf(spec, 'precompiled_charsmap', ''));
      return (text) => map.normalize(text);
    }
    default:
      throw unsupported(`it normalises text by ${show(spec.type)}`);
  }
}

/** Letter by letter: no letter's case depends on its neighbours. */
function lowercase(text: string): string {
  // The only letter whose small form depends on what stands around it.
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

/** Where the white space at a text's end begins. */
function endOfText(text: string): number {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1])) end--;
  return end;
}

function replaceAll(
  text: string,
  spans: readonly (readonly [number, number])[],
  content: string,
): string {
  let replaced = '';
  let at = 0;
  for (const [from, to] of spans) {
    replaced += text.slice(at, from) + content;
    at = to;
  }
  return replaced + text.slice(at);
}

/** The bytes of a text in GPT-2's printable alphabet. */
export function toAlphabet(text: string): string {
  let mapped = '';
  for (const byte of utf8.encode(text)) mapped += byteAlphabet[byte];
  return mapped;
}

function bertNormalizer(spec: Spec): Normalizer {
  const isClean = flagOf(spec, 'clean_text', true);
  const isApart = flagOf(spec, 'handle_chinese_chars', true);
  const isLow = flagOf(spec, 'lowercase', true);
  const isBare = flagOf(spec, 'strip_accents', isLow);
  return (text) => {
    let done = text;
    if (isClean) {
      done = done
        .replaceAll(/[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cn}\p{Co}]/gu, '')
        .replaceAll(/[\t\n\r]|\p{White_Space}/gu, ' ');
    }
    if (isApart) done = done.replaceAll(IDEOGRAPH, ' $& ');
    if (isBare) done = done.normalize('NFD').replaceAll(/\p{Mn}/gu, '');
    return isLow ? lowercase(done) : done;
  };
}

const IDEOGRAPH =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** As `nmt_nfkc` of sentencepiece begins: control characters go, other blanks become a space. */
function nmt(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, (sign) => (isKeptControl(sign.charCodeAt(0)) ? sign : ''))
    .replaceAll(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/gu, ' ');
}

function isKeptControl(code: number): boolean {
  const isBlank = code === 0 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
  return isBlank || (code > 0x7f && code !== 0x8f && code !== 0x9f);
}
