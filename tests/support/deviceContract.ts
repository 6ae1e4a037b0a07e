// What every device promises, whatever it computes with. Each test file brings its own devices.
import { describe, expect, it } from 'vitest';
import type { Arena, Device } from '../../src/gpu/device.ts';
import { addRow } from '../../src/kernels/addRow.ts';

/** Describes `name`; `open` gives a device of its own to each test, which disposes it. */
export function describeDevice(name: string, open: () => Promise<Device>): void {
  const using = async (use: (device: Device, arena: Arena) => Promise<void>): Promise<void> => {
    const device = await open();
    const arena = device.createArena('test');
    try {
      await use(device, arena);
    } finally {
      arena.dispose();
      device.dispose();
    }
  };

  describe(name, () => {
    it('copies and clears tensors at their place among the kernels', () =>
      using(async (device, arena) => {
        const row = arena.upload('row', [4], 'f32', Float32Array.of(1, 2, 3, 4));
        const sum = arena.upload('sum', [1, 4], 'f32', Float32Array.of(10, 20, 30, 40));
        const kept = arena.zeros('kept', [4], 'f32');
        const one = { rows: 1, start: 0, from: 0, count: 4 };
        const enc = device.createEncoder();
        addRow(enc, { row, out: sum }, one);
        enc.copy(sum, kept);
        addRow(enc, { row, out: sum }, one);
        const before = enc.read(sum, 0, 4);
        enc.clear(sum);
        addRow(enc, { row, out: sum }, one);
        const [after, copy] = [enc.read(sum, 0, 4), enc.read(kept, 0, 4)];
        enc.submit();
        expect([...(await copy)]).toEqual([11, 22, 33, 44]);
        expect([...(await before)]).toEqual([12, 24, 36, 48]);
        expect([...(await after)]).toEqual([1, 2, 3, 4]);
      }));

    it('copies ranges of elements', () =>
      using(async (device, arena) => {
        const from = arena.upload('from', [5], 'f32', Float32Array.of(1, -0, 3, 4, 5));
        const to = arena.upload('to', [2, 3], 'f32', Float32Array.of(10, 20, 30, 40, 50, 60));
        const half = arena.zeros('half', [8], 'f16');
        const halves = arena.zeros('halves', [8], 'f16');
        const enc = device.createEncoder();
        enc.copy(from, to, { from: 1, to: 3, count: 2 });
        const copied = enc.read(to, 0, 6);
        for (const range of [
          { from: 4, to: 0, count: 2 },
          { from: 0, to: 5, count: 2 },
          { from: -1, to: 0, count: 2 },
          { from: 0, to: 0.5, count: 2 },
          { from: 0, to: 0, count: 0 },
        ]) {
          expect(() => enc.copy(from, to, range)).toThrow('cannot be copied');
        }
        expect(() => enc.copy(half, halves, { from: 0, to: 0, count: 4 })).toThrow(
          '4 elements from 0 of half (8, f16) cannot be copied to halves (8, f16) at 0.',
        );
        enc.submit();
        expect([...(await copied)]).toEqual([10, 20, 30, -0, 3, 60]);
      }));

    it('says in words what cannot be copied, and in which step', () =>
      using(async (device, arena) => {
        const small = arena.zeros('small', [2, 4], 'f32');
        const large = arena.zeros('large', [3, 4], 'f32');
        const ids = arena.zeros('ids', [8], 'u32');
        const enc = device.createEncoder();
        const copy = (to: typeof small) => () =>
          enc.within('h.3', () => enc.within('attn', () => enc.copy(small, to)));
        expect(copy(large)).toThrow(
          'h.3.attn: small (2 × 4, f32) cannot be copied to large (3 × 4, f32).',
        );
        expect(copy(ids)).toThrow('cannot be copied to ids (8, u32)');
        expect(copy(small)).toThrow('cannot be copied');
        // A name ends where its step does, also where the step threw.
        expect(() => enc.copy(small, large)).toThrow(/^small \(2 × 4, f32\) cannot/u);
      }));
  });
}
