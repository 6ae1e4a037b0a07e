// From a wish ("auto", "cpu", a GPUDevice of one's own) to a device.
import type { DeviceRequest } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { createCpuDevice } from '../../gpu/cpuDevice.ts';
import type { Device } from '../../gpu/device.ts';
import { requestWebGpuDevice, summariseInfo } from '../../gpu/request.ts';
import { createWebGpuDevice } from '../../gpu/webGpuDevice.ts';
import { CPU_TWINS } from '../../kernels/cpuTwins.ts';

/**
 * A device for the wish. `auto` takes the processor where WebGPU is not there, gives no device, or has only
 * a software adapter: a program that imitates a GPU is slower than the processor it runs on. With `plain` the
 * kernels without barriers and workgroup memory run, which suits software adapters.
 */
export async function openDevice(
  wish: DeviceRequest | GPUDevice = 'auto',
  plain?: boolean,
): Promise<Device> {
  const options = { prefersPlain: plain };
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
