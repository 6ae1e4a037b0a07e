// From a wish ("auto", "cpu", a GPUDevice of one's own) to a device.
import type { DeviceRequest } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { Device } from '../../gpu/device.ts';
import { summariseInfo } from '../../gpu/webgpu/adapter.ts';
import { requestWebGpuDevice } from '../../gpu/webgpu/request.ts';
import { createWebGpuDevice } from '../../gpu/webgpu/device.ts';
import { type ProcessorOptions, checkProcessor, createProcessor } from './processor.ts';

/** What a device would be whose lanes are imitated, and one whose lanes are real. */
const PLAIN = { lanes: 'imitated', subgroups: null } as const;
const WORKGROUP = { lanes: 'real' } as const;

/** How often an adapter is asked for while one may come back. */
const AGAIN_MS = 250;

interface OpenDeviceOptions {
  /** How the processor computes, where it does. */
  readonly processor?: ProcessorOptions | undefined;
  /**
   * True for the kernels that share nothing between lanes, which suits software adapters; false for the others,
   * whatever the adapter says.
   */
  readonly plain?: boolean | undefined;
  /**
   * How long WebGPU is asked again where it gives nothing: after a loss, a browser takes a moment to start its GPU
   * process anew, and has no adapter until then. Not at all by default.
   */
  readonly patienceMs?: number | undefined;
  /** Ends the waiting, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A device for the wish. `auto` takes the processor where WebGPU is not there, gives no device, or has only
 * a software adapter: a program that imitates a GPU is slower than the processor it runs on. A processor that
 * was taken after waiting in vain `standsIn`. Throws `webgpu/…`, `options/…`.
 */
export async function openDevice(
  wish: DeviceRequest | GPUDevice = 'auto',
  { plain, patienceMs = 0, signal, processor }: OpenDeviceOptions = {},
): Promise<Device> {
  checkProcessor(processor); // whichever it will be: another machine may have no GPU
  const options = plain === undefined ? {} : { traits: plain ? PLAIN : WORKGROUP };
  if (typeof wish === 'object') {
    const summary = summariseInfo(wish.adapterInfo, wish.limits, wish.features);
    return createWebGpuDevice(wish, summary, options);
  }
  if (!['auto', 'webgpu', 'cpu'].includes(wish)) {
    throw new EngineError(`device is ${JSON.stringify(wish)}; expected auto, webgpu or cpu.`, {
      code: 'options/device',
      hint: 'Leave device out for what suits this machine.',
    });
  }
  if (wish === 'cpu') return createProcessor(processor);
  const start = performance.now();
  for (;;) {
    try {
      return await requestWebGpuDevice({ ...options, hardwareOnly: wish === 'auto' });
    } catch (error) {
      if (!(error instanceof EngineError) || !error.code.startsWith('webgpu/')) throw error;
      signal?.throwIfAborted();
      const mayCome = error.code !== 'webgpu/no-api' && performance.now() - start < patienceMs;
      if (mayCome) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        continue;
      }
      if (wish !== 'auto') throw error;
      return createProcessor({ ...processor, standsIn: patienceMs > 0 });
    }
  }
}
