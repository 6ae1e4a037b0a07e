// Kernels that add to what is there: the second run adds as much as the first, on the GPU and on the processor.
import { expect, it } from 'vitest';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import { addRow } from '../../src/kernels/addRow.ts';
import { CPU_TWINS } from '../../src/kernels/cpuTwins.ts';
import { LINEAR, linearCalls } from '../../src/kernels/linear.ts';
import { createWeightMatrix, writeRows } from '../../src/kernels/weightMatrix.ts';
import { allKernels } from '../support/kernels.ts';
import { noise } from '../support/random.ts';
import { expectClose } from '../support/close.ts';
import { gpuDevice, scoped } from './fixture.ts';

const [ROWS, N, K] = [3, 24, 16];

/** Records one run on `out` (ROWS, N). */
type Run = (device: Device, arena: Arena, out: Tensor) => (enc: Encoder) => void;

const runs = new Map<string, Run>([
  [
    'addRow',
    (_device, arena, out) => {
      const row = arena.upload('row', [1, N], 'f32', noise(N, 1));
      const all = { rows: ROWS, start: 0, from: 0, count: N };
      return (enc) => addRow(enc, { row, out }, all);
    },
  ],
  ...LINEAR.map(({ kernel, record }): [string, Run] => [
    kernel.name,
    (device, arena, out) => {
      const weight = createWeightMatrix(device, arena, 'weight', N, K, 'f32');
      writeRows(arena, weight, 0, noise(N * K, 2));
      const t = {
        x: arena.upload('x', [ROWS, K], 'f32', noise(ROWS * K, 3)),
        weight,
        bias: [arena.upload('bias', [N], 'f32', noise(N, 4))],
        scale: arena.upload('scale', [1], 'f32', Float32Array.of(0.5)),
        out,
      };
      const [call] = linearCalls(t, { rows: ROWS, accumulate: true });
      return (enc) => record(enc, call);
    },
  ]),
]);

/** What `out` holds before the first run and after each of two. */
async function twice(device: Device, run: Run): Promise<Float32Array[]> {
  const arena = device.createArena('add');
  const out = arena.upload('out', [ROWS, N], 'f32', noise(ROWS * N, 5));
  const record = run(device, arena, out);
  const enc = device.createEncoder();
  const reading = [enc.read(out, 0, ROWS * N)];
  for (let i = 0; i < 2; i++) {
    record(enc);
    reading.push(enc.read(out, 0, ROWS * N));
  }
  enc.submit();
  const values = await Promise.all(reading);
  arena.dispose();
  return values;
}

it('every kernel that says it adds is tried here', () => {
  const adding = allKernels().filter(({ bindings }) => Object.values(bindings).includes('add'));
  expect(adding.map(({ name }) => name)).toEqual([...runs.keys()].toSorted());
});

for (const [name, run] of runs) {
  it(`${name} adds the same once more`, async () => {
    const gpu = await gpuDevice();
    const cpu = createCpuDevice('f32', { twins: CPU_TWINS });
    const found = [await scoped(gpu.gpu, () => twice(gpu, run)), await twice(cpu, run)];
    cpu.dispose();
    for (const [before, once, after] of found) {
      const added = once.map((value, i) => value - before[i]);
      expect(Math.max(...added.map(Math.abs))).toBeGreaterThan(0.1);
      expectClose(
        name,
        after,
        before.map((value, i) => value + 2 * added[i]),
        1e-5,
      );
    }
    expectClose(`${name} on both`, found[0][2], found[1][2], 1e-4);
  });
}
