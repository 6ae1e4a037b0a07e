// Which device is opened where WebGPU gives none: the edge of the machine is a stand-in, for there is none in Node.
import { afterEach, expect, test, vi } from 'vitest';
import { openDevice } from '../../../src/engine/load/openDevice.ts';

/** A browser whose GPU process answers `answers` in turn, and then the last for ever. */
function browser(...answers: (GPUAdapter | null)[]) {
  const requestAdapter = vi.fn(() =>
    Promise.resolve(answers.length > 1 ? answers.shift() : answers[0]),
  );
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
  return requestAdapter;
}

/** An adapter that gives no device, and says so in its own words. */
function refusing(description: string): GPUAdapter {
  const info = { vendor: '', architecture: '', device: '', description };
  return {
    info,
    limits: {},
    features: new Set(),
    requestDevice: () => Promise.reject(new Error('not today')),
  } as unknown as GPUAdapter;
}

afterEach(() => vi.unstubAllGlobals());

test('auto takes the processor at once where there is no adapter, and nobody stands in', async () => {
  const asked = browser(null);
  const { summary } = await openDevice('auto');
  expect(summary.kind).toBe('cpu');
  expect(summary.standsIn).toBeUndefined();
  expect(asked).toHaveBeenCalledTimes(1);
});

test('an adapter that is refused by an error is none, and its words are kept', async () => {
  const gpu = { requestAdapter: () => Promise.reject(new Error('no adapter today')) };
  vi.stubGlobal('navigator', { gpu });
  expect((await openDevice('auto')).summary.kind).toBe('cpu');
  await expect(openDevice('webgpu')).rejects.toMatchObject({
    code: 'webgpu/no-adapter',
    message: expect.stringContaining('no adapter today') as string,
  });
});

test('after a loss auto asks again for a while, and says that the processor stands in', async () => {
  const asked = browser(null, refusing('SwiftShader'), null);
  const { summary } = await openDevice('auto', { patienceMs: 700 });
  expect(summary).toMatchObject({ kind: 'cpu', standsIn: true });
  expect(asked.mock.calls.length).toBeGreaterThan(2);
});

test('an adapter that comes back in time is asked for a device', async () => {
  const asked = browser(null, null, refusing('Real card'));
  const opening = openDevice('webgpu', { patienceMs: 700 });
  await expect(opening).rejects.toMatchObject({
    code: 'webgpu/no-device',
    message: expect.stringContaining('Real card') as string,
  });
  expect(asked.mock.calls.length).toBeGreaterThan(2);
});

test('nobody waits for a WebGPU that this browser has not, or once the load is stopped', async () => {
  vi.stubGlobal('navigator', {});
  const begin = performance.now();
  await openDevice('auto', { patienceMs: 60_000 });
  browser(null);
  const stopped = openDevice('auto', { patienceMs: 60_000, signal: AbortSignal.abort() });
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  expect(performance.now() - begin).toBeLessThan(50_000);
});
