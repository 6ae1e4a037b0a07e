// A kernel: its shader, its bindings and its meaning in plain TypeScript, in one object.

/** Types that a param has in the shader's struct. */
export type ParamType = 'u32' | 'i32' | 'f32';

/**
 * What a kernel does with a tensor. `write`: what is there afterwards is computed anew, even where it is
 * computed from what was there. `add`: the result is added to what is there, always or where a param says
 * so, and running it twice adds it twice. Both are `read_write` in the shader.
 */
export type Access = 'read' | 'write' | 'add';

/**
 * Arrays a meaning works on: `Float64Array` for the oracle, `Float32Array` on the CPU device. Tensors of u32 are
 * `Uint32Array` on both. Memory that keeps weights packed has f16 as `Uint16Array` and int8 as `Uint32Array`, which only
 * twins can read.
 */
export type NumberArray = Float32Array | Float64Array | Uint32Array | Uint16Array;

/** Every binding of a kernel as a typed array. */
export type Arrays<B extends string = string> = Readonly<Record<B, NumberArray>>;

/** Params and overrides together, all numbers. */
export type Sizes<P extends string = string> = Readonly<Record<P, number>>;

/** What a twin in WebAssembly computes with, its tensors' memory included: [`Wasm`](cpu/wasm.ts) is it. */
export interface TwinTools {
  /**
   * Runs a kernel of C by its number in share.c, in `pieces` that threads take; `scratchBytes` is what each thread needs for
   * itself. Whatever the number of threads and pieces, the results are the same to the last bit.
   */
  share(kernel: number, parameters: readonly number[], pieces: number, scratchBytes?: number): void;
  /** Calls an export that takes the address of its parameters, on this thread alone. */
  call(name: string, parameters: readonly number[]): void;
  /**
   * The address of room for `length` floats, which is one for each name and grows. What lies there lasts as long as the
   * call of a twin. Throws where there is no memory, and is as before then, but empty.
   */
  room(name: string, length: number): number;
}

/** P, B and O are the names of params, bindings and overrides. */
export interface Kernel<
  P extends string = string,
  B extends string = string,
  O extends string = string,
> {
  /** The stem of shader, kernel file and test, and the shader's entry point. */
  readonly name: string;
  readonly source: string;
  /** Fields of the uniform at binding 0, in the order of the shader's struct. */
  readonly params: Readonly<Record<P, ParamType>>;
  /** Storage bindings from 1 on, in order. */
  readonly bindings: Readonly<Record<B, Access>>;
  /** Names of the `override` constants that the caller sets. */
  readonly overrides: readonly O[];
  /** What the kernel computes, as plain loops over the same arrays. A method, so that every kernel is a `Kernel`. */
  meaning(this: void, arrays: Arrays<B>, sizes: Sizes<P | O>): void;
  /**
   * Makes what the processor runs instead of the meaning where it has WebAssembly: once a device, over arrays that lie in
   * one memory with the C functions (kernels/wasm/README.md).
   */
  twin?(this: void, tools: TwinTools): Kernel<P, B, O>['meaning'];
}

/** Declares a kernel; the generics tie the meaning's names, and those of each call, to the declared ones. */
export function defineKernel<
  const P extends string,
  const B extends string,
  const O extends string,
>(definition: {
  readonly name: string;
  readonly source: string;
  readonly params: Readonly<Record<P, ParamType>>;
  readonly bindings: Readonly<Record<B, Access>>;
  readonly overrides: readonly O[];
  readonly meaning: (arrays: Arrays<NoInfer<B>>, sizes: Sizes<NoInfer<P | O>>) => void;
  readonly twin?: (
    tools: TwinTools,
  ) => (arrays: Arrays<NoInfer<B>>, sizes: Sizes<NoInfer<P | O>>) => void;
}): Kernel<P, B, O> {
  return definition;
}

/** What one dispatch brings. */
export interface Call {
  readonly tensors: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, number>>;
  readonly overrides: Readonly<Record<string, number>>;
}

/** Throws, naming the kernel and the name, where a call does not bring just what the kernel declares. */
export function checkCall(kernel: Kernel, { tensors, params, overrides }: Call, at: string): void {
  const where = `${said(at)}${kernel.name}`;
  checkNames(where, 'tensor', kernel.bindings, tensors);
  checkNames(where, 'param', kernel.params, params);
  for (const name of kernel.overrides) {
    if (typeof overrides[name] !== 'number') throw new Error(`${where}: no override ${name}.`);
  }
  for (const name in overrides) {
    if (!kernel.overrides.includes(name)) throw new Error(`${where} has no override ${name}.`);
  }
  for (const name in params) {
    const [type, value] = [kernel.params[name], params[name]];
    if (isOf(type, value)) continue;
    throw new Error(`${where}: param ${name} is ${value}, which is no ${type}.`);
  }
}

function checkNames(where: string, what: string, declared: object, given: object): void {
  for (const name in declared) {
    if (!(name in given)) throw new Error(`${where}: no ${what} ${name}.`);
  }
  for (const name in given) {
    if (!(name in declared)) throw new Error(`${where} has no ${what} ${name}.`);
  }
}

function isOf(type: ParamType, value: number): boolean {
  if (type === 'f32') return typeof value === 'number' && !Number.isNaN(value);
  return type === 'u32' ? value >>> 0 === value : (value | 0) === value;
}

/** The uniform as the shader reads it. */
export function toUniform(
  { params: declared }: Kernel,
  params: Readonly<Record<string, number>>,
): Uint32Array {
  const words = new Uint32Array(Object.keys(declared).length);
  let i = 0;
  for (const name in declared) {
    words[i++] = declared[name] === 'f32' ? floatBits(params[name]) : params[name];
  }
  return words;
}

/** The bits of a number as f32. */
export function floatBits(value: number): number {
  scratch.value[0] = value;
  return scratch.bits[0];
}

/** Params and overrides as a meaning reads them: f32 params are those that a shader would get. */
export function toSizes({ params: declared }: Kernel, { params, overrides }: Call): Sizes {
  const sizes: Record<string, number> = { ...params, ...overrides };
  for (const name in declared) {
    if (declared[name] === 'f32') sizes[name] = Math.fround(sizes[name]);
  }
  return sizes;
}

const scratch = (() => {
  const bits = new Uint32Array(1);
  return { bits, value: new Float32Array(bits.buffer) };
})();

/** The name of a step as the beginning of a sentence about it; nothing where it has none. */
export function said(at: string): string {
  return at === '' ? '' : `${at}: `;
}
