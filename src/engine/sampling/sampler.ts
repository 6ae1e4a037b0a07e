// From logits to a token: the sampling steps in transformers' order and meaning, in float64.
// Pure functions over one row of logits; where the random number comes from is random.ts' business.
import type {
  Candidate,
  Distribution,
  GenerationOptions,
  SamplerStage,
  SamplingOptions,
  TokenPiece,
} from '../../api.ts';
import { EngineError } from '../../errors.ts';

/** One row of logits or of probabilities, indexed by token id. */
type Row = Float32Array | Float64Array;

/** The text so far, or its different tokens: whoever writes many keeps a set of them, however long the text is. */
type PreviousIds = readonly number[] | ReadonlySet<number>;

/**
 * Probabilities [V] of the next token after repetition penalty → temperature → top-k → top-p → min-p,
 * each as in transformers: a penalty counts once a token, ties with the k-th stay, the most probable token
 * always stays. Among equals at the border of top-p the higher ids stay (a stable ascending sort).
 * Greedily everything is on the token that `argmax` finds after the penalty.
 * `logits` [V] stay as they are. Throws `sampling/options` and `sampling/nan`.
 */
export function processLogits(
  logits: Float32Array,
  previousIds: PreviousIds,
  options: SamplingOptions,
): Float64Array {
  const scores = applySteps(logits, previousIds, options);
  if (isDrawn(options)) return softmax(scores);
  const best = argmax(scores);
  scores.fill(0);
  scores[best] = 1;
  return scores;
}

/** Whether a token is drawn at random: not where sampling is off or the temperature is 0, which are greedy. */
export function isDrawn({
  do_sample,
  temperature,
}: Pick<SamplingOptions, 'do_sample' | 'temperature'>): boolean {
  return do_sample && temperature > 0;
}

/** Hears of a step, whether its setting changes anything, and the scores [V] that it leaves. */
type StepListener = (step: SamplerStage['step'], active: boolean, scores: Float64Array) => void;

/**
 * Scores [V] after the sampling steps: logits up to a constant, −∞ where a step removed the token.
 * `after` hears every step as it is done; its array goes on changing. Greedily nothing comes after
 * the penalty. Throws `sampling/options` and `sampling/nan`.
 */
export function applySteps(
  logits: Float32Array,
  previousIds: PreviousIds,
  options: SamplingOptions,
  after: StepListener = () => {},
): Float64Array {
  checkOptions(options);
  const { temperature, top_k, top_p, min_p, repetition_penalty } = options;
  const scores = Float64Array.from(logits);
  after('model', true, scores);
  penalise(scores, previousIds, repetition_penalty);
  const highest = scores[checkLogits(scores)];
  after('repetition_penalty', repetition_penalty !== 1, scores);
  if (!isDrawn(options)) return scores;

  // Relative to the best score, so that no temperature overflows.
  for (let id = 0; id < scores.length; id++) scores[id] = (scores[id] - highest) / temperature;
  after('temperature', temperature !== 1, scores);
  const cutsTopK = top_k > 0 && top_k < scores.length;
  if (cutsTopK) keepTopK(scores, top_k);
  after('top_k', cutsTopK, scores);
  if (top_p < 1) keepTopP(scores, top_p);
  after('top_p', top_p < 1, scores);
  // The best score is 0 here, so min_p of its probability is ln(min_p) of its score.
  if (min_p > 0) keepAbove(scores, Math.log(min_p));
  after('min_p', min_p > 0, scores);
  return scores;
}

/** Probabilities in the place of scores [V]. Throws `sampling/nan`. */
export function softmax(scores: Float64Array): Float64Array {
  const highest = scores[checkLogits(scores)];
  let total = 0;
  for (let id = 0; id < scores.length; id++) {
    total += scores[id] = Math.exp(scores[id] - highest);
  }
  for (let id = 0; id < scores.length; id++) scores[id] /= total;
  return scores;
}

/**
 * The next-token distribution for people: the `top` candidates before and after the sampling steps,
 * how many tokens are left and how undecided the model is (entropy in bits).
 * `probabilities` [V] are `processLogits` of the same arguments, for a caller that has them already.
 * Throws `sampling/options` and `sampling/nan`.
 */
export function toDistribution(
  logits: Float32Array,
  previousIds: PreviousIds,
  options: SamplingOptions,
  top: number,
  pieceOf: (id: number) => TokenPiece,
  probabilities: Float64Array = processLogits(logits, previousIds, options),
): Distribution {
  const highest = logits[checkLogits(logits)];
  const raw = new Float64Array(logits.length);
  let total = 0;
  let moment = 0; // Σ e^x · x, for the entropy ln Σ e^x − Σ e^x · x / Σ e^x
  for (let id = 0; id < raw.length; id++) {
    const score = logits[id] - highest;
    const weight = Math.exp(score);
    raw[id] = weight;
    total += weight;
    if (weight > 0) moment += weight * score;
  }
  let kept = 0;
  for (let id = 0; id < raw.length; id++) {
    raw[id] /= total;
    if (probabilities[id] > 0) kept++;
  }

  const ids = topIds(probabilities, raw, Math.min(top, raw.length));
  let rest = 1;
  let restRaw = 1;
  const candidates: Candidate[] = ids.map((id) => {
    rest -= probabilities[id];
    restRaw -= raw[id];
    return {
      piece: pieceOf(id),
      rawProbability: raw[id],
      probability: probabilities[id],
      logit: logits[id],
    };
  });
  return {
    top: candidates,
    kept,
    vocabSize: logits.length,
    restRaw: Math.max(0, restRaw),
    rest: ids.length >= kept ? 0 : Math.max(0, rest),
    entropyBits: Math.max(0, (Math.log(total) - moment / total) / Math.LN2),
  };
}

