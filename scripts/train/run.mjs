// npm run train, but for the process that it runs in: a text and flags become a run, and what it leaves lies in a folder.
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { compose } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readOptions } from './options.mjs';
import { count, said, saidOf } from './words.mjs';

/** Asked to end, by whom ever: a person, a shell, a scheduler. */
const SIGNALS = ['SIGINT', 'SIGTERM'];

/**
 * Resolves with the exit code. `load` imports the engine's modules by their paths in the repository; `tell` and
 * `complain` take lines; `signals` is what the process hears.
 */
export async function runTraining(argv, { load, tell, complain, signals }) {
  try {
    await run(argv, { load, tell, signals });
    return 0;
  } catch (error) {
    if (error.isHelp) {
      tell(error.message);
      return 0;
    }
    if (error.name === 'AbortError') tell('Stopped before the first step.');
    else complain([saidOf(error), error.rest].filter(Boolean).join('\n'));
    return error.usage ? 2 : 1;
  }
}

async function run(argv, { load, tell, signals }) {
  const library = await load('/src/training.ts');
  const { GPT2 } = await load('/src/index.ts');
  const { BOUNDS } = await load('/src/model/config.ts');
  const { MOST_RANK } = await load('/src/model/training/lora/loraConfig.ts');
  const bounds = { ...BOUNDS, rank: MOST_RANK };
  const { DETAILS: known, whyNotTrained: whyNot } = await load('/src/runModel.ts');
  const { values, args, details } = readOptions(argv, {
    defaults: library.DEFAULTS,
    bounds,
    known,
    whyNot,
  });
  // Before a text is read, which may take a minute.
  const { toArguments } = await load('/src/engine/training/options.ts');
  toArguments(args, Infinity);
  const path = resolve(values.text);
  const text = () => {
    const file = createReadStream(path);
    return path.endsWith('.gz') ? unpacked(file) : file;
  };
  const processor = values.threads ? { threads: Number(values.threads) } : {};
  const base = values.model
    ? await GPT2.from_pretrained(values.model, { device: 'cpu', processor, dtype: 'fp32' })
    : null;
  try {
    const { tokenizer, files } = base
      ? { tokenizer: base.tokenizer, files: base.tokenizerFiles }
      : await makeTokenizer(values, text, library, load);
    if (!tokenizer) {
      throw Object.assign(
        new Error(`${values.model} has no tokenizer, so it cannot read a text.`),
        {
          hint: 'Put the tokenizer.json that it was trained with beside its weights, or vocab.json with merges.txt.',
        },
      );
    }
    args.block_size ??= base ? Math.min(base.config.nCtx, 256) : 128;
    tell(`${base ? values.model : values.tokenizer}: ${count(tokenizer.vocabSize)} tokens.`);
    // Such as tokens of its tokenizer that it has no rows for.
    for (const note of base?.summary.notes ?? []) tell(note);
    const { unknown } = values;
    const corpus = await library.readCorpus(text(), tokenizer, { unknown });
    const { characters, documents, ids, leftOut } = corpus;
    const without = leftOut > 0 ? `; ${count(leftOut)} that it lacks were left out` : '';
    tell(
      `${count(characters)} characters in ${count(documents.length)} documents are ${count(ids.length)} tokens${without}.`,
    );
    const share = { by: 'share', validation: Number(values.validation) };
    const { train, validation } = library.splitCorpus(corpus, share);
    const { newModelOf } = await load('/src/engine/runs/settings.ts');
    const sizes = sizesOf(values, args.block_size);
    const model = base ?? newModelOf({ ...sizes, ...details }, tokenizer.vocabSize);
    const options = {
      ...args,
      model,
      ...(values.lora && { lora: { r: Number(values.lora) } }),
      train,
      validation: validation.length > 0 ? validation : null,
      tokenizer,
      tokenizerFiles: files,
      checkpoints: library.openCheckpointFolder(resolve(values.out)),
      keep: { save_total_limit: Number(values.save_total_limit) },
      resume_from_checkpoint: values.resume,
      ...(values.generator && { generator: values.generator }),
      ...(values.order && { order: values.order }),
      ...(values.prompt && { prompts: values.prompt }),
      // A loaded model has its own.
      ...(!base && { device: 'cpu', processor }),
    };
    const { writeFolder } = await load('/src/engine/save.ts');
    await untilEnd(options, { library, writeFolder, values, tell, signals });
  } finally {
    await base?.dispose();
  }
}

