// What every device promises, whatever it computes with. Each test file brings its own devices.
import { describe, expect, it } from 'vitest';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { addRow } from '../../src/kernels/addRow.ts';

/** Adds one to each of `count` u32. */
const countUp = defineKernel({
  name: 'countUp',
  source: `
    struct Params { count: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(64) fn countUp(@builtin(global_invocation_id) id: vec3<u32>) {
      if (id.x < params.count) { x[id.x] += 1u; }
    }`,
  params: { count: 'u32' },
  bindings: { x: 'add' },
  overrides: [],
  meaning({ x }, { count }) {
    for (let i = 0; i < count; i++) x[i] += 1;
  },
});

/** out = shift + factor · x, with a param of each type. */
const scaled = defineKernel({
  name: 'scaled',
  source: `
    struct Params { count: u32, shift: i32, factor: f32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> out: array<f32>;
    @compute @workgroup_size(64) fn scaled(@builtin(global_invocation_id) id: vec3<u32>) {
      if (id.x < params.count) { out[id.x] = f32(params.shift) + params.factor * x[id.x]; }
    }`,
  params: { count: 'u32', shift: 'i32', factor: 'f32' },
  bindings: { x: 'read', out: 'write' },
  overrides: [],
  meaning({ x, out }, { count, shift, factor }) {
    for (let i = 0; i < count; i++) out[i] = shift + factor * x[i];
  },
});

