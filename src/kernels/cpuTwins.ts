// Faster twins of meanings for the processor; only the linear layer earns one.
import type { CpuTwins } from '../gpu/cpu/device.ts';
import {
  linearFast,
  matmulKernel,
  matmulWideKernel,
  matvecKernel,
  matvecWorkgroupKernel,
} from './linear.ts';

export const CPU_TWINS: CpuTwins = new Map([
  [matvecKernel, linearFast],
  [matvecWorkgroupKernel, linearFast],
  [matmulKernel, linearFast],
  [matmulWideKernel, linearFast],
]);
