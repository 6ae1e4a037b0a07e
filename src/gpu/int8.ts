// Rows of weights as int8: groups of 32 along a row share a scale, and ŵ = q · scale, −127 ≤ q ≤ 127.
// A row is a block of its own, in whole vec4s of words: all weights, four to a word, then all scales,
// two to a word. A scale is the upper half of an f32, rounded up: then every ŵ is an exact f32, and no
// weight is further than scale / 2 from what it was.
import type { NumberArray } from './kernel.ts';

/** Weights that share a scale. */
const GROUP = 32;

/** Words of one row of `columns` weights. */
export function int8RowWords(columns: number): number {
  const groups = Math.ceil(columns / GROUP);
  return (groups * GROUP) / 4 + Math.ceil(groups / 8) * 4;
}

/**
 * Packs whole rows of `columns` weights. A group with a weight that is no finite number becomes NaN
 * throughout, as everything computed from it would.
 */
export function toInt8Rows(values: Float32Array, columns: number): Uint32Array<ArrayBuffer> {
  const rows = values.length / columns;
  const stride = int8RowWords(columns);
  const groups = Math.ceil(columns / GROUP);
  const words = new Uint32Array(rows * stride);
  const bytes = new Int8Array(words.buffer);
  const halves = new Uint16Array(words.buffer);
  for (let row = 0; row < rows; row++) {
    for (let g = 0; g < groups; g++) {
      const from = row * columns + g * GROUP;
      const count = Math.min(GROUP, columns - g * GROUP);
      let largest = 0;
      for (let i = from; i < from + count; i++) {
        const size = Math.abs(values[i]);
        if (size > largest || Number.isNaN(size)) largest = size;
      }
      if (largest === 0) continue;
      const scale = toScale(largest / 127);
      const at = row * stride * 4 + g * GROUP;
      for (let i = 0; i < count; i++) bytes[at + i] = Math.round(values[from + i] / scale);
      halves[(row * stride + groups * 8) * 2 + g] = scratch.halves[1];
    }
  }
  return words;
}

/** The weights of packed rows into `target` from element `at` on. */
export function fromInt8Rows(
  words: Uint32Array,
  columns: number,
  target: NumberArray,
  at: number,
): void {
  const stride = int8RowWords(columns);
  const groups = Math.ceil(columns / GROUP);
  const bytes = new Int8Array(words.buffer, words.byteOffset, words.length * 4);
  const halves = new Uint16Array(words.buffer, words.byteOffset, words.length * 2);
  for (let row = 0; row * stride < words.length; row++) {
    for (let g = 0; g < groups; g++) {
      scratch.bits[0] = 0;
      scratch.halves[1] = halves[(row * stride + groups * 8) * 2 + g];
      const scale = scratch.value[0];
      const from = row * stride * 4 + g * GROUP;
      const to = at + row * columns + g * GROUP;
      const count = Math.min(GROUP, columns - g * GROUP);
      for (let i = 0; i < count; i++) target[to + i] = bytes[from + i] * scale;
    }
  }
}

const scratch = (() => {
  const bits = new Uint32Array(1);
  const { buffer } = bits;
  return { bits, halves: new Uint16Array(buffer), value: new Float32Array(buffer) };
})();

/** `x` rounded up to a value of sixteen bits, which are left in `scratch`. */
function toScale(x: number): number {
  scratch.value[0] = x;
  if (Number.isFinite(x)) scratch.bits[0] = (scratch.bits[0] + 0xffff) & 0xffff0000;
  else scratch.bits[0] = 0x7fc00000;
  return scratch.value[0];
}
