// Weights that were arranged ahead lie as those that were read, to the bit and with their padding.
import { describe, expect, test } from 'vitest';
import { createProcessor } from '../../../src/engine/load/processor.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import type { Alike, TensorSource } from '../../../src/formats/tensorSource.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import type { Device } from '../../../src/gpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { type LoadedGpt, loadGpt } from '../../../src/model/load.ts';
import { isMatrix, parameterTable } from '../../../src/model/parameters.ts';
import { readRows, readVector } from '../../../src/model/readBack.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { readPackFile, readPackJson } from '../../support/packOnDisk.ts';

/** Everything, padding included, by path. */
async function bitsOf(device: Device, { model, config }: LoadedGpt): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const spec of parameterTable(config)) {
    const values = isMatrix(spec)
      ? await readRows(device, spec.of(model.parameters), 0, spec.padded[0])
      : await readVector(device, spec.of(model.parameters));
    found.set(spec.path, new Uint32Array(Float32Array.from(values).buffer));
  }
  return found;
}

/** A run of which one step is loaded, and others are arranged as that one was. */
function createRun() {
  let recipe: Parameters<Alike['teach']> | null = null;
  let arranged: ReturnType<Alike['arranged']>;
  return {
    alike: {
      arranged: (key) => (recipe?.[0] === key ? arranged : undefined),
      teach: (...one) => (recipe ??= one),
    } satisfies Alike,
    async arrange(other: TensorSource): Promise<void> {
      arranged = await recipe?.[1](other);
    },
    knows: () => recipe !== null,
  };
}

const devices: readonly (readonly [string, () => Promise<Device>])[] = [
  ['plain arrays', () => Promise.resolve(createCpuDevice())],
  ['WebAssembly', () => createProcessor({ wasm: 'exact', threads: 1 })],
];

describe.each(devices)('a step that was arranged ahead, in %s', (_, create) => {
  test.each(PACK_CASES)('of %s is the one that is read', async (name) => {
    const device = await create();
    const file = readConfigFile(readPackJson(name, 'config.json'));
    const source = openSafetensors(readPackFile(name, 'model.safetensors'));
    const run = createRun();
    // Another step: other numbers everywhere.
    const other: TensorSource = {
      ...source,
      read: async (...asked) => (await source.read(...asked)).map((value) => 1 - value / 2),
    };
    const read = await loadGpt(device, { ...other, alike: run.alike }, file, { dtype: 'fp32' });
    await run.arrange(source);
    const unread: TensorSource = {
      ...source,
      alike: run.alike,
      read: () => Promise.reject(new Error('It was arranged, and is read.')),
    };
    const ahead = await loadGpt(device, unread, file, { dtype: 'fp32' });
    const plain = await loadGpt(device, source, file, { dtype: 'fp32' });
    expect(await bitsOf(device, ahead)).toEqual(await bitsOf(device, plain));
    expect(await bitsOf(device, read)).not.toEqual(await bitsOf(device, plain));
    expect(ahead.fingerprint).toBe(plain.fingerprint);
    expect(ahead.fingerprint).not.toBe(read.fingerprint);
  });
});

test('what is rounded, or of another configuration, is read', async () => {
  const device = createCpuDevice();
  const file = readConfigFile(readPackJson('gpt2', 'config.json'));
  const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
  const run = createRun();
  const alike = { ...source, alike: run.alike };
  await loadGpt(device, alike, file, { dtype: 'fp16' });
  expect(run.knows()).toBe(false);
  await loadGpt(device, alike, { ...file, layerNormEpsilon: 0.5 }, { dtype: 'fp32' });
  expect(run.knows()).toBe(true);
  await run.arrange(source);
  const plain = await loadGpt(device, source, file, { dtype: 'fp32' });
  const loaded = await loadGpt(device, alike, file, { dtype: 'fp32' });
  expect(await bitsOf(device, loaded)).toEqual(await bitsOf(device, plain));
});
