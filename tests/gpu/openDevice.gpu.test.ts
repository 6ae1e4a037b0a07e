// Which device a wish opens, by what the machine's adapter says of itself.
import { afterEach, expect, test } from 'vitest';
import type { DeviceRequest } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';

const real = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, 'info')!;
afterEach(() => Object.defineProperty(GPUAdapter.prototype, 'info', real));

const CASES: readonly (readonly [
  adapter: string,
  info: Readonly<Record<string, unknown>>,
  wish: DeviceRequest | undefined,
  opened: 'webgpu' | 'cpu',
])[] = [
  ['hardware', { description: 'Acme 1' }, 'auto', 'webgpu'],
  ['hardware that hides its name', {}, undefined, 'webgpu'],
  ['hardware', { description: 'Acme 1' }, 'cpu', 'cpu'],
  ['software by its flag', { isFallbackAdapter: true }, 'auto', 'cpu'],
  ['software by its flag', { isFallbackAdapter: true }, undefined, 'cpu'],
  ['software by its name', { description: 'llvmpipe (LLVM 15)' }, 'auto', 'cpu'],
  ['software', { isFallbackAdapter: true }, 'webgpu', 'webgpu'],
];

test.each(CASES)('%s %o: %s opens %s', async (_, info, wish, opened) => {
  const named = { vendor: '', architecture: '', device: '', description: '', ...info };
  Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => named, configurable: true });
  const device = await openDevice(wish);
  try {
    expect(device.summary.kind).toBe(opened);
  } finally {
    device.dispose();
  }
});
