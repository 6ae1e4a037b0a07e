// What heads may be called for in a text, against a control: each head beside itself with shuffled keys.
import type { Habit, HeadNames } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { HABITS } from '../../habits.ts';
import {
  LEAST_OF_A_WORD,
  lastWordPlace,
  marksOf,
  sentencePlaces,
  type Marks,
} from '../../marks.ts';
import type { Gpt } from '../../model/gpt.ts';
import { Session } from '../../model/session.ts';
import { LONG_TEXT } from '../../text/referenceText.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { readRows, SHUFFLES, type LayerKeys } from './shuffledHeads.ts';

/** Rows that can show a habit, for its score to say something: a head that does a thing seven times has no habit. */
export const LEAST_ROWS = 16;
/**
 * Fewer do for what needs copies where these are of as many different tokens: each sends a head to a place of its own, so
 * that no token it happens to look at helps it. Heads in no order come to 0.17 at most. A task's line has just these.
 */
const LEAST_COPIED = 10;
/** And rows behind a word of its own. */
const LEAST_ROWS_OF_A_WORD = 3;
/** Different words that make a habit: any head looks at one word that happens to fit its query. */
const LEAST_WORDS = 3;
/** Words that are looked for in a text. */
const OWN_WORDS = 8;
/** Shuffled heads above the ceiling of `words`: that three words are needed keeps chance away already. */
const RARE_WORDS = 1 / 200;
const PROBE_TOKENS = 200;
/** The probe's rows from here on: before, nearly every word is looked at. */
const FIRST_PROBE_ROW = 8;

function ofEach<T>(make: () => T): Record<Habit, T> {
  return Object.fromEntries(HABITS.map((habit) => [habit, make()])) as Record<Habit, T>;
}

/** What heads do in the probe: a habit found there is looked for here. */
export interface InProbe {
  /** The words that each looks at, (L · H) · (1 + shuffles). */
  readonly words: readonly ReadonlySet<string>[];
  /** (L, H) its mean weight on the first token; NaN where the model cannot read the probe. */
  readonly first: Float32Array<ArrayBuffer>;
}

/** The first T = `size` positions of a layer, copied from a session's cache. */
export async function readLayerKeys(
  session: Session,
  layer: number,
  size: number,
): Promise<LayerKeys> {
  const { device, widths, scoreScales } = session.model;
  const enc = device.createEncoder();
  const reading = enc.read(session.cache.layers[layer], 0, size * widths.head.rowStride);
  enc.submit();
  return { qkv: await reading, layout: widths.head, scoreScale: scoreScales[layer], size };
}

/** Reads a text in a session of its own, and hands out what the cache of each layer has of it. */
async function eachLayer(
  model: Gpt,
  ids: readonly number[],
  take: (layer: number, keys: LayerKeys) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const session = new Session(model, { capacity: ids.length });
  try {
    await session.append([ids], { signal });
    for (let layer = 0; layer < model.config.nLayer; layer++) {
      await take(layer, await readLayerKeys(session, layer, ids.length));
    }
  } finally {
    session.dispose();
  }
}

/**
 * What heads may be called for where the text that is here is too short to tell: in the line `on`, or in plain English. Of
 * that, not the part in which their words were looked for: a head would find them again there. Without parts off.
 */