/**
 * The token at `uniform` ∈ [0, 1) of the cumulative distribution in id order: the same number gives the same
 * token. `probabilities` [V] need not sum to exactly 1. Throws `sampling/nan` when they have no mass.
 */
export function sampleToken(probabilities: Row, uniform: number): number {
  let drawn = 0;
  eachInterval(probabilities, (id, _from, to) => {
    drawn = id;
    return to > uniform;
  });
  return drawn;
}

/**
 * Cuts [0, 1) into the tokens' intervals in id order, each as wide as its probability, until `visit`
 * says that it has found what it looks for. Throws `sampling/nan` when there is no mass.
 */
export function eachInterval(
  probabilities: Row,
  visit: (id: number, from: number, to: number) => boolean,
): void {
  let total = 0;
  for (let id = 0; id < probabilities.length; id++) total += probabilities[id];
  if (!(total > 0 && total < Infinity)) {
    throw nanError(`The probabilities sum to ${total}; expected 1.`);
  }
  // The same additions once more, so that the last interval ends at 1 exactly.
  let sum = 0;
  let from = 0;
  for (let id = 0; id < probabilities.length; id++) {
    if (probabilities[id] === 0) continue;
    sum += probabilities[id];
    const to = sum / total;
    if (visit(id, from, to)) return;
    from = to;
  }
}

/** Id of the highest logit [V], the lowest id among equals. Throws `sampling/nan`. */
export function argmax(logits: Row): number {
  return checkLogits(logits);
}

/**
 * ln of the probability of `id` under softmax(logits [V]), and its rank: 1 is the most probable,
 * equals rank in id order. Throws `sampling/nan`, and `tokens/vocabulary` for an id outside the logits.
 */
export function logprobAndRank(
  logits: Float32Array,
  id: number,
): { logprob: number; rank: number } {
  const logit = logits[id];
  if (logit === undefined) {
    throw new EngineError(`Token ${id} has no logit; there are ${logits.length}.`, {
      code: 'tokens/vocabulary',
      hint: 'The tokenizer and the model do not belong together.',
    });
  }
  const highest = logits[checkLogits(logits)];
  let total = 0;
  let rank = 1;
  for (let other = 0; other < logits.length; other++) {
    total += Math.exp(logits[other] - highest);
    if (logits[other] > logit || (logits[other] === logit && other < id)) rank++;
  }
  return { logprob: logit - highest - Math.log(total), rank };
}

/** Checks the knobs; throws `sampling/options` naming the option, its value and what is allowed. */
export function checkOptions(options: SamplingOptions & Partial<GenerationOptions>): void {
  const { do_sample, temperature, top_k, top_p, min_p, repetition_penalty } = options;
  expectOption('do_sample', do_sample, typeof do_sample === 'boolean', 'true or false');
  const isWarm = isFinite(temperature) && temperature >= 0;
  expectOption('temperature', temperature, isWarm, 'a number, 0 or more (0 is greedy)');
  expectOption('top_k', top_k, isWhole(top_k, Infinity), 'a whole number, 0 or more (0 is off)');
  const nucleus = isFinite(top_p) && top_p > 0 && top_p <= 1;
  expectOption('top_p', top_p, nucleus, 'a number above 0, at most 1 (1 is off)');
  const least = isFinite(min_p) && min_p >= 0 && min_p <= 1;
  expectOption('min_p', min_p, least, 'a number from 0 to 1 (0 is off)');
  const penalty = isFinite(repetition_penalty) && repetition_penalty > 0;
  expectOption('repetition_penalty', repetition_penalty, penalty, 'a number above 0 (1 is off)');

  const { seed, stop, eos_token_id } = options;
  for (const name of ['max_new_tokens', 'min_new_tokens'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    expectOption(name, value, isWhole(value, Infinity), 'a whole number, 0 or more');
  }
  if (seed !== undefined) {
    expectOption('seed', seed, isWhole(seed, 2 ** 32 - 1), 'a whole number from 0 to 4294967295');
  }
  if (stop !== undefined) {
    const texts =
      Array.isArray(stop) && stop.every((text) => typeof text === 'string' && text !== '');
    expectOption('stop', stop, texts, 'a list of texts that are not empty');
  }
  if (eos_token_id !== undefined && eos_token_id !== null) {
    const ids: readonly unknown[] = Array.isArray(eos_token_id) ? eos_token_id : [eos_token_id];
    const valid = ids.every((id) => isWhole(id, 2 ** 32 - 1));
    expectOption('eos_token_id', eos_token_id, valid, 'a token id, a list of them, or null');
  }
}

function expectOption(name: string, value: unknown, isValid: boolean, expected: string): void {
  if (isValid) return;
  const shown =
    typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  throw new EngineError(`${name} is ${shown.slice(0, 80)}; expected ${expected}.`, {
    code: 'sampling/options',
    hint: `Set ${name} to ${expected}.`,
  });
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}

function isWhole(value: unknown, highest: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= highest;
}

/** Divides scores of tokens seen before by the penalty if above 0, else multiplies. */
function penalise(scores: Float64Array, ids: PreviousIds, penalty: number): void {
  if (penalty === 1) return;
  for (const id of ids instanceof Set ? ids : new Set(ids)) {
    if (id < 0 || id >= scores.length) continue;
    scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
  }
}

/** Id of the highest; throws for NaN, +∞, and when nothing is above −∞. */
function checkLogits(logits: Row): number {
  let best = 0;
  let highest = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    if (logit > highest) {
      highest = logit;
      best = id;
    } else if (Number.isNaN(logit)) {
      throw nanError(`The logit of token ${id} is NaN.`);
    }
  }
  if (highest === Infinity) throw nanError(`The logit of token ${best} is infinite.`);
  if (highest === -Infinity) throw nanError(`None of the ${logits.length} logits is above −∞.`);
  return best;
}

