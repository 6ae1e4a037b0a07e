// The notebook's class from its seed, on the page: what is kept here of PyTorch's numbers, what is drawn, and what it takes.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import type { DrawEvent, RunPlan, RunSettings } from '../../../../src/api.ts';
import { openDevice } from '../../../../src/engine/load/openDevice.ts';
import { THERE, besidePrinted } from '../../../../src/engine/runs/fromSeed/draw.ts';
import { PRINTED } from '../../../../src/engine/runs/fromSeed/drawn.ts';
import narrow from '../../../../src/engine/runs/fromSeed/narrow.json';
import { planOf } from '../../../../src/engine/runs/fromSeed/plan.ts';
import { readSettings } from '../../../../src/engine/runs/record.ts';
import { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { withPreset } from '../../../../src/state/training/presets.ts';
import { firstDraft } from '../../../../src/state/training/draft.ts';
import { loadGpt2Tokenizer } from '../../../../src/text/gpt2Tokenizer.ts';
import { readPackJson, readExpected } from '../../../support/packOnDisk.ts';

const PROCESSOR = { wasm: 'exact', threads: 1 } as const;
const GB = 2 ** 30;

function trainer(): LocalTrainer {
  const openStore = () => Promise.resolve(null);
  return new LocalTrainer({ base: 'http://localhost/', openStore, processor: PROCESSOR });
}

describe('what is kept here of PyTorch', () => {
  test('is what the pack has of the narrow one', () => {
    const run = readPackJson('seeded/notebook', 'run.json');
    const { characters } = readPackJson('seeded', 'characters.json') as { characters: string };
    for (const name of ['seed', 'config', 'optimizer', 'batch', 'batch_starts'] as const) {
      expect(narrow[name]).toEqual(run[name]);
    }
    expect(narrow.losses.map(Math.fround)).toEqual(run['losses']);
    const ids = Array.from(narrow.text, (character) => characters.indexOf(character));
    expect(ids).toEqual(run['data']);
    expect(narrow.characters).toBe(characters);
    const tensorOf = readExpected('seeded/notebook');
    const first = tensorOf('first_logits_dropout_on');
    const { context_length: tokens, vocab_size: vocab } = narrow.config;
    narrow.logits.forEach((window, b) =>
      window.forEach((kept, t) => {
        const row = first.subarray((b * tokens + t) * vocab, (b * tokens + t + 1) * vocab);
        expect(Float32Array.from(kept)).toEqual(
          Float32Array.from([...row.subarray(0, 3), ...row.subarray(-3)]),
        );
      }),
    );
    for (const [name, hash] of Object.entries(narrow.sha256)) {
      const data = tensorOf(`init.${name}`);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      expect(bytesToHex(sha256(bytes)).slice(0, 16), name).toBe(hash);
    }
    expect(Object.keys(narrow.sha256)).toHaveLength(44);
  });

  test('has the notebook’s prompts, token by token, and its 48 numbers', async () => {
    const tokenizer = await loadGpt2Tokenizer();
    expect(PRINTED.texts.map((text) => [...tokenizer.encode(text)])).toEqual(PRINTED.input_ids);
    expect(PRINTED.tokens.map((tokens) => tokens.join(''))).toEqual(PRINTED.texts);
    expect(THERE).toHaveLength(48);
    const rows = PRINTED.input_ids.map((ids, b) =>
      ids.map((_, t) => THERE.slice(6 * (4 * b + t), 6 * (4 * b + t) + 6).map(Number)),
    );
    rows[1][1][5] += 2e-7;
    const pairs = besidePrinted(rows).flat();
    expect(pairs[4]).toMatchObject({ token: 'Every' });
    expect(pairs.flatMap(({ logits }) => logits).filter(({ off }) => off !== 0)).toEqual([
      {
        there: '-1.2084e-03',
        here: '-1.2082e-03',
        off: 2,
        difference: expect.closeTo(2e-7, 10) as number,
        isUntold: true,
      },
    ]);
  });
});

test('the narrow one has PyTorch’s weights to the bit, its logits and its losses, dropout on', async () => {
  const events: DrawEvent[] = [];
  for await (const event of trainer().draw({ which: 'narrow', device: 'cpu' })) events.push(event);
  const of = <T extends DrawEvent['type']>(type: T) =>
    events.filter((event): event is Extract<DrawEvent, { type: T }> => event.type === type);
  expect(of('weights')).toEqual([{ type: 'weights', tensors: 44, same: 44 }]);
  const [{ columns, rows }] = of('logits');
  expect(columns).toEqual([0, 1, 2, 16, 17, 18]);
  expect(rows.map((each) => each.map(({ token }) => token).join(''))).toEqual(
    narrow.batch_starts[0].slice(0, 2).map((start) => narrow.text.slice(start, start + 4)),
  );
  const pairs = rows.flat().flatMap(({ logits }) => logits);
  expect(pairs).toHaveLength(48);
  expect(Math.max(...pairs.map(({ off }) => off))).toBeLessThanOrEqual(1);
  expect(pairs.filter(({ off }) => off === 0).length).toBeGreaterThan(40);
  const steps = of('step');
  expect(steps.map(({ there }) => there)).toEqual(narrow.losses);
  for (const { there, here } of steps) expect(Math.abs(here - there)).toBeLessThan(1e-5);
  expect(of('done')).toMatchObject([{ device: { kind: 'cpu' } }]);
});

test('the whole one is given up between two pieces of its weights', async () => {
  const stop = new AbortController();
  const events = trainer().draw({ which: 'whole', device: 'cpu' }, stop.signal);
  await expect(
    (async () => {
      for await (const event of events) {
        if (event.type === 'preparing' && event.share !== null) stop.abort();
      }
    })(),
  ).rejects.toThrow(/abort/iu);
}, 60_000);

test('it has the device for itself, and a measurement waits until it is done', async () => {
  const one = trainer();
  const drawing = one.draw({ which: 'narrow', device: 'cpu' });
  await drawing.next();
  await expect(one.draw({ which: 'narrow', device: 'cpu' }).next()).rejects.toMatchObject({
    code: 'training/busy',
    message: 'The notebook’s model is being drawn.',
  });
  await drawing.return();
  const again = one.draw({ which: 'narrow', device: 'cpu' });
  expect(await again.next()).toMatchObject({ value: { type: 'preparing' } });
  await again.return();
});

describe('the plan', () => {
  const settings: RunSettings = withPreset(firstDraft().settings, 'notebook');
  const planned = async (machineBytes: number | null): Promise<RunPlan> => {
    const device = await openDevice('cpu', { processor: PROCESSOR });
    try {
      return planOf(device, { settings, vocabSize: 50_257 }, machineBytes);
    } finally {
      device.dispose();
    }
  };

  test('counts the notebook’s parameters and what they take, without taking it', async () => {
    const plan = await planned(null);
    expect(plan).toMatchObject({ parameters: 163_009_536, withoutHead: 124_412_160 });
    const { drawing, training } = plan;
    expect(drawing).toMatchObject({ gradients: 0, moments: 0, problem: null });
    expect(drawing.weights).toBeGreaterThanOrEqual(4 * plan.parameters);
    expect(drawing.weights).toBeLessThan(4.05 * plan.parameters);
    expect(training.weights).toBe(drawing.weights);
    expect(training.gradients).toBe(training.weights);
    expect(training.moments).toBeGreaterThanOrEqual(2 * training.weights);
    expect(training.total).toBeGreaterThan(16 * plan.parameters);
    expect(training).toMatchObject({ limit: 4 * GB, problem: null });
  });

  test('holds it against the machine’s memory, in numbers', async () => {
    const { drawing, training } = await planned(4 * GB);
    expect(drawing.problem).toBeNull();
    expect(training.problem).toMatch(
      /^Training this takes [23]\.\d\d GB; this machine has 4\.29 GB/u,
    );
    expect((await planned(GB)).drawing.problem).toMatch(
      /^Drawing this, with weights on their way, takes 0\.9\d GB; this machine has 1\.07 GB/u,
    );
    expect((await planned(8 * GB)).training.problem).toBeNull();
  });

  test('is of settings that a record brings back, and of a text in GPT-2’s tokens', async () => {
    expect(readSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
    const text = { kind: 'own', name: '', text: 'Every effort moves you. '.repeat(9) } as const;
    const { tokenizer } = settings;
    const facts = await trainer().ask('readText', { text, tokenizer });
    expect(facts).toMatchObject({ vocabSize: 50_257, characters: text.text.length });
    expect(facts.beginning.slice(0, 4).map(({ id }) => id)).toEqual(PRINTED.input_ids[0]);
  });

  test('refuses what cannot be trained whatever the memory', async () => {
    const wrong = { ...settings, arguments: { ...settings.arguments, block_size: 4096 } };
    await expect(
      trainer().ask('planRun', { settings: wrong, vocabSize: 50_257, device: 'cpu' }),
    ).rejects.toMatchObject({ code: 'training/options' });
  });
});
