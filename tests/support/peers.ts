// What is measured beside others inside the page: this engine through its public face, and onnxruntime-web, which is
// no dependency of the repository and is imported from wherever it is served.
import { type FromPretrainedOptions, GPT2 } from '../../src/index.ts';

export interface ContenderFacts {
  /** What computes. */
  readonly adapter: string;
  /** How, in its own words, with its threads. */
  readonly description: string;
}

/** Reads a prompt from nothing, then one token after the other. */
export interface Contender {
  readonly facts: ContenderFacts;
  readonly vocabSize: number;
  /** Logits after the last of `ids`, (V). Nothing that was read before helps. */
  prompt(ids: readonly number[]): Promise<Float32Array>;
  /** Logits after one more token, (V). */
  next(id: number): Promise<Float32Array>;
  /** Forgets what came after the prompt. */
  rewind(): void;
}

/** What is used of onnxruntime-web. */
interface Onnxruntime {
  readonly env: { readonly wasm: { numThreads: number; wasmPaths: string } };
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => OnnxTensor;
  readonly InferenceSession: {
    create(
      graph: Uint8Array,
      options: {
        executionProviders: readonly string[];
        graphOptimizationLevel: 'all';
        externalData: readonly { path: string; data: Uint8Array }[];
      },
    ): Promise<{ run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>> }>;
  };
}

interface OnnxTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

const LAYERS = 12;
const HEADS = 12;
const HEAD_SIZE = 64;

const contenders = new Map<string, Contender>();

function contender(name: string): Contender {
  const found = contenders.get(name);
  if (!found) throw new Error(`Nobody was loaded as ${name}.`);
  return found;
}

/** Loads the folder at `url` into this engine, on the processor, under `name`. */
export async function loadOurs(
  name: string,
  url: string,
  options: Pick<FromPretrainedOptions, 'dtype' | 'processor'>,
): Promise<void> {
  const model = await GPT2.from_pretrained(new URL(url, location.href).href, {
    device: 'cpu',
    ...options,
  });
  const reader = model.conversation();
  let ids: number[] = [];
  let promptLength = 0;
  const read = async (expected: number): Promise<Float32Array> => {
    const { logits, computed } = await reader.follow(ids);
    // What the cache has would be timed as if it had been computed.
    if (computed !== expected) throw new Error(`${name} computed ${computed}, not ${expected}.`);
    return logits;
  };
  contenders.set(name, {
    // Asked when it has computed something: helpers may come late.
    get facts() {
      const { label: adapter, description } = model.device;
      return { adapter, description };
    },
    vocabSize: model.config.vocabSize,
    prompt(prompt) {
      // A cache that follows the text keeps what two texts begin with.
      if (ids.length > 0 && prompt[0] === ids[0]) throw new Error('Begin with another token.');
      ids = [...prompt];
      promptLength = ids.length;
      return read(promptLength);
    },
    next(id) {
      ids.push(id);
      return read(1);
    },
    rewind() {
      ids.length = promptLength;
    },
  });
}

export interface OnnxFiles {
  /** Folder of its distribution, with a slash at the end. */
  readonly runtime: string;
  readonly graph: string;
  /** A safetensors file, whose tensors lie as the graph expects them. */
  readonly weights: string;
}

