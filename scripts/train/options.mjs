// What npm run train is asked for: flags as they stand there, and what does not go together, said before a text is read.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE =
  'npm run train -- --text FILE --out FOLDER [--kind gpt2|nanogpt|mingpt|notebook] [--tokenizer characters|bytes|bpe|gpt2] ' +
  '[--vocab_size N] [--n_layer N] [--n_head N] [--n_embd N] [--block_size N] [--max_steps N] [--validation SHARE] ' +
  '[--unknown error|skip] [--prompt TEXT] [--threads N] [--resume], every option of train() by its name, and every field of a new model (--help names them); --model FOLDER_OR_ID [--lora RANK] goes on from a model';

const KINDS = ['gpt2', 'nanogpt', 'mingpt', 'notebook'];
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
/** What a loaded model has of its own, beside the details. */
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
/** What each detail is, for --help; numbers and choices come from the library. */
const ABOUT = {
  n_inner: 'width of each MLP; 4 · n_embd if left out',
  activation_function: 'between the two layers of an MLP',
  layer_norm_epsilon: 'what a LayerNorm adds before it divides',
  layer_norm_denominator: 'what a LayerNorm divides by the root of; std as the notebook has it',
  qkv_bias: 'whether queries, keys and values have biases',
  bias: 'whether all other linear layers but the head have',
  layer_norm_bias: 'whether a LayerNorm has',
  scale_attn_weights: 'whether scores are divided by the root of a head’s width',
  scale_attn_by_inverse_layer_idx: 'whether they are divided by the number of their block too',
  tie_word_embeddings: 'whether the head is the embedding itself',
  initializer_range: 'standard deviation of first weights; none of the notebook’s',
};
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
 * `values` of the command's own flags, `args` for the library's `train`, `details` for a new model, by GPT2Config's names.
 * Throws an error with the `usage` where they cannot be meant; with `help` alone where that was asked for. `defaults`,
 * `bounds` and `known` are the library's: of its options, of the sizes of models and adapters, of a model's details.
 * `whyNot` says what cannot be of them, or null.
 */
export function readOptions(argv, { defaults, bounds, known, whyNot }) {
  const ofTrain = [...Object.keys(defaults), 'block_size'];
  const given = parsed(argv, [...ofTrain, ...Object.keys(known)]);
  if (given.help) throw Object.assign(new Error(helpOf(defaults, known)), { isHelp: true });
  const { prompt, resume = false, ...words } = { ...USUAL, ...given };
  if (!words.text || !words.out)
    throw refused('Name a text and a folder: --text FILE --out FOLDER.');
  if (!statSync(words.text, { throwIfNoEntry: false })?.isFile()) {
    throw refused(`There is no file ${words.text}.`);
  }
  checkTogether(given, Object.keys(known));
  checkChoice('kind', words.kind, KINDS);
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
  const details = detailsOf(given, known);
  const wrong = whyNot({ kind: words.kind, ...details });
  if (wrong) throw refused(`--${wrong.message} ${wrong.hint}`);
  checkFolder(words.out);
  const args = Object.fromEntries(
    ofTrain
      .filter((name) => words[name] !== undefined)
      .map((name) => [
        name,
        typeof defaults[name] === 'string' ? words[name] : Number(words[name]),
      ]),
  );
  return { values: { ...words, prompt, resume }, args, details };
}

/** What is said of a new model: numbers and yes or no as such. What is no number stays as it stands there, and is refused by its name. */
function detailsOf(given, known) {
  const said = Object.entries(known).filter(([name]) => given[name] !== undefined);
  return Object.fromEntries(
    said.map(([name, what]) => {
      const word = given[name];
      if ('flag' in what) return [name, { true: true, false: false }[word] ?? word];
      const isNumber = 'from' in what && word.trim() !== '' && !Number.isNaN(Number(word));
      return [name, isNumber ? Number(word) : word];
    }),
  );
}

function helpOf(defaults, known) {
  const options = Object.entries(defaults).map(([name, value]) => `  --${name} ${value}`);
  const fields = Object.entries(known).map(([name, what]) => {
    const may =
      'flag' in what
        ? 'true|false'
        : 'choices' in what
          ? what.choices.join('|')
          : `${what.from} … ${what.to}`;
    return `  --${name} ${may}: ${ABOUT[name]}`;
  });
  return [
    `Usage: ${USAGE}`,
    '',
    'Fields of a new model, by GPT2Config’s names; what is left out is as the --kind has it:',
    ...fields,
    '',
    'Options of the run, with what they are where they are left out:',
    ...options,
  ].join('\n');
}

/** Flags that stand there, and no others. */
function parsed(argv, others) {
  const flags = [...STRINGS, ...others].map((name) => [name, { type: 'string' }]);
  const options = {
    ...Object.fromEntries(flags),
    prompt: { type: 'string', multiple: true },
    resume: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  };
  try {
    return parseArgs({ args: argv, options }).values;
  } catch (error) {
    throw refused(error.message);
  }
}

/** What would be passed over in silence is refused: whoever wrote it meant another run. */
function checkTogether(given, details) {
  if (given.lora !== undefined && given.model === undefined) {
    throw refused(
      '--lora trains an adapter beside a loaded model, and there is no --model; without one, all of a new model is trained. Name a model, or leave --lora out.',
    );
  }
  const other = [...OF_NEW_MODELS, ...details].filter((name) => given[name] !== undefined);
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
