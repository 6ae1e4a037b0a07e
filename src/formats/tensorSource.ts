// Named tensors of numbers, whatever file they are stored in.

/**
 * Checkpoints that are alike, the steps of a run: whoever loads one says how they are arranged for its purpose, and those
 * that are read ahead are arranged ahead.
 */
export interface Alike {
  /** What `arrange` of the same `key` made of this one; undefined where nobody had the time. */
  arranged(key: string): Sized | undefined;
  /** `arrange` may be called at any time later, with another one's tensors. */
  teach(key: string, arrange: (other: TensorSource) => Promise<Sized>): void;
}

interface Sized {
  readonly bytes: number;
}

/** Reads tensors of a checkpoint piece by piece, so that no more than a piece is held at once. */
export interface TensorSource {
  /** In the order in which reading costs least: a file's own, where bytes come one after the other. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Tensors whose type holds no weights (integers, booleans), by name. */
  readonly unreadable?: ReadonlyMap<string, string>;
  /** Tensors that an index promises and their file lacks: name → file. */
  readonly absent?: ReadonlyMap<string, string>;
  /** What the files hold that is not read, in sentences for people. */
  readonly notes?: readonly string[];
  /** Where it is one of several that are alike. */
  readonly alike?: Alike;
  /**
   * Values `from` … `from + count` of a tensor in row-major order; all of them by default. Tensors
   * are asked for in the order of `shapes`, and the pieces of one from its first value to its last. They
   * may lie in `into`, where that has room, as `ByteSource` has it.
   */
  read(
    name: string,
    from?: number,
    count?: number,
    into?: Float32Array<ArrayBuffer>,
  ): Promise<Float32Array>;
}
