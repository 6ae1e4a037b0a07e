// Rows as people count them and rows as the device keeps them: the latter with zeros up to a stride.

/** Rows `from` … `from + count` of (·, width), each with zeros up to `stride`. */
export function withPadding(
  values: Float32Array,
  from: number,
  count: number,
  width: number,
  stride: number,
): Float32Array {
  const padded = new Float32Array(count * stride);
  for (let r = 0; r < count; r++)
    padded.set(values.subarray((from + r) * width, (from + r + 1) * width), r * stride);
  return padded;
}

/** The first `width` values of each of `rows` rows. */
export function withoutPadding(
  padded: Float32Array,
  rows: number,
  stride: number,
  width: number,
): Float32Array {
  if (stride === width) return padded;
  const values = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++)
    values.set(padded.subarray(r * stride, r * stride + width), r * width);
  return values;
}
