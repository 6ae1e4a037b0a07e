// Finding a GPU: the only place that looks for one. Everything else is handed a device.
import type { DeviceSummary, GpuVerdict } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type WebGpuDevice, type WebGpuOptions, createWebGpuDevice } from './device.ts';

/** What the kernels need at the least; WebGPU guarantees these, so a smaller adapter is broken. */
const NEEDED_LIMITS: Readonly<Record<string, number>> = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 128 * 1024 * 1024,
};

/** Names by which programs that imitate a GPU on the processor call themselves. */
const SOFTWARE_NAMES = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|software/i;

/** A busy machine is slow to answer; a browser that never does has no adapter. */
const ADAPTER_TIMEOUT_MS = 10_000;

/** Largest sizes worth asking for: an f32 embedding of 50,257 × 1,600 is 322 MB. */
const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;

/** Features that some kernels or measurements can use; everything works without them. */
const WANTED_FEATURES = ['subgroups', 'timestamp-query'] as const;

/** Says whether WebGPU can be used here, and if not, why. Never throws. */
export async function probeGpu(): Promise<GpuVerdict> {
  if (!navigator.gpu) {
    return { code: !(globalThis.isSecureContext ?? true) ? 'insecure' : 'no-api' };
  }
  const adapter = await requestAdapter().catch(() => null);
  if (!adapter) return { code: 'no-adapter' };
  const summary = summarise(adapter);
  for (const [name, needed] of Object.entries(NEEDED_LIMITS)) {
    const offered = (adapter.limits as unknown as Record<string, number>)[name] ?? 0;
    if (offered < needed) {
      return { code: 'limits', adapter: summary.label, limit: { name, needed, offered } };
    }
  }
  return { code: summary.isSoftware ? 'software' : 'ok', adapter: summary.label };
}

function requestAdapter(): Promise<GPUAdapter | null> {
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), ADAPTER_TIMEOUT_MS));
  const answer = navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  return Promise.race([answer, late]);
}

/** An adapter in facts; browsers that hide them leave the strings empty. */
function summarise(adapter: GPUAdapter): DeviceSummary {
  return summariseInfo(adapter.info, adapter.limits, adapter.features);
}

/** As `summarise`, for a device that somebody else requested. */
export function summariseInfo(
  info: GPUAdapterInfo & { isFallbackAdapter?: boolean },
  supported: GPUSupportedLimits,
  features: ReadonlySet<string>,
): DeviceSummary {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  const isSoftware = (info.isFallbackAdapter ?? false) || SOFTWARE_NAMES.test(names);
  const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ');
  const limits: Record<string, number> = {};
  for (const key of [...Object.keys(NEEDED_LIMITS), ...WANTED_LIMITS]) {
    limits[key] = (supported as unknown as Record<string, number>)[key];
  }
  return {
    kind: 'webgpu',
    isSoftware,
    label: (name || 'GPU') + (isSoftware && !/software/i.test(name) ? ' (software)' : ''),
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    features: [...features].toSorted(),
    limits,
  };
}

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
