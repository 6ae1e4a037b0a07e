// The GPU as a device: what every device promises, and what is its own.
import { describe, expect, it } from 'vitest';
import { requestWebGpuDevice } from '../../src/gpu/webgpu/request.ts';
import { addRow } from '../../src/kernels/addRow.ts';
import { describeDevice } from '../support/deviceContract.ts';

describeDevice('WebGPU', () => requestWebGpuDevice());

describe('a fault on the GPU', () => {
  it('names the step that met what got no memory', async () => {
    const device = await requestWebGpuDevice();
    const arena = device.createArena('session');
    const row = arena.zeros('row', [4], 'f32');
    const real = device.gpu.createBuffer.bind(device.gpu);
    const size = device.gpu.limits.maxBufferSize;
    device.gpu.createBuffer = (descriptor) => real({ ...descriptor, size });
    const starved = device.createArena('gradients');
    const out = starved.zeros('out', [1, 4], 'f32');
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
    arena.dispose();
    starved.dispose();
    device.dispose();
  });
});
