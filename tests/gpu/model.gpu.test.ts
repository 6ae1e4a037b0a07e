// The model on WebGPU beyond the pack: f16 weights, split weights, real limits, a lost device.
import { describe, expect, it } from 'vitest';
import type { Dtype, PartOff } from '../../src/api.ts';
import { topOf } from '../../src/engine/checking/agreement.ts';
import { answer } from '../../src/engine/questions/answers.ts';
import { GPT2 } from '../../src/engine/gpt2.ts';
import { DEFAULT_OPTIONS } from '../../src/engine/sampling/generate.ts';
import { referenceIds } from '../../src/engine/reading/referenceText.ts';
import { sweepParts } from '../../src/engine/questions/sweep.ts';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Device } from '../../src/gpu/device.ts';
import { requestWebGpuDevice } from '../../src/gpu/webgpu/request.ts';
import { linear } from '../../src/kernels/linear.ts';
import { createWeightMatrix, writeRows } from '../../src/kernels/weightMatrix.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { encodePass } from '../../src/model/forward.ts';
import { NOTHING_OFF, toPartsOff } from '../../src/model/partsOff.ts';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { type NaiveConfig, createNaiveGpt } from '../support/naiveGpt.ts';
import { describePasses } from '../support/passContract.ts';
import { noise } from '../support/random.ts';
import { expectClose } from '../support/close.ts';
import { LANES, deviceWith, gpuDevice, scoped } from './fixture.ts';
import { Session } from '../../src/model/session.ts';

const PACK = '/tests/fixtures/conformance/';

async function packSource(name: string) {
  const bytes = await (await fetch(`${PACK}${name}/model.safetensors`)).arrayBuffer();
  const file = readConfigFile(await (await fetch(`${PACK}${name}/config.json`)).json());
  return { source: openSafetensors(new Uint8Array(bytes)), file };
}

async function logitsOf(device: Device, name: string, dtype: Dtype) {
  const { source, file } = await packSource(name);
  await using model = await GPT2.from_source(source, { device, file, dtype });
  const ids = Array.from({ length: 20 }, (_, i) => (i * 37) % model.config.vocabSize);
  return (await model.forward(ids)).logits.data;
}

const base = {
  layout: 'nanogpt',
  qkvBias: true,
  bias: true,
  normBias: true,
  std: false,
  exact: false,
  tied: true,
} as const;

describePasses('a pass on WebGPU', () => deviceWith());

