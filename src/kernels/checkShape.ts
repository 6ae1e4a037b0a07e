// A wrong shape is a mistake in our own code: say which op and tensor, before the GPU does worse.
import type { Tensor } from '../gpu/device.ts';

/** Throws when a tensor's shape is not the expected one. */
export function checkShape(
  op: string,
  expected: Readonly<Record<string, readonly [tensor: Tensor, shape: readonly number[]]>>,
): void {
  for (const [name, [tensor, shape]] of Object.entries(expected)) {
    if (tensor.shape.length !== shape.length || shape.some((n, i) => tensor.shape[i] !== n)) {
      throw new Error(
        `${op}: ${name} (${tensor.label}) is ${tensor.shape.join(' × ')}; expected ${shape.join(' × ')}.`,
      );
    }
  }
}
