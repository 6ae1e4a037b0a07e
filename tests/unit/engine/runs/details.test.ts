// A model with a configuration of its own: trained with each field in float64's numbers, saved with what it is, refused by
// the field's name where it cannot be.
import { zipSync } from 'fflate';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ReceiptEvent, RunModel, RunSettings } from '../../../../src/api.ts';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import type { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { readSettings } from '../../../../src/engine/runs/record.ts';
import { newModelOf } from '../../../../src/engine/runs/settings.ts';
import type { NewModel, TrainOptions } from '../../../../src/engine/training/begin.ts';
import { TokenIds } from '../../../../src/engine/training/tokenIds.ts';
import { train } from '../../../../src/engine/training/train.ts';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import { fillParameters } from '../../../../src/model/checkpoint.ts';
import { BOUNDS, PRESETS, checkConfig } from '../../../../src/model/config.ts';
import { activationNamed } from '../../../../src/model/configFile.ts';
import { HUGGING_FACE, NOTEBOOK } from '../../../../src/model/layouts.ts';
import { readRows } from '../../../../src/model/readBack.ts';
import { Trainer } from '../../../../src/model/training/trainer.ts';
import {
  DETAILS,
  SIZES,
  plainlySaid,
  saidDetails,
  usualDetails,
  whyNotTrained,
  type ModelDetails,
} from '../../../../src/runModel.ts';
import { expectClose } from '../../../support/close.ts';
import { type NaiveConfig, createNaiveGpt } from '../../../support/naiveGpt.ts';
import { PROCESSOR, idOf, lossesOf, readAll, settings, trainerAt } from './trainerKit.ts';

const SMALL: RunModel = { kind: 'gpt2', n_layer: 2, n_head: 3, n_embd: 15, n_ctx: 12 };
const VOCAB = 19;
const IDS = Uint32Array.from({ length: 400 }, (_, i) => (i * i + 3 * i) % VOCAB);

describe('what is usual', () => {
  test.each([
    ['gpt2', PRESETS.gpt2],
    ['nanogpt', { ...PRESETS.nanogpt, vocabSize: 50_257 }],
    ['mingpt', PRESETS['mingpt-gpt1']],
    ['notebook', PRESETS['notebook-124m']],
  ] as const)('of %s is its codebase’s configuration', (kind, config) => {
    const model = { kind, n_layer: 12, n_head: 12, n_embd: 768, n_ctx: 1024 };
    expect(newModelOf(model, 50_257).config).toEqual(config);
    expect(plainlySaid({ ...model, ...usualDetails(model) })).toEqual(model);
  });

  test('and what is believed is what the engine believes', () => {
    expect(SIZES.n_layer.to).toBe(BOUNDS.nLayer);
    expect(SIZES.n_head.to).toBe(BOUNDS.nHead);
    expect(SIZES.n_embd.to).toBe(BOUNDS.nEmbd);
    expect(SIZES.n_ctx.to).toBe(BOUNDS.nCtx);
    expect(DETAILS.n_inner.to).toBe(BOUNDS.nInner);
    const named = DETAILS.activation_function.choices.map(activationNamed);
    expect(new Set(named).size).toBe(6);
    expect(named).not.toContain(undefined);
    const { from, to } = DETAILS.layer_norm_epsilon;
    for (const layer_norm_epsilon of [from, to]) {
      checkConfig(newModelOf({ ...SMALL, layer_norm_epsilon }, VOCAB).config);
    }
  });
});

// ── numbers ─────────────────────────────────────────────────────────────────────────────────────

const NAIVE: NaiveConfig = {
  layout: 'huggingface',
  V: VOCAB,
  S: SMALL.n_ctx,
  L: SMALL.n_layer,
  H: SMALL.n_head,
  C: SMALL.n_embd,
  F: 4 * SMALL.n_embd,
  qkvBias: true,
  bias: true,
  normBias: true,
  std: false,
  exact: false,
  tied: true,
};

const DETAILED: readonly (readonly [Partial<ModelDetails>, Partial<NaiveConfig>])[] = [
  [{ n_inner: 22 }, { F: 22 }],
  [{ activation_function: 'gelu' }, { exact: true }],
  [{ activation_function: 'relu' }, { activation: 'relu' }],
  [{ activation_function: 'silu' }, { activation: 'silu' }],
  [{ activation_function: 'tanh' }, { activation: 'tanh' }],
  [{ activation_function: 'quick_gelu' }, { activation: 'quick_gelu' }],
  [{ layer_norm_epsilon: 0.5 }, { epsilon: 0.5 }],
  [{ layer_norm_denominator: 'std' }, { std: true, layout: 'notebook' }],
  [{ scale_attn_weights: false }, { scaled: false }],
  [{ scale_attn_by_inverse_layer_idx: true }, { inverse: true }],
  [{ tie_word_embeddings: false }, { tied: false }],
  [{ qkv_bias: false }, { qkvBias: false }],
  [{ bias: false }, { bias: false }],
  [{ layer_norm_bias: false }, { normBias: false }],
];

const named = ([details]: (typeof DETAILED)[number]): string =>
  Object.entries(details)
    .map((one) => one.join(' '))
    .join(', ');

describe.each(DETAILED.map((one) => [named(one), ...one] as const))(
  '%s',
  (_name, details, naive) => {
    const model: RunModel = { ...SMALL, ...details };

    test('is trained in its numbers: logits, and a gradient that comes back through all of it', async () => {
      const reference = createNaiveGpt({ ...NAIVE, ...naive }, 3);
      const stored = reference.toCheckpoint();
      const device = createCpuDevice('f32');
      onTestFinished(() => device.dispose());
      const trainer = new Trainer(device, newModelOf(model, VOCAB).config, {
        batch: 2,
        tokens: 7,
        optimiser: { ...OPTIMISER },
      });
      const layout = naive.std ? NOTEBOOK : HUGGING_FACE;
      const shapes = new Map([...stored].map(([name, { shape }]) => [name, shape]));
      const read = (name: string, from = 0, count?: number): Promise<Float32Array> => {
        const data = stored.get(name)?.data ?? new Float32Array();
        return Promise.resolve(data.slice(from, count === undefined ? undefined : from + count));
      };
      const { config } = trainer.model;
      const { parameters, gradients } = trainer.trainables;
      await fillParameters(trainer.arena, parameters, { shapes, read }, layout, config);
      const batch = { ids: IDS.slice(0, 14), targets: IDS.slice(1, 15) };
      const windows = [0, 7].map((from) => [...batch.ids.subarray(from, from + 7)]);
      const logits = await trainer.logits(batch, false);
      const expected = windows.flatMap((ids) => reference.forward(ids));
      expectClose('logits', logits, expected.flat(), 1e-5);

      const lossOf = (): number => {
        const rows = windows.flatMap((ids) => reference.forward(ids));
        const each = rows.map((row, r) => {
          const most = Math.max(...row);
          const sum = row.reduce((all, value) => all + Math.exp(value - most), 0);
          return Math.log(sum) + most - row[batch.targets[r]];
        });
        return each.reduce((a, b) => a + b) / each.length;
      };
      const { loss } = await trainer.step([batch], 0);
      expect(Math.abs(loss - lossOf())).toBeLessThan(1e-5);
      // It stands before everything else, so what it gets has come through every part: the table of positions is the model's own.
      const found = await readRows(device, gradients.wpe, 0, 3);
      const width = gradients.wpe.columns;
      for (const [position, channel] of [
        [0, 2],
        [1, 14],
        [2, 7],
      ]) {
        // Short: a ReLU has a corner.
        const nudge = 2 ** -13;
        const at = reference.positions[position];
        const before = at[channel];
        at[channel] = before + nudge;
        const [above, up] = [lossOf(), at[channel]];
        at[channel] = before - nudge;
        const [below, down] = [lossOf(), at[channel]];
        at[channel] = before;
        const wanted = (above - below) / (up - down);
        expect(Math.abs(found[position * width + channel] - wanted)).toBeLessThan(
          2e-3 * Math.max(0.01, Math.abs(wanted)),
        );
      }
      trainer.dispose();
    });

    test('is what its saved folder says, and gives its logits again', async () => {
      const trained = await trainedOn(newModelOf(model, VOCAB));
      const { json, files } = await savedOf(trained);
      const { layer_norm_denominator: denominator = 'variance' } = details;
      // GPT-2's class has all biases: absent ones are zeros there. The notebook's has a head of its own.
      const { bias: _, layer_norm_bias: __, qkv_bias: ___, ...said } = details;
      expect(json).toMatchObject({
        activation_function: 'gelu_new',
        initializer_range: 0.02,
        layer_norm_epsilon: 1e-5,
        n_inner: null,
        scale_attn_by_inverse_layer_idx: false,
        scale_attn_weights: true,
        tie_word_embeddings: denominator === 'variance',
        ...said,
      });
      await expectSameAgain(trained, files);
    });
  },
);

const OPTIMISER = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
  decay: 'mingpt',
} as const;

