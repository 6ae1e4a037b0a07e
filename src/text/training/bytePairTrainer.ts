// Learns a byte-level BPE vocabulary from a text: the merges of Hugging Face's trainer, in its order.
// Source: tokenizers 0.23, models/bpe/trainer.rs (`ByteLevelBPETokenizer`).
import { Breath } from '../../breath.ts';
import { EngineError } from '../../errors.ts';
import { byteAlphabet, utf8 } from '../byteStrings.ts';
import { BytePairEncoder } from '../bytePairEncoder.ts';
import { END_OF_TEXT } from '../tokenizer.ts';
import { documentParts } from './documents.ts';
import { type Pair, PairQueue } from './pairQueue.ts';
import { type TextSource, countCharacters } from './textSource.ts';
import { type TrainedTokenizer, type TrainerOptions, toJsonTable } from './trained.ts';
import { WordCounts } from './wordCounts.ts';

const BYTES = 256;
const MOST_TOKENS = 32_768;

export interface BytePairOptions extends TrainerOptions {
  /** Tokens with all bytes and, where it is one, `<|endoftext|>`: 256 (257 with it) to 32,768. A short text may give fewer. */
  readonly vocab_size: number;
  /** Neighbours that come more rarely are never merged; 2 by default. */
  readonly min_frequency?: number;
  /**
   * What is looked at by itself: lines without their ends, as the reference is fed (line breaks are then tokens of one
   * byte), or whole documents, where several line breaks may become a token. `line` by default.
   */
  readonly unit?: 'line' | 'document';
}

/**
 * Trains a byte-level BPE tokenizer. Its base tokens are GPT-2's letters for bytes, by code point; then come the merges;
 * `<|endoftext|>` is last. Works in any thread, and lets others have their turn.
 * Throws `training/options`, `text/encoding`, and the signal's reason.
 */
export async function trainBytePairs(
  source: TextSource,
  options: BytePairOptions,
): Promise<TrainedTokenizer> {
  const { vocab_size, min_frequency = 2, unit = 'line', separator = END_OF_TEXT } = options;
  const { signal, onProgress } = options;
  checkOptions(vocab_size, min_frequency, options.endOfText ?? false);
  const breath = new Breath();
  const words = new WordCounts();
  let characters = 0;
  let isSeparated = false;
  for await (const { text, ends, share } of documentParts(source, separator, signal)) {
    if (unit === 'line') words.addLines(text, ends);
    else words.add(text, ends);
    isSeparated ||= ends;
    characters += countCharacters(text);
    if (!breath.isDue) continue;
    onProgress?.({ stage: 'read', characters, share });
    await breath.take(signal);
  }
  words.add('', true);
  const hasEnd = options.endOfText ?? isSeparated;
  if (hasEnd) checkOptions(vocab_size, min_frequency, true);
  onProgress?.({ stage: 'read', characters, share: 1 });

  const learner = new MergeLearner(words.counts, min_frequency);
  const goal = vocab_size - (hasEnd ? 1 : 0);
  const names = learner.names;
  while (names.length < goal && learner.merge()) {
    if (!breath.isDue) continue;
    onProgress?.({ stage: 'merge', tokens: names.length, vocab_size });
    await breath.take(signal);
  }
  const all = hasEnd ? [...names, END_OF_TEXT] : names;
  onProgress?.({ stage: 'merge', tokens: all.length, vocab_size });
  return { ...fromMerges(all, learner.merges), characters, leftOut: words.leftOut };
}

/** A tokenizer of bytes that are never merged: a byte is its own id, and `<|endoftext|>` 256 where it is there. */
export function createBytes({ endOfText = false } = {}): Pick<
  TrainedTokenizer,
  'files' | 'tokenizer'
> {
  return fromMerges(endOfText ? [...byteAlphabet, END_OF_TEXT] : byteAlphabet, []);
}

function fromMerges(
  names: readonly string[],
  merges: readonly string[],
): Pick<TrainedTokenizer, 'files' | 'tokenizer'> {
  const files = {
    vocab: toJsonTable(names.map((name, id) => [name, id])),
    merges: `${['#version: 0.2', ...merges].join('\n')}\n`,
  };
  return {
    tokenizer: BytePairEncoder.fromFiles(files),
    files: new Map([
      ['vocab.json', files.vocab],
      ['merges.txt', files.merges],
    ]),
  };
}

/** Throws `training/options`. */
function checkOptions(vocabSize: number, minFrequency: number, hasEnd: boolean): void {
  const least = BYTES + (hasEnd ? 1 : 0);
  if (!Number.isInteger(vocabSize) || vocabSize < least || vocabSize > MOST_TOKENS) {
    // The same words whether the text was read already or not: only then is it known to have several documents.
    throw new EngineError(
      `vocab_size is ${vocabSize}; expected a whole number from ${BYTES} to ${MOST_TOKENS}, and from ${BYTES + 1} where ${END_OF_TEXT} is a token.`,
      {
        code: 'training/options',
        hint: `The ${BYTES} bytes are tokens in any case, and so is ${END_OF_TEXT} in a text of several documents; 4096 suits a few megabytes of text.`,
      },
    );
  }
  if (Number.isInteger(minFrequency) && minFrequency >= 1) return;
  throw new EngineError(`min_frequency is ${minFrequency}; expected a whole number from 1 on.`, {
    code: 'training/options',
    hint: 'The usual one is 2.',
  });
}

/** Stands before the first and behind the last token of each word. */
const EDGE = -1;
/** Stands where a token began that is now the end of another. */
const GONE = -2;