/** A context as long as what is read of the text at a time. */
function sizesOf({ kind, n_layer, n_head, n_embd }, block_size) {
  return {
    kind,
    n_layer: Number(n_layer),
    n_head: Number(n_head),
    n_embd: Number(n_embd),
    n_ctx: block_size,
  };
}

async function makeTokenizer({ tokenizer, vocab_size }, text, library, load) {
  if (tokenizer === 'characters') return library.trainCharacters(text());
  if (tokenizer === 'bytes') return library.createBytes({ endOfText: true });
  if (tokenizer === 'gpt2') {
    const { loadGpt2Tokenizer } = await load('/src/tokenizer.ts');
    return { tokenizer: await loadGpt2Tokenizer(), files: null };
  }
  return library.trainBytePairs(text(), { vocab_size: Number(vocab_size) });
}

/** Trains, tells, and writes what was learned; whatever goes wrong, says where the run stands. */
async function untilEnd(options, { library, writeFolder, values, tell, signals }) {
  const out = resolve(values.out);
  const stop = new AbortController();
  const end = () => {
    tell('Stopping after the step in hand …');
    stop.abort();
    unheard();
  };
  // A second one ends the process at once, as it would have without us.
  const unheard = () => SIGNALS.forEach((name) => signals.off(name, end));
  for (const name of SIGNALS) signals.on(name, end);
  let told = performance.now();
  let [kept, last] = [null, 0];
  try {
    for await (const event of library.train({ ...options, signal: stop.signal })) {
      if (event.type === 'start') {
        kept = event.checkpoint;
        last = event.max_steps;
        if (values.resume && !kept) tell('There is no checkpoint to go on from: the run begins.');
      }
      if (event.type === 'checkpoint') kept = event.name;
      if (event.type === 'step') {
        // Every few seconds is enough for whoever watches.
        const isLast = event.step === last || stop.signal.aborted;
        if (performance.now() - told < 2000 && !isLast) continue;
        told = performance.now();
      }
      if (event.type !== 'done') {
        tell(said(event));
        continue;
      }
      await write(event, { out, writeFolder });
      const what = event.reason === 'stopped' ? 'Stopped' : 'Done';
      tell(`${what} at step ${event.step}: ${join(out, 'model')}`);
    }
  } catch (error) {
    throw withRest(error, kept && join(out, kept));
  } finally {
    unheard();
  }
}

/** What was learned: a model, and an adapter by itself where one was trained. */
async function write({ model, adapter }, { out, writeFolder }) {
  try {
    await model.save_pretrained(join(out, 'model'));
    if (adapter) await writeFolder(join(out, 'adapter'), adapter);
  } catch (error) {
    throw Object.assign(error, { isUnwritten: true });
  } finally {
    await model.dispose();
  }
}

/** Of these the library says itself what is left of the run. */
const SAY_IT_THEMSELVES = ['training/not-finite', 'device/lost'];

/** Nobody shall have to look for where an hour of training went. */
function withRest(error, checkpoint) {
  if (error.name === 'AbortError' || SAY_IT_THEMSELVES.includes(error.code)) return error;
  const rest = checkpoint
    ? `The last good checkpoint is ${checkpoint}. When that is mended, the same command with --resume goes on from there.`
    : error.isUnwritten && 'No checkpoint was kept, so the run has to begin again.';
  return Object.assign(error, { rest });
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
