// IEEE 754 half precision without Float16Array, which Node 20 lacks.

/** Value of one binary16 bit pattern. */
export function halfToFloat(half: number): number {
  scratch.bits[0] = halfBitsTable()[half & 0xffff];
  return scratch.value[0];
}

/**
 * IEEE binary16 bit patterns of float32 values, rounded to nearest, ties to even. Finite values beyond the range
 * become ±65504, so that a weight never turns into ∞; ∞ and NaN stay what they are.
 */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const aligned = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < aligned.length; i++) {
    const sign = (aligned[i] >>> 16) & 0x8000;
    const bits = aligned[i] & 0x7fffffff;
    halves[i] = sign | roundToHalf(bits);
  }
  return halves;
}

/** Binary16 pattern of a positive float32 pattern. */
function roundToHalf(bits: number): number {
  if (bits > 0x7f800000) return 0x7e00 | ((bits >>> 13) & 0x3ff); // NaN, quiet
  if (bits === 0x7f800000) return 0x7c00; // ∞
  if (bits >= 0x477ff000) return 0x7bff; // 65520 and more would round to ∞
  if (bits >= 0x38800000) {
    // Normal from 2⁻¹⁴: the exponent's bias goes from 127 to 15, the fraction loses 13 bits.
    const rebiased = bits - (112 << 23);
    return (rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13;
  }
  if (bits < 0x33000000) return 0; // below 2⁻²⁵
  // Subnormal: a multiple of 2⁻²⁴.
  const shift = 126 - (bits >>> 23);
  const fraction = (bits & 0x7fffff) | 0x800000;
  const floor = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return rest > tie || (rest === tie && (floor & 1) === 1) ? floor + 1 : floor;
}

const scratch = (() => {
  const bits = new Uint32Array(1);
  return { bits, value: new Float32Array(bits.buffer) };
})();

let halfTable: Uint32Array | undefined;

/** float32 pattern of each binary16 pattern (256 KB); made when it is first needed. */
export function halfBitsTable(): Uint32Array {
  if (halfTable) return halfTable;
  const table = new Uint32Array(0x10000);
  for (let half = 0; half < 0x8000; half++) {
    const exponent = half >>> 10;
    const fraction = half & 0x3ff;
    if (exponent === 31) {
      table[half] = 0x7f800000 | (fraction << 13);
    } else if (exponent > 0) {
      table[half] = ((exponent + 112) << 23) | (fraction << 13);
    } else {
      scratch.value[0] = fraction * 2 ** -24;
      table[half] = scratch.bits[0];
    }
    table[half | 0x8000] = (table[half] | 0x80000000) >>> 0;
  }
  halfTable = table;
  return table;
}
