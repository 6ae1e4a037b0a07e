// Looking for a GPU, and what an adapter is in facts. Apart from requesting its device, which brings the whole backend
// along: the page only wants to know whether there is one.
import type { DeviceSummary, GpuVerdict } from '../../api.ts';

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
export const WANTED_LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize'] as const;

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

export function requestAdapter(): Promise<GPUAdapter | null> {
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), ADAPTER_TIMEOUT_MS));
  const answer = navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  return Promise.race([answer, late]);
}

/** An adapter in facts; browsers that hide them leave the strings empty. */
export function summarise(adapter: GPUAdapter): DeviceSummary {
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
