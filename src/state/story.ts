// The story that a first visit finds as its text while the model is on its way: what the page's own model wrote and
// thought, recorded by scripts/story.mjs. Its file is a stranger's as any other: what has another shape is no story.
import type { AttentionMap, AttentionRows, Distribution, LensColumns, TokenPiece } from '../api.ts';
import { isObject } from '../json.ts';
import type { NextFacts } from './facts/run.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from './settings.ts';
import type { AppStore } from './store.ts';
import { readIds, readScores, readWords, writeScores, writeWords } from './storedTokens.ts';
import type { Snapshot, TokenText } from './tokenText.ts';

export interface Story {
  readonly snapshot: Snapshot;
  /** What could have stood at each index of the text, and at its end: one more than there are tokens. */
  readonly next: readonly Distribution[];
  /** Where the last token looks, in every head. */
  readonly rows: AttentionRows;
  /** The head that a first visit has in front. */
  readonly map: AttentionMap;
  /** Of every token. */
  readonly lens: LensColumns;
}

/** Digits that the page shows, and one more. */
const DIGITS = 5;

/** Attention weights are kept as so many parts of one: the page shows a tenth of a percent. */
const PARTS = 10_000;

/** As the file has it. */
export function writeStory({ snapshot, next, rows, map, lens }: Story): string {
  const { pieces, runs, promptCount, prompt, owner } = snapshot;
  const round = (value: number): number => Number(value.toPrecision(DIGITS));
  const { from, logprobs, ranks } = writeScores(snapshot);
  const candidates = next.flatMap(({ top }) => top.map(({ piece }) => piece));
  return JSON.stringify({
    version: 1,
    owner,
    prompt,
    promptCount,
    seed: runs[0]?.seed ?? 0,
    words: writeWords([...pieces, ...candidates, ...lens.pieces]),
    ids: pieces.map(({ id }) => id),
    from,
    logprobs: logprobs.map((one) => (one === null ? null : round(one))),
    ranks,
    next: next.map(({ top, kept, vocabSize, rest, restRaw, entropyBits }) => ({
      top: top.map(({ piece, probability, rawProbability, logit }) => [
        piece.id,
        round(probability),
        round(rawProbability),
        round(logit),
      ]),
      kept,
      vocabSize,
      rest: round(rest),
      restRaw: round(restRaw),
      entropyBits: round(entropyBits),
    })),
    layers: rows.nLayer,
    heads: rows.nHead,
    rows: Array.from(rows.weights, (weight) => Math.round(weight * PARTS)),
    head: [map.layer, map.head],
    // Row by row, without what is after the token that looks.
    map: Array.from(map.weights, (weight) => Math.round(weight * PARTS)).filter(
      (_, i) => i % map.size <= Math.floor(i / map.size),
    ),
    lens: { tokens: Array.from(lens.tokens), logprobs: Array.from(lens.logprobs, round) },
  });
}

export function parseStory(value: unknown): Story | null {
  if (!isObject(value) || value.version !== 1) return null;
  const { owner, prompt, promptCount, seed, ids, next } = value;
  const known = readWords(value.words);
  if (known === null || !Array.isArray(ids) || !Array.isArray(next)) return null;
  const pieces = readIds(ids, known);
  const scores = readScores(value, ids.length);
  if (pieces === null || scores === null || next.length !== ids.length + 1) return null;
  const isText = typeof owner === 'string' && typeof prompt === 'string';
  if (!isText || typeof promptCount !== 'number' || typeof seed !== 'number') return null;
  const distributions = next.map((one) => readDistribution(one, known));
  const found = distributions.filter((one) => one !== null);
  if (found.length < next.length) return null;
  const recipe = { seed, settings: toSamplingOptions(DEFAULT_SETTINGS), off: [] };
  const runs = [{ start: promptCount, end: pieces.length, ...recipe }];
  const snapshot = { prompt, promptCount, pieces, ...scores, runs, owner };
  const views = readViews(value, pieces.length, known);
  return views === null ? null : { snapshot, next: found, ...views };
}

