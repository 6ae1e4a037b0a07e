// The sampler under a microscope: what every step leaves of the distribution, and the draw.
// The steps themselves are sampler.ts'; here they are only watched.
import type { SamplerStage, SamplerSteps, SamplingOptions, TokenPiece } from '../../api.ts';
import { uniform } from './random.ts';
import {
  applySteps,
  argmax,
  checkOptions,
  eachInterval,
  entropyBits,
  isDrawn,
  sampleToken,
  softmax,
  topIds,
} from './sampler.ts';

/** Every step, also those that greedy leaves out. */
const STEPS: readonly SamplerStage['step'][] = [
  'model',
  'repetition_penalty',
  'temperature',
  'top_k',
  'top_p',
  'min_p',
];

/** Intervals shown: narrower ones would not be seen. */
const MOST_INTERVALS = 64;

/**
 * The way from `logits` [V] after `ids` to the token that `generateTokens` draws there under this
 * seed, with `top` candidates of both ends followed through every step.
 * Throws `sampling/options` and `sampling/nan`.
 */
export function toSamplerSteps(
  logits: Float32Array,
  ids: readonly number[],
  options: SamplingOptions & { readonly seed: number },
  top: number,
  pieceOf: (id: number) => TokenPiece,
): SamplerSteps {
  checkOptions(options);
  /** Distributions [V] of the steps that change something, by step. */
  const changed = new Map<SamplerStage['step'], Float64Array>();
  const scores = applySteps(logits, ids, options, (step, active, left) => {
    if (active) changed.set(step, softmax(left.slice()));
  });
  const model = changed.get('model') ?? softmax(scores.slice());
  const last = [...changed.values()].at(-1) ?? model;
  const number = isDrawn(options) ? uniform(options.seed, ids.length) : null;
  const chosen = number === null ? argmax(scores) : sampleToken(last, number);

  const count = Math.min(top, logits.length);
  const followed = new Set([...topIds(last, model, count), ...topIds(model, model, count), chosen]);
  const candidates = [...followed].toSorted(
    (a, b) => last[b] - last[a] || model[b] - model[a] || a - b,
  );

  let before = model;
  const stages = STEPS.map((step): SamplerStage => {
    const after = changed.get(step) ?? before;
    const stage = {
      step,
      active: changed.has(step),
      ...compare(before, after),
      probabilities: candidates.map((id) => after[id]),
    };
    before = after;
    return stage;
  });
  return {
    candidates: candidates.map(pieceOf),
    stages,
    draw:
      number === null
        ? null
        : {
            seed: options.seed,
            position: ids.length,
            uniform: number,
            intervals: intervalsOf(last, chosen, pieceOf),
          },
    chosen: pieceOf(chosen),
    chosenProbability: last[chosen],
  };
}

/** What is left of a distribution [V] after a step. */
function compare(
  before: Float64Array,
  after: Float64Array,
): Pick<SamplerStage, 'kept' | 'removed' | 'entropyBits'> {
  let kept = 0;
  let removed = 0;
  for (let id = 0; id < after.length; id++) {
    if (after[id] > 0) kept++;
    else removed += before[id];
  }
  return { kept, removed, entropyBits: entropyBits(after) };
}

type Intervals = NonNullable<SamplerSteps['draw']>['intervals'];

function intervalsOf(
  probabilities: Float64Array,
  chosen: number,
  pieceOf: (id: number) => TokenPiece,
): Intervals {
  const shown = new Set([...topIds(probabilities, probabilities, MOST_INTERVALS), chosen]);
  const intervals: Intervals[number][] = [];
  eachInterval(probabilities, (id, from, to) => {
    if (shown.has(id)) intervals.push({ piece: pieceOf(id), from, to });
    return false;
  });
  return intervals;
}