/** Trains a model for three steps on numbers. */
async function trainedOn(model: NewModel, more: Partial<TrainOptions> = {}): Promise<GPT2> {
  const options: TrainOptions = {
    model,
    train: TokenIds.from(IDS, VOCAB),
    tokenizer: null,
    max_steps: 3,
    warmup_steps: 0,
    per_device_train_batch_size: 2,
    eval_steps: 0,
    save_steps: 0,
    sample_steps: 0,
    device: 'cpu',
    processor: PROCESSOR,
    ...more,
  };
  for await (const event of train(options)) {
    if (event.type !== 'done') continue;
    onTestFinished(() => event.model.dispose());
    return event.model;
  }
  throw new Error('It was never done.');
}

async function savedOf(model: GPT2) {
  const files: File[] = [];
  for (const { name, chunks } of (await model.save_pretrained()).files) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of chunks()) parts.push(chunk);
    files.push(new File(parts, name));
  }
  const text = (await files.find(({ name }) => name === 'config.json')?.text()) ?? '';
  return { files, json: JSON.parse(text) as Record<string, unknown> };
}

async function expectSameAgain(model: GPT2, files: readonly File[]): Promise<void> {
  const how = { files, device: 'cpu', dtype: 'fp32', processor: PROCESSOR } as const;
  await using again = await GPT2.from_pretrained('saved', how);
  const { qkvBias: _, bias: __, layerNormBias: ___, tiedHead: ____, ...shape } = model.config;
  expect(again.config).toMatchObject(shape);
  const ids = [...IDS.subarray(0, 9)];
  const [own, other] = [await model.forward(ids), await again.forward(ids)];
  expect(other.logits.data).toEqual(own.logits.data);
}

