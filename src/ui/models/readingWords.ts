// What decides a model's numbers and stands in none of its files, in words.
import type { Assumption, ModelSummary, Reading } from '../../api.ts';
import { listed } from '../../words.ts';

type Key = keyof Reading;
type Value = Assumption['value'];
type Shape = Pick<ModelSummary, 'nEmbd'>;

/** Above a list to choose from. */
export const LABELS: Readonly<Record<Key, string>> = {
  nHead: 'Heads',
  layer_norm_denominator: 'LayerNorm divides by',
  activation_function: 'GELU',
};

const NORMS: Readonly<Record<string, string>> = {
  variance: '√(variance + ε)',
  std: '√(standard deviation + ε)',
};

const GELUS: Readonly<Record<string, string>> = {
  gelu: 'exact',
  gelu_new: 'approximated by tanh',
};

const VALUES: Readonly<Record<Key, (value: Value, nEmbd: number | null) => string>> = {
  nHead: (heads, nEmbd) =>
    nEmbd === null ? `${heads}` : `${heads}, ${nEmbd / Number(heads)} wide`,
  layer_norm_denominator: (value) => NORMS[value] ?? String(value),
  activation_function: (value) => GELUS[value] ?? String(value),
};

/** A value as it is chosen: `3, 16 wide`. The width of a model that is not here may not be known. */
export function valueWords(key: Key, value: Value, nEmbd: number | null): string {
  return VALUES[key](value, nEmbd);
}

/** What the files do not say. */
const QUESTIONS: Readonly<Record<Key, string>> = {
  nHead: 'how many heads it has',
  layer_norm_denominator: 'what its LayerNorm divides by',
  activation_function: 'which GELU it has',
};

/** Why a value was taken that nothing measured. */
const USUAL: Readonly<Record<Key, (value: Value, shape: Shape, by: Assumption['by']) => string>> = {
  nHead: (heads, { nEmbd }, by) =>
    `${heads} are assumed: ${by === 'known' ? `published models of width ${nEmbd} have as many` : 'transformers takes as many for a GPT-2 whose config.json is silent'}. With another number the same weights write another text.`,
  layer_norm_denominator: (value) =>
    `${NORMS[value]} is assumed, as in the book “Build a Large Language Model (From Scratch)” and in PyTorch; a notebook made from it divides by ${NORMS.std}, and weights that were trained that way write nonsense with this one.`,
  activation_function: (value) =>
    value === 'gelu'
      ? 'Exact is assumed: nanoGPT has it, whose names the tensors have and whose head is the embedding too. The two differ in the third digit of a logit.'
      : 'Approximated by tanh is assumed: today’s minGPT has it, whose names the tensors have and which has a head of its own. The two differ in the third digit of a logit.',
};

/** What was decided, and why. */
export function assumptionWords(assumption: Assumption, shape: Shape): string {
  const { key, value, by, losses = [] } = assumption;
  if (by !== 'measured') {
    const tried =
      losses.length > 1 ? ' A plain English text is read about as well either way.' : '';
    return USUAL[key](value, shape, by) + tried;
  }
  const own = losses.find((one) => one.value === value);
  const others = losses.filter((one) => one.value !== value);
  const next = others.toSorted((a, b) => a.loss - b.loss)[0];
  const [what, other] = [value, next?.value ?? ''].map((one) => valueWords(key, one, null));
  return `Measured: it reads a plain English text with a loss of ${lossWords(own?.loss)} nats a token with ${what}, and of ${lossWords(next?.loss)} with ${other}. So it is ${what}.`;
}

function lossWords(loss: number | undefined): string {
  if (loss === undefined || !Number.isFinite(loss)) return 'no number';
  return loss.toFixed(2);
}

/** `how many heads it has and which GELU it has` */
export function unsaid(assumed: readonly Assumption[]): string {
  return listed(assumed.map(({ key }) => QUESTIONS[key]));
}
