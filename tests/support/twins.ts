// The twins of WebAssembly beside their kernels' meanings in float64: both modules, with one, two and three threads.
import { setFlagsFromString } from 'node:v8';
import { expect } from 'vitest';
import { createProcessor } from '../../src/engine/load/processor.ts';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import {
  type WeightFormat,
  type WeightMatrix,
  createWeightMatrix,
  writeRows,
} from '../../src/kernels/weightMatrix.ts';
import { expectClose } from './close.ts';
import { noise } from './random.ts';

export interface Twin {
  readonly wasm: 'exact' | 'relaxed';
  readonly threads: number;
  readonly device: Device;
}

/** Devices to compare; with more than one thread those that are shared, all of them started. */
export async function openTwins(): Promise<readonly Twin[]> {
  allowRelaxed();
  const twins = await Promise.all(
    (['exact', 'relaxed'] as const).flatMap((wasm) =>
      [1, 2, 3].map(async (threads) => {
        const device = await createProcessor({ wasm, threads });
        return { wasm, threads, device };
      }),
    ),
  );
  await Promise.all(twins.map(({ device }) => device.prepare(() => {})));
  return twins;
}

/** Node 20 has relaxed SIMD behind a flag; later ones have it, and no such flag. */
function allowRelaxed(): void {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
}

/** Records an op, and says what of it is read back. */
export type Op = (
  device: Device,
  enc: Encoder,
  arena: Arena,
) => { readonly out: Tensor; readonly count: number; readonly u32?: boolean };

export async function run(device: Device, op: Op): Promise<Float32Array | Uint32Array> {
  const arena = device.createArena('test');
  const enc = device.createEncoder();
  const { out, count, u32 = false } = op(device, enc, arena);
  const reading = u32 ? enc.readU32(out, 0, count) : enc.read(out, 0, count);
  enc.submit();
  const values = await reading;
  arena.dispose();
  return values;
}

const oracle = createCpuDevice('f64');

/** Every module is as near to the meaning as `bound`; whatever its threads, its numbers are the same to the bit. */
export async function expectMeaning(
  twins: readonly Twin[],
  name: string,
  op: Op,
  bound: number,
): Promise<void> {
  const expected = await run(oracle, op);
  const alone = new Map<string, Float32Array | Uint32Array>();
  for (const { wasm, threads, device } of twins) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as on a page
    const values = await run(device, op);
    const first = alone.get(wasm);
    if (first) expect(values, `${name}, ${wasm}, ${threads} threads`).toEqual(first);
    else expectClose(`${name}, ${wasm}`, values, expected, bound);
    alone.set(wasm, first ?? values);
  }
}

/** A matrix of noise. */
export function weights(
  device: Device,
  arena: Arena,
  format: WeightFormat,
  rows: number,
  columns: number,
  std = 1,
): WeightMatrix {
  const matrix = createWeightMatrix(device, arena, 'weight', rows, columns, format);
  writeRows(arena, matrix, 0, noise(rows * columns, 6, 0, std));
  return matrix;
}
