import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpuDevice.ts';
import { matvecKernel } from '../../../src/kernels/linear.ts';
import { describeDevice } from '../../support/deviceContract.ts';

for (const precision of ['f32', 'f64'] as const) {
  describeDevice(`the processor in ${precision}`, () =>
    Promise.resolve(createCpuDevice(precision)),
  );
}

describe('a kernel that fails on the processor', () => {
  it('names itself and the step it stood in', () => {
    const failing = (): void => {
      throw new RangeError('no room');
    };
    const device = createCpuDevice('f32', new Map([[matvecKernel, failing]]));
    const arena = device.createArena('test');
    const t = arena.zeros('t', [8], 'f32');
    const enc = device.createEncoder();
    const run = (): void =>
      enc.within('h.0', () =>
        enc.within('attn', () =>
          enc.dispatch(
            matvecKernel,
            { x: t, weight: t, bias: t, scale: t, out: t },
            { rows: 1 },
            [1, 1, 1],
          ),
        ),
      );
    expect(run).toThrow(
      expect.objectContaining({
        code: 'device/out-of-memory',
        message: 'h.0.attn: matvec failed: no room',
      }),
    );
    arena.dispose();
    device.dispose();
  });
});

describe('memory on the processor', () => {
  it('that is not there is refused in words, with the bytes, and what was there stays', () => {
    const device = createCpuDevice();
    const arena = device.createArena('test');
    try {
      arena.zeros('small', [4], 'f32');
      const before = arena.sizeBytes;
      // More than any engine gives one array.
      const huge = (): unknown => arena.zeros('huge', [2 ** 40], 'f32');
      expect(huge).toThrow(expect.objectContaining({ code: 'device/out-of-memory' }));
      expect(huge).toThrow(/huge needs 4398046511104 bytes/u);
      expect(arena.sizeBytes).toBe(before);
      expect(() => arena.zeros('next', [4], 'f32')).not.toThrow();
    } finally {
      arena.dispose();
      device.dispose();
    }
  });
});
