// Files that other programs write and read, whose header or shards are unusual but not wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { EngineError } from '../../../src/errors.ts';
import { writeSafetensors, type SafetensorsInput } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { caseFiles, expectedOf, loadCase, logitError } from '../../support/cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'glass-gpt-files-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** The files as a folder on disk. */
function onDisk(files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = mkdtempSync(join(folder, String(count++)));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

async function refusal(files: Readonly<Record<string, Uint8Array | string>>): Promise<EngineError> {
  const error: unknown = await GPT2.from_pretrained(onDisk(files), { device: 'cpu' }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

const asJson = (bytes: Uint8Array): { weight_map: Record<string, string> } =>
  JSON.parse(new TextDecoder().decode(bytes)) as { weight_map: Record<string, string> };

describe('loads with the same numbers', () => {
  for (const name of [
    'metadata-null',
    'float64',
    'shard-dot-slash',
    'shard-holds-more-than-index',
  ]) {
    test(name, async () => {
      const model = await loadCase(name);
      expect(await logitError(model, expectedOf(name))).toBeLessThan(1e-4);
      await model.dispose();
    });
  }
});

describe('an index of shards', () => {
  const INDEX = 'model.safetensors.index.json';
  const files = caseFiles('shard-holds-more-than-index');
  const { weight_map: map } = asJson(files[INDEX]);
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const withIndex = (weight_map: Record<string, string>): Record<string, Uint8Array | string> => ({
    ...files,
    [INDEX]: JSON.stringify({ weight_map }),
  });

  test('says what is read: what it does not name is told in a note', async () => {
    const model = await loadCase('shard-holds-more-than-index');
    expect(model.summary.notes).toEqual([
      `The index of the shards does not name lm_head.weight (${second}): not used, as in transformers.`,
    ]);
    await model.dispose();
  });

  test('says which of two shards with the same tensor is read', async () => {
    // Both shards hold all tensors; those of the other one are wrong.
    const half = (name: string): boolean => map[name] === first;
    const all = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const shard of [first, second]) {
      const source = openSafetensors(files[shard]);
      for (const [name, shape] of source.shapes) {
        if (name in map) all.set(name, { shape, values: await source.read(name) });
      }
    }
    const shard = (isRight: (name: string) => boolean): Uint8Array =>
      writeSafetensors(
        new Map(
          [...all].map(([name, { shape, values }]): [string, SafetensorsInput] => [
            name,
            { dtype: 'F32', shape, data: isRight(name) ? values : values.map(() => 7) },
          ]),
        ),
      );
    const path = onDisk({
      ...files,
      [first]: shard(half),
      [second]: shard((name) => !half(name)),
    });
    const model = await GPT2.from_pretrained(path, { device: 'cpu', dtype: 'fp32' });
    expect(await logitError(model, expectedOf('shard-holds-more-than-index'))).toBeLessThan(1e-4);
    expect(model.summary.notes).toBeUndefined();
    await model.dispose();
  });

  test('that promises what no shard holds is named, where the model needs it', async () => {
    const lost = 'transformer.ln_f.weight';
    const error = await refusal(withIndex({ ...map, [lost]: first }));
    expect(error.code).toBe('checkpoint/missing');
    expect(error.message).toContain(`The index says that ${first} holds ${lost}.`);
    // A tied head is needed by nobody.
    const tied = onDisk(withIndex({ ...map, 'lm_head.weight': first }));
    const model = await GPT2.from_pretrained(tied, { device: 'cpu', dtype: 'fp32' });
    expect(await logitError(model, expectedOf('shard-holds-more-than-index'))).toBeLessThan(1e-4);
    await model.dispose();
  });

  test('may not lead out of the folder', async () => {
    const error = await refusal(
      withIndex({ ...map, 'transformer.ln_f.weight': './../x.safetensors' }),
    );
    expect(error.message).toContain('"./../x.safetensors", which is no name of a shard');
  });
});

describe('types', () => {
  const config = caseFiles('metadata-null')['config.json'];
  const weights = async (): Promise<Map<string, SafetensorsInput>> => {
    const source = openSafetensors(caseFiles('metadata-null')['model.safetensors']);
    const tensors = new Map<string, SafetensorsInput>();
    for (const [name, shape] of source.shapes) {
      tensors.set(name, { dtype: 'F32', shape, data: await source.read(name) });
    }
    return tensors;
  };

  test('doubles are rounded to the nearest float, wherever they begin, and infinite ones stay so', async () => {
    const data = new Float64Array([Math.PI, -1e-300, 3.4028234e38, Infinity, NaN, 1 + 2 ** -25]);
    const tensors = new Map<string, SafetensorsInput>([
      ['a', { dtype: 'F64', shape: [6], data }],
      ['b', { dtype: 'U8', shape: [3], data: new Uint8Array(3) }],
    ]);
    const file = writeSafetensors(tensors);
    for (const shift of [0, 1, 4]) {
      const moved = new Uint8Array(file.length + shift);
      moved.set(file, shift);
      const source = openSafetensors(moved.subarray(shift));
      expect([...source.unreadable!]).toEqual([['b', 'U8']]);
      expect(await source.read('a')).toEqual(new Float32Array(data));
      const into = new Float32Array(8);
      const values = await source.read('a', 1, 3, into);
      expect(values).toEqual(new Float32Array(data.subarray(1, 4)));
      expect(values.buffer).toBe(into.buffer);
    }
  });

  test('a double beyond float32 is named with its place', async () => {
    const tensors = await weights();
    const data = new Float64Array(300 * 24);
    data[77] = -1e39;
    tensors.set('transformer.wte.weight', { dtype: 'F64', shape: [300, 24], data });
    const error = await refusal({
      'config.json': config,
      'model.safetensors': writeSafetensors(tensors),
    });
    expect(error.code).toBe('safetensors/range');
    expect(error.message).toBe(
      'transformer.wte.weight has the value -1e+39 at place 77, which is beyond float32.',
    );
  });

  for (const [dtype, bytes] of [
    ['I8', 1],
    ['U8', 1],
    ['F8_E4M3', 1],
    ['I32', 4],
  ] as const) {
    test(`a weight in ${dtype} is named with what that is`, async () => {
      const tensors = await weights();
      const data = new Uint8Array(24 * 24 * bytes);
      tensors.set('transformer.h.1.attn.c_proj.weight', { dtype, shape: [24, 24], data });
      const error = await refusal({
        'config.json': config,
        'model.safetensors': writeSafetensors(tensors),
      });
      expect(error.code).toBe('safetensors/dtype');
      expect(error.message).toContain(`transformer.h.1.attn.c_proj.weight is stored as ${dtype}`);
      expect(/quantised/.test(error.message)).toBe(bytes === 1);
    });
  }

  for (const [name, method] of [
    ['transformer.h.0.attn.c_attn.SCB', 'bitsandbytes (int8)'],
    ['transformer.h.0.attn.c_attn.weight.quant_state.bitsandbytes__nf4', 'bitsandbytes (4 bits)'],
    ['transformer.h.0.attn.c_attn.g_idx', 'GPTQ'],
    ['transformer.h.0.attn.c_attn.qweight', 'GPTQ or AWQ'],
    ['transformer.h.0.attn.c_attn.weight_scale', 'FP8'],
  ]) {
    test(`${name} says that ${method} made the weights small`, async () => {
      const tensors = await weights();
      tensors.set(name, { dtype: 'I32', shape: [1], data: new Int32Array(1) });
      const error = await refusal({
        'config.json': config,
        'model.safetensors': writeSafetensors(tensors),
      });
      expect(error.code).toBe('checkpoint/quantised');
      expect(error.message).toContain(method);
      expect(error.message).toContain(name);
    });
  }
});
