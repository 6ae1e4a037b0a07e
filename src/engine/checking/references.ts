// What known checkpoints must say: logits after a few prompts, or what is published of them.

/** What comes after a prompt. */
export interface ReferencePrompt {
  readonly what: string;
  readonly ids: readonly number[];
  /** The ten most probable tokens and their logits. */
  readonly topIds: readonly number[];
  readonly topLogits: readonly number[];
  /** ln Σ exp of all logits. */
  readonly logSum: number;
  /** Largest magnitude of a logit. */
  readonly largest: number;
}

/** A text of which somebody published what PyTorch says to its tokens. */
export interface ReferenceText {
  readonly what: string;
  readonly ids: readonly number[];
  /** ln p of each token but the first, after those before it. */
  readonly logProbs?: readonly number[];
  /** So many tokens at the end are each the most probable after those before them. */
  readonly greedy?: number;
}

export interface Reference {
  readonly name: string;
  readonly prompts: readonly ReferencePrompt[];
  readonly texts?: readonly ReferenceText[];
}

/**
 * By fingerprint. The numbers are those of the plain meanings in float64, and within 1e-6 of PyTorch's
 * where there are such.
 */
const REFERENCES: Readonly<Record<string, Reference>> = {
  '0d606d3064a50e59': {
    name: 'tales-7m',
    prompts: [
      {
        what: 'a short prompt',
        ids: [343, 768, 355, 277, 327, 1200, 11],
        topIds: [336, 269, 198, 784, 383, 431, 334, 328, 280, 295],
        topLogits: [
          11.63917, 9.680728, 8.375426, 7.384198, 6.914433, 6.564936, 6.25763, 6.250295, 5.963867,
          5.871373,
        ],
        logSum: 11.88751,
        largest: 13.1062,
      },
      {
        what: 'a long text',
        ids: [
          343, 272, 2778, 877, 363, 2064, 11, 328, 316, 515, 314, 647, 552, 288, 259, 1640, 13,
          1591, 2852, 401, 258, 4535, 342, 258, 1987, 288, 3803, 11, 669, 2784, 431, 515, 357, 1567,
          11, 269, 356, 544, 452, 431, 341, 2177, 277, 1347, 259, 4207, 588, 13, 336, 3991, 457,
          300, 258, 2957, 432, 668, 259, 4626, 1457, 13, 7281, 899, 11, 334,
        ],
        topIds: [348, 259, 280, 371, 316, 258, 457, 439, 340, 11],
        topLogits: [
          8.692914, 8.260741, 8.200074, 7.524707, 6.819875, 6.312642, 6.101269, 6.080171, 6.075269,
          5.843695,
        ],
        logSum: 10.06166,
        largest: 12.01012,
      },
      {
        what: 'emoji',
        ids: [
          343, 2072, 220, 172, 253, 99, 232, 269, 259, 1520, 220, 172, 253, 238, 119, 555, 277, 259,
          220, 172, 253, 237, 108, 13,
        ],
        topIds: [198, 381, 336, 646, 496, 376, 845, 1028, 596, 572],
        topLogits: [
          11.08791, 10.29603, 9.183712, 8.65546, 8.210452, 8.153032, 7.932071, 7.846712, 7.838618,
          7.760374,
        ],
        logSum: 12.08214,
        largest: 11.08791,
      },
      {
        what: 'repeats',
        ids: [996, 768, 269, 259, 768, 269, 259, 768, 269, 259, 768, 269],
        topIds: [259, 327, 1867, 1200, 379, 485, 280, 680, 1217, 768],
        topLogits: [
          9.107502, 7.936477, 6.733731, 6.005273, 5.87626, 5.754404, 5.638895, 5.515435, 5.473838,
          5.406295,
        ],
        logSum: 9.939128,
        largest: 13.45815,
      },
    ],
  },
};

/**
 * By the SHA-256 of a file of weights, as a Hub lists it. The numbers are PyTorch's in float32, from the
 * tests of EleutherAI/lm-evaluation-harness (test_gpt2_perplexity, test_gpt2) and huggingface/transformers
 * (test_modeling_gpt2.py).
 */
const PUBLISHED: Readonly<Record<string, Reference>> = {
  '248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707': {
    name: 'openai-community/gpt2',
    prompts: [],
    texts: [
      {
        // “We study empirical scaling laws for language model performance on the cross-entropy loss.”
        what: 'a sentence after <|endoftext|>',
        ids: [
          50256, 1135, 2050, 21594, 20796, 3657, 329, 3303, 2746, 2854, 319, 262, 3272, 12, 298,
          28338, 2994, 13,
        ],
        logProbs: [
          -4.9599953, -8.069298, -8.308624, -10.178513, -8.906924, -1.9318912, -7.745445, -7.146077,
          -5.2072, -3.5882986, -1.9957212, -8.044922, -0.20841774, -5.1096807, -0.099879116,
          -8.888423, -4.6180487,
        ],
      },
      {
        what: '“The dog”, continued greedily',
        ids: [
          464, 3290, 373, 1043, 287, 257, 2214, 1474, 262, 16246, 286, 2688, 290, 2688, 27262, 13,
          198, 198, 464, 3290,
        ],
        greedy: 18,
      },
      {
        what: '“The quick brown fox jumps over the lazy”, continued greedily',
        ids: [
          464, 2068, 7586, 21831, 18045, 625, 262, 16931, 11, 16931, 21831, 290, 484, 1111, 2121,
          284, 262, 2323,
        ],
        greedy: 10,
      },
    ],
  },
};

/**
 * The reference of a checkpoint, or null for one that is not known.
 * @param sha256 of the file that the weights came from, where it was checked
 */
export function referenceOf(fingerprint: string, sha256?: string | null): Reference | null {
  if (Object.hasOwn(REFERENCES, fingerprint)) return REFERENCES[fingerprint];
  if (sha256 && Object.hasOwn(PUBLISHED, sha256)) return PUBLISHED[sha256];
  return null;
}