export async function nameByStandIn(
  model: Gpt,
  tokenizer: Tokenizer | null,
  {
    on,
    own,
    signal,
  }: {
    readonly on?: string | undefined;
    readonly own: InProbe;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<HeadNames> {
  const { nCtx } = model.config;
  const ids =
    on === undefined
      ? probeIds(tokenizer).slice(PROBE_TOKENS, PROBE_TOKENS + Math.min(PROBE_TOKENS, nCtx))
      : (tokenizer?.encode(on) ?? []).slice(0, nCtx);
  const isTold = tokenizer !== null && ids.length > LEAST_ROWS;
  const texts = isTold ? ids.map((id) => tokenizer.pieceOf(id).text) : [];
  const sheet = new NameSheet(model.config, isTold ? ids : [], texts, own);
  const standIn = on === undefined ? {} : { on };
  if (!isTold) return { ...sheet.result(), standIn };
  await eachLayer(model, ids, async (layer, keys) => sheet.add(layer, keys, signal), signal);
  return { ...sheet.result(), standIn };
}

/**
 * Which words each head, and each of its shuffles, looks at in a text that has nothing to do with the one that is here, and
 * how much a head looks at its first token, which is another one.
 */
export async function readProbe(
  model: Gpt,
  tokenizer: Tokenizer | null,
  signal?: AbortSignal,
): Promise<InProbe> {
  const { nLayer, nHead, nCtx } = model.config;
  const first = new Float32Array(nLayer * nHead).fill(Number.NaN);
  const none = Array.from({ length: nLayer * nHead * (1 + SHUFFLES) }, () => new Set<string>());
  const ids = probeIds(tokenizer).slice(0, Math.min(PROBE_TOKENS, nCtx));
  if (tokenizer === null || ids.length === 0) return { words: none, first };
  const { words } = marksOf(ids.map((id) => tokenizer.pieceOf(id).text));
  const found: ReadonlySet<string>[] = [];
  await eachLayer(
    model,
    ids,
    async (layer, keys) => {
      const onFirst = new Float64Array(nHead);
      const tallies = none
        .slice(0, nHead * (1 + SHUFFLES))
        .map(() => ({ more: new Map<string, number>(), tops: new Map<string, number>() }));
      await readRows(
        keys,
        layer,
        (head, variant, t, weights) => {
          if (t < FIRST_PROBE_ROW) return;
          if (variant === 0) onFirst[head] += weights[0];
          const { more, tops } = tallies[head * (1 + SHUFFLES) + variant];
          let top = 0;
          for (let k = 0; k <= t; k++) {
            if (weights[k] > weights[top]) top = k;
            if (k === 0 || k === t || words[k] === '') continue;
            more.set(words[k], (more.get(words[k]) ?? 0) + weights[k] - 1 / (t + 1));
          }
          if (top < t && words[top] !== '') tops.set(words[top], (tops.get(words[top]) ?? 0) + 1);
        },
        signal,
      );
      for (const { more, tops } of tallies) {
        const own = [...more].filter(([word, sum]) => sum > 0 && (tops.get(word) ?? 0) > 1);
        own.sort(([, a], [, b]) => b - a);
        found.push(new Set(own.slice(0, OWN_WORDS).map(([word]) => word)));
      }
      const rows = ids.length - FIRST_PROBE_ROW;
      if (rows > 0)
        first.set(
          onFirst.map((sum) => sum / rows),
          layer * nHead,
        );
    },
    signal,
  );
  return { words: found, first };
}

/** None where the model cannot read the probe, as one of letters: it knows no words. */
function probeIds(tokenizer: Tokenizer | null): readonly number[] {
  try {
    return tokenizer?.encode(LONG_TEXT) ?? [];
  } catch (error) {
    if (error instanceof EngineError && error.code.startsWith('tokenizer/')) return [];
    throw error;
  }
}

/** Scores of a text's heads and of their shuffles, a layer at a time. */
export class NameSheet {
  readonly #ids: readonly number[];
  readonly #marks: Marks;
  readonly #own: InProbe;
  readonly #nLayer: number;
  readonly #nHead: number;
  readonly #scores: Record<Habit, Float32Array>;
  readonly #shuffled: Record<Habit, Float32Array>;
  /** Of every shuffle of every head. */
  readonly #all: Record<Habit, number[]>;
  readonly #words: (readonly string[])[];
  /** Rows that what needs copies needs. */
  readonly #leastCopies: number;
  /** For each row that is looked at, the places of earlier copies of its token. */
  readonly #copies = new Map<number, readonly number[]>();

  /** `ids` and their `texts` are the tokens that the model reads. */
  constructor(
    { nLayer, nHead }: { readonly nLayer: number; readonly nHead: number },
    ids: readonly number[],
    texts: readonly string[],
    own: InProbe,
  ) {
    this.#nLayer = nLayer;
    this.#nHead = nHead;
    this.#ids = ids;
    const copied = new Set(ids.filter((id, t) => ids.indexOf(id) < t)).size;
    this.#leastCopies = copied < LEAST_COPIED ? LEAST_ROWS : LEAST_COPIED;
    this.#marks = marksOf(texts);
    this.#own = own;
    this.#words = Array.from({ length: nLayer * nHead }, () => []);
    const create = (): Float32Array => new Float32Array(nLayer * nHead).fill(Number.NaN);
    this.#scores = ofEach(create);
    this.#shuffled = ofEach(create);
    this.#all = ofEach((): number[] => []);
  }

  /** Reads the rows of a layer and all its shuffles. */
  async add(layer: number, keys: LayerKeys, signal?: AbortSignal): Promise<void> {
    const tallies = Array.from(
      { length: this.#nHead * (1 + SHUFFLES) },
      (_, i) =>
        new Tally(this.#own.words[layer * this.#nHead * (1 + SHUFFLES) + i], this.#leastCopies),
    );
    await readRows(
      keys,
      layer,
      (head, variant, t, weights) => {
        tallies[head * (1 + SHUFFLES) + variant].add(t, weights, this.#marks, this.#copiesOf(t));
      },
      signal,
    );
    for (let head = 0; head < this.#nHead; head++) {
      const at = layer * this.#nHead + head;
      const [itself, ...others] = tallies.slice(head * (1 + SHUFFLES), (head + 1) * (1 + SHUFFLES));
      this.#words[at] = itself.ownWords();
      for (const habit of HABITS) {
        const scores = others
          .map((tally) => tally.score(habit))
          .filter((score) => !Number.isNaN(score));
        this.#all[habit].push(...scores);
        this.#scores[habit][at] = itself.score(habit);
        this.#shuffled[habit][at] = scores.length === 0 ? Number.NaN : Math.max(...scores);
      }
    }
  }

  result(): HeadNames {
    const ceiling = ofEach(() => Number.NaN);
    for (const habit of HABITS) {
      const sorted = this.#all[habit].toSorted((a, b) => a - b);
      const above = habit === 'words' ? Math.floor(sorted.length * RARE_WORDS) : 0;
      ceiling[habit] = sorted.at(-1 - above) ?? Number.NaN;
    }
    return {
      nLayer: this.#nLayer,
      nHead: this.#nHead,
      size: this.#ids.length,
      scores: this.#scores,
      shuffled: this.#shuffled,
      ceiling,
      words: this.#words,
      // A copy: whoever sends an answer away gives its memory away.
      firstElsewhere: this.#own.first.slice(),
    };
  }

  #copiesOf(t: number): readonly number[] {
    const found =
      this.#copies.get(t) ??
      this.#ids.flatMap((id, k) => (k < t && id === this.#ids[t] ? [k] : []));
    this.#copies.set(t, found);
    return found;
  }
}

/** Sums over the rows of one head, or of one shuffle. */
class Tally {
  readonly #own: ReadonlySet<string>;
  readonly #leastCopies: number;
  readonly #sums = new Map<Habit, { sum: number; rows: number }>();
  readonly #words = new Map<string, { sum: number; rows: number }>();

  constructor(own: ReadonlySet<string>, leastCopies: number) {
    this.#own = own;
    this.#leastCopies = leastCopies;
  }

  add(t: number, weights: Float64Array, marks: Marks, copies: readonly number[]): void {
    if (t === 0) return;
    const on = (places: readonly number[], by = 0): number => {
      let sum = 0;
      for (const k of places) sum += weights[k + by];
      return sum;
    };
    this.#put('previous', weights[t - 1]);
    this.#put('first', weights[0]);
    if (copies.length > 0) {
      this.#put('duplicate', on(copies));
      this.#put('induction', on(copies, 1));
    }
    if (t >= 8) this.#put('local', on([t - 4, t - 3, t - 2, t - 1, t]));
    this.#put('broad', entropyOf(weights) / Math.log2(t + 1));
    const sentence = sentencePlaces(marks, t);
    if (sentence.length > 0) this.#put('sentence', on(sentence));
    let isAfterMark = false;
    let punctuation = 0;
    for (let k = 0; k < t; k++) {
      if (!marks.isMark[k]) continue;
      isAfterMark = true;
      punctuation += weights[k];
    }
    if (isAfterMark) this.#put('punctuation', punctuation);
    const place = lastWordPlace(marks, this.#own, t);
    if (place !== null) add(this.#words, marks.words[place], weights[place]);
  }

  /** NaN of too few rows. */
  score(habit: Habit): number {
    if (habit === 'words') {
      const means = this.#wordMeans();
      const rows = [...this.#words.values()].reduce((sum, word) => sum + word.rows, 0);
      if (rows < LEAST_ROWS) return Number.NaN;
      return this.ownWords().length < LEAST_WORDS ? 0 : mean(means.map(([, share]) => share));
    }
    const { sum, rows } = this.#sums.get(habit) ?? { sum: 0, rows: 0 };
    const least = habit === 'duplicate' || habit === 'induction' ? this.#leastCopies : LEAST_ROWS;
    return rows < least ? Number.NaN : sum / rows;
  }

  /** Those that have their share, the largest first. */
  ownWords(): readonly string[] {
    return this.#wordMeans()
      .filter(([, share]) => share >= LEAST_OF_A_WORD)
      .map(([word]) => word);
  }

  #wordMeans(): (readonly [string, number])[] {
    return [...this.#words]
      .filter(([, { rows }]) => rows >= LEAST_ROWS_OF_A_WORD)
      .map(([word, { sum, rows }]) => [word, sum / rows] as const)
      .toSorted(([, a], [, b]) => b - a);
  }

  #put(habit: Habit, weight: number): void {
    add(this.#sums, habit, weight);
  }
}

function add<K>(into: Map<K, { sum: number; rows: number }>, key: K, weight: number): void {
  const found = into.get(key) ?? { sum: 0, rows: 0 };
  found.sum += weight;
  found.rows += 1;
  into.set(key, found);
}

function entropyOf(weights: Float64Array): number {
  let bits = 0;
  for (const weight of weights) if (weight > 0) bits -= weight * Math.log2(weight);
  return bits;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
