// Where a row of a result goes: sequences of a batch lie `capacity` rows apart in the cache.

/** Row r of a call goes to row (r div tokens) · capacity + start + r mod tokens. */
export interface RowMap {
  /** Rows of one sequence in this call. */
  readonly tokens: number;
  /** Rows between two sequences in the target. */
  readonly capacity: number;
  /** First row of this call within a sequence. */
  readonly start: number;
}

/** Row r goes to row r. */
export function identityRows(rows: number): RowMap {
  return { tokens: rows, capacity: rows, start: 0 };
}

export function mapRow(r: number, tokens: number, capacity: number, start: number): number {
  return Math.floor(r / tokens) * capacity + start + (r % tokens);
}
