// From a wish ("auto", "cpu", a GPUDevice of one's own) to a device.
import type { DeviceRequest } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { createCpuDevice } from '../../gpu/cpu/device.ts';
import type { Device } from '../../gpu/device.ts';
import { requestWebGpuDevice, summariseInfo } from '../../gpu/webgpu/request.ts';
import { createWebGpuDevice } from '../../gpu/webgpu/device.ts';
import { CPU_TWINS } from '../../kernels/cpuTwins.ts';

/** What a device would be whose lanes are imitated, and one whose lanes are real. */
const PLAIN = { lanes: 'imitated', subgroups: null } as const;
const WORKGROUP = { lanes: 'real' } as const;

/**
 * A device for the wish. `auto` takes the processor where WebGPU is not there, gives no device, or has only
 * a software adapter: a program that imitates a GPU is slower than the processor it runs on. With `plain` the
 * kernels run that share nothing between lanes, which suits software adapters; where it is false the others,
 * whatever the adapter says.
 */
export async function openDevice(
  wish: DeviceRequest | GPUDevice = 'auto',
  plain?: boolean,
): Promise<Device> {
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
  if (wish === 'cpu') return createCpuDevice('f32', CPU_TWINS);
  try {
    return await requestWebGpuDevice({ ...options, hardwareOnly: wish === 'auto' });
  } catch (error) {
    const absent = error instanceof EngineError && error.code.startsWith('webgpu/');
    if (wish === 'auto' && absent) return createCpuDevice('f32', CPU_TWINS);
    throw error;
  }
}
