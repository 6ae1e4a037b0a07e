// What decides a model's numbers and stands in none of its files, in words.
import type { Assumption, ModelSummary, Reading } from '../../api.ts';

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

/** A value as it is chosen: `3, 16 wide`. The width of a model that is not here may not be known. */
export function valueWords(key: Key, value: Value, nEmbd: number | null): string {
  if (key === 'layer_norm_denominator') return NORMS[value] ?? String(value);
  if (key === 'activation_function') return GELUS[value] ?? String(value);
  return nEmbd === null ? String(value) : `${value}, ${nEmbd / Number(value)} wide`;
}

/** What the files do not say: `how many heads it has`. */
function questionWords(key: Key): string {
  if (key === 'nHead') return 'how many heads it has';
  return key === 'layer_norm_denominator' ? 'what its LayerNorm divides by' : 'which GELU it has';
}

/** What was decided, and why. */
export function assumptionWords(assumption: Assumption, { nEmbd }: Shape): string {
  const { key, value, by, losses = [] } = assumption;
  const what = key === 'nHead' ? String(value) : valueWords(key, value, null);
  if (by === 'measured') {
    const others = losses.filter((one) => one.value !== value);
    const next = others.toSorted((a, b) => a.loss - b.loss)[0];
    const own = losses.find((one) => one.value === value);
    const second = key === 'nHead' ? String(next?.value) : valueWords(key, next?.value ?? '', null);
    return `Measured: it reads a plain English text with a loss of ${lossWords(own?.loss)} nats a token with ${what}, and of ${lossWords(next?.loss)} with ${second}. So it is ${what}.`;
  }
  const tried = losses.length > 1 ? ' A plain English text is read about as well either way.' : '';
  if (key === 'nHead') {
    return `${value} are assumed: published models of width ${nEmbd} have as many. With another number the same weights write another text.`;
  }
  if (key === 'layer_norm_denominator') {
    return `${what} is assumed, as in the book “Build a Large Language Model (From Scratch)” and in PyTorch; a notebook made from it divides by ${NORMS.std}, and its weights write nonsense so.${tried}`;
  }
  const whose =
    value === 'gelu'
      ? 'nanoGPT has it, whose names the tensors have and whose head is the embedding too'
      : 'today’s minGPT has it, whose names the tensors have and which has a head of its own';
  return `${what[0].toUpperCase()}${what.slice(1)} is assumed: ${whose}. The two differ in the third digit of a logit.`;
}

function lossWords(loss: number | undefined): string {
  if (loss === undefined || !Number.isFinite(loss)) return 'no number';
  return loss.toFixed(2);
}

/** `how many heads it has, and which GELU it has` */
export function unsaid(assumed: readonly Assumption[]): string {
  const questions = assumed.map(({ key }) => questionWords(key));
  return questions.length < 2
    ? (questions[0] ?? '')
    : `${questions.slice(0, -1).join(', ')} and ${questions.at(-1)}`;
}
