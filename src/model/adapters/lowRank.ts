// The product that a LoRA adds to a matrix, a piece of rows at a time.

/** s·B·A in the orientation in which the base stores its matrix, as two factors. */
export interface LowRank {
  readonly rank: number;
  /** Of a row of the stored matrix. */
  readonly width: number;
  /** Factor of each row: value k of row i lies at `i · rowStep + k · rankStep`. Scaled by `scale`. */
  readonly rows: Float32Array;
  readonly rowStep: number;
  readonly rankStep: number;
  /** (rank × width), row-major. */
  readonly columns: Float32Array;
  readonly scale: number;
}

/**
 * The factors of a module: `a` is (rank × inputs), `b` (outputs × rank). A matrix that is stored (inputs, outputs), as
 * transformers' Conv1D and every embedding is, gets the transpose of B·A.
 */
export function toLowRank(
  a: Float32Array,
  b: Float32Array,
  rank: number,
  scale: number,
  isInputFirst: boolean,
): LowRank {
  const [inputs, outputs] = [a.length / rank, b.length / rank];
  if (!isInputFirst) {
    return { rank, width: inputs, rows: b, rowStep: rank, rankStep: 1, columns: a, scale };
  }
  const columns = new Float32Array(b.length);
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < rank; k++) columns[k * outputs + o] = b[o * rank + k];
  }
  return { rank, width: outputs, rows: a, rowStep: 1, rankStep: inputs, columns, scale };
}

/**
 * Adds to values `from` … of the stored matrix, in row-major order, what belongs there. Sums are in float64 and rounded
 * once, together with the value that was there.
 */
export function addLowRank(values: Float32Array, from: number, products: readonly LowRank[]): void {
  const width = products[0]?.width ?? 0;
  const sums = new Float64Array(width);
  for (let at = 0; at < values.length;) {
    const row = Math.floor((from + at) / width);
    const first = (from + at) % width;
    const end = Math.min(width, first + values.length - at);
    sums.fill(0, first, end);
    for (const { rank, rows, rowStep, rankStep, columns, scale } of products) {
      for (let k = 0; k < rank; k++) {
        const weight = scale * rows[row * rowStep + k * rankStep];
        const column = k * width;
        for (let j = first; j < end; j++) sums[j] += weight * columns[column + j];
      }
    }
    for (let j = first; j < end; j++, at++) values[at] += sums[j];
  }
}
