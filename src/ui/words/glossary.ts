// What the words mean: a sentence each, and the view that shows it.
import type { WordId } from './wordIds.ts';

export interface Meaning {
  readonly word: string;
  readonly sentence: string;
  /** Id of a view of the inside, where one is about it. */
  readonly view?: string;
}

export const GLOSSARY: Readonly<Record<WordId, Meaning>> = {
  temperature: {
    word: 'Temperature',
    sentence:
      'Sharpens or flattens the odds before the draw: below 1 likely tokens become likelier, above 1 unlikely ones get their chance.',
    view: 'sampling',
  },
  top_k: {
    word: 'Top-k',
    sentence: 'Only the k most probable tokens stay in the draw; 0 keeps all of them.',
    view: 'sampling',
  },
  top_p: {
    word: 'Top-p',
    sentence:
      'Only the most probable tokens stay, as many as it takes to hold this share of the probability; 1 keeps all of them.',
    view: 'sampling',
  },
  min_p: {
    word: 'Min-p',
    sentence:
      'A token stays only if its probability is at least this share of the best one’s; 0 keeps all of them.',
    view: 'sampling',
  },
  repetition_penalty: {
    word: 'Repetition penalty',
    sentence:
      'Above 1, tokens that already stand in the text become less likely, below 1 likelier; 1 changes nothing.',
    view: 'sampling',
  },
  max_new_tokens: {
    word: 'Length',
    sentence: 'The most tokens that one run adds; it may end sooner, at the end of a text.',
  },
  seed: {
    word: 'Seed',
    sentence:
      'The number that the dice start from: the same seed, prompt and settings give the same text again.',
    view: 'sampling',
  },
  stop: {
    word: 'Stop at',
    sentence: 'As soon as the model has written one of these texts, the run ends there.',
  },
  kept: {
    word: 'Kept',
    sentence:
      'How many tokens are left for the draw after top-k, top-p and min-p; the others cannot come.',
    view: 'sampling',
  },
  id: {
    word: 'Id',
    sentence:
      'The number of this token in the model’s vocabulary; numbers like it are all that the model reads and writes.',
  },
  rank: {
    word: 'Rank',
    sentence: 'The place of this token when all are sorted by probability; 1 is the likeliest.',
    view: 'lens',
  },
  surprise: {
    word: 'Surprise',
    sentence:
      'How little the model expected this token, in bits: 1 bit is 1 in 2, 5 bits are 1 in 32, 10 bits 1 in 1,024.',
  },
  parameters: {
    word: 'Parameters',
    sentence:
      'The numbers that training has set, and that stay as they are while the model writes.',
    view: 'model',
  },
  layers: {
    word: 'Layers',
    sentence:
      'Floors of the model, one after the other; each has attention and an MLP, and adds to what is known of every token.',
    view: 'lens',
  },
  heads: {
    word: 'Heads',
    sentence: 'Parts of attention: each decides by itself which earlier tokens a token looks at.',
    view: 'attention',
  },
  width: {
    word: 'Width',
    sentence: 'How many numbers stand for one token on its way through the layers.',
    view: 'model',
  },
  precision: {
    word: 'Precision',
    sentence:
      'How exactly each weight is kept: fp32 in 32 bits, fp16 in 16, q8 in about 8. Less takes less memory and rounds more.',
  },
};
