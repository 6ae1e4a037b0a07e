// An encoder that keeps what it records, until it hands all of it over.
import { type Encoder, type Grid, type Tensor, type Traits, bytesOf, roundUp } from '../device.ts';
import { halfToFloat } from '../half.ts';
import { fromInt8Rows } from '../int8.ts';
import { type Kernel, checkCall, said, toUniform } from '../kernel.ts';
import { checkCopy, checkElements, createNames } from '../steps.ts';
import type { Step } from './submit.ts';

export interface EncoderOptions {
  readonly traits: Traits;
  readonly mostWorkgroups: number;
  /** The pipeline of a kernel that is recorded at `at`. */
  readonly pipelineOf: (
    kernel: Kernel,
    overrides: Readonly<Record<string, number>>,
    at: string,
  ) => GPUComputePipeline;
  readonly submit: (steps: readonly Step[]) => void;
}

export function createGpuEncoder(options: EncoderOptions): Encoder {
  const { traits, mostWorkgroups, pipelineOf } = options;
  const { now, within } = createNames();
  let steps: Step[] = [];

  function recordRead(tensor: Tensor, from: number, count: number): Promise<ArrayBuffer> {
    const { shape, format } = tensor;
    if (tensor.viewOf) checkElements(now(), tensor, from, count);
    const fromBytes = bytesOf(from, shape, format);
    const sizeBytes = roundUp(bytesOf(count, shape, format), 4);
    return new Promise((resolve, reject) => {
      steps.push({ kind: 'read', at: now(), tensor, fromBytes, sizeBytes, resolve, reject });
    });
  }

  return {
    traits,
    dispatch(kernel, tensors, params, grid, overrides) {
      const at = now();
      checkCall(kernel, { tensors, params, overrides }, at);
      checkGrid(kernel, grid, mostWorkgroups, at);
      const pipeline = pipelineOf(kernel, overrides, at);
      const uniform = toUniform(kernel, params);
      steps.push({ kind: 'dispatch', at, kernel, pipeline, tensors, params, uniform, grid });
    },
    copy(from, to, range) {
      checkCopy(now(), from, to, range);
      steps.push({ kind: 'copy', at: now(), from, to, range });
    },
    clear(tensor) {
      steps.push({ kind: 'copy', at: now(), from: null, to: tensor });
    },
    within,
    read: async (tensor, from, count) =>
      toFloats(await recordRead(tensor, from, count), count, tensor),
    readU32: async (tensor, from, count) =>
      new Uint32Array(await recordRead(tensor, from, count), 0, count),
    submit() {
      const taken = steps;
      steps = [];
      options.submit(taken);
    },
  };
}

/** Values of the `count` elements that were read back. */
function toFloats(data: ArrayBuffer, count: number, { format, shape }: Tensor): Float32Array {
  if (format === 'f16') return Float32Array.from(new Uint16Array(data, 0, count), halfToFloat);
  if (format !== 'int8') return new Float32Array(data, 0, count);
  const values = new Float32Array(count);
  fromInt8Rows(new Uint32Array(data), shape[shape.length - 1], values, 0);
  return values;
}

function checkGrid(kernel: Kernel, grid: Grid, most: number, at: string): void {
  for (const n of grid) {
    if (!Number.isInteger(n) || n < 1 || n > most) {
      throw new Error(`${said(at)}${kernel.name}: grid ${grid.join(' × ')} is outside 1…${most}.`);
    }
  }
}
