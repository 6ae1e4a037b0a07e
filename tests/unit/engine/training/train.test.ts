import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EngineError } from '../../../../src/errors.ts';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import type { TrainOptions } from '../../../../src/engine/training/begin.ts';
import { openCheckpointFolder } from '../../../../src/engine/training/checkpointFolder.ts';
import type { CheckpointStore } from '../../../../src/engine/training/checkpointStore.ts';
import { readCorpus } from '../../../../src/engine/training/corpus.ts';
import type { TrainEvent } from '../../../../src/engine/training/events.ts';
import { splitCorpus } from '../../../../src/engine/training/split.ts';
import { TokenIds } from '../../../../src/engine/training/tokenIds.ts';
import { train } from '../../../../src/engine/training/train.ts';
import { PRESETS } from '../../../../src/model/config.ts';
import { parameterTable, tensorsOf } from '../../../../src/model/parameters.ts';
import { readVector } from '../../../../src/model/readBack.ts';
import { trainCharacters } from '../../../../src/text/training/characterTrainer.ts';

const TEXT = 'the cat sat on the mat. the dog sat on the log. '.repeat(60);

/** A small run over `TEXT`, letter by letter. */
async function smallRun(more: Partial<TrainOptions> = {}): Promise<TrainOptions> {
  const { tokenizer, files } = await trainCharacters(TEXT);
  const corpus = await readCorpus(TEXT, tokenizer);
  const { train: ids, validation } = splitCorpus(corpus, { by: 'share', validation: 0.1 });
  const sizes = { nCtx: 16, nLayer: 2, nHead: 2, nEmbd: 20, nInner: 80 };
  return {
    model: { config: { ...PRESETS.gpt2, ...sizes, vocabSize: tokenizer.vocabSize } },
    train: ids,
    validation,
    tokenizer,
    tokenizerFiles: files,
    per_device_train_batch_size: 3,
    max_steps: 8,
    warmup_steps: 2,
    eval_steps: 4,
    max_eval_samples: 4,
    save_steps: 4,
    sample_steps: 0,
    device: 'cpu',
    processor: { wasm: 'exact', threads: 1 },
    ...more,
  };
}

/** Everything that happens; the model of `done` is disposed of when the test ends. */
async function eventsOf(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(options)) {
    events.push(event);
    if (event.type === 'done') onTestFinished(() => event.model.dispose());
  }
  return events;
}

function of<T extends TrainEvent['type']>(events: readonly TrainEvent[], type: T) {
  return events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'glass-gpt-train-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function sha256Of({ gpt }: GPT2): Promise<string> {
  const hash = createHash('sha256');
  for (const spec of parameterTable(gpt.config)) {
    for (const tensor of tensorsOf(spec, gpt.parameters)) {
      const flat = { ...tensor, shape: [tensor.shape.reduce((a, b) => a * b)] };
      hash.update(new Uint8Array((await readVector(gpt.device, [flat])).buffer));
    }
  }
  return hash.digest('hex');
}

async function refused(options: TrainOptions): Promise<EngineError> {
  const error: unknown = await eventsOf(options).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EngineError)) throw new Error('It was not refused in words.');
  return error;
}

