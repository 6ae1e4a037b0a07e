// From a wish ("auto", "cpu", a GPUDevice of one's own) to a device.
import type { DeviceRequest } from '../api.ts';
import { EngineError } from '../errors.ts';
import { createCpuDevice } from '../gpu/cpuDevice.ts';
import type { Device } from '../gpu/device.ts';
import { requestWebGpuDevice, summariseInfo } from '../gpu/request.ts';
import { createWebGpuDevice } from '../gpu/webGpuDevice.ts';
import { CPU_TWINS } from '../kernels/cpuTwins.ts';

/** A device for the wish. `auto` takes the processor only where there is no WebGPU at all. */
export async function openDevice(wish: DeviceRequest | GPUDevice = 'auto'): Promise<Device> {
  if (typeof wish === 'object') {
    return createWebGpuDevice(wish, summariseInfo(wish.adapterInfo, wish.limits, wish.features));
  }
  if (wish === 'cpu') return createCpuDevice('f32', CPU_TWINS);
  try {
    return await requestWebGpuDevice();
  } catch (error) {
    const absent = error instanceof EngineError && error.code.startsWith('webgpu/');
    if (wish === 'auto' && absent) return createCpuDevice('f32', CPU_TWINS);
    throw error;
  }
}
