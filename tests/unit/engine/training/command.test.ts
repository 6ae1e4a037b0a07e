// npm run train, in this process: what it is asked for, what it leaves, and what it says where that cannot be.
import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runTraining } from '../../../../scripts/train/run.mjs';

const MODULES: Readonly<Record<string, () => Promise<unknown>>> = {
  '/src/training.ts': () => import('../../../../src/training.ts'),
  '/src/index.ts': () => import('../../../../src/index.ts'),
  '/src/tokenizer.ts': () => import('../../../../src/tokenizer.ts'),
  '/src/model/config.ts': () => import('../../../../src/model/config.ts'),
  '/src/model/training/lora/loraConfig.ts': () =>
    import('../../../../src/model/training/lora/loraConfig.ts'),
  '/src/runModel.ts': () => import('../../../../src/runModel.ts'),
  '/src/engine/runs/settings.ts': () => import('../../../../src/engine/runs/settings.ts'),
  '/src/engine/save.ts': () => import('../../../../src/engine/save.ts'),
  '/src/engine/training/options.ts': () => import('../../../../src/engine/training/options.ts'),
};

const away = mkdtempSync(join(tmpdir(), 'glass-gpt-command-'));
afterAll(() => rmSync(away, { recursive: true, force: true }));
const text = join(away, 'text.txt');
writeFileSync(text, 'the cat sat on the mat. the dog sat on the log.\n'.repeat(60));
let folders = 0;
const newFolder = (): string => join(away, `run-${folders++}`);

/** What is printed; `hear` has its turn with each line. */
async function command(
  flags: string,
  hear: (line: string, signals: EventEmitter) => void = () => {},
) {
  const signals = new EventEmitter();
  const lines: string[] = [];
  const take = (line: string): void => {
    lines.push(line);
    hear(line, signals);
  };
  const code = await runTraining(flags.split(' '), {
    load: (path: string) => MODULES[path](),
    tell: take,
    complain: take,
    signals,
  });
  return { code, output: lines.join('\n'), listeners: signals.eventNames().length };
}

const SMALL =
  '--tokenizer characters --n_layer 1 --n_head 2 --n_embd 12 --block_size 8 --threads 1 ' +
  '--per_device_train_batch_size 2 --eval_steps 0 --sample_steps 0 --logging_steps 1';
const run = (out: string, more = ''): string => `--text ${text} --out ${out} ${SMALL}${more}`;

