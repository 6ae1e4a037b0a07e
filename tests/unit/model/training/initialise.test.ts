import { describe, expect, test } from 'vitest';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import { elementCount } from '../../../../src/gpu/device.ts';
import { zeroParameters } from '../../../../src/model/checkpoint.ts';
import { PRESETS } from '../../../../src/model/config.ts';
import { MINGPT } from '../../../../src/model/layouts.ts';
import { isMatrix, parameterTable } from '../../../../src/model/parameters.ts';
import { readRows, readVector } from '../../../../src/model/readBack.ts';
import {
  initialCheckpoint,
  initialise,
  philoxInitial,
} from '../../../../src/model/training/initialise.ts';
import { torchInitial } from '../../../../src/model/training/torchInitial.ts';
import { TorchRandom } from '../../../../src/model/training/torchRandom.ts';
import { readExpected, readPackJson } from '../../../support/packOnDisk.ts';
import { SEEDED_RUNS, type SeededRun, configOfRun } from '../../../support/seededRuns.ts';

const runOf = (name: string): SeededRun =>
  readPackJson(`seeded/${name}`, 'run.json') as unknown as SeededRun;

/** Mean and standard deviation. */
function momentsOf(values: Float32Array): [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / values.length)];
}

describe.each(SEEDED_RUNS)('the initial parameters of %s', (name) => {
  const run = runOf(name);
  const config = configOfRun(name, run);

  test('are PyTorch’s from the same seed, bit for bit', async () => {
    const expected = readExpected(`seeded/${name}`);
    const random = new TorchRandom(run.seed);
    const source = initialCheckpoint(config, name, torchInitial(random));
    const names = [...source.shapes.keys()];
    expect(names.toSorted()).toEqual([...run.decay, ...run.no_decay].toSorted());
    for (const tensor of names) {
      const values = await source.read(tensor);
      expect(values).toEqual(expected(`init.${tensor}`));
    }
    // What it draws next shows that it has drawn no word too many.
    if (name === 'nanogpt') {
      const starts = random.randint(run.data.length - config.nCtx, run.batch);
      expect(starts).toEqual(run.batch_starts[0]);
    }
  });

  test('are the same in pieces, and from our own generator', async () => {
    for (const make of [() => torchInitial(new TorchRandom(5)), () => philoxInitial(5)]) {
      const whole = initialCheckpoint(config, name, make());
      const inPieces = initialCheckpoint(config, name, make());
      for (const [tensor, shape] of whole.shapes) {
        const values = await whole.read(tensor);
        const size = elementCount(shape);
        const pieces: number[] = [];
        for (let from = 0; from < size; from += 39) {
          pieces.push(...(await inPieces.read(tensor, from, Math.min(39, size - from))));
        }
        expect(Float32Array.from(pieces)).toEqual(values);
      }
    }
  });

  test('have the same distributions from either generator', async () => {
    const torch = initialCheckpoint(config, name, torchInitial(new TorchRandom(5)));
    const ours = initialCheckpoint(config, name, philoxInitial(5));
    for (const [tensor, shape] of torch.shapes) {
      const [a, b] = [await torch.read(tensor), await ours.read(tensor)];
      const [mean, deviation] = momentsOf(b);
      const expected = momentsOf(a)[1];
      const error = expected / Math.sqrt(elementCount(shape));
      expect(Math.abs(deviation - expected)).toBeLessThanOrEqual(5 * error);
      if (expected > 0) expect(Math.abs(mean)).toBeLessThan(5 * error);
      else expect(b).toEqual(a);
    }
  });
});

describe('initialise', () => {
  test('puts values where kernels read them, with zeros around', async () => {
    const run = runOf('mingpt');
    const config = configOfRun('mingpt', run);
    const expected = readExpected('seeded/mingpt');
    const device = createCpuDevice('f32');
    const arena = device.createArena('parameters');
    const parameters = zeroParameters(device, arena, MINGPT, config, 'f32');
    const done: string[] = [];
    const random = torchInitial(new TorchRandom(run.seed));
    await initialise(arena, parameters, config, 'mingpt', random, (name) => done.push(name));
    expect(done.length).toBe(run.decay.length + run.no_decay.length);
    for (const spec of parameterTable(config)) {
      const stored = MINGPT.namesOf(spec.path).flatMap((tensor) => [...expected(`init.${tensor}`)]);
      const [rows, width = 1] = spec.shape;
      const [paddedRows, paddedWidth = 1] = spec.padded;
      const placed = new Float32Array(paddedRows * paddedWidth);
      for (let n = 0; n < rows; n++) {
        for (let k = 0; k < width; k++) {
          const column = isMatrix(spec) ? spec.columnOf(k) : 0;
          placed[spec.rowOf(n) * paddedWidth + column] = stored[n * width + k];
        }
      }
      const found = isMatrix(spec)
        ? await readRows(device, spec.of(parameters), 0, paddedRows)
        : await readVector(device, spec.of(parameters));
      expect(found).toEqual(placed);
    }
    device.dispose();
  });

  test('knows every kind of model: with biases or without, tied or not', async () => {
    const sizes = { vocabSize: 11, nCtx: 5, nLayer: 2, nHead: 3, nEmbd: 9, nInner: 20 };
    for (const rule of SEEDED_RUNS) {
      for (const kind of Object.values(PRESETS)) {
        const config = { ...kind, ...sizes };
        const source = initialCheckpoint(config, rule, philoxInitial(1));
        let count = 0;
        for (const tensor of source.shapes.keys()) count += (await source.read(tensor)).length;
        const wanted = parameterTable(config).map(({ shape }) => elementCount(shape));
        expect(count).toBe(wanted.reduce((a, b) => a + b, 0));
      }
    }
  });

  test('is read once, in its order', async () => {
    const config = configOfRun('nanogpt', runOf('nanogpt'));
    const source = initialCheckpoint(config, 'nanogpt', torchInitial(new TorchRandom(1)));
    const [first, second, third] = source.shapes.keys();
    expect(() => source.read(second)).toThrow(`${second} is read out of order.`);
    await source.read(first);
    await source.read(second);
    expect(() => source.read(first)).toThrow(`${first} is read out of order.`);
    expect(() => source.read(third, 5, 1)).toThrow(`${third} is read out of order.`);
  });
});
