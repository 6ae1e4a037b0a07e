// Faster twins of meanings for the processor; only the linear layer earns one.
import type { CpuTwins } from '../gpu/cpuDevice.ts';
import { linearFast, matmulKernel, matvecKernel, matvecWorkgroupKernel } from './linear.ts';

type Meaning = typeof matvecKernel.meaning;

export const CPU_TWINS: CpuTwins = new Map([
  [matvecKernel, linearFast as Meaning],
  [matvecWorkgroupKernel, linearFast as Meaning],
  [matmulKernel, linearFast as Meaning],
]);
