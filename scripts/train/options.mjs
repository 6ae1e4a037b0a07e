// What npm run train is asked for: flags as they stand there, and what does not go together, said before a text is read.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE =
  'npm run train -- --text FILE --out FOLDER [--kind gpt2|nanogpt|mingpt|notebook] [--tokenizer characters|bytes|bpe|gpt2] ' +
  '[--vocab_size N] [--n_layer N] [--n_head N] [--n_embd N] [--block_size N] [--max_steps N] [--validation SHARE] ' +
  '[--unknown error|skip] [--prompt TEXT] [--threads N] [--resume], and every option of train() by its name; --model FOLDER_OR_ID [--lora RANK] goes on from a model';

export const KINDS = {
  gpt2: 'gpt2',
  nanogpt: 'nanogpt',
  mingpt: 'mingpt-gpt1',
  notebook: 'notebook-124m',
};
/** What becomes of characters that the tokenizer lacks. */
const UNKNOWN = ['error', 'skip'];
const TOKENIZERS = ['characters', 'bytes', 'bpe', 'gpt2'];
/** Own options that are numbers. */
const NUMBERS = [
  'vocab_size',
  'n_layer',
  'n_head',
  'n_embd',
  'validation',
  'save_total_limit',
  'threads',
  'lora',
];
/** What bounds each size: what it is called in a model's configuration, or an adapter's rank. */
const SIZES = {
  block_size: 'nCtx',
  n_layer: 'nLayer',
  n_head: 'nHead',
  n_embd: 'nEmbd',
  lora: 'rank',
};
/** What a loaded model has of its own. */
const OF_NEW_MODELS = ['kind', 'n_layer', 'n_head', 'n_embd', 'tokenizer', 'vocab_size'];
const STRINGS = [
  'text',
  'out',
  'model',
  'generator',
  'order',
  'unknown',
  'block_size',
  ...OF_NEW_MODELS,
  ...NUMBERS,
];
/** Of `block_size` the model decides, where one is loaded. */
const USUAL = {
  kind: 'gpt2',
  tokenizer: 'bpe',
  vocab_size: '4096',
  n_layer: '4',
  n_head: '4',
  n_embd: '128',
  validation: '0.1',
  unknown: 'error',
  save_total_limit: '3',
};

/**
 * `values` of the command's own flags, `args` for the library's `train`. Throws an error with the `usage` where they
 * cannot be meant. `defaults` and `bounds` are the library's: of its options, and of the sizes of models and adapters.
 */
export function readOptions(argv, { defaults, bounds }) {
  const ofTrain = [...Object.keys(defaults), 'block_size'];
  const given = parsed(argv, ofTrain);
  const { prompt, resume = false, ...words } = { ...USUAL, ...given };
  if (!words.text || !words.out)
    throw refused('Name a text and a folder: --text FILE --out FOLDER.');
  if (!statSync(words.text, { throwIfNoEntry: false })?.isFile()) {
    throw refused(`There is no file ${words.text}.`);
  }
  checkTogether(given);
  checkChoice('kind', words.kind, Object.keys(KINDS));
  checkChoice('tokenizer', words.tokenizer, TOKENIZERS);
  checkChoice('unknown', words.unknown, UNKNOWN);
  // A text may take a minute to read: what is no number is told before that.
  for (const name of [...NUMBERS, ...ofTrain]) {
    if (words[name] === undefined || typeof defaults[name] === 'string') continue;
    if (words[name].trim() !== '' && !Number.isNaN(Number(words[name]))) continue;
    throw refused(`--${name} ${JSON.stringify(words[name])} is no number.`);
  }
  for (const [name, size] of Object.entries(SIZES)) checkSize(name, words[name], bounds[size]);
  if (Number(words.n_embd) % Number(words.n_head) !== 0) {
    throw refused(`--n_embd ${words.n_embd} is not divisible by --n_head ${words.n_head}.`);
  }
  checkFolder(words.out);
  const args = Object.fromEntries(
    ofTrain
      .filter((name) => words[name] !== undefined)
      .map((name) => [
        name,
        typeof defaults[name] === 'string' ? words[name] : Number(words[name]),
      ]),
  );
  return { values: { ...words, prompt, resume }, args };
}

/** Flags that stand there, and no others. */
function parsed(argv, ofTrain) {
  const flags = [...STRINGS, ...ofTrain].map((name) => [name, { type: 'string' }]);
  const options = {
    ...Object.fromEntries(flags),
    prompt: { type: 'string', multiple: true },
    resume: { type: 'boolean' },
  };
  try {
    return parseArgs({ args: argv, options }).values;
  } catch (error) {
    throw refused(error.message);
  }
}

/** What would be passed over in silence is refused: whoever wrote it meant another run. */
function checkTogether(given) {
  if (given.lora !== undefined && given.model === undefined) {
    throw refused(
      '--lora trains an adapter beside a loaded model, and there is no --model; without one, all of a new model is trained. Name a model, or leave --lora out.',
    );
  }
  const other = OF_NEW_MODELS.filter((name) => given[name] !== undefined);
  if (given.model !== undefined && other.length > 0) {
    const [do_, them] = other.length > 1 ? ['contradict', 'them'] : ['contradicts', 'it'];
    throw refused(
      `${other.map((name) => `--${name}`).join(', ')} ${do_} --model: a loaded model has a kind, sizes and a tokenizer of its own. Leave ${them} out, or train a new model without --model.`,
    );
  }
  const { tokenizer = USUAL.tokenizer } = given;
  if (given.vocab_size !== undefined && tokenizer !== 'bpe') {
    throw refused(
      `--vocab_size belongs to --tokenizer bpe; how many tokens --tokenizer ${tokenizer} has is not to be chosen.`,
    );
  }
}

function checkChoice(name, value, known) {
  if (!known.includes(value)) throw refused(`--${name} ${value}: ${known.join(', ')}.`);
}

function checkSize(name, value, most) {
  if (value === undefined) return;
  const size = Number(value);
  if (Number.isInteger(size) && size >= 1 && size <= most) return;
  throw refused(`--${name} ${value}: expected a whole number from 1 to ${most}.`);
}

function checkFolder(out) {
  try {
    mkdirSync(out, { recursive: true });
    accessSync(out, constants.W_OK);
  } catch (error) {
    throw refused(`--out ${out} is no folder that can be written to (${error.code}).`);
  }
}

function refused(message) {
  return Object.assign(new Error(message), { usage: USAGE });
}
