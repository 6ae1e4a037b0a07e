// npm run train -- --text FILE --out FOLDER [--kind gpt2|nanogpt|mingpt|notebook] [--tokenizer characters|bytes|bpe|gpt2]
//   [--vocab_size 4096] [--n_layer 4] [--n_head 4] [--n_embd 128] [--block_size 128] [--max_steps 2000] [--resume]
//   or --model FOLDER_OR_ID [--lora RANK] to go on from a model: all of it, or an adapter beside it
// Trains a GPT on a text (plain or .gz), on the processor of this machine, in Node. Every option of the library's `train`
// has a flag of its own name, and so has every field of a new model (--help). Checkpoints are folders that load as models,
// here and in transformers; Ctrl-C, or SIGTERM, stops after the step in hand and keeps one.
import { openEngineHere } from './engineHere.mjs';
import { runTraining } from './train/run.mjs';

const here = await openEngineHere();
let code;
try {
  code = await runTraining(process.argv.slice(2), {
    load: here.load,
    tell: console.log,
    complain: console.error,
    signals: process,
  });
} finally {
  await here.close();
}
process.exit(code);
