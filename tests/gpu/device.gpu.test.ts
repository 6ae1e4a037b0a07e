// The GPU as a device: what every device promises, and what is its own.
import { describe, expect, it } from 'vitest';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { requestWebGpuDevice } from '../../src/gpu/webgpu/request.ts';
import { addRow } from '../../src/kernels/addRow.ts';
import { describeDevice } from '../support/deviceContract.ts';

describeDevice('WebGPU', () => requestWebGpuDevice());

/** A kernel that is right, and one whose shader is not WGSL. */
const twice = defineKernel({
  name: 'twice',
  source: `
    struct Params { count: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> out: array<f32>;
    @compute @workgroup_size(4) fn twice(@builtin(global_invocation_id) id: vec3<u32>) {
      if (id.x < params.count) { out[id.x] = 2.0 * x[id.x]; }
    }`,
  params: { count: 'u32' },
  bindings: { x: 'read', out: 'write' },
  overrides: [],
  meaning: () => {},
});
const broken: typeof twice = { ...twice, name: 'broken', source: 'this is no shader' };

describe('a fault on the GPU', () => {
  const refusalOf = async (kernel: typeof twice, alias: boolean): Promise<unknown> => {
    const device = await requestWebGpuDevice();
    try {
      const arena = device.createArena('test');
      const [x, out] = [arena.zeros('x', [4], 'f32'), arena.zeros('out', [4], 'f32')];
      const enc = device.createEncoder();
      const run = (k: typeof twice, from: typeof x): void =>
        enc.dispatch(k, { x: from, out }, { count: 4 }, [1, 1, 1], {});
      enc.within('h.0', () => run(twice, x));
      enc.within('h.1', () => {
        enc.within('attn', () => run(twice, x));
        enc.within('mlp', () => run(kernel, alias ? out : x));
      });
      enc.within('h.2', () => run(kernel, alias ? out : x));
      const reading = enc.read(out, 0, 4);
      enc.submit();
      const error: unknown = await reading.catch((cause: unknown) => cause);
      // Whoever computes on hears the same.
      expect(() => device.createEncoder().submit()).toThrow((error as Error).message);
      return error;
    } finally {
      device.dispose();
    }
  };

  it('names the first step that is refused, not the submit alone', async () => {
    // A tensor that is read and written by one kernel.
    expect(await refusalOf(twice, true)).toMatchObject({
      code: 'device/refused',
      message: expect.stringMatching(/^h\.1\.mlp: The GPU refused twice: /u) as string,
    });
  });

  it('names the step whose shader is no shader', async () => {
    expect(await refusalOf(broken, false)).toMatchObject({
      code: 'device/refused',
      message: expect.stringMatching(/^h\.1\.mlp: The GPU refused broken: /u) as string,
    });
  });

  it('takes no buffer for what is never submitted', async () => {
    const device = await requestWebGpuDevice();
    const arena = device.createArena('test');
    const x = arena.zeros('x', [4], 'f32');
    const made: (string | undefined)[] = [];
    const real = device.gpu.createBuffer.bind(device.gpu);
    device.gpu.createBuffer = (descriptor) => {
      made.push(descriptor.label);
      return real(descriptor);
    };
    for (let i = 0; i < 3; i++) void device.createEncoder().read(x, 0, 4);
    expect(made).toEqual([]);
    for (let i = 0; i < 3; i++) {
      const enc = device.createEncoder();
      const reading = enc.read(x, 0, 4);
      enc.submit();
      await reading;
    }
    expect(made).toEqual(['readback']);
    arena.dispose();
    device.dispose();
  });

  it('names the step that met what got no memory', async () => {
    const device = await requestWebGpuDevice();
    const arena = device.createArena('session');
    const row = arena.zeros('row', [4], 'f32');
    const real = device.gpu.createBuffer.bind(device.gpu);
    const size = device.gpu.limits.maxBufferSize;
    device.gpu.createBuffer = (descriptor) => real({ ...descriptor, size });
    const starved = device.createArena('gradients');
    const whole = starved.zeros('out', [64, 4], 'f32');
    // A view has no memory where its tensor has none.
    const out = starved.view(whole, 'part', [1, 4], 64);
    device.gpu.createBuffer = real;
    const enc = device.createEncoder();
    const one = { rows: 1, start: 0, from: 0, count: 4 };
    enc.within('h.3', () => enc.within('attn', () => addRow(enc, { row, out }, one)));
    const reading = enc.read(out, 0, 4);
    enc.submit();
    await expect(reading).rejects.toMatchObject({
      code: 'device/out-of-memory',
      message: expect.stringMatching(
        /^h\.3\.attn: The GPU has no memory left for the gradients \(out, /u,
      ) as string,
    });
    expect(() => starved.view(whole, 'late', [4], 0)).toThrow('no memory left');
    arena.dispose();
    starved.dispose();
    device.dispose();
  });
});
