// What every twin does before it calls C: addresses, with a look at the tensor's end.
import type { NumberArray } from '../../gpu/kernel.ts';

/** A piece of less than so many multiply-adds costs more in sharing than it saves. */
export const PIECE_WORK = 1 << 16;

/**
 * The address of an array that goes on for at least so many elements: C looks at no bounds, so nothing gets an address
 * without. A meaning, and a shader, would read zeros out there or write nowhere; C would meet another tensor.
 */
export function addressOf(name: string, array: NumberArray, elements: number): number {
  if (array.length >= elements) return array.byteOffset;
  throw new Error(`${name} has ${array.length} elements of ${elements}.`);
}