describe('initializer_range', () => {
  const WIDE: RunModel = { ...SMALL, n_embd: 48 };
  /** Of the weights before the first step. */
  async function deviations(model: RunModel, generator: 'philox' | 'torch') {
    let found = { wte: 0, fc: 0, proj: 0 };
    const trained = await trainedOn(newModelOf(model, 70), {
      max_steps: 1,
      generator,
      between: async (step, now) => {
        if (step > 0) return;
        const { gpt } = await now();
        const of = async (matrix: Parameters<typeof readRows>[1], rows: number) =>
          deviation(await readRows(gpt.device, matrix, 0, rows));
        const { wte, h } = gpt.parameters;
        found = {
          wte: await of(wte, 64),
          fc: await of(h[0].mlp.cFc.weight, 64),
          proj: await of(h[0].mlp.cProj.weight, 48),
        };
      },
    });
    return { found, trained };
  }

  test.each(['philox', 'torch'] as const)(
    'is how far first weights are drawn, and stands in config.json: %s',
    async (generator) => {
      const usual = await deviations(WIDE, generator);
      const wide = await deviations({ ...WIDE, initializer_range: 0.08 }, generator);
      for (const part of ['wte', 'fc', 'proj'] as const) {
        // The same numbers, four times as large.
        expect(wide.found[part] / usual.found[part]).toBeCloseTo(4, 4);
      }
      expect(Math.abs(wide.found.wte - 0.08)).toBeLessThan(0.005);
      expect(Math.abs(wide.found.proj - 0.08 / Math.sqrt(2 * WIDE.n_layer))).toBeLessThan(0.003);
      const { json, files } = await savedOf(wide.trained);
      expect(json['initializer_range']).toBe(0.08);
      await expectSameAgain(wide.trained, files);
      // It stays where the folder is loaded and saved again.
      const how = { files, device: 'cpu', processor: PROCESSOR } as const;
      await using again = await GPT2.from_pretrained('saved', how);
      expect((await savedOf(again)).json['initializer_range']).toBe(0.08);
    },
  );

  test('is minGPT’s too, and the notebook’s first weights have none', async () => {
    const { found } = await deviations(
      { ...WIDE, kind: 'mingpt', initializer_range: 0.2 },
      'torch',
    );
    expect(Math.abs(found.proj - 0.2)).toBeLessThan(0.01);
    const model: RunModel = { ...WIDE, kind: 'notebook', initializer_range: 0.2 };
    expect(whyNotTrained(model)?.message).toMatch(/^initializer_range/u);
    const { initializer_range: _, ...plain } = model;
    const direct = { ...newModelOf(plain, VOCAB), initializer_range: 0.2 };
    await expect(trainedOn(direct)).rejects.toMatchObject({ code: 'training/options' });
    const tiny = { ...newModelOf(SMALL, VOCAB), initializer_range: 1e-9 };
    await expect(trainedOn(tiny)).rejects.toThrow('model.initializer_range is 1e-9');
  });
});