/**
 * Words as tokens, which are merged where they lie.
 *
 * All different words lie one behind the other, a place a byte, with an edge between them. A token's id stands in its
 * first place; one of several bytes has minus its length in its last place, so that the token before another is found
 * without a list of its own. Each pair knows its places, and a merge visits no others.
 */
class MergeLearner {
  /** Tokens by id, in GPT-2's letters for bytes. */
  readonly names: string[] = byteAlphabet.toSorted();
  /** The two tokens of each merge with a space between them, in order. */
  readonly merges: string[] = [];
  readonly #least: number;
  /** Bytes of each token. */
  readonly #lengths: number[] = Array.from({ length: BYTES }, () => 1);
  readonly #places: Int32Array;
  /** Which word a place belongs to. */
  readonly #words: Int32Array;
  /** How often each word is there. */
  readonly #weights: Float64Array;
  /** Pairs that are frequent enough, by `keyOf`. */
  readonly #pairs = new Map<number, Pair>();
  readonly #queue = new PairQueue();
  /** Pairs with the token that is being made: by the token before it, and by the one behind it. */
  readonly #before: (Pair | undefined)[] = [];
  readonly #behind: (Pair | undefined)[] = [];

  constructor(counts: ReadonlyMap<string, number>, least: number) {
    this.#least = least;
    let size = 1;
    for (const word of counts.keys()) size += utf8Length(word) + 1;
    this.#places = new Int32Array(size).fill(EDGE);
    this.#words = new Int32Array(size);
    this.#weights = Float64Array.from(counts.values());
    this.#lay(counts);
    this.#countPairs();
  }

  /** Makes the next token; false where no neighbours are frequent enough. */
  merge(): boolean {
    const pair = this.#queue.pop();
    if (!pair || pair.count < this.#least) return false;
    const { left, right, positions } = pair;
    this.#pairs.delete(keyOf(left, right));
    const made = this.names.length;
    const places = this.#places;
    const leftLength = this.#lengths[left];
    const length = leftLength + this.#lengths[right];
    this.names.push(this.names[left] + this.names[right]);
    this.merges.push(`${this.names[left]} ${this.names[right]}`);
    this.#lengths.push(length);

    const fresh: Pair[] = [];
    for (const at of positions) {
      const second = at + leftLength;
      if (places[at] !== left || places[second] !== right) continue;
      places[at] = made;
      places[second] = GONE;
      places[at + length - 1] = -length;
      const weight = this.#weights[this.#words[at]];
      const previous = this.#previous(at);
      if (previous >= 0) {
        const token = places[previous];
        this.#lower(
          token === made ? this.#behind[left] : this.#pairs.get(keyOf(token, left)),
          weight,
        );
        const now = (this.#before[token] ??= listed(fresh, token, made));
        now.count += weight;
        now.positions.push(previous);
      }
      const token = places[at + length];
      if (token !== EDGE) {
        this.#lower(this.#pairs.get(keyOf(right, token)), weight);
        const now = (this.#behind[token] ??= listed(fresh, made, token));
        now.count += weight;
        now.positions.push(at);
      }
    }
    for (const each of fresh) {
      this.#before[each.left] = undefined;
      this.#behind[each.right] = undefined;
      this.#keep(each);
    }
    return true;
  }

  /** Where the token before the one at `at` begins; -1 at a word's beginning. */
  #previous(at: number): number {
    const value = this.#places[at - 1];
    if (value === EDGE) return -1;
    return value >= 0 ? at - 1 : at + value;
  }

  #lower(pair: Pair | undefined, weight: number): void {
    if (pair) pair.count -= weight;
  }

  /** Counts only fall from here on, so a pair that is too rare will never be merged. */
  #keep(pair: Pair): void {
    if (pair.count < this.#least) return;
    this.#pairs.set(keyOf(pair.left, pair.right), pair);
    this.#queue.push(pair);
  }

  #lay(counts: ReadonlyMap<string, number>): void {
    const idOf = new Int32Array(BYTES);
    for (const [byte, letter] of byteAlphabet.entries()) idOf[byte] = this.names.indexOf(letter);
    let at = 1;
    let index = 0;
    for (const word of counts.keys()) {
      const bytes = utf8.encode(word);
      for (const byte of bytes) {
        this.#words[at] = index;
        this.#places[at++] = idOf[byte];
      }
      at++;
      index++;
    }
  }

  #countPairs(): void {
    const places = this.#places;
    const found: Pair[] = [];
    const pairs: (Pair | undefined)[] = Array.from({ length: BYTES * BYTES });
    for (let at = 1; at + 1 < places.length; at++) {
      const [left, right] = [places[at], places[at + 1]];
      if (left === EDGE || right === EDGE) continue;
      const pair = (pairs[left * BYTES + right] ??= listed(found, left, right));
      pair.count += this.#weights[this.#words[at]];
      pair.positions.push(at);
    }
    for (const pair of found) this.#keep(pair);
  }
}

/** A pair without places yet, which is put into a list. */
function listed(list: Pair[], left: number, right: number): Pair {
  const pair: Pair = { left, right, count: 0, queued: 0, positions: [] };
  list.push(pair);
  return pair;
}

/** Below 2³⁰, which engines keep as small whole numbers. */
const keyOf = (left: number, right: number): number => left * MOST_TOKENS + right;

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Of a pair of surrogates, four bytes in all, each unit counts as two.
    if (code > 0x7f) length += code > 0x7ff && (code & 0xf800) !== 0xd800 ? 2 : 1;
  }
  return length;
}
