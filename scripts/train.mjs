// npm run train -- --text FILE --out FOLDER [--kind gpt2|nanogpt|mingpt|notebook] [--tokenizer characters|bytes|bpe|gpt2]
//   [--vocab_size 4096] [--n_layer 4] [--n_head 4] [--n_embd 128] [--block_size 128] [--max_steps 2000] [--resume]
//   or --model FOLDER_OR_ID [--lora RANK] to go on from a model: all of it, or an adapter beside it
// Trains a GPT on a text (plain or .gz), on the processor of this machine, in Node. Every option of the library's `train`
// has a flag of its own name. Checkpoints are folders that load as models, here and in transformers; Ctrl-C stops after
// the step in hand and keeps one.
import { accessSync, constants, createReadStream, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compose } from 'node:stream';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { openEngineHere } from './engineHere.mjs';

const USAGE =
  'npm run train -- --text FILE --out FOLDER [--kind gpt2|nanogpt|mingpt|notebook] [--tokenizer characters|bytes|bpe|gpt2] ' +
  '[--vocab_size N] [--n_layer N] [--n_head N] [--n_embd N] [--block_size N] [--max_steps N] [--validation SHARE] ' +
  '[--prompt TEXT] [--threads N] [--resume], and every option of train() by its name; --model FOLDER_OR_ID [--lora RANK] goes on from a model';

const KINDS = {
  gpt2: 'gpt2',
  nanogpt: 'nanogpt',
  mingpt: 'mingpt-gpt1',
  notebook: 'notebook-124m',
};
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
const OWN = {
  text: { type: 'string' },
  out: { type: 'string' },
  kind: { type: 'string', default: 'gpt2' },
  tokenizer: { type: 'string', default: 'bpe' },
  vocab_size: { type: 'string', default: '4096' },
  n_layer: { type: 'string', default: '4' },
  n_head: { type: 'string', default: '4' },
  n_embd: { type: 'string', default: '128' },
  block_size: { type: 'string' },
  model: { type: 'string' },
  lora: { type: 'string' },
  validation: { type: 'string', default: '0.1' },
  prompt: { type: 'string', multiple: true },
  generator: { type: 'string' },
  order: { type: 'string' },
  save_total_limit: { type: 'string', default: '3' },
  threads: { type: 'string' },
  resume: { type: 'boolean' },
};

const here = await openEngineHere();
let code = 1;
try {
  code = await main();
} catch (error) {
  if (error.name === 'AbortError') console.log('Stopped before the first step.');
  else console.error(error.hint ? `${error.message}\n${error.hint}` : error);
} finally {
  await here.close();
}
process.exit(code);

async function main() {
  const library = await here.load('/src/training.ts');
  const { PRESETS, GPT2 } = await here.load('/src/index.ts');
  const { loadGpt2Tokenizer } = await here.load('/src/tokenizer.ts');
  const { writeFolder } = await here.load('/src/engine/save.ts');
  const options = readOptions(library.DEFAULTS);
  if (!options) return 2;
  const { values, args } = options;
  const path = resolve(values.text);
  const text = () => {
    const file = createReadStream(path);
    return path.endsWith('.gz') ? unpacked(file) : file;
  };

  const processor = values.threads ? { threads: Number(values.threads) } : {};
  const base = values.model
    ? await GPT2.from_pretrained(values.model, { device: 'cpu', processor, dtype: 'fp32' })
    : null;
  const made = base
    ? { tokenizer: base.tokenizer, files: base.tokenizerFiles }
    : await makeTokenizer(values, text, library, loadGpt2Tokenizer);
  const { tokenizer } = made;
  if (!tokenizer)
    return stopped(`${values.model} has no tokenizer, so it cannot read a text.`) ?? 2;
  args.block_size ??= base ? Math.min(base.config.nCtx, 256) : 128;
  console.log(
    `${base ? values.model : values.tokenizer}: ${tokenizer.vocabSize.toLocaleString('en')} tokens.`,
  );
  const corpus = await library.readCorpus(text(), tokenizer);
  console.log(
    `${corpus.characters.toLocaleString('en')} characters in ${corpus.documents.length.toLocaleString('en')} documents are ${corpus.ids.length.toLocaleString('en')} tokens.`,
  );
  const split = library.splitCorpus(corpus, { by: 'share', validation: Number(values.validation) });
  const width = Number(values.n_embd);
  const config = {
    ...PRESETS[KINDS[values.kind]],
    vocabSize: tokenizer.vocabSize,
    nCtx: args.block_size,
    nLayer: Number(values.n_layer),
    nHead: Number(values.n_head),
    nEmbd: width,
    nInner: 4 * width,
  };
  const stop = new AbortController();
  process.once('SIGINT', () => {
    console.log('Stopping after the step in hand …');
    stop.abort();
  });
  const checkpoints = library.openCheckpointFolder(resolve(values.out));
  const initial = values.kind === 'gpt2' ? 'nanogpt' : values.kind;
  let lastStep = performance.now();
  for await (const event of library.train({
    ...args,
    model: base ?? { config, initial },
    ...(base && values.lora && { lora: { r: Number(values.lora) } }),
    train: split.train,
    validation: split.validation.length > 0 ? split.validation : null,
    tokenizer,
    tokenizerFiles: made.files,
    checkpoints,
    keep: { save_total_limit: Number(values.save_total_limit) },
    resume_from_checkpoint: values.resume,
    ...(values.generator && { generator: values.generator }),
    ...(values.order && { order: values.order }),
    ...(values.prompt && { prompts: values.prompt }),
    // A loaded model has its own.
    ...(!base && { device: 'cpu', processor }),
    signal: stop.signal,
  })) {
    if (event.type === 'step') {
      // Every few seconds is enough for whoever watches.
      const isLast = event.step === args.max_steps || stop.signal.aborted;
      if (performance.now() - lastStep < 2000 && !isLast) continue;
      lastStep = performance.now();
    }
    if (event.type === 'done') {
      const folder = join(resolve(values.out), 'model');
      await event.model.save_pretrained(folder);
      if (event.adapter) await writeFolder(join(resolve(values.out), 'adapter'), event.adapter);
      console.log(
        `${event.reason === 'stopped' ? 'Stopped' : 'Done'} at step ${event.step}: ${folder}`,
      );
      await event.model.dispose();
      await base?.dispose();
    } else console.log(said(event));
  }
  return 0;
}