describe('train', () => {
  test('tells its plan, its steps, what was measured and kept, and gives the model', async () => {
    const folder = newFolder();
    const checkpoints = openCheckpointFolder(folder);
    const events = await eventsOf(await smallRun({ checkpoints, sample_steps: 8 }));
    expect(events.map(({ type }) => type).join(' ')).toBe(
      'plan start evaluation step step step step evaluation checkpoint ' +
        'step step step step evaluation sample checkpoint done',
    );
    const steps = of(events, 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(steps[0].learning_rate).toBe(0);
    expect(steps.at(-1)?.tokens).toBe(8 * 3 * 16);
    const [first, , last] = of(events, 'evaluation');
    expect(last.eval_loss).toBeLessThan(first.eval_loss);
    const [{ model, reason }] = of(events, 'done');
    expect(reason).toBe('max_steps');
    // What was kept last is this very model.
    const [kept] = (await checkpoints.list()).slice(-1);
    const again = await GPT2.from_pretrained(`${folder}/${kept.name}`, {
      device: 'cpu',
      processor: { wasm: 'exact', threads: 1 },
    });
    onTestFinished(() => again.dispose());
    expect(await sha256Of(again)).toBe(await sha256Of(model));
    expect(again.fingerprint).toBe(model.fingerprint);
  });

  const kinds: readonly (readonly [string, Partial<TrainOptions>])[] = [
    ['with dropout', { embd_pdrop: 0.1, attn_pdrop: 0.2, resid_pdrop: 0.1 }],
    [
      'in shuffled epochs and two micro-batches',
      { order: 'shuffled', gradient_accumulation_steps: 2 },
    ],
    [
      'by PyTorch’s generator, with dropout',
      { generator: 'torch', embd_pdrop: 0.1, attn_pdrop: 0.1, resid_pdrop: 0.1 },
    ],
  ];
  test.each(kinds)(
    'a run that goes on %s is the unbroken run, bit for bit',
    async (_name, more) => {
      const whole = await eventsOf(await smallRun(more));
      const checkpoints = openCheckpointFolder(newFolder());
      const before: TrainEvent[] = [];
      for await (const event of train(await smallRun({ ...more, checkpoints }))) {
        before.push(event);
        if (event.type === 'step' && event.step === 5) break;
      }
      expect(of(before, 'checkpoint').map(({ step }) => step)).toEqual([4]);
      const after = await eventsOf(
        await smallRun({ ...more, checkpoints, resume_from_checkpoint: true }),
      );
      expect(of(after, 'start')[0]).toMatchObject({ step: 4, checkpoint: 'checkpoint-4' });
      const losses = of(whole, 'step').map(({ loss }) => loss);
      expect(of(before, 'step').map(({ loss }) => loss)).toEqual(losses.slice(0, 5));
      expect(of(after, 'step').map(({ loss }) => loss)).toEqual(losses.slice(4));
      const [model, resumed] = [of(whole, 'done')[0].model, of(after, 'done')[0].model];
      expect(await sha256Of(resumed)).toBe(await sha256Of(model));
    },
  );

  test.each(['step', 'evaluation', 'sample'] as const)(
    'stopped while its %s is told, a run is kept as it is then, and goes on from there to the bit',
    async (type) => {
      const more = { eval_steps: 3, sample_steps: 3, sampling: { max_new_tokens: 2 } };
      const whole = await eventsOf(await smallRun(more));
      const checkpoints = openCheckpointFolder(newFolder());
      const stop = new AbortController();
      const before: TrainEvent[] = [];
      const broken = await smallRun({ ...more, checkpoints, signal: stop.signal });
      for await (const event of train(broken)) {
        before.push(event);
        if (event.type === type && event.step === 3) stop.abort();
        if (event.type === 'done') await event.model.dispose();
      }
      const last = before.slice(
        before.findIndex((event) => event.type === 'step' && event.step === 3),
      );
      expect(last.map((event) => event.type)).toEqual([
        'step',
        'evaluation',
        'sample',
        'checkpoint',
        'done',
      ]);
      expect(of(before, 'done')[0]).toMatchObject({ reason: 'stopped', step: 3 });
      const after = await eventsOf(
        await smallRun({ ...more, checkpoints, resume_from_checkpoint: true }),
      );
      expect(of(after, 'start')[0].checkpoint).toBe('checkpoint-3');
      const losses = of(whole, 'step').map(({ loss }) => loss);
      expect(of(after, 'step').map(({ loss }) => loss)).toEqual(losses.slice(3));
    },
  );

  test('writes words of the text that it learned', { timeout: 60_000 }, async () => {
    const events = await eventsOf(
      await smallRun({
        max_steps: 250,
        per_device_train_batch_size: 8,
        learning_rate: 1e-2,
        logging_steps: 50,
        eval_steps: 0,
        sample_steps: 250,
        prompts: ['the '],
        sampling: { do_sample: false, max_new_tokens: 40 },
      }),
    );
    expect(of(events, 'step').at(-1)?.loss).toBeLessThan(0.4);
    const [{ text }] = of(events, 'sample');
    const words = text.split(/[ .]+/).slice(0, -1);
    expect(words.length).toBeGreaterThan(6);
    expect(words.filter((word) => !TEXT.includes(` ${word}`))).toEqual([]);
  });

  test('shows text in its first sample, where end-of-text would be drawn by the run’s seed', async () => {
    // The first number of seed 42 is 0.988: of tokens that are all alike, it draws the last, which is end-of-text.
    const text = `${TEXT}\n<|endoftext|>\n${TEXT}`;
    const { tokenizer, files } = await trainCharacters(text);
    expect(tokenizer.endOfTextId).toBe(tokenizer.vocabSize - 1);
    const corpus = await readCorpus(text, tokenizer);
    const { model: _, ...rest } = await smallRun();
    const sizes = { nCtx: 16, nLayer: 1, nHead: 1, nEmbd: 8, nInner: 32 };
    const config = { ...PRESETS.gpt2, ...sizes, vocabSize: tokenizer.vocabSize };
    const run = {
      ...rest,
      model: { config },
      train: corpus.ids,
      validation: null,
      tokenizer,
      tokenizerFiles: files,
      max_steps: 1,
      sample_steps: 1,
    };
    const [sample] = of(await eventsOf(run), 'sample');
    expect(sample.text).not.toBe('');
    // Whoever wants the empty ones has them.
    const [asked] = of(await eventsOf({ ...run, sampling: { min_new_tokens: 0 } }), 'sample');
    expect(asked.text).toBe('');
    expect(of(await eventsOf(run), 'sample')).toEqual([sample]);
  });

  test('ends in words where the loss is no number, and names the last good checkpoint', async () => {
    const checkpoints = openCheckpointFolder(newFolder());
    const options = { learning_rate: 1e3, lr_scheduler_type: 'constant', save_steps: 1 } as const;
    const run = { ...options, max_steps: 200, eval_steps: 0, checkpoints };
    const error = await refused(await smallRun(run));
    expect(error.code).toBe('training/not-finite');
    expect(error.message).toMatch(/^Step \d+: the (loss|gradient's norm) is (NaN|Infinity)\.$/);
    // What is there can be gone on from: the checkpoint of the weights that gave no number is not.
    const steps = (await checkpoints.list()).map(({ step }) => step);
    const failed = Number(/\d+/.exec(error.message)?.[0]);
    expect(steps.at(-1)).toBe(failed - 1);
    expect(error.hint).toContain(`The last good checkpoint is checkpoint-${failed - 1}:`);
    expect(error.hint).toContain('learning_rate than 1000');
  });

  test('keeps a good checkpoint, however few may be kept', async () => {
    const checkpoints = openCheckpointFolder(newFolder());
    const options = { learning_rate: 1e3, lr_scheduler_type: 'constant', save_steps: 1 } as const;
    const run = { ...options, max_steps: 200, eval_steps: 0, checkpoints };
    const error = await refused(await smallRun({ ...run, keep: { save_total_limit: 1 } }));
    const steps = (await checkpoints.list()).map(({ step }) => step);
    expect(steps).toHaveLength(1);
    expect(error.hint).toContain(`The last good checkpoint is checkpoint-${steps[0]}:`);
  });

  test('goes on where a checkpoint cannot be written, and says so', async () => {
    const store = openCheckpointFolder(newFolder());
    const errors = [
      new EngineError('The folder is read-only.', { code: 'save/write' }),
      Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }),
    ];
    const checkpoints: CheckpointStore = {
      ...store,
      write: (...given) => {
        const error = errors.shift();
        return error ? Promise.reject(error) : store.write(...given);
      },
    };
    const events = await eventsOf(await smallRun({ checkpoints, save_steps: 3, max_steps: 8 }));
    expect(of(events, 'notice')).toMatchObject([
      { step: 3, code: 'save/write', message: 'The folder is read-only.' },
      { step: 6, code: 'training/storage', message: expect.stringContaining('EIO') as string },
    ]);
    expect(of(events, 'checkpoint').map(({ step }) => step)).toEqual([8]);
    expect(of(events, 'done')).toHaveLength(1);
  });

  test('goes on from the last checkpoint that can be read, and says which cannot', async () => {
    const folder = newFolder();
    const checkpoints = openCheckpointFolder(folder);
    const whole = await eventsOf(await smallRun({ checkpoints }));
    truncateSync(join(folder, 'checkpoint-8', 'model.safetensors'), 5000);
    const again = await smallRun({ checkpoints, resume_from_checkpoint: true });
    const events = await eventsOf(again);
    expect(of(events, 'start')).toMatchObject([{ step: 4, checkpoint: 'checkpoint-4' }]);
    const [notice] = of(events, 'notice');
    expect(notice.message).toMatch(/^checkpoint-8 cannot be gone on from\. /);
    expect(of(events, 'step')).toMatchObject(
      of(whole, 'step')
        .slice(4)
        .map(({ loss }) => ({ loss })),
    );
    truncateSync(join(folder, 'checkpoint-4', 'model.safetensors'), 5000);
    truncateSync(join(folder, 'checkpoint-8', 'model.safetensors'), 5000);
    expect((await refused(again)).message).toContain('The file is not whole');
  });

  test('does not go on with another text of the same length', async () => {
    const checkpoints = openCheckpointFolder(newFolder());
    const run = await smallRun({ checkpoints });
    await eventsOf(run);
    const ids = new Uint32Array(run.train.length);
    run.train.copyTo(ids, 0, 0, ids.length);
    ids[700] = (ids[700] + 1) % 9;
    const other = { ...run, train: TokenIds.from(ids), resume_from_checkpoint: true };
    const error = await refused({ ...other, max_steps: 9 });
    expect(error.message).toMatch(/^checkpoint-8 is of a run with train_text "[0-9a-f]{16}"/);
  });

  test('goes on where there is no room for a checkpoint, and says so', async () => {
    const full: CheckpointStore = {
      list: () => Promise.resolve([]),
      write: () =>
        Promise.reject(
          new EngineError('There is no room for checkpoint-4.', {
            code: 'training/storage-full',
            hint: 'Free disk space.',
          }),
        ),
      remove: () => Promise.resolve(),
    };
    const events = await eventsOf(await smallRun({ checkpoints: full }));
    expect(of(events, 'notice').map(({ step, code }) => [step, code])).toEqual([
      [4, 'training/storage-full'],
      [8, 'training/storage-full'],
    ]);
    expect(of(events, 'done')).toHaveLength(1);
  });

  test('lets one run at a time keep its checkpoints in a folder', async () => {
    const folder = newFolder();
    const checkpoints = openCheckpointFolder(folder);
    const run = await smallRun({ checkpoints });
    const kept: number[] = [];
    for await (const event of train(run)) {
      if (event.type === 'step' && event.step === 2) {
        for (const resume_from_checkpoint of [false, true]) {
          const second = { ...run, checkpoints: openCheckpointFolder(folder) };
          const error = await refused({ ...second, resume_from_checkpoint });
          expect(error.code).toBe('storage/busy');
          expect(error.message).toContain(`Another run keeps its checkpoints in ${folder}`);
        }
      }
      if (event.type === 'checkpoint') kept.push(event.step);
      if (event.type === 'done') await event.model.dispose();
    }
    expect(kept).toEqual([4, 8]);
    expect(readdirSync(folder).toSorted()).toEqual(['checkpoint-4', 'checkpoint-8']);
    // Whatever ends a run gives the folder back.
    const again = { ...run, resume_from_checkpoint: true };
    expect((await refused({ ...again, seed: 1 })).code).toBe('training/checkpoint');
    for await (const event of train(again)) if (event.type === 'plan') break;
    expect(of(await eventsOf(again), 'done')).toHaveLength(1);
  });

  test('refuses in words what cannot be trained', async () => {
    const short = await smallRun({ block_size: 17 });
    expect((await refused(short)).message).toContain("longer than the model's context of 16");
    expect((await refused(await smallRun({ learning_rate: -1 }))).message).toBe(
      'learning_rate is -1; expected a number above 0, up to 1000000.',
    );
    const unknown = await smallRun({ ['num_beams' as 'seed']: 4 });
    expect((await refused(unknown)).message).toBe('num_beams is no option of a training run.');
    const { train: ids, ...rest } = await smallRun();
    const flat = { config: { ...rest.model.config, nLayer: 0 } };
    expect(await refused({ ...rest, train: ids, model: flat })).toMatchObject({
      message: 'nLayer is 0; expected a whole number from 1 to 512.',
      hint: 'Give the model other sizes.',
    });
    const config = { ...rest.model.config, vocabSize: 4 };
    const small = await refused({ ...rest, train: ids, model: { config } });
    expect(small.code).toBe('tokens/vocabulary');
    const wide = { ...rest, tokenizer: null, train: TokenIds.from(Array(50).fill(14)) };
    expect((await refused(wide)).message).toContain('The text has token 14; the model');
    const few = { ...rest, train: ids, validation: TokenIds.from([1, 2, 3]) };
    expect((await refused(few)).message).toContain(
      'The text for validation is too short for one window: it has 3 tokens, and 17 are needed',
    );
    for (const [more, message] of [
      [{ order: 'any' as 'random' }, 'order is "any"; expected random, shuffled, sequential.'],
      [{ generator: 'any' as 'torch' }, 'generator is "any"; expected philox, torch.'],
      [
        { keep: { save_total_limit: NaN } },
        'save_total_limit is NaN; expected a number from 1 on.',
      ],
      [{ sample_steps: 500, sampling: { temperature: -1 } }, 'temperature is -1; expected'],
      [{ sample_steps: 500, prompts: ['Ü'] }, '"Ü" (U+00DC) is none of its 14'],
    ] as const) {
      expect((await refused(await smallRun(more))).message).toContain(message);
    }
    const other = await smallRun({ checkpoints: openCheckpointFolder(newFolder()) });
    await eventsOf(other);
    expect((await refused(other)).message).toBe(
      'There is checkpoint-8 of a run already, where this one would be kept.',
    );
    const changed = await refused({ ...other, seed: 1, resume_from_checkpoint: true });
    expect(changed.message).toContain('checkpoint-8 is of a run with seed 42; this one has 1.');
  });
});