describe('the model on WebGPU', () => {
  for (const name of ['gpt2', 'notebook', 'nanogpt-nobias', 'gpt2-12x12']) {
    for (const dtype of ['fp16', 'q8'] as const) {
      it(`computes ${name} in ${dtype} as the processor does from the same weights`, async () => {
        const { gpu } = await gpuDevice();
        const oracle = await logitsOf(createCpuDevice('f64'), name, dtype);
        const largest = oracle.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        for (const lanes of LANES) {
          const device = await deviceWith({ lanes });
          const actual = await scoped(gpu, () => logitsOf(device, name, dtype));
          expectClose(`${name}, lanes ${lanes}`, actual, oracle, 1e-5 * largest);
          expect(await logitsOf(device, name, dtype)).toEqual(actual);
        }
      });
    }

    it(`computes ${name} in q8 close to what it is in fp32`, async () => {
      const device = await gpuDevice();
      const whole = await logitsOf(device, name, 'fp32');
      const largest = whole.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const rounded = await logitsOf(device, name, 'q8');
      const rms = Math.sqrt(
        whole.reduce((sum, v, i) => sum + (rounded[i] - v) ** 2, 0) / whole.length,
      );
      console.info(
        `${name}: q8 is off by ${(rms / largest).toExponential(2)} of the largest logit`,
      );
      // A group's weights are off by scale / √12, with a scale of about 2.5 σ / 127: 0.6 % of them.
      // Four products a block add up like a random walk, in three to four blocks of the pack: 2 to 3 %
      // of a typical logit, and the largest is at least twice as large as that.
      expect(rms).toBeLessThan(0.015 * largest);
      expectClose(name, rounded, whole, 0.06 * largest);
    });
  }

  it('keeps q8 weights in little more than a quarter of the memory, and reads them back', async () => {
    const device = await deviceWith();
    // Matrices too small for the kernel that takes seconds to compile.
    const config = { ...base, V: 512, S: 64, L: 1, H: 4, C: 256, F: 512 };
    const tensors = new Map(
      [...createNaiveGpt(config, 3).toCheckpoint()].map(([name, t]) => [
        name,
        { dtype: 'F32' as const, ...t },
      ]),
    );
    const source = openSafetensors(writeSafetensors(tensors));
    const file = readConfigFile({ n_head: 4 });
    const bytes: Record<string, number> = {};
    for (const dtype of ['fp32', 'fp16', 'q8'] as const) {
      await using model = await GPT2.from_source(source, { device, file, dtype });
      bytes[dtype] = model.summary.memoryBytes;
      const { tensor } = model.gpt.parameters.wte.parts[0];
      const enc = device.createEncoder();
      const reading = enc.read(tensor, 256 * 3, 256 * 5);
      enc.submit();
      const stored = await source.read('transformer.wte.weight', 256 * 3, 256 * 5);
      const largest = stored.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const bound = { fp32: 0, fp16: 2 ** -11 * largest, q8: (largest / 127 / 2) * (1 + 2 ** -7) };
      expectClose(dtype, await reading, stored, bound[dtype]);
    }
    expect(bytes.fp16 / bytes.fp32).toBeLessThan(0.51);
    expect(bytes.q8 / bytes.fp32).toBeLessThan(0.28);
  });

  const odd: [string, NaiveConfig][] = [
    ['one of everything', { ...base, V: 1, S: 1, L: 1, H: 1, C: 1, F: 1 }],
    ['heads of five', { ...base, V: 29, S: 11, L: 2, H: 3, C: 15, F: 7 }],
    ['heads of one, untied', { ...base, V: 9, S: 70, L: 1, H: 7, C: 7, F: 33, tied: false }],
    ['a head of 65 by deviation', { ...base, V: 50, S: 67, L: 1, H: 1, C: 65, F: 66, std: true }],
    [
      'no bias, exact',
      { ...base, V: 17, S: 30, L: 2, H: 2, C: 18, F: 20, bias: false, exact: true },
    ],
  ];
  for (const [what, config] of odd) {
    it(`computes odd shapes, in one pass and token by token: ${what}`, async () => {
      const naive = createNaiveGpt(config, 3);
      const tensors = new Map(
        [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
      );
      const source = openSafetensors(writeSafetensors(tensors));
      const file = readConfigFile({
        n_head: config.H,
        activation_function: config.exact ? 'gelu' : 'gelu_new',
        layer_norm_denominator: config.std ? 'std' : 'variance',
      });
      const ids = Array.from({ length: config.S }, (_, i) => (i * 7) % config.V);
      const expected = naive.forward(ids);
      const largest = Math.max(...expected.flat().map(Math.abs));
      const { gpu } = await gpuDevice();
      for (const lanes of LANES) {
        const device = await deviceWith({ lanes });
        await scoped(gpu, async () => {
          await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
          const { logits } = await model.forward(ids);
          expectClose('one pass', logits.data, expected.flat(), 2e-5 * largest);
          const session = new Session(model.gpt);
          for (const [t, id] of ids.entries()) {
            const [last] = await session.append([[id]], { lastLogits: true });
            expectClose(`token ${t}`, last, expected[t], 2e-5 * largest);
          }
          session.dispose();
        });
      }
    });
  }

  it('computes every activation, and scores scaled in every way, as PyTorch does', async () => {
    const device = await gpuDevice();
    const activations = ['relu', 'silu', 'tanh', 'quick_gelu', 'gelu', 'gelu_fast'];
    for (const name of [...activations, 'inverse', 'noscale', 'inverse-noscale']) {
      const folder = `/tests/fixtures/configs/${name}`;
      const { ids, logits: expected } = (await (await fetch(`${folder}/expected.json`)).json()) as {
        readonly ids: number[];
        readonly logits: number[];
      };
      await scoped(device.gpu, async () => {
        await using model = await GPT2.from_pretrained(folder, {
          device: device.gpu,
          dtype: 'fp32',
        });
        const session = new Session(model.gpt);
        await session.append([ids.slice(0, -1)]);
        // A prompt, then a token alone: their kernels are others.
        const [logits] = await session.append([ids.slice(-1)], { lastLogits: true });
        expectClose(name, logits, expected, 1e-5);
        session.dispose();
      });
    }
  });

  it('computes without some of its parts, by zero and by mean, as one written plainly', async () => {
    const config = { ...base, V: 29, S: 70, L: 3, H: 3, C: 15, F: 7 };
    const naive = createNaiveGpt(config, 3);
    const tensors = new Map(
      [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
    );
    const source = openSafetensors(writeSafetensors(tensors));
    const file = readConfigFile({ n_head: config.H, activation_function: 'gelu_new' });
    const ids = Array.from({ length: 67 }, (_, i) => (i * 7) % config.V);
    const sets: PartOff[][] = [
      [{ part: 'head', layer: 1, head: 2, by: 'zero' }],
      [
        { part: 'head', layer: 0, head: 0, by: 'mean' },
        { part: 'head', layer: 0, head: 2, by: 'mean' },
        { part: 'mlp', layer: 2, by: 'mean' },
      ],
      [
        { part: 'attention', layer: 1, by: 'mean' },
        { part: 'mlp', layer: 0, by: 'zero' },
      ],
    ];
    const { gpu } = await gpuDevice();
    for (const lanes of LANES) {
      const device = await deviceWith({ lanes });
      await scoped(gpu, async () => {
        await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
        for (const off of sets) {
          const flow = naive.flow(ids, off, referenceIds(null, model.config));
          const expected = naive.toLogits(flow.hidden[config.L][66]);
          const largest = Math.max(...expected.map(Math.abs));
          const { logits } = await model.conversation(off).follow(ids);
          expectClose(off[0].part, logits, expected, 2e-5 * largest);
        }
      });
    }
  });

  it('runs not one kernel more for a token because parts could be off, or were', async () => {
    const device = await gpuDevice();
    const { source, file } = await packSource('gpt2');
    await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
    const { nLayer } = model.config;
    const session = new Session(model.gpt);
    const kernels = (): string[] =>
      device
        .record((enc) => {
          const pass = session.pass({ tokens: 1, start: 0 }, { lastLogits: true });
          encodePass(enc, model.gpt, pass);
        })
        .map(({ kernel }) => kernel.name);
    // embedding; ln1, c_attn, attention, c_proj, ln2, c_fc, c_proj a block; ln_f, head.
    expect(kernels()).toHaveLength(1 + 7 * nLayer + 2);
    const off = [
      { part: 'head', layer: 0, head: 1, by: 'mean' },
      { part: 'mlp', layer: 1, by: 'mean' },
      { part: 'attention', layer: 2, by: 'zero' },
    ] as const;
    await model.readers.switchOff(session, toPartsOff(off, model.config));
    expect(kernels()).toHaveLength(1 + 7 * nLayer + 2 + 2);
    await model.readers.switchOff(session, NOTHING_OFF);
    expect(kernels()).toHaveLength(1 + 7 * nLayer + 2);
    session.dispose();
  });

  it('splits every large matrix and its bias where a binding is too small', async () => {
    const config = { ...base, V: 30, S: 8, L: 1, H: 2, C: 128, F: 256 };
    const naive = createNaiveGpt(config, 5);
    const tensors = new Map(
      [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
    );
    const source = openSafetensors(writeSafetensors(tensors));
    const { gpu } = await gpuDevice();
    const device = await deviceWith({ maxBindingBytes: 70_000 });
    await scoped(gpu, async () => {
      const file = readConfigFile({ n_head: 2, activation_function: 'gelu_new' });
      await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
      const [block] = model.gpt.parameters.h;
      expect(block.attn.cAttn.weight.parts.length).toBe(3);
      expect(block.mlp.cFc.bias.length).toBe(2);
      for (const ids of [[1, 2, 3, 4, 5], [7]]) {
        const expected = naive.forward(ids).flat();
        const largest = Math.max(...expected.map(Math.abs));
        expectClose('logits', (await model.forward(ids)).logits.data, expected, 2e-5 * largest);
      }
    });
  });

  it('says what the GPU refused, instead of writing text from garbage', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    const model = await GPT2.from_source(source, { device, ownsDevice: true, file });
    // An allocation beyond the limits makes an invalid buffer, as a failed one does.
    device.gpu.createBuffer({ size: 2 ** 46, usage: GPUBufferUsage.STORAGE });
    const run = async (): Promise<void> => {
      for await (const _ of model.generate([1, 2], { max_new_tokens: 20 }));
    };
    await expect(run()).rejects.toMatchObject({ code: 'device/refused' });
    await model.dispose();
  });

  it('computes gpt2 with workgroup kernels as with plain ones', async () => {
    const [plain, workgroup] = await Promise.all(
      LANES.map(async (lanes) => logitsOf(await deviceWith({ lanes }), 'gpt2', 'fp32')),
    );
    expectClose('logits', workgroup, plain, 1e-4);
  });

  it('splits the token embedding where a binding is too small, with the same logits', async () => {
    const { gpu } = await gpuDevice();
    const whole = await logitsOf(await deviceWith(), 'gpt2', 'fp32');
    const capped = await deviceWith({ maxBindingBytes: 48 * 4 * 300 });
    const split = await scoped(gpu, () => logitsOf(capped, 'gpt2', 'fp32'));
    expectClose('logits', split, whole, 0);
  });

  it("holds GPT-2's f32 head in one binding with raised limits, in two with WebGPU's default ones", async () => {
    const [rows, columns] = [50264, 768];
    const heads: Float32Array[] = [];
    const weights = noise(rows * columns, 3, 0, 0.05);
    for (const defaultLimits of [false, true]) {
      const device = await requestWebGpuDevice({ defaultLimits });
      const arena = device.createArena('head');
      await scoped(device.gpu, async () => {
        const weight = createWeightMatrix(device, arena, 'wte', rows, columns, 'f32');
        writeRows(arena, weight, 0, weights);
        expect(weight.parts.length).toBe(defaultLimits ? 2 : 1);
        expect(device.traits.maxBindingBytes).toBeGreaterThanOrEqual(128 << 20);
        const zero = arena.zeros('zero', [rows], 'f32');
        const x = arena.upload('x', [1, columns], 'f32', noise(columns, 4));
        const out = arena.zeros('out', [1, rows], 'f32');
        const enc = device.createEncoder();
        const bias = weight.parts.map(() => zero);
        linear(enc, { x, weight, bias, scale: zero, out }, { rows: 1 });
        const reading = enc.read(out, 0, rows);
        enc.submit();
        heads.push(await reading);
      });
      arena.dispose();
      device.dispose();
    }
    expectClose('logits', heads[1], heads[0], 0);
    expect(Math.abs(heads[0][50256])).toBeGreaterThan(0);
  });

  it('gives all memory back when it is disposed', async () => {
    const device = await deviceWith();
    const arenas: { readonly sizeBytes: number }[] = [];
    const watching: Device = {
      ...device,
      createArena: (label) => {
        const arena = device.createArena(label);
        arenas.push(arena);
        return arena;
      },
    };
    const { source, file } = await packSource('gpt2');
    const model = await GPT2.from_source(source, { device: watching, file });
    await model.forward([1, 2, 3], { output_attentions: true, targets: [2, 3, 4] });
    for await (const _ of model.generate([1, 2], { max_new_tokens: 3 }));
    const off = [{ part: 'mlp', layer: 0, by: 'mean' }] as const;
    await answer(model, 'compare', { ids: [1, 2, 3], top: 3, off });
    await answer(model, 'atlas', { ids: [1, 2, 3], cells: 2 });
    await answer(model, 'probeHeads', {});
    const request = { ids: [1, 2, 3], target: 4, by: 'mean' } as const;
    const held = arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for await (const _ of sweepParts(model, request));
    for await (const _ of sweepParts(model, request)) break;
    expect(arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(held);
    expect(arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeGreaterThan(400_000);
    await model.dispose();
    expect(arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(0);
  });

  it('says that the GPU was lost, in the middle of a stream, with the next step', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    const model = await GPT2.from_source(source, { device, file });
    const run = async (): Promise<void> => {
      let tokens = 0;
      for await (const _ of model.generate([1, 2], { max_new_tokens: 30, eos_token_id: null })) {
        if (++tokens === 3) device.gpu.destroy();
      }
    };
    await expect(run()).rejects.toMatchObject({
      code: 'device/lost',
      hint: expect.stringContaining('Load the model again') as string,
    });
    expect(await model.lost).not.toBe('');
  });

  it('says what there is no memory for, and computes on with what there is', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
    const ids = [1, 5, 9, 2, 6];
    const expected = (await model.forward(ids)).logits.data;
    const refusal = (what: string) => ({
      code: 'device/out-of-memory',
      message: expect.stringMatching(new RegExp(`no memory left .*${what}`, 'u')) as string,
      hint: expect.stringContaining('a smaller model') as string,
    });
    const next = async (): Promise<number> => {
      const options = { max_new_tokens: 1, do_sample: false, eos_token_id: null };
      for await (const { token_id } of model.generate(ids, options)) return token_id;
      throw new Error('nothing was written');
    };
    const real = device.gpu.createBuffer.bind(device.gpu);
    /** While it runs, what is asked for is more than a software adapter has. */
    const starved = async (run: () => Promise<unknown>, what: string): Promise<void> => {
      const size = device.gpu.limits.maxBufferSize;
      device.gpu.createBuffer = (descriptor) => real({ ...descriptor, size });
      try {
        await expect(run()).rejects.toMatchObject(refusal(what));
      } finally {
        device.gpu.createBuffer = real;
      }
    };
    await starved(() => model.forward(ids), 'cache .(?:qkv.0|final)');
    expect((await model.forward(ids)).logits.data).toEqual(expected);
    // A conversation is kept from one question to the next: not one that got no memory.
    await starved(next, 'cache .(?:qkv.0|final)');
    const written = await next();
    expect(written).toBe(topOf(expected.subarray(-model.config.vocabSize)));
    // A text that runs is not disturbed by what finds no room beside it.
    const stream = model.generate(ids, { max_new_tokens: 3, do_sample: false, eos_token_id: null });
    const seen = [(await stream.next()).value?.token_id];
    await starved(() => model.forward([7, 7]), 'cache .(?:qkv.0|final)');
    for await (const { token_id } of stream) seen.push(token_id);
    expect(seen).toHaveLength(3);
    expect(seen[0]).toBe(written);
    // What could not be read may not have been computed, and is computed again.
    const session = new Session(model.gpt);
    const taps = { onHidden: () => {} };
    await session.append([ids.slice(0, 2)]);
    await starved(() => session.append([ids.slice(2)], { taps }), '');
    expect(session.length).toBe(2);
    const [logits] = await session.append([ids.slice(2)], { lastLogits: true });
    session.dispose();
    expect(topOf(logits)).toBe(written);
  });

  it('keeps nothing of what got no memory, and believes other errors again', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
    const real = device.gpu.createBuffer.bind(device.gpu);
    const live = new Set<{ readonly label: string }>();
    let starving = '';
    device.gpu.createBuffer = (descriptor) => {
      const isIt = descriptor.label === starving;
      const size = isIt ? device.gpu.limits.maxBufferSize : descriptor.size;
      const buffer = real({ ...descriptor, size });
      const destroy = buffer.destroy.bind(buffer);
      if (!isIt) live.add(buffer);
      buffer.destroy = () => {
        live.delete(buffer);
        destroy();
      };
      return buffer;
    };
    const sessions = (): number =>
      [...live].filter(({ label }) => /^(?:session|cache)\//u.test(label)).length;
    const noMemory = { code: 'device/out-of-memory' };
    const off = [{ part: 'head', layer: 0, head: 0, by: 'zero' }] as const;
    const options = { ...DEFAULT_OPTIONS, max_new_tokens: 1 };
    const ids = [1, 5, 9];
    const edited = () => answer(model, 'distribution', { ids, options, off });
    const lens = () => answer(model, 'lens', { ids, from: 0, count: 3 });
    const expected = (await model.forward(ids)).logits.data;
    const held = sessions();
    // The last buffer of a session: the others are there by then.
    starving = 'cache/final';
    for (const ask of [edited, lens]) {
      await expect(ask()).rejects.toMatchObject(noMemory);
      expect(sessions()).toBe(held);
    }
    // Whoever asks the same one again hears the same, and disturbs nobody.
    const session = new Session(model.gpt);
    await expect(session.append([[1, 5]], { lastLogits: true })).rejects.toMatchObject(noMemory);
    await device.idle();
    await expect(session.append([[1, 5]], { lastLogits: true })).rejects.toMatchObject(noMemory);
    expect(() => session.setPartsOff(toPartsOff(off, model.config), null)).toThrow(
      expect.objectContaining(noMemory),
    );
    await device.idle();
    starving = '';
    expect((await model.forward(ids)).logits.data).toEqual(expected);
    await lens();
    await edited();
    // While the failed session is still held, an error of another kind is no consequence of it.
    const heard = new Promise((resolve) => {
      device.gpu.addEventListener('uncapturederror', resolve, { once: true });
    });
    real({ size: 2 ** 46, usage: GPUBufferUsage.STORAGE });
    await Promise.all([heard, device.gpu.queue.onSubmittedWorkDone()]);
    await expect(model.forward([1])).rejects.toMatchObject({ code: 'device/refused' });
    session.dispose();
  });

  it('says that the page has no memory for a result, and goes on when it has', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    await using model = await GPT2.from_source(source, { device, file, dtype: 'fp32' });
    const ids = [1, 5, 9];
    const expected = (await model.forward(ids)).logits.data;
    const real = Object.getOwnPropertyDescriptor(GPUBuffer.prototype, 'getMappedRange');
    if (!real) throw new Error('no getMappedRange');
    Object.defineProperty(GPUBuffer.prototype, 'getMappedRange', {
      ...real,
      value: () => {
        throw new RangeError('Array buffer allocation failed');
      },
    });
    try {
      await expect(model.forward(ids)).rejects.toMatchObject({
        code: 'device/out-of-memory',
        message: 'The page has no memory left to read logits back.',
      });
    } finally {
      Object.defineProperty(GPUBuffer.prototype, 'getMappedRange', real);
    }
    expect((await model.forward(ids)).logits.data).toEqual(expected);
  });

  it('is loaded once more, from the site of the page, with the kernels that it runs', async () => {
    const { gpu } = await gpuDevice();
    for (const plain of [true, false]) {
      await using model = await GPT2.from_pretrained(`${PACK}gpt2`, { device: gpu, plain });
      await using other = await model.again({ dtype: 'q8' });
      const lanes = plain ? 'imitated' : 'real';
      expect([model, other].map((each) => each.gpt.device.traits.lanes)).toEqual([lanes, lanes]);
    }
  });

  it('does not load a model for which there is no memory', async () => {
    const device = await requestWebGpuDevice();
    const { source, file } = await packSource('gpt2');
    const real = device.gpu.createBuffer.bind(device.gpu);
    for (const wanted of ['parameters/', 'activations/']) {
      device.gpu.createBuffer = (descriptor) => {
        const isIt = descriptor.label?.startsWith(wanted) === true;
        return real({ ...descriptor, ...(isIt && { size: device.gpu.limits.maxBufferSize }) });
      };
      await expect(GPT2.from_source(source, { device, file })).rejects.toMatchObject({
        code: 'device/out-of-memory',
        message: expect.stringContaining(
          `no memory left for the ${wanted.slice(0, -1)} (`,
        ) as string,
      });
    }
    device.gpu.createBuffer = real;
    expect(await logitsOf(device, 'gpt2', 'fp32')).not.toContain(NaN);
    device.dispose();
  });
});