describe('npm run train', () => {
  test('trains, and one that is past its end already says so', async () => {
    const out = newFolder();
    const first = await command(run(out, ' --max_steps 4'));
    expect(first.output).toContain(`Done at step 4: ${join(out, 'model')}`);
    expect(first.code).toBe(0);
    expect(readdirSync(out).toSorted()).toEqual(['checkpoint-4', 'model']);
    const again = await command(run(out, ' --max_steps 4'));
    expect(again).toMatchObject({ code: 1 });
    expect(again.output).toContain('There is checkpoint-4 of a run already');
    expect(again.output).toContain('Go on from it (--resume)');
    const past = await command(run(out, ' --max_steps 2 --resume'));
    expect(past.output).not.toContain('4 of 2');
    expect(past.output).toContain('tokens a step, step 4, from checkpoint-4.');
    expect(past.output).toContain(
      'The run is past max_steps 2 already: it stands at step 4. No step is made. Give a max_steps above 4 to go on.',
    );
    expect(past.code).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM'])('keeps a checkpoint on %s, and hears it once', async (name) => {
    const out = newFolder();
    const flags = run(out, ' --max_steps 100000 --resume').replace(
      'sample_steps 0',
      'sample_steps 1',
    );
    const stopped = await command(flags, (line, signals) => {
      if (!line.startsWith('step 1  ""')) return;
      expect(signals.emit(name)).toBe(true);
      // From here on it is the system's.
      expect(signals.eventNames()).toEqual([]);
    });
    expect(stopped.output).toContain('There is no checkpoint to go on from: the run begins.');
    expect(stopped.output).toContain('Stopping after the step in hand …\nstep 1  checkpoint-1 (');
    expect(stopped.output).toContain('Stopped at step 1: ');
    expect(stopped.code).toBe(0);
    expect(readdirSync(out).toSorted()).toEqual(['checkpoint-1', 'model']);
  });

  test('that cannot write its model names the last checkpoint, and goes on from there', async () => {
    const out = newFolder();
    // Where its folder should be is a file.
    const first = await command(run(out, ' --max_steps 2'), (line) => {
      if (line.startsWith('step 2  checkpoint')) writeFileSync(join(out, 'model'), '');
    });
    expect(first.code).toBe(1);
    expect(first.output).toContain(`${join(out, 'model')}/ could not be written`);
    expect(first.output).toContain(
      `The last good checkpoint is ${join(out, 'checkpoint-2')}. When that is mended, the same command with --resume goes on from there.`,
    );
    rmSync(join(out, 'model'));
    const again = await command(run(out, ' --max_steps 2 --resume'));
    expect(again.code).toBe(0);
    expect(existsSync(join(out, 'model', 'model.safetensors'))).toBe(true);
    const none = newFolder();
    const lost = await command(run(none, ' --max_steps 2 --save_steps 0'), (line) => {
      if (line.startsWith('step 2  loss')) writeFileSync(join(none, 'model'), '');
    });
    expect(lost.output).toContain('No checkpoint was kept, so the run has to begin again.');
  });

  test('goes on from a model that it made, whose tokenizer may lack a character', async () => {
    const made = newFolder();
    await command(run(made, ' --max_steps 1'));
    const other = join(away, 'other.txt');
    writeFileSync(other, 'a cat, a dog and a log: Zat. '.repeat(20));
    const out = newFolder();
    const how = '--block_size 8 --threads 1 --max_steps 2 --eval_steps 0 --sample_steps 0 --lora 2';
    const flags = `--text ${other} --out ${out} --model ${join(made, 'model')} ${how}`;
    const { code, output } = await command(flags);
    expect(output).toContain('The tokenizer has no token for ","');
    expect(output).toContain('Leave such characters out (--unknown skip)');
    expect(code).toBe(1);
    const skipped = await command(`${flags} --unknown skip`);
    expect(skipped.output).toContain(
      '580 characters in 1 documents are 520 tokens; 60 that it lacks',
    );
    expect(skipped.code).toBe(0);
    expect(readdirSync(out).toSorted()).toEqual(['adapter', 'checkpoint-2', 'model']);
  });

  test('makes a model of every field that is said, by GPT2Config’s names', async () => {
    const out = newFolder();
    const said = {
      n_inner: 20,
      activation_function: 'relu',
      layer_norm_epsilon: 0.001,
      layer_norm_denominator: 'std',
      qkv_bias: false,
      bias: true,
      layer_norm_bias: false,
      scale_attn_weights: false,
      scale_attn_by_inverse_layer_idx: true,
      tie_word_embeddings: false,
      initializer_range: 0.1,
    };
    const flags = Object.entries(said).map(([name, value]) => ` --${name} ${value}`);
    const { code, output } = await command(run(out, ` --max_steps 1${flags.join('')}`));
    expect({ code, output }).toMatchObject({ code: 0 });
    const config = JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8')) as object;
    // Which biases there are, the tensors say.
    expect(config).toMatchObject({
      n_inner: 20,
      activation_function: 'relu',
      layer_norm_epsilon: 0.001,
      scale_attn_weights: false,
      scale_attn_by_inverse_layer_idx: true,
      tie_word_embeddings: false,
      initializer_range: 0.1,
    });
    const { GPT2 } = await import('../../../../src/index.ts');
    const model = await GPT2.from_pretrained(join(out, 'model'), {
      device: 'cpu',
      processor: { wasm: 'exact', threads: 1 },
    });
    expect(model.config).toMatchObject({ nInner: 20, activation: 'relu', tiedHead: false });
    await model.dispose();
  });

  test('says every flag with what it may be', async () => {
    for (const flag of ['--help', '-h']) {
      const { code, output } = await command(flag);
      expect(output).toContain('Usage: npm run train -- --text FILE --out FOLDER');
      expect(output).toContain('--n_inner 1 … 262144: width of each MLP');
      expect(output).toContain('--layer_norm_denominator variance|std: ');
      expect(output).toContain('--tie_word_embeddings true|false: ');
      expect(output).toContain('--max_grad_norm 1');
      expect(output).not.toContain('undefined');
      expect(code).toBe(0);
    }
  });

  const contradictions = [
    ['--lora 4', '--lora trains an adapter beside a loaded model, and there is no --model'],
    ['--model tales --kind gpt2', '--kind contradicts --model: a loaded model has'],
    [
      '--model tales --n_layer 2 --n_embd 8 --vocab_size 300',
      '--n_layer, --n_embd, --vocab_size contradict --model',
    ],
    ['--model tales --bias false', '--bias contradicts --model: a loaded model has'],
    [
      '--kind notebook --initializer_range 0.1',
      '--initializer_range says nothing of a notebook model',
    ],
    ['--tokenizer bytes --vocab_size 300', '--vocab_size belongs to --tokenizer bpe'],
  ] as const;
  const sizes = [
    ['--block_size 0', '--block_size 0: expected a whole number from 1 to 131072.'],
    ['--n_layer 0', '--n_layer 0: expected a whole number from 1 to 512.'],
    ['--n_embd 0', '--n_embd 0: expected a whole number from 1 to 32768.'],
    ['--n_head 1.5', '--n_head 1.5: expected a whole number from 1 to 512.'],
    ['--n_head 3', '--n_embd 128 is not divisible by --n_head 3.'],
    ['--model tales --lora 0', '--lora 0: expected a whole number from 1 to 1024.'],
    ['--max_steps 0', 'max_steps is 0; expected a whole number from 1 to'],
    ['--n_layer four', '--n_layer "four" is no number.'],
    ['--n_inner 0', '--n_inner is 0; expected a whole number from 1 to 262144.'],
    ['--n_inner wide', '--n_inner is "wide"; expected a whole number from 1 to 262144.'],
    ['--layer_norm_epsilon 0', '--layer_norm_epsilon is 0; expected a number from 1e-12 to 1.'],
    ['--initializer_range 20', '--initializer_range is 20; expected a number from 0.000001 to 10.'],
    ['--activation_function swish', '--activation_function is "swish"; expected gelu_new, gelu,'],
    ['--layer_norm_denominator sum', '--layer_norm_denominator is "sum"; expected variance, std.'],
    ['--bias yes', '--bias is "yes"; expected true or false.'],
    ['--layers 4', "Unknown option '--layers'"],
  ] as const;
  test.each([...contradictions, ...sizes])('refuses %s in words', async (flags, words) => {
    const out = newFolder();
    const { code, output } = await command(`--text ${text} --out ${out} ${flags}`);
    expect(output).toContain(words);
    expect(output).not.toContain('config.json');
    // Before it read the text.
    expect(output).not.toContain('characters in');
    expect(code).toBeGreaterThan(0);
  });
});