function readOptions(defaults) {
  const flags = Object.fromEntries(
    [...Object.keys(defaults), 'block_size'].map((name) => [name, { type: 'string' }]),
  );
  let given;
  try {
    given = parseArgs({ options: { ...flags, ...OWN } }).values;
  } catch (error) {
    return stopped(error.message);
  }
  const { prompt, resume, ...rest } = given;
  const words = new Map(Object.entries(rest).map(([name, value]) => [name, String(value)]));
  const word = (name) => words.get(name) ?? '';
  if (!words.has('text') || !words.has('out')) {
    return stopped('Name a text and a folder: --text FILE --out FOLDER.');
  }
  if (!statSync(word('text'), { throwIfNoEntry: false })?.isFile()) {
    return stopped(`There is no file ${word('text')}.`);
  }
  if (!Object.hasOwn(KINDS, word('kind'))) {
    return stopped(`--kind ${word('kind')}: ${Object.keys(KINDS).join(', ')}.`);
  }
  if (!TOKENIZERS.includes(word('tokenizer'))) {
    return stopped(`--tokenizer ${word('tokenizer')}: ${TOKENIZERS.join(', ')}.`);
  }
  // A text may take a minute to read: what is no number is told before that.
  const numbers = [...NUMBERS, ...Object.keys(flags)].filter((name) => {
    return words.has(name) && typeof defaults[name] !== 'string';
  });
  const wrong = numbers.find(
    (name) => word(name).trim() === '' || Number.isNaN(Number(word(name))),
  );
  if (wrong !== undefined) {
    return stopped(`--${wrong} ${JSON.stringify(word(wrong))} is no number.`);
  }
  if (Number(word('n_embd')) % Number(word('n_head')) !== 0) {
    return stopped(`--n_embd ${word('n_embd')} is not divisible by --n_head ${word('n_head')}.`);
  }
  try {
    mkdirSync(word('out'), { recursive: true });
    accessSync(word('out'), constants.W_OK);
  } catch (error) {
    return stopped(`--out ${word('out')} is no folder that can be written to (${error.code}).`);
  }
  const args = {};
  for (const name of Object.keys(flags)) {
    if (!words.has(name)) continue;
    const isWord = typeof defaults[name] === 'string';
    args[name] = isWord ? word(name) : Number(word(name));
  }
  const values = { ...Object.fromEntries(words), prompt, resume: resume === true };
  return { values, args };
}

/** What a packed file holds; says so where it is none. */
async function* unpacked(file) {
  try {
    yield* compose(file, createGunzip());
  } catch (error) {
    if (!String(error.code).startsWith('Z_')) throw error;
    throw Object.assign(new Error(`The text is no whole gzip file: ${error.message}.`), {
      hint: 'Unpack it, and name the file without .gz.',
    });
  }
}

function stopped(message) {
  console.error(`${message}\nUsage: ${USAGE}`);
  return null;
}

async function makeTokenizer({ tokenizer, vocab_size }, text, library, loadGpt2Tokenizer) {
  if (tokenizer === 'characters') return library.trainCharacters(text());
  if (tokenizer === 'bytes') return library.createBytes({ endOfText: true });
  if (tokenizer === 'gpt2') return { tokenizer: await loadGpt2Tokenizer(), files: null };
  return library.trainBytePairs(text(), { vocab_size: Number(vocab_size) });
}

function said(event) {
  switch (event.type) {
    case 'plan': {
      const { base, weights, gradients, moments, activations, logits, masks, total } = event.plan;
      const parts = { base, weights, gradients, moments, activations, logits, masks };
      const words = Object.entries(parts).filter(([, bytes]) => bytes > 0);
      return `Memory: ${megabytes(total)} (${words.map(([name, bytes]) => `${name} ${megabytes(bytes)}`).join(', ')}).`;
    }
    case 'start':
      return `${event.parameters.toLocaleString('en')} parameters${event.trainable === event.parameters ? '' : `, ${event.trainable.toLocaleString('en')} of an adapter that learn`}, ${event.tokensAStep.toLocaleString('en')} tokens a step, step ${event.step} of ${event.max_steps}${event.checkpoint ? `, from ${event.checkpoint}` : ''}.`;
    case 'step':
      return `step ${event.step}  loss ${event.loss.toFixed(4)}  learning rate ${event.learning_rate.toExponential(2)}  gradient ${event.grad_norm.toFixed(2)}  ${Math.round(event.tokensPerSecond).toLocaleString('en')} tokens/s  epoch ${event.epoch.toFixed(2)}`;
    case 'evaluation':
      return `step ${event.step}  validation loss ${event.eval_loss.toFixed(4)}`;
    case 'sample':
      return `step ${event.step}  ${JSON.stringify(event.prompt)} → ${JSON.stringify(event.text)}`;
    case 'checkpoint':
      return `step ${event.step}  ${event.name} (${megabytes(event.sizeBytes)})`;
    default:
      return `step ${event.step}  ${event.message} ${event.hint}`;
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