function deviation(values: Float32Array): number {
  // Padding is zeros; no weight is.
  const drawn = values.filter((value) => value !== 0);
  const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length;
  return Math.sqrt(drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length);
}

// ── a run of it ─────────────────────────────────────────────────────────────────────────────────

describe('a run', () => {
  const model: RunModel = {
    ...settings().model,
    n_inner: 20,
    activation_function: 'relu',
    layer_norm_epsilon: 1e-3,
    tie_word_embeddings: false,
    initializer_range: 0.05,
  };

  test('keeps it in record, receipt, checkpoint and file, and goes on elsewhere to the bit', async () => {
    const whole = await readAll(trainerAt().trainer, { run: { settings: settings({ model }) } });
    const { trainer } = trainerAt();
    const first = await readAll(
      trainer,
      { run: { settings: settings({ model }) } },
      async (event) => {
        if (event.type === 'checkpoint' && event.step === 4) {
          await trainer.ask('control', { what: 'stop' });
        }
      },
    );
    const id = idOf(first);
    const record = await trainer.ask('run', { id });
    expect(record.settings.model).toEqual(model);
    const { config } = newModelOf(model, record.text.vocabSize);
    expect(config).toMatchObject({ nInner: 20, activation: 'relu', tiedHead: false });
    const receipt = await trainer.ask('receipt', { id });
    expect(receipt.settings.model).toEqual(model);
    expect(await checked(trainer, receipt)).toMatchObject({ parts: null });
    // Another model has other losses, which is what a receipt is for.
    const other = { ...receipt, settings: { ...receipt.settings, model: settings().model } };
    expect(await checked(trainer, other)).toMatchObject({ parts: 1 });

    const elsewhere = trainerAt().trainer;
    const there = await elsewhere.ask('importRun', { file: await zipOf(trainer, id) });
    const rest = await readAll(elsewhere, { run: there });
    const begun = lossesOf(first);
    expect([...begun, ...lossesOf(rest)]).toEqual(lossesOf(whole));
    expect((await elsewhere.ask('run', there)).settings.model).toEqual(model);
  });

  test('has a twin of the same model, and an old record means what its kind has', async () => {
    const { trainer } = trainerAt();
    const short = settings({ model, arguments: { ...settings().arguments, max_steps: 2 } });
    const id = idOf(await readAll(trainer, { run: { settings: short } }));
    const twin = { run: { settings: short, twinOf: id } };
    const events = await readAll(trainer, twin);
    const record = await trainer.ask('run', { id: idOf(events) });
    expect(record.points).toEqual((await trainer.ask('run', { id })).points);

    const old = JSON.parse(JSON.stringify(settings())) as unknown;
    expect(readSettings(old)?.model).toEqual(settings().model);
    expect(saidDetails(settings().model)).toEqual([]);
  });

  test('that cannot be is refused by the field’s name, before anything is made, and by whatever way it came', async () => {
    const { trainer } = trainerAt();
    const cases: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ n_inner: 0 }, 'n_inner is 0'],
      [{ n_inner: 2.5 }, 'n_inner is 2.5'],
      [{ n_inner: 1e9 }, 'n_inner is 1000000000'],
      [{ n_layer: 1e9 }, 'n_layer is 1000000000'],
      [{ activation_function: 'swiglu' }, 'activation_function is "swiglu"; expected gelu_new'],
      [{ layer_norm_epsilon: 0 }, 'layer_norm_epsilon is 0'],
      [{ layer_norm_denominator: 'rms' }, 'layer_norm_denominator is "rms"'],
      [{ bias: 'no' }, 'bias is "no"; expected true or false'],
      [{ tie_word_embeddings: 1 }, 'tie_word_embeddings is 1'],
      [{ initializer_range: 0 }, 'initializer_range is 0'],
      [{ kind: 'notebook', initializer_range: 0.1 }, 'initializer_range says nothing'],
      [{ rope_theta: 1e4 }, 'rope_theta is no field of a model'],
      [{ toString: 'x' }, 'toString is no field of a model'],
    ];
    const receipt = await trainer.ask('receipt', {
      id: idOf(await readAll(trainer, { run: { settings: settings() } })),
    });
    const kept = await trainer.ask('runs', {});
    for (const [wrong, message] of cases) {
      const asked = settings({ model: { ...settings().model, ...wrong } });
      const refused = { code: 'training/options', message: expect.stringContaining(message) };
      await expect(readAll(trainer, { run: { settings: asked } })).rejects.toMatchObject(refused);
      const how = { settings: asked, vocabSize: VOCAB, device: 'cpu' } as const;
      await expect(trainer.ask('estimate', how)).rejects.toMatchObject(refused);
      await expect(trainer.ask('planRun', how)).rejects.toMatchObject(refused);
      await expect(checked(trainer, { ...receipt, settings: asked })).rejects.toMatchObject(
        refused,
      );
    }
    expect(await trainer.ask('runs', {})).toEqual(kept);
  });

  test('from a file is refused by the field’s name, and nothing of it stays', async () => {
    const { trainer } = trainerAt();
    const id = idOf(await readAll(trainer, { run: { settings: settings({ model }) } }));
    const files = await filesOf(trainer, id);
    const elsewhere = trainerAt().trainer;
    const changed = async (more: Record<string, unknown>): Promise<void> => {
      const put = (name: string): void => {
        const json = JSON.parse(new TextDecoder().decode(files[name])) as { settings: RunSettings };
        const text = JSON.stringify({
          ...json,
          settings: { ...json.settings, model: { ...model, ...more } },
        });
        all[name] = new TextEncoder().encode(text);
      };
      const all = { ...files };
      put('run.json');
      put('receipt.json');
      await elsewhere.ask('importRun', { file: new Blob([zipSync(all).slice()]) });
    };
    await expect(changed({ n_inner: 1e12 })).rejects.toThrow('n_inner is 1000000000000');
    await expect(changed({ rotary: true })).rejects.toThrow('rotary is no field');
    // What it says is not what its weights are.
    await expect(changed({ n_inner: 24 })).rejects.toThrow('nInner = 20');
    await expect(changed({ activation_function: 'silu' })).rejects.toThrow('activation = relu');
    expect(await elsewhere.ask('runs', {})).toEqual([]);
    await changed({});
    expect(await elsewhere.ask('runs', {})).toHaveLength(1);
  });
});

async function filesOf(trainer: LocalTrainer, id: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  let name = '';
  for await (const event of trainer.exportRun({ id, what: 'run' })) {
    if (event.type === 'file') files[(name = event.name)] = new Uint8Array();
    else if (event.type === 'bytes') {
      files[name] = new Uint8Array(Buffer.concat([files[name], event.bytes]));
    }
  }
  return files;
}

async function zipOf(trainer: LocalTrainer, id: string): Promise<Blob> {
  return new Blob([zipSync(await filesOf(trainer, id)).slice()]);
}

async function checked(
  trainer: LocalTrainer,
  receipt: unknown,
): Promise<Extract<ReceiptEvent, { type: 'done' }>> {
  const file = new Blob([JSON.stringify(receipt)]);
  for await (const event of trainer.checkReceipt({ file, device: 'cpu' })) {
    if (event.type === 'done') return event;
  }
  throw new Error('It was never done.');
}