function nanError(message: string): EngineError {
  return new EngineError(message, {
    code: 'sampling/nan',
    hint: 'The weights are damaged, or the device computes wrongly: load the model again, or choose the other device.',
  });
}

/** Removes all below the k-th highest; a min-heap of the k highest so far ends with the k-th on top. */
function keepTopK(scores: Float64Array, k: number): void {
  const heap = scores.slice(0, k);
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(heap, i);
  for (let id = k; id < scores.length; id++) {
    if (scores[id] <= heap[0]) continue;
    heap[0] = scores[id];
    sink(heap, 0);
  }
  keepAbove(scores, heap[0]);
}

function sink(heap: Float64Array, from: number): void {
  const value = heap[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
}

/**
 * Keeps the smallest set of best tokens whose mass reaches p: a token stays if less than p lies before it.
 * Only the tokens near the border are sorted: scores (at most 0) are first counted in bins of 1/16.
 */
function keepTopP(scores: Float64Array, p: number): void {
  const BINS = 1024;
  const binOf = (score: number): number => Math.min(Math.floor(-16 * score), BINS - 1);
  const masses = new Float64Array(BINS);
  let total = 0;
  for (let id = 0; id < scores.length; id++) {
    if (scores[id] === -Infinity) continue;
    const weight = Math.exp(scores[id]);
    masses[binOf(scores[id])] += weight;
    total += weight;
  }
  const wanted = p * total;
  let mass = 0;
  let border = 0;
  while (border < BINS - 1 && mass + masses[border] < wanted) mass += masses[border++];

  const near: number[] = [];
  for (let id = 0; id < scores.length; id++) {
    if (scores[id] === -Infinity) continue;
    const bin = binOf(scores[id]);
    if (bin > border) scores[id] = -Infinity;
    else if (bin === border) near.push(id);
  }
  near.sort((a, b) => scores[b] - scores[a] || b - a);
  for (const id of near) {
    const weight = Math.exp(scores[id]);
    if (mass >= wanted) scores[id] = -Infinity;
    mass += weight;
  }
}

function keepAbove(scores: Float64Array, least: number): void {
  for (let id = 0; id < scores.length; id++) if (scores[id] < least) scores[id] = -Infinity;
}

/** Entropy of probabilities [V] in bits. */
export function entropyBits(probabilities: Float64Array): number {
  let bits = 0;
  for (const p of probabilities) if (p > 0) bits -= p * Math.log2(p);
  return Math.max(0, bits);
}

/** The `count` first ids by probability, then raw probability (both descending), then id. */
export function topIds(probabilities: Float64Array, raw: Float64Array, count: number): number[] {
  const isBefore = (a: number, b: number): boolean =>
    probabilities[a] !== probabilities[b]
      ? probabilities[a] > probabilities[b]
      : raw[a] !== raw[b]
        ? raw[a] > raw[b]
        : a < b;
  if (count <= 0) return [];
  if (count > 256) {
    return Array.from(raw.keys())
      .toSorted((a, b) => (isBefore(a, b) ? -1 : 1))
      .slice(0, count);
  }
  const ids: number[] = [];
  let last = -1; // the worst of a full list
  for (let id = 0; id < raw.length; id++) {
    if (last >= 0) {
      if (probabilities[id] < probabilities[last] || !isBefore(id, last)) continue;
      ids.pop();
    }
    let at = ids.length;
    while (at > 0 && isBefore(id, ids[at - 1])) at--;
    ids.splice(at, 0, id);
    if (ids.length === count) last = ids[count - 1];
  }
  return ids;
}
