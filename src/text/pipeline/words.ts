// The vocabulary of a tokenizer.json, by the kind of its model.
import { isObject, show } from '../../json.ts';
import { BytePairEncoder } from '../bytePairEncoder.ts';
import { byteAlphabet, toBinary, utf8 } from '../byteStrings.ts';
import {
  type TokenizerFiles,
  TOKENIZER_JSON,
  checkRows,
  parseMerges,
  parseVocab,
} from '../vocabularyFiles.ts';
import { readDecoder } from './decoders.ts';
import { type Model, bpe, unigram, wordLevel, wordPiece } from './models.ts';
import type { Words } from './pipeline.ts';
import { type Spec, flagOf, textOf, unsupported } from './spec.ts';

export type ModelKind = 'BPE' | 'WordLevel' | 'WordPiece' | 'Unigram';

/** Old files leave the type out: each kind has something that no other has. */
function kindOf(model: Spec): ModelKind {
  const { type } = model;
  if (type === 'BPE' || type === 'WordLevel' || type === 'WordPiece' || type === 'Unigram') {
    return type;
  }
  if (type === undefined && isObject(model.vocab)) {
    if (typeof model.merges === 'string' || Array.isArray(model.merges)) return 'BPE';
    return 'max_input_chars_per_word' in model ? 'WordPiece' : 'WordLevel';
  }
  if (type === undefined && Array.isArray(model.vocab)) return 'Unigram';
  throw unsupported(`the model is ${show(type)}; expected BPE, WordLevel, WordPiece or Unigram`);
}

/** Ids by token, of any kind of model. Throws `tokenizer/vocab`, `tokenizer/unsupported`. */
export function vocabularyOf(model: Spec): Map<string, number> {
  if (kindOf(model) === 'Unigram') return new Map(piecesOf(model).map(([name], id) => [name, id]));
  const { vocab } = model;
  return parseVocab(isObject(vocab) ? vocab : {}, TOKENIZER_JSON);
}

/** Whether a BPE has nothing but merged bytes, which are read without naming letters for them. */
export function isOfBytes(model: Spec): boolean {
  const isSilent = (key: string): boolean => model[key] === null || model[key] === undefined;
  const { vocab } = model;
  return (
    kindOf(model) === 'BPE' &&
    isObject(vocab) &&
    (isSilent('unk_token') || byteAlphabet.every((letter) => Object.hasOwn(vocab, letter))) &&
    ['continuing_subword_prefix', 'end_of_word_suffix'].every(
      (key) => isSilent(key) || model[key] === '',
    ) &&
    model.byte_fallback !== true
  );
}

/** Merged bytes: parts are read as they are. */
export function byteWords(files: TokenizerFiles, keepsWhole: boolean): Words {
  const encoder = BytePairEncoder.fromFiles(files);
  const whole = new Map<string, number>();
  for (let id = 0; id < encoder.vocabSize; id++) {
    if (keepsWhole && encoder.has(id)) whole.set(encoder.decode([id]), id);
  }
  return {
    size: encoder.vocabSize,
    leftOut: encoder.leftOut,
    encode(part) {
      const id = whole.get(part);
      return id === undefined ? encoder.encodePiece(part) : [id];
    },
    decode: (id) => (encoder.has(id) ? toBinary(encoder.bytesOf(id)) : undefined),
    decodeAdded: (name) => toBinary(utf8.encode(name)),
  };
}

/** Any other model; `isMapped` where its parts are bytes in GPT-2's alphabet. Throws `tokenizer/…`. */
export function namedWords(
  model: Spec,
  decoder: unknown,
  { rows, isMapped }: { rows: number; isMapped: boolean },
): Words {
  const all = vocabularyOf(model);
  const idOf = new Map([...all].filter(([, id]) => id < rows));
  const leftOut = all.size - idOf.size;
  checkRows(all, { rows, ordinary: all.size, leftOut }, TOKENIZER_JSON);
  const names: (string | undefined)[] = Array.from({ length: idOf.size });
  for (const [name, id] of idOf) names[id] = name;
  const suffix = textOf(model, 'end_of_word_suffix', '');
  const decode = readDecoder(decoder, { isMapped, suffix });
  return {
    size: names.length,
    leftOut,
    encode: cached(readModel(model, all, idOf, rows)),
    decode(id, place) {
      const name = names[id];
      return name === undefined ? undefined : decode(name, place);
    },
    decodeAdded: isMapped ? (name) => toBinary(utf8.encode(name)) : decode,
  };
}

const CACHED_PARTS = 50_000;
const CACHED_LENGTH = 64;

function cached(model: Model): Model {
  const cache = new Map<string, readonly number[]>();
  return (part) => {
    const known = cache.get(part);
    if (known) return known;
    const ids = model(part);
    if (part.length <= CACHED_LENGTH) {
      if (cache.size >= CACHED_PARTS) cache.clear();
      cache.set(part, ids);
    }
    return ids;
  };
}

function readModel(
  model: Spec,
  all: ReadonlyMap<string, number>,
  idOf: ReadonlyMap<string, number>,
  rows: number,
): Model {
  const unknown = idOf.get(textOf(model, 'unk_token', ''));
  switch (kindOf(model)) {
    case 'BPE': {
      const prefix = textOf(model, 'continuing_subword_prefix', '');
      const { merges } = parseMerges(mergesOf(model), all, {
        rows,
        source: TOKENIZER_JSON,
        prefix,
      });
      return bpe({
        idOf,
        merges,
        unknown,
        prefix,
        suffix: textOf(model, 'end_of_word_suffix', ''),
        fusesUnknown: flagOf(model, 'fuse_unk', false),
        hasBytes: flagOf(model, 'byte_fallback', false),
        keepsWhole: flagOf(model, 'ignore_merges', false),
      });
    }
    case 'WordLevel':
      return wordLevel(idOf, unknown);
    case 'WordPiece': {
      const most = model.max_input_chars_per_word ?? 100;
      if (typeof most !== 'number') throw unsupported(`words have ${show(most)} letters at most`);
      return wordPiece(idOf, unknown, textOf(model, 'continuing_subword_prefix', '##'), most);
    }
    case 'Unigram': {
      const id = model.unk_id;
      const hasUnknown = typeof id === 'number' && id < rows;
      return unigram(
        piecesOf(model),
        idOf,
        hasUnknown ? id : undefined,
        flagOf(model, 'byte_fallback', false),
      );
    }
  }
}

/** Merges of a BPE as they stand in its file. */
export function mergesOf({ merges }: Spec): string | readonly unknown[] {
  if (typeof merges === 'string' || Array.isArray(merges)) return merges;
  throw unsupported(`the merges are ${show(merges)}`);
}

function piecesOf({ vocab }: Spec): (readonly [name: string, score: number])[] {
  if (!Array.isArray(vocab) || vocab.length === 0) throw unsupported('there are no tokens');
  return vocab.map((piece: unknown, id) => {
    const [name, score] = Array.isArray(piece) ? (piece as unknown[]) : [];
    if (typeof name === 'string' && typeof score === 'number') return [name, score];
    throw unsupported(`token ${id} is ${show(piece)}; expected a text and a number`);
  });
}
