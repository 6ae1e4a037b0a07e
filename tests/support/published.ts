// What others published of checkpoints that the repository does not hold: numbers of PyTorch in float32, or of
// a runtime that was compared with it.
import { referenceOf, type ReferenceText } from '../../src/engine/checking/references.ts';

/** Some logits at one position of a text. */
export interface PublishedValues {
  readonly what: string;
  readonly ids: readonly number[];
  readonly position: number;
  /** Which tokens' logits they are. */
  readonly at: readonly number[];
  readonly values: readonly number[];
  /** Absolute: what was published is rounded, and float32 sums differ by their order. */
  readonly bound: number;
}

/** A text whose greedy continuation somebody published. */
export interface Continuation {
  readonly text?: string;
  /** Of the text, where they are published too. */
  readonly ids?: readonly number[];
  readonly continued: readonly number[] | string;
}

/** One number of a whole text. */
type PublishedNumber<Key extends string> = Readonly<Record<Key, number>> & {
  readonly what: string;
  readonly ids: readonly number[];
  readonly bound: number;
};

export interface Published {
  readonly shape: readonly [nLayer: number, nHead: number, nEmbd: number, parameters: number];
  readonly logits: readonly PublishedValues[];
  /** Mean of all logits of all positions. */
  readonly logitMeans: readonly PublishedNumber<'mean'>[];
  /** Mean loss of every token but the first. */
  readonly losses: readonly PublishedNumber<'loss'>[];
  readonly texts: readonly ReferenceText[];
  readonly continuations: readonly Continuation[];
}

const SHA256_OF_GPT2 = '248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707';
const FIRST_TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

const PUBLISHED: Readonly<Record<string, Published>> = {
  'openai-community/gpt2': {
    shape: [12, 12, 768, 124_439_808],
    logits: [
      {
        what: 'logits after “Hello” (Lokad.Onnx, GraphExecutionGpt2Tests: ONNX Runtime)',
        ids: [15496, 11, 314, 716],
        position: 0,
        at: [0, 1, 2, 3, 4, 5, 6, 7, 100, 384, 385, 1000, 10000, 50000],
        values: [
          -35.2362442, -35.32659531, -38.97534943, -39.39067459, -37.65318298, -38.67243576,
          -36.0248909, -36.48415375, -43.31263733, -40.13024902, -38.99939346, -40.74980927,
          -41.98722839, -44.11378098,
        ],
        bound: 1e-3,
      },
      {
        what: 'logits after “My” (fast_gpt2, simple_logits)',
        ids: [3666, 1438, 318],
        position: 0,
        at: FIRST_TEN,
        values: [
          -33.0735, -32.3349, -35.238, -34.7751, -33.8666, -34.4521, -33.0241, -33.5888, -32.0457,
          -34.4161,
        ],
        bound: 1e-3,
      },
      {
        what: 'logits after “My name is” (fast_gpt2, simple_logits)',
        ids: [3666, 1438, 318],
        position: 2,
        at: FIRST_TEN.map((i) => 50247 + i),
        values: [
          -77.3382, -73.0993, -80.6285, -78.5444, -79.3092, -79.2024, -76.1651, -78.1296, -77.4711,
          -71.8745,
        ],
        bound: 1e-3,
      },
    ],
    logitMeans: [
      {
        what: 'mean of all logits after “Hello”, “,”, “ I” and “ am” (Lokad.Onnx)',
        ids: [15496, 11, 314, 716],
        mean: -111.89471436,
        bound: 5e-4,
      },
    ],
    losses: [
      {
        what: 'loss of “ World” after “Hello” (lm-evaluation-harness, test_gpt2)',
        ids: [15496, 2159],
        loss: 8.682319641113281,
        bound: 1e-3,
      },
    ],
    texts: referenceOf('', SHA256_OF_GPT2)?.texts ?? [],
    // tests/models/gpt2/test_modeling_gpt2.py of huggingface/transformers.
    continuations: [
      {
        text: 'The dog',
        ids: [464, 3290],
        continued: [
          373, 1043, 287, 257, 2214, 1474, 262, 16246, 286, 2688, 290, 2688, 27262, 13, 198, 198,
          464, 3290,
        ],
      },
      {
        text: 'Hello, my dog is a little',
        continued: " bit of a mess. I'm not sure if he's going",
      },
      { text: 'Today, I', continued: "'m going to be doing a lot of research on this. I" },
    ],
  },
};

/** What is published of a model of a Hub, or null. */
export function publishedOf(id: string): Published | null {
  return Object.hasOwn(PUBLISHED, id) ? PUBLISHED[id] : null;
}
