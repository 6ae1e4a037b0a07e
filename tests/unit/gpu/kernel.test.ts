// What a call must bring, by type where the compiler can see it, and by a word where it cannot.
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import type { Encoder } from '../../../src/gpu/device.ts';
import { defineKernel, toUniform } from '../../../src/gpu/kernel.ts';

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
