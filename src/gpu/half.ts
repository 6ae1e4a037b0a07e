// IEEE 754 half precision without Float16Array, which Node 20 lacks.

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** Bits of the half nearest to `value` (ties to even); finite values saturate at ±65504. */
export function halfBits(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude === 0x7f800000) return sign | 0x7c00; // infinity stays infinity
  if (magnitude >= 0x477ff000) return sign | 0x7bff; // saturate
  if (magnitude < 0x38800000) {
    // Subnormal halves: the value in units of 2⁻²⁴, rounded to even by the addition itself.
    const shifted = Math.abs(floatView[0]) * 16777216;
    const floor = Math.floor(shifted);
    const rest = shifted - floor;
    const up = rest > 0.5 || (rest === 0.5 && (floor & 1) === 1) ? 1 : 0;
    return sign | (floor + up);
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
  return sign | (rounded >>> 13);
}

/** The number that half-precision `bits` stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | null = null;

/** All 65,536 halves as f32, built once: decoding by table is the fastest way in plain JavaScript. */
export function halfTable(): Float32Array {
  if (!table) {
    table = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) table[i] = halfValue(i);
  }
  return table;
}

/** Half-precision bits of every element of `values`. */
export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]);
  return halves;
}

/** Every half of `halves` as f32. */
export function fromHalves(halves: Uint16Array): Float32Array {
  const lookup = halfTable();
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = lookup[halves[i]];
  return values;
}
