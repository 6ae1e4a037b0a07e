// Requesting a GPU's device. Everything else is handed one.
import { EngineError } from '../../errors.ts';
import { requestAdapter, summarise, WANTED_LIMITS } from './adapter.ts';
import { type WebGpuDevice, type WebGpuOptions, createWebGpuDevice } from './device.ts';

/** Features that some kernels or measurements can use; everything works without them. */
const WANTED_FEATURES = ['subgroups', 'timestamp-query'] as const;

/**
 * A WebGPU device with the limits GPT-2 can use. `defaultLimits` keeps WebGPU's guaranteed ones,
 * under which a large embedding is split over several bindings. With `hardwareOnly` a software adapter
 * counts as none. Throws `webgpu/…`.
 */
export async function requestWebGpuDevice(
  options: WebGpuOptions & {
    readonly defaultLimits?: boolean;
    readonly hardwareOnly?: boolean;
  } = {},
): Promise<WebGpuDevice> {
  if (!globalThis.navigator?.gpu) {
    throw new EngineError('This browser does not offer WebGPU here.', {
      code: 'webgpu/no-api',
      hint: 'Use a current browser over https:// or on localhost, or compute on the processor.',
    });
  }
  // A browser may also say no by an error.
  const [adapter, refusal] = await requestAdapter().then(
    (found) => [found, undefined] as const,
    (error: unknown) => [null, error] as const,
  );
  if (!adapter) {
    const why = refusal instanceof Error ? ` (${refusal.message})` : '';
    throw new EngineError(`WebGPU is there, but it found no graphics adapter.${why}`, {
      code: 'webgpu/no-adapter',
      hint: 'Switch hardware acceleration on in the browser settings, or compute on the processor.',
      cause: refusal,
    });
  }
  const summary = summarise(adapter);
  if (options.hardwareOnly && summary.isSoftware) {
    throw new EngineError(`${summary.label} is a program on the processor, not a GPU.`, {
      code: 'webgpu/software',
      hint: 'Compute on the processor, or ask for webgpu to use it all the same.',
    });
  }
  const requiredLimits: Record<string, number> = {};
  if (!options.defaultLimits) {
    for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  }
  try {
    const gpu = await adapter.requestDevice({
      label: 'glass-gpt',
      requiredLimits,
      requiredFeatures: WANTED_FEATURES.filter((name) => adapter.features.has(name)),
    });
    return createWebGpuDevice(gpu, summary, { ...options, ownsGpu: true });
  } catch (cause) {
    throw new EngineError(`${summary.label} refused a device: ${String(cause)}`, {
      code: 'webgpu/no-device',
      hint: 'Close other tabs that use the GPU and reload, or compute on the processor.',
      cause,
    });
  }
}