function readViews(
  value: Readonly<Record<string, unknown>>,
  size: number,
  known: ReadonlyMap<number, TokenPiece>,
): Pick<Story, 'rows' | 'map' | 'lens'> | null {
  const [layers, heads] = [Number(value.layers), Number(value.heads)];
  const rows = readNumbers(value.rows, layers * heads * size);
  const half = readNumbers(value.map, (size * (size + 1)) / 2);
  const head = readNumbers(value.head, 2);
  const columns = isObject(value.lens) ? value.lens : {};
  const depths = layers + 1;
  const tokens = readNumbers(columns.tokens, size * depths);
  const logprobs = readNumbers(columns.logprobs, size * depths);
  if (!rows || !half || !head || !tokens || !logprobs) return null;
  const weights = new Float32Array(size * size);
  let next = 0;
  for (let q = 0; q < size; q++) {
    for (let k = 0; k <= q; k++) weights[q * size + k] = (half[next++] ?? 0) / PARTS;
  }
  const [layer = 0, index = 0] = head;
  const pieces = [...new Set(tokens)].flatMap((id) => known.get(id) ?? []);
  return {
    rows: {
      nLayer: layers,
      nHead: heads,
      query: size - 1,
      firstIndex: 0,
      size,
      weights: Float32Array.from(rows, (part) => part / PARTS),
    },
    map: { layer, head: index, size, firstIndex: 0, weights },
    lens: {
      firstIndex: 0,
      from: 0,
      count: size,
      depths,
      tokens: Uint32Array.from(tokens),
      logprobs: Float32Array.from(logprobs),
      pieces,
    },
  };
}

/** Null where it is no list of so many numbers. */
function readNumbers(value: unknown, length: number): readonly number[] | null {
  if (!Array.isArray(value) || value.length !== length) return null;
  const numbers = value.filter((one): one is number => Number.isFinite(one));
  return numbers.length === length ? numbers : null;
}

function readDistribution(
  value: unknown,
  known: ReadonlyMap<number, TokenPiece>,
): Distribution | null {
  if (!isObject(value) || !Array.isArray(value.top)) return null;
  const numbers = ['kept', 'vocabSize', 'rest', 'restRaw', 'entropyBits'].map((n) => value[n]);
  const [kept, vocabSize, rest, restRaw, entropyBits] = numbers.map(Number);
  const top = (value.top as unknown[]).map((one) => {
    if (!Array.isArray(one)) return null;
    const [id, probability, rawProbability, logit] = one.map(Number);
    const piece = known.get(id ?? -1);
    const all = { probability, rawProbability, logit } as Record<string, number>;
    return piece === undefined || Object.values(all).some((n) => !Number.isFinite(n))
      ? null
      : { piece, probability, rawProbability, logit };
  });
  if (top.includes(null) || !numbers.every((n) => typeof n === 'number')) return null;
  return { top, kept, vocabSize, rest, restRaw, entropyBits } as Distribution;
}

/** Fetches it; null where that cannot be, and the page begins as without it. */
export async function fetchStory(base: string): Promise<Story | null> {
  try {
    const answer = await fetch(new URL('story.json', base));
    return answer.ok ? parseStory(await answer.json()) : null;
  } catch {
    return null;
  }
}

/** Until the model answers itself, the candidates are those that were recorded, for whichever token is selected. */
export function followStory(
  { next }: Story,
  store: Pick<AppStore, 'getState' | 'subscribe'>,
  text: TokenText,
  show: (facts: NextFacts) => void,
): void {
  const { epoch } = text;
  let stop: () => void = () => {};
  function follow(): void {
    const state = store.getState();
    if (state.model.at === 'here') {
      stop();
      return;
    }
    // Somebody has written: the recorded candidates are of another text.
    if (text.epoch !== epoch || !state.text.tokenised) {
      stop();
      show({ distribution: null, at: 0, epoch });
      return;
    }
    const at = state.view.selected ?? text.pieces.length;
    const distribution = next[at] ?? null;
    if (state.next.distribution !== distribution || state.next.at !== at) {
      show({ distribution, at, epoch });
    }
  }
  stop = store.subscribe(follow);
  follow();
}
