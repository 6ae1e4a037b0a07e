// Typed arrays are compared as what they are. Vitest walks them as objects, five microseconds an element: two seconds for
// the weights of the smallest model.
import { expect } from 'vitest';

expect.addEqualityTesters([
  // Of other things it says nothing, and Vitest compares them.
  (a: unknown, b: unknown): boolean | undefined =>
    isArray(a) && isArray(b) && a.constructor === b.constructor ? isEqual(a, b) : undefined,
]);

type TypedArray = Exclude<ArrayBufferView, DataView> & ArrayLike<number | bigint>;

function isArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** As `toEqual` has it: NaN is NaN, and 0 is not -0. */
function isEqual(a: TypedArray, b: TypedArray): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
