// What the words mean: a sentence each, and the view that shows it.
import type { WordId } from './wordIds.ts';

/** Where a word can be seen: in a view of the inside, in the text set one way or the other, or in a part of the page. */
export type Place =
  | { readonly view: string }
  | { readonly reading: 'pieces' | 'ids' }
  | { readonly region: 'composer' | 'next' | 'sampler' };

export interface Meaning {
  readonly word: string;
  readonly sentence: string;
  readonly see: Place;
}

export const GLOSSARY: Readonly<Record<WordId, Meaning>> = {
  temperature: {
    word: 'Temperature',
    sentence:
      'Sharpens or flattens the odds before the draw: below 1 likely tokens become likelier, above 1 unlikely ones get their chance.',
    see: { view: 'sampling' },
  },
  top_k: {
    word: 'Top-k',
    sentence: 'Only the k most probable tokens stay in the draw; 0 keeps all of them.',
    see: { view: 'sampling' },
  },
  top_p: {
    word: 'Top-p',
    sentence:
      'Only the most probable tokens stay, as many as it takes to hold this share of the probability; 1 keeps all of them.',
    see: { view: 'sampling' },
  },
  min_p: {
    word: 'Min-p',
    sentence:
      'A token stays only if its probability is at least this share of the best one’s; 0 keeps all of them.',
    see: { view: 'sampling' },
  },
  repetition_penalty: {
    word: 'Repetition penalty',
    sentence:
      'Above 1, tokens that already stand in the text become less likely, below 1 likelier; 1 changes nothing.',
    see: { view: 'sampling' },
  },
  max_new_tokens: {
    word: 'Length',
    sentence: 'The most tokens that one run adds; it may end sooner, at the end of a text.',
    see: { region: 'composer' },
  },
  seed: {
    word: 'Seed',
    sentence:
      'The number that the dice start from: the same seed, prompt and settings give the same text again.',
    see: { view: 'sampling' },
  },
  stop: {
    word: 'Stop at',
    sentence: 'As soon as the model has written one of these texts, the run ends there.',
    see: { region: 'sampler' },
  },
  kept: {
    word: 'Kept',
    sentence:
      'How many tokens are left for the draw after top-k, top-p and min-p; the others cannot come.',
    see: { view: 'sampling' },
  },
  id: {
    word: 'Id',
    sentence:
      'The number of this token in the model’s vocabulary; numbers like it are all that the model reads and writes.',
    see: { reading: 'ids' },
  },
  rank: {
    word: 'Rank',
    sentence: 'The place of this token when all are sorted by probability; 1 is the likeliest.',
    see: { view: 'lens' },
  },
  surprise: {
    word: 'Surprise',
    sentence:
      'How little the model expected this token, in bits: 1 bit is 1 in 2, 5 bits are 1 in 32, 10 bits 1 in 1,024.',
    see: { reading: 'pieces' },
  },
  parameters: {
    word: 'Parameters',
    sentence:
      'The numbers that training has set, and that stay as they are while the model writes.',
    see: { view: 'model' },
  },
  layers: {
    word: 'Layers',
    sentence:
      'Floors of the model, one after the other; each has attention and an MLP, and adds to what is known of every token.',
    see: { view: 'lens' },
  },
  heads: {
    word: 'Heads',
    sentence: 'Parts of attention: each decides by itself which earlier tokens a token looks at.',
    see: { view: 'attention' },
  },
  width: {
    word: 'Width',
    sentence: 'How many numbers stand for one token on its way through the layers.',
    see: { view: 'model' },
  },
  precision: {
    word: 'Precision',
    sentence:
      'How exactly each weight is kept: fp32 in 32 bits, fp16 in 16, q8 in about 8. Less takes less memory and rounds more.',
    see: { view: 'model' },
  },
  token: {
    word: 'Token',
    sentence:
      'A piece of text, often a whole word with the space before it: what the model reads and writes one at a time.',
    see: { reading: 'pieces' },
  },
  probability: {
    word: 'Probability',
    sentence:
      'How likely the model found this token, after what stands before it and before any setting; those of all tokens sum to 100 %.',
    see: { region: 'next' },
  },
  odds: {
    word: 'Sampled, and Model',
    sentence:
      'Left the odds of the draw, after temperature and filters; right those that the model itself gave.',
    see: { view: 'sampling' },
  },
  greedy: {
    word: 'Greedy',
    sentence:
      'No dice: the most probable token is taken each time, so the same prompt gives the same text, and often the same phrase again.',
    see: { view: 'sampling' },
  },
  attention: {
    word: 'Attention',
    sentence:
      'The part of each layer that looks back: it says how much a token takes over from each token before it.',
    see: { view: 'attention' },
  },
  mlp: {
    word: 'MLP',
    sentence:
      'The other part of each layer: it works on one token at a time, with what attention has brought there.',
    see: { view: 'model' },
  },
  stream: {
    word: 'Residual stream',
    sentence:
      'The numbers that stand for a token on its way up: each part reads them, and adds to them what it has found.',
    see: { view: 'lens' },
  },
  norm: {
    word: 'Norm',
    sentence:
      'The length of a row of numbers: the root of the sum of their squares. A part with a small one adds little.',
    see: { view: 'lens' },
  },
  entropy: {
    word: 'Entropy',
    sentence:
      'How open the guess is, in bits: 0 for a certain one, 1 as for a coin, 13 if all of 8,192 tokens were as likely.',
    see: { region: 'next' },
  },
  kl: {
    word: 'KL divergence',
    sentence:
      'How far one guess is from another, in bits: what it costs on average to expect the second where the first is true.',
    see: { view: 'parts' },
  },
  ablation: {
    word: 'Zero and mean',
    sentence:
      'Two ways to take a part out: it adds nothing at all, or what it adds on average in another text.',
    see: { view: 'parts' },
  },
  induction: {
    word: 'Induction',
    sentence:
      'To look at what followed the last time the same token came, and so to go on with what was there before.',
    see: { view: 'attention' },
  },
  context: {
    word: 'Context',
    sentence:
      'As many tokens as the model sees at once; what stands further back is struck through, and plays no part.',
    see: { reading: 'pieces' },
  },
};