/** Loads the graph of GPT-2 124M into onnxruntime-web's WebAssembly backend, under `name`. */
export async function loadOnnxruntime(
  name: string,
  { runtime, graph, weights }: OnnxFiles,
  threads: number,
): Promise<void> {
  const base = new URL(runtime, location.href).href;
  const ort = (await import(/* @vite-ignore */ `${base}ort.wasm.min.mjs`)) as Onnxruntime;
  ort.env.wasm.wasmPaths = base;
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(new Uint8Array(await fetched(graph)), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    externalData: [{ path: 'gpt2-124m.weights', data: tensorsOf(await fetched(weights)) }],
  });

  const nothing = (): Past => ({
    length: 0,
    tensors: keysAndValues('past_key_values').map((input) => [
      input,
      new ort.Tensor('float32', new Float32Array(0), [1, HEADS, 0, HEAD_SIZE]),
    ]),
  });
  const int64 = (values: readonly number[]): OnnxTensor =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

  /** One pass over `ids` behind `past`. */
  async function run(
    ids: readonly number[],
    past: Past,
  ): Promise<{ logits: Float32Array; present: Past }> {
    const length = past.length + ids.length;
    const out = await session.run({
      input_ids: int64(ids),
      position_ids: int64(ids.map((_, i) => past.length + i)),
      attention_mask: int64(Array.from({ length }, () => 1)),
      ...Object.fromEntries(past.tensors),
    });
    const outputs = keysAndValues('present');
    const tensors = keysAndValues('past_key_values').map(
      (input, i) => [input, out[outputs[i]]] as const,
    );
    return { logits: out.logits.data as Float32Array, present: { length, tensors } };
  }

  let afterPrompt = nothing();
  let now = afterPrompt;
  contenders.set(name, {
    facts: {
      adapter: "This computer's processor",
      // As it found it could have, which where there is no shared memory is one.
      description: `WebAssembly, ${ort.env.wasm.numThreads} ${ort.env.wasm.numThreads === 1 ? 'thread' : 'threads'}`,
    },
    vocabSize: 50257,
    async prompt(ids) {
      const { logits, present } = await run(ids, nothing());
      afterPrompt = present;
      now = present;
      return logits;
    },
    async next(id) {
      const { logits, present } = await run([id], now);
      now = present;
      return logits;
    },
    rewind() {
      now = afterPrompt;
    },
  });
}

/** Keys and values of every layer, (1, H, length, D) each, by the name of the input that takes them. */
interface Past {
  readonly length: number;
  readonly tensors: readonly (readonly [input: string, tensor: OnnxTensor])[];
}

function keysAndValues(prefix: string): string[] {
  return Array.from({ length: LAYERS }, (_, l) => [
    `${prefix}.${l}.key`,
    `${prefix}.${l}.value`,
  ]).flat();
}

async function fetched(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return response.arrayBuffer();
}

/** The bytes behind the header of a safetensors file. */
function tensorsOf(file: ArrayBuffer): Uint8Array {
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  return new Uint8Array(file, 8 + headerBytes);
}

export function factsOf(name: string): ContenderFacts {
  return contender(name).facts;
}

/** Ids of a text that begins with token `seed`. */
function someIds(name: string, count: number, seed: number): number[] {
  const { vocabSize } = contender(name);
  return Array.from({ length: count }, (_, i) => (seed + i * 7919) % vocabSize);
}

/**
 * Largest difference of two contenders' logits, as a part of the largest of `reference`'s, after a prompt of `tokens`
 * and after the token that is then the likeliest.
 */
export async function disagreement(
  reference: string,
  name: string,
  tokens: number,
  seed: number,
): Promise<{ prompt: number; next: number }> {
  const ids = someIds(reference, tokens, seed);
  const [one, other] = [contender(reference), contender(name)];
  const expected = await one.prompt(ids);
  const prompt = largestDifference(expected, await other.prompt(ids));
  const id = expected.indexOf(expected.reduce((a, b) => Math.max(a, b)));
  return { prompt, next: largestDifference(await one.next(id), await other.next(id)) };
}

/** NaN where either has a value that is no number. */
function largestDifference(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length) {
    throw new Error(`${actual.length} logits; expected ${expected.length}.`);
  }
  let largest = 0;
  let difference = 0;
  for (const [i, value] of expected.entries()) {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - actual[i]));
  }
  return difference / largest;
}

/** Milliseconds of reading `tokens` tokens up to the logits of the last. */
export async function timePrompt(name: string, tokens: number, seed: number): Promise<number> {
  const ids = someIds(name, tokens, seed);
  const start = performance.now();
  await contender(name).prompt(ids);
  return performance.now() - start;
}

/** Milliseconds of each of `tokens` tokens, one after the other, behind the prompt that was read last. */
export async function timeTokens(name: string, tokens: number, seed: number): Promise<number[]> {
  const one = contender(name);
  one.rewind();
  const times: number[] = [];
  for (const id of someIds(name, tokens, seed)) {
    const start = performance.now();
    await one.next(id);
    times.push(performance.now() - start);
  }
  return times;
}
