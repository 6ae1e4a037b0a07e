// How a part of a text becomes tokens, where these are no merged bytes: the models of Hugging Face's tokenizers.
import { show } from '../../json.ts';
import { EngineError } from '../../errors.ts';
import { utf8 } from '../byteStrings.ts';
import { type Merges, merge, spaceFor } from '../merging.ts';
import { NameTree } from './nameTree.ts';

/** Ids of a part that is not split further. Throws `tokenizer/byte`. */
export type Model = (part: string) => readonly number[];

export interface BpeOptions {
  readonly idOf: ReadonlyMap<string, number>;
  readonly merges: Merges;
  readonly unknown: number | undefined;
  /** Unknown letters beside each other are one token. */
  readonly fusesUnknown: boolean;
  /** Unknown letters become tokens of their bytes, `<0x0A>`, where the vocabulary has them. */
  readonly hasBytes: boolean;
  /** A part that is a token as it is stays one. */
  readonly keepsWhole: boolean;
  /** Stands before each letter but the first. */
  readonly prefix: string;
  /** Stands after the last letter. */
  readonly suffix: string;
}

/** Byte-pair encoding over letters, as the BPE model of Hugging Face's tokenizers has it. */
export function bpe(options: BpeOptions): Model {
  const { idOf, merges, unknown, fusesUnknown, hasBytes, keepsWhole, prefix, suffix } = options;
  return (part) => {
    const whole = keepsWhole ? idOf.get(part) : undefined;
    if (whole !== undefined) return [whole];
    const ids: number[] = [];
    let waits = false;
    for (let at = 0; at < part.length;) {
      const letter = String.fromCodePoint(part.codePointAt(at) ?? 0);
      const next = at + letter.length;
      const name = (at > 0 ? prefix : '') + letter + (next === part.length ? suffix : '');
      at = next;
      const id = idOf.get(name);
      const bytes = id === undefined && hasBytes ? bytesOf(name, idOf) : undefined;
      if (id === undefined && bytes === undefined) {
        if (unknown === undefined) throw missing(letter, part);
        if (!waits || !fusesUnknown) ids.push(unknown);
        waits = true;
        continue;
      }
      if (id !== undefined) {
        waits = false;
        ids.push(id);
      } else ids.push(...(bytes ?? []));
    }
    const space = spaceFor(ids.length);
    space.ids.set(ids);
    return ids.length > 1 ? merge(space, ids.length, merges) : ids;
  };
}

function bytesOf(name: string, idOf: ReadonlyMap<string, number>): number[] | undefined {
  const ids: number[] = [];
  for (const byte of utf8.encode(name)) {
    const id = idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}

/** Every part is a word of the vocabulary, or unknown. */
export function wordLevel(idOf: ReadonlyMap<string, number>, unknown: number | undefined): Model {
  return (part) => {
    const id = idOf.get(part) ?? unknown;
    if (id === undefined) throw missing(part, part);
    return [id];
  };
}

/** The longest word that begins a part, then the longest that goes on, marked by `prefix`; else the whole is unknown. */
export function wordPiece(
  idOf: ReadonlyMap<string, number>,
  unknown: number | undefined,
  prefix: string,
  mostLetters: number,
): Model {
  const first = new NameTree<number>();
  const later = new NameTree<number>();
  for (const [name, id] of idOf) {
    first.set(name, id);
    if (name.startsWith(prefix)) later.set(name.slice(prefix.length), id);
  }
  return (part) => {
    const ids: number[] = [];
    let count = 0;
    for (const _ of part) count++;
    const end = count <= mostLetters ? part.length : 0;
    for (let at = 0; at < end;) {
      let longest: { id: number; end: number } | undefined;
      (at === 0 ? first : later).each(part, at, (id, to) => (longest = { id, end: to }));
      if (!longest) break;
      ids.push(longest.id);
      at = longest.end;
      if (at === part.length) return ids;
    }
    if (unknown === undefined) throw missing(part, part);
    return [unknown];
  };
}

/** What an unknown letter costs beyond the least likely piece. */
const UNKNOWN_PENALTY = 10;

/** The likeliest pieces, each with ln of its probability (`encode_optimized` of the Unigram model). */
export function unigram(
  pieces: readonly (readonly [name: string, score: number])[],
  idOf: ReadonlyMap<string, number>,
  unknown: number | undefined,
  hasBytes: boolean,
): Model {
  const tree = new NameTree<number>();
  for (const [name, id] of idOf) tree.set(name, id);
  let least = Infinity;
  for (const [, score] of pieces) least = Math.min(least, score);
  const unknownScore = least - UNKNOWN_PENALTY;
  return (part) => {
    const scores = new Float64Array(part.length + 1).fill(-Infinity);
    const starts = new Int32Array(part.length + 1).fill(-1);
    const ids = new Int32Array(part.length + 1).fill(-1);
    scores[0] = 0;
    for (let at = 0; at < part.length;) {
      const width = (part.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      let hasSingle = false;
      const reach = (end: number, score: number, id: number): void => {
        if (starts[end] >= 0 && !(scores[at] + score > scores[end])) return;
        scores[end] = scores[at] + score;
        starts[end] = at;
        ids[end] = id;
      };
      tree.each(part, at, (id, end) => {
        reach(end, pieces[id]?.[1] ?? unknownScore, id);
        if (end === at + width) hasSingle = true;
      });
      if (!hasSingle) reach(at + width, unknownScore, -1);
      at += width;
    }
    const found: (readonly [from: number, to: number, id: number])[] = [];
    for (let end = part.length; end > 0; end = starts[end]) {
      const last = found.at(-1);
      // Unknown letters beside each other are one token.
      if (ids[end] < 0 && last && last[2] < 0) found[found.length - 1] = [starts[end], last[1], -1];
      else found.push([starts[end], end, ids[end]]);
    }
    return found.toReversed().flatMap(([from, to, id]) => {
      if (id >= 0) return [id];
      const text = part.slice(from, to);
      const bytes = hasBytes ? bytesOf(text, idOf) : undefined;
      if (bytes) return bytes;
      if (unknown === undefined) throw missing(text, part);
      return [unknown];
    });
  };
}

function missing(letter: string, part: string): EngineError {
  return new EngineError(`The vocabulary has no token for ${show(letter)} in ${show(part)}.`, {
    code: 'tokenizer/byte',
    hint: 'This model was made for texts without it: leave it out.',
  });
}
