// A kernel: its shader, its bindings and its meaning in plain TypeScript, in one object.

/** Arrays a meaning works on: `Float64Array` for the oracle, `Float32Array` on the CPU device. */
export type FloatArray = Float32Array | Float64Array;

/** Every binding of a kernel as a typed array. */
export type Arrays<B extends string = string> = Readonly<Record<B, FloatArray>>;

/** Params and overrides together, all numbers. */
export type Sizes<P extends string = string> = Readonly<Record<P, number>>;

export interface Kernel {
  /** The stem of shader, kernel file and test, and the shader's entry point. */
  readonly name: string;
  readonly source: string;
  /** u32 fields of the uniform at binding 0, in the order of the shader's struct. */
  readonly params: readonly string[];
  /** Storage bindings from 1 on, in order. `write` is `read_write` in the shader. */
  readonly bindings: Readonly<Record<string, 'read' | 'write'>>;
  /** Names of the `override` constants the caller may set. */
  readonly overrides: readonly string[];
  /** What the kernel computes, as plain loops over the same arrays. */
  readonly meaning: (arrays: Arrays, sizes: Sizes) => void;
}

/** Declares a kernel; the generics tie the meaning's names to the declared ones. */
export function defineKernel<
  const B extends Readonly<Record<string, 'read' | 'write'>>,
  const P extends readonly string[],
  const O extends readonly string[],
>(definition: {
  readonly name: string;
  readonly source: string;
  readonly params: P;
  readonly bindings: B;
  readonly overrides: O;
  readonly meaning: (
    arrays: Arrays<Extract<keyof B, string>>,
    sizes: Sizes<P[number] | O[number]>,
  ) => void;
}): Kernel {
  return definition;
}