const all = { rows: 1, start: 0, from: 0, count: 4 };

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
  const row = (arena: Arena, ...values: number[]): Tensor =>
    arena.upload('row', [1, values.length], 'f32', Float32Array.from(values));
  /** What a tensor holds behind everything that was submitted. */
  const valuesOf = async (device: Device, tensor: Tensor): Promise<number[]> => {
    const enc = device.createEncoder();
    const reading = enc.read(tensor, 0, 4);
    enc.submit();
    return [...(await reading)];
  };

  describe(name, () => {
    it('copies and clears tensors at their place among the kernels', () =>
      using(async (device, arena) => {
        const one = row(arena, 1, 2, 3, 4);
        const sum = row(arena, 10, 20, 30, 40);
        const kept = arena.zeros('kept', [4], 'f32');
        const enc = device.createEncoder();
        addRow(enc, { row: one, out: sum }, all);
        enc.copy(sum, kept);
        addRow(enc, { row: one, out: sum }, all);
        const before = enc.read(sum, 0, 4);
        enc.clear(sum);
        addRow(enc, { row: one, out: sum }, all);
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

    it('shows part of a tensor as one: to kernels, copies, zeros, reads and writes', () =>
      using(async (device, arena) => {
        const whole = arena.upload(
          'whole',
          [200],
          'f32',
          Float32Array.from({ length: 200 }, (_, i) => i),
        );
        const low = arena.view(whole, 'low', [1, 4], 64);
        const high = arena.view(whole, 'high', [18, 4], 128);
        // One in one, which overlaps it.
        const last = arena.view(high, 'last', [2, 4], 64);
        expect(arena.sizeBytes).toBe(whole.sizeBytes);
        const out = arena.zeros('out', [1, 4], 'f32');
        const enc = device.createEncoder();
        const params = { count: 4, shift: 1000, factor: 2 };
        enc.dispatch(scaled, { x: low, out }, params, [1, 1, 1], {});
        const fromView = enc.read(out, 0, 4);
        addRow(enc, { row: out, out: last }, { ...all, start: 0, from: 0, rows: 2 });
        const added = enc.read(whole, 188, 12);
        const kept = arena.zeros('kept', [8], 'f32');
        enc.copy(last, kept);
        const copied = enc.read(kept, 0, 8);
        enc.copy(out, low);
        enc.clear(high);
        enc.copy(out, high, { from: 1, to: 4, count: 2 });
        enc.submit();
        arena.write(last, Float32Array.of(7, 8, 9), 4);
        const after = device.createEncoder();
        const [own, around] = [after.read(high, 64, 8), after.read(whole, 60, 80)];
        after.submit();
        expect([...(await fromView)]).toEqual([1128, 1130, 1132, 1134]);
        const sums = [1320, 1323, 1326, 1329, 1324, 1327, 1330, 1333];
        expect([...(await added)]).toEqual([188, 189, 190, 191, ...sums]);
        expect([...(await copied)]).toEqual(sums);
        expect([...(await own)]).toEqual([0, 0, 0, 0, 7, 8, 9, 0]);
        const found = [...(await around)];
        expect(found.slice(0, 10)).toEqual([60, 61, 62, 63, 1128, 1130, 1132, 1134, 68, 69]);
        expect(found.slice(66)).toEqual([126, 127, 0, 0, 0, 0, 1130, 1132, 0, 0, 0, 0, 0, 0]);
      }));

    it('shows part of a tensor of u32, exactly', () =>
      using(async (device, arena) => {
        const words = Uint32Array.from({ length: 72 }, (_, i) => 0xffffff00 + i);
        const whole = arena.upload('whole', [72], 'u32', words);
        const x = arena.view(whole, 'part', [4], 64);
        const enc = device.createEncoder();
        enc.dispatch(countUp, { x }, { count: 4 }, [1, 1, 1], {});
        const reading = enc.readU32(whole, 63, 6);
        enc.submit();
        const [before, ...rest] = [...(await reading)].map((word) => word - 0xffffff00);
        expect([before, ...rest]).toEqual([63, 65, 66, 67, 68, 68]);
      }));

    it('refuses a view that is none, and what goes beyond one', () =>
      using(async (device, arena) => {
        const whole = arena.zeros('whole', [2, 64], 'f32');
        const half = arena.zeros('half', [128], 'f16');
        const view = (of: Tensor, count: number, from: number) => () =>
          arena.view(of, 'part', [count], from);
        expect(view(whole, 4, 32)).toThrow(
          'part (4) cannot be a view of whole (2 × 64, f32) from element 32 on',
        );
        for (const [count, from] of [
          [3, 0],
          [0, 0],
          [132, 0],
          [68, 64],
          [4, 128],
          [4, -64],
        ]) {
          expect(view(whole, count, from)).toThrow('cannot be a view');
        }
        expect(view(half, 4, 0)).toThrow('cannot be a view of half (128, f16)');
        const others = device.createArena('others');
        expect(() => others.view(whole, 'part', [4], 0)).toThrow(
          'whole is no tensor of the others',
        );
        others.dispose();
        const part = arena.view(whole, 'part', [64], 0);
        const next = arena.view(whole, 'next', [64], 64);
        const enc = device.createEncoder();
        // They lie in one tensor, where no GPU copies.
        expect(() => enc.copy(part, next)).toThrow('cannot be copied');
        expect(() => enc.copy(whole, whole)).toThrow('cannot be copied');
        expect(() => arena.write(part, new Float32Array(4), 62)).toThrow(
          'part (64, f32) has no 4 elements from 62 on',
        );
        await expect(enc.read(part, 60, 5)).rejects.toThrow(
          'part (64, f32) has no 5 elements from 60 on',
        );
      }));

    it('says in words what cannot be copied, and in which step', () =>
      using(async (device, arena) => {
        const small = arena.zeros('small', [2, 4], 'f32');
        const large = arena.zeros('large', [3, 4], 'f32');
        const ids = arena.zeros('ids', [8], 'u32');
        const enc = device.createEncoder();
        const copy = (to: Tensor) => () =>
          enc.within('h.3', () => enc.within('attn', () => enc.copy(small, to)));
        expect(copy(large)).toThrow(
          'h.3.attn: small (2 × 4, f32) cannot be copied to large (3 × 4, f32).',
        );
        expect(copy(ids)).toThrow('cannot be copied to ids (8, u32)');
        expect(copy(small)).toThrow('cannot be copied');
        // A name ends where its step does, also where the step threw.
        expect(() => enc.copy(small, large)).toThrow(/^small \(2 × 4, f32\) cannot/u);
      }));

    it('runs nothing before it is submitted, and then all of it, however much it is', () =>
      using(async (device, arena) => {
        const [one, sum] = [row(arena, 1, 2, 3, 4), row(arena, 0, 0, 0, 0)];
        const forgotten = device.createEncoder();
        const enc = device.createEncoder();
        for (let i = 0; i < 2500; i++) {
          addRow(enc, { row: one, out: sum }, all);
          addRow(forgotten, { row: one, out: sum }, all);
        }
        expect(await valuesOf(device, sum)).toEqual([0, 0, 0, 0]);
        enc.submit();
        expect(await valuesOf(device, sum)).toEqual([2500, 5000, 7500, 10000]);
        // What was submitted is not recorded any more.
        enc.submit();
        expect(await valuesOf(device, sum)).toEqual([2500, 5000, 7500, 10000]);
      }));

    it('writes behind what was submitted and before what comes next', () =>
      using(async (device, arena) => {
        const [one, sum] = [row(arena, 1, 1, 1, 1), row(arena, 0, 0, 0, 0)];
        const readings: Promise<Float32Array>[] = [];
        const data = new Float32Array(4);
        for (const start of [0, 100, 200]) {
          data.fill(start);
          arena.write(sum, data);
          // Who wrote may use the array for something else.
          data.fill(-1);
          const enc = device.createEncoder();
          for (let i = 0; i < 40; i++) addRow(enc, { row: one, out: sum }, all);
          readings.push(enc.read(sum, 0, 1));
          enc.submit();
        }
        const ended: number[] = [];
        readings.forEach((reading, i) => void reading.then(() => ended.push(i)));
        const values = await Promise.all(readings);
        expect(values.map(([first]) => first)).toEqual([40, 140, 240]);
        expect(ended).toEqual([0, 1, 2]);
      }));

    it('gives memory back behind what was submitted', () =>
      using(async (device, arena) => {
        const one = row(arena, 1, 2, 3, 4);
        const brief = device.createArena('brief');
        const sum = row(brief, 0, 0, 0, 0);
        const enc = device.createEncoder();
        for (let i = 0; i < 40; i++) addRow(enc, { row: one, out: sum }, all);
        const reading = enc.read(sum, 0, 4);
        enc.submit();
        brief.dispose();
        expect(brief.sizeBytes).toBe(0);
        expect([...(await reading)]).toEqual([40, 80, 120, 160]);
        await device.idle();
      }));

    it('keeps every u32 as it is, also where a float would round it', () =>
      using(async (device, arena) => {
        const words = Uint32Array.of(16_777_217, 0xfffffffe, 0xffffffff, 7);
        const x = arena.upload('x', [4], 'u32', words);
        const enc = device.createEncoder();
        const before = enc.readU32(x, 0, 4);
        enc.dispatch(countUp, { x }, { count: 4 }, [1, 1, 1], {});
        const after = enc.readU32(x, 0, 4);
        enc.submit();
        expect([...(await before)]).toEqual([...words]);
        expect([...(await after)]).toEqual([16_777_218, 0xffffffff, 0, 8]);
      }));

    it('gives kernels params of the types they declare', () =>
      using(async (device, arena) => {
        const x = row(arena, 1, 2, 1000, -1);
        const out = arena.zeros('out', [4], 'f32');
        const run = async (factor: number, shift: number): Promise<number[]> => {
          const enc = device.createEncoder();
          enc.dispatch(scaled, { x, out }, { count: 4, shift, factor }, [1, 1, 1], {});
          enc.submit();
          return valuesOf(device, out);
        };
        const f32 = Math.fround(0.001);
        expect(await run(0.001, 0)).toEqual([1, 2, 1000, -1].map((v) => Math.fround(f32 * v)));
        expect(await run(0, -5)).toEqual([-5, -5, -5, -5]);
      }));

    it('refuses a call that is not what its kernel declares', () =>
      using(async (device, arena) => {
        const x = row(arena, 1, 2, 3, 4);
        const enc = device.createEncoder();
        // As a caller would that no compiler looks at.
        const loose = enc as unknown as { dispatch: (...call: unknown[]) => void };
        const recording = (params: object, tensors: object) => () =>
          enc.within('h.0', () => loose.dispatch(scaled, tensors, params, [1, 1, 1], {}));
        const params = { count: 4, shift: 0, factor: 1 };
        expect(recording({ count: 4, shift: 0, facto: 1 }, { x, out: x })).toThrow(
          'h.0: scaled: no param factor.',
        );
        expect(recording(params, { x })).toThrow('h.0: scaled: no tensor out.');
        expect(recording({ ...params, count: 0.5 }, { x, out: x })).toThrow(
          'h.0: scaled: param count is 0.5, which is no u32.',
        );
      }));

    it('says after it was disposed that it was', () =>
      using(async (device, arena) => {
        const [one, sum] = [row(arena, 1, 2, 3, 4), row(arena, 0, 0, 0, 0)];
        const late: Encoder = device.createEncoder();
        addRow(late, { row: one, out: sum }, all);
        device.dispose();
        expect(() => late.submit()).toThrow(expect.objectContaining({ code: 'engine/disposed' }));
        await Promise.resolve();
      }));
  });
}
