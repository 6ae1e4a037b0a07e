// What a call must bring, by type where the compiler can see it, and by a word where it cannot.
import { afterAll, describe, expect, it } from 'vitest';
import { type CpuParts, createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import type { Encoder } from '../../../src/gpu/device.ts';
import { type Kernel, type TwinTools, defineKernel, toUniform } from '../../../src/gpu/kernel.ts';

const scale = defineKernel({
  name: 'scale',
  source: '',
  params: { count: 'u32', shift: 'i32', factor: 'f32' },
  bindings: { x: 'read', out: 'write' },
  overrides: ['TWICE'],
  meaning({ x, out }, { count, shift, factor, TWICE }) {
    for (let i = 0; i < count; i++) out[i] = shift + factor * (TWICE ? 2 * x[i] : x[i]);
  },
});

const device = createCpuDevice();
const arena = device.createArena('test');
afterAll(() => {
  arena.dispose();
  device.dispose();
});
const x = arena.upload('x', [2], 'f32', Float32Array.of(1, 2));
const out = arena.zeros('out', [2], 'f32');
const grid = [1, 1, 1] as const;
const params = { count: 2, shift: -3, factor: 0.001 };
const encoder = (): Encoder => device.createEncoder();

describe('a call', () => {
  it('that brings what the kernel declares is recorded', () => {
    expect(() => encoder().dispatch(scale, { x, out }, params, grid, { TWICE: 0 })).not.toThrow();
  });

  it('without a tensor, param or override is no call: neither for the compiler nor when it runs', () => {
    const { count, shift, factor } = params;
    // @ts-expect-error there is no out
    expect(() => encoder().dispatch(scale, { x }, params, grid, { TWICE: 0 })).toThrow(
      'scale: no tensor out.',
    );
    expect(() =>
      // @ts-expect-error there is no factor
      encoder().dispatch(scale, { x, out }, { count, shift }, grid, { TWICE: 0 }),
    ).toThrow('scale: no param factor.');
    expect(() =>
      encoder().within('h.3', () =>
        // @ts-expect-error there is no TWICE
        encoder().dispatch(scale, { x, out }, { count, shift, factor }, grid, {}),
      ),
    ).toThrow('scale: no override TWICE.');
  });

  it('with a misspelt name is none either', () => {
    expect(() =>
      // @ts-expect-error the name is out
      encoder().dispatch(scale, { x, out, uot: out }, params, grid, { TWICE: 0 }),
    ).toThrow('scale has no tensor uot.');
    expect(() =>
      // @ts-expect-error the name is factor
      encoder().dispatch(scale, { x, out }, { ...params, facto: 1 }, grid, { TWICE: 0 }),
    ).toThrow('scale has no param facto.');
    expect(() =>
      // @ts-expect-error the name is TWICE
      encoder().dispatch(scale, { x, out }, params, grid, { TWICE: 0, Twice: 1 }),
    ).toThrow('scale has no override Twice.');
  });

  it('names the step it stands in, and the param that is no number of its type', () => {
    const enc = encoder();
    const call = (wrong: Partial<typeof params>) => () =>
      enc.within('h.3', () =>
        enc.within('mlp', () =>
          enc.dispatch(scale, { x, out }, { ...params, ...wrong }, grid, { TWICE: 0 }),
        ),
      );
    expect(call({ count: -1 })).toThrow('h.3.mlp: scale: param count is -1, which is no u32.');
    expect(call({ count: 0.5 })).toThrow('param count is 0.5, which is no u32');
    expect(call({ count: 2 ** 32 })).toThrow('param count is 4294967296, which is no u32');
    expect(call({ shift: 2 ** 31 })).toThrow('param shift is 2147483648, which is no i32');
    expect(call({ factor: NaN })).toThrow('param factor is NaN, which is no f32');
    expect(call({ factor: Infinity, shift: -(2 ** 31), count: 2 ** 32 - 1 })).not.toThrow();
  });

  it('reaches the shader as words of the declared types', () => {
    const words = toUniform(scale, { factor: 0.001, shift: -3, count: 7 });
    expect([...words]).toEqual([7, 0xfffffffd, 0x3a83126f]);
  });
});

describe('a meaning', () => {
  it('reads only what its kernel declares', () => {
    defineKernel({
      name: 'misspelt',
      source: '',
      params: { count: 'u32' },
      bindings: { out: 'write' },
      overrides: [],
      // @ts-expect-error the param is called count
      meaning({ out: array }, { cuont }) {
        array[0] = cuont;
      },
    });
  });
});

describe('a kernel that brings its twin', () => {
  const tools: TwinTools = { share() {}, call() {}, room: () => 0 };
  let made = 0;
  const twinned = defineKernel({
    name: 'twinned',
    source: '',
    params: { count: 'u32' },
    bindings: { y: 'write' },
    overrides: [],
    meaning: ({ y }, { count }) => void y.fill(1, 0, count),
    twin(given) {
      expect(given).toBe(tools);
      made++;
      return ({ y }, { count }) => void y.fill(2, 0, count);
    },
  });

  /** What it leaves in two elements, run twice. */
  async function values(parts?: CpuParts): Promise<number[]> {
    const own = createCpuDevice('f32', parts);
    const y = own.createArena('test').zeros('y', [2], 'f32');
    const enc = own.createEncoder();
    for (const count of [2, 1]) enc.dispatch(twinned, { y }, { count }, grid, {});
    const reading = enc.read(y, 0, 2);
    enc.submit();
    return [...(await reading)];
  }

  it('is run by its twin where the device has tools for it, which is made once a device', async () => {
    expect(await values()).toEqual([1, 1]);
    expect(made).toBe(0);
    expect(await values({ tools })).toEqual([2, 2]);
    expect(made).toBe(1);
    await values({ tools });
    expect(made).toBe(2);
  });

  it('is run by a twin of the device where there is one', async () => {
    const twin: Kernel['meaning'] = ({ y }) => void y.fill(3);
    expect(await values({ tools, twins: new Map([[twinned, twin]]) })).toEqual([3, 3]);
  });
});
