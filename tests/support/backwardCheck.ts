// The one test of every backward kernel: its meaning against central differences of the forward one, in float64.
import { expect } from 'vitest';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import { type Slot, createArrays } from '../../src/gpu/cpu/memory.ts';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import type { NumberArray } from '../../src/gpu/kernel.ts';
import { noise } from './random.ts';

/** An op and its gradients, over tensors of f32 that were made on one device. */
export interface Differentiable {
  /** What the op depends on, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** What the op gives. Elements that it leaves alone do no harm. */
  readonly out: Tensor;
  /** What is differentiated is ⟨dOut, out⟩; of as many elements as `out`. */
  readonly dOut: Tensor;
  /** Where `backward` puts the gradient of each input, of as many elements as that. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** Records the op; runs many times. */
  readonly forward: (enc: Encoder) => void;
  /** Records its gradients; runs once, after `forward`. */
  readonly backward: (enc: Encoder) => void;
}

const EPSILON = 1e-5;

/**
 * For each input x and three directions v: ⟨gradient, v⟩ is (⟨dOut, forward(x + εv)⟩ − ⟨dOut, forward(x − εv)⟩) / 2ε,
 * within `bound` of the largest product's size.
 */
export async function expectGradients(
  name: string,
  make: (device: Device, arena: Arena) => Differentiable,
  bound = 1e-8,
): Promise<void> {
  const memory = createArrays('f64');
  const device = createCpuDevice('f64', { memory });
  const arena = device.createArena('test');
  /** Tensors as they lie: what a device reads and writes is f32 and would hide the differences. */
  const view = (tensor: Tensor): NumberArray =>
    memory.view((tensor as Tensor & { slot: Slot }).slot);
  const run = async (record: (enc: Encoder) => void): Promise<void> => {
    const enc = device.createEncoder();
    record(enc);
    enc.submit();
    await device.idle();
  };
  try {
    const { inputs, out, dOut, gradients, forward, backward } = make(device, arena);
    expect(Object.keys(gradients), `${name}: a gradient of each input`).toEqual(
      Object.keys(inputs),
    );
    const given = Float64Array.from(view(dOut));
    const scalar = async (): Promise<number> => {
      await run(forward);
      return inner(given, view(out), `${name}: dOut`);
    };
    await run(forward);
    await run(backward);
    for (const [input, tensor] of Object.entries(inputs)) {
      const x = view(tensor);
      const before = Float64Array.from(x);
      const gradient = view(gradients[input]);
      for (let seed = 1; seed <= 3; seed++) {
        const v = noise(x.length, seed);
        const at = async (step: number): Promise<number> => {
          x.set(before.map((value, i) => value + step * v[i]));
          return scalar();
        };
        // oxlint-disable-next-line no-await-in-loop -- one device
        const difference = ((await at(EPSILON)) - (await at(-EPSILON))) / (2 * EPSILON);
        const expected = inner(gradient, v, `${name}: gradient of ${input}`);
        const size = Math.hypot(...gradient) * Math.sqrt(x.length) + 1;
        expect(
          Math.abs(difference - expected) / size,
          `${name}: along ${input} the op changes by ${difference}, its gradient says ${expected}`,
        ).toBeLessThan(bound);
      }
      x.set(before);
    }
  } finally {
    arena.dispose();
    device.dispose();
  }
}

function inner(a: ArrayLike<number>, b: ArrayLike<number>, name: string): number {
  expect(a.length, `${name}: elements`).toBe(b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
