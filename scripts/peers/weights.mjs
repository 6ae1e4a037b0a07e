// GPT-2's weights for a comparison of speed: drawn from a fixed seed, in one file that both sides read. Behind its
// header a safetensors file is the tensors without holes, which is the file that the graph expects, and GPT-2's own
// layout has matrices as [in, out], as the graph has them: so one file of 498 MB serves both.
// @ts-check
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ name: string, dims: number[], offset: number }} GraphTensor `offset` is in bytes */

/** Of all that is random here. */
export const SEED = 20;

const CONFIG = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
};

/**
 * What each kind of parameter is drawn from. Matrices as GPT-2 is initialised; biases and LayerNorms, which would be
 * 0 and 1, wide enough that the logits show where one is dropped.
 * @param {string} name as the graph has it
 */
export function drawnFrom(name) {
  if (/\bln_\w+\.w$/.test(name)) return { mean: 1, std: 0.1 };
  if (name.endsWith('.b')) return { mean: 0, std: 0.1 };
  return { mean: 0, std: 0.02 };
}

/** The name that transformers gives what the graph calls `wte` or `transformer.h.0.ln_1.w`. @param {string} name */
export function toHuggingFace(name) {
  if (!name.startsWith('transformer.')) return `transformer.${name}.weight`;
  return name.replace(/\.w$/, '.weight').replace(/\.b$/, '.bias');
}

/** The tensors of the graph, in the order of their bytes. @returns {GraphTensor[]} */
export function graphTensors() {
  return JSON.parse(readFileSync(new URL('tensors.json', import.meta.url), 'utf8'));
}

/**
 * The folder below `cache` with a GPT-2 in Hugging Face layout, made on the first call. Another version of this file
 * or of the list of tensors makes another one, and takes the old one's place.
 * @param {string} cache
 */
export function weightsFolder(cache) {
  const hash = createHash('sha256');
  for (const name of ['weights.mjs', 'tensors.json']) {
    hash.update(readFileSync(new URL(name, import.meta.url)));
  }
  const name = `gpt2-124m-${hash.digest('hex').slice(0, 12)}`;
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  console.log(`Writing random weights for GPT-2 124M to ${folder} (once, 498 MB) …`);
  const fresh = `${folder}.${process.pid}`;
  try {
    mkdirSync(fresh);
    writeFileSync(join(fresh, 'config.json'), `${JSON.stringify(CONFIG, null, 2)}\n`);
    writeSafetensors(join(fresh, 'model.safetensors'));
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  for (const old of readdirSync(cache)) {
    if (/^gpt2-124m-[0-9a-f]{12}$/.test(old) && old !== name) {
      rmSync(join(cache, old), { recursive: true, force: true });
    }
  }
  return folder;
}

/** @param {string} path */
function writeSafetensors(path) {
  const tensors = graphTensors();
  /** @type {Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>} */
  const entries = {};
  for (const { name, dims, offset } of tensors) {
    entries[toHuggingFace(name)] = {
      dtype: 'F32',
      shape: dims,
      data_offsets: [offset, offset + 4 * elementsOf(dims)],
    };
  }
  const json = JSON.stringify(entries);
  // The tensors begin at a multiple of eight, so that they can be viewed where they lie.
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  try {
    writeAll(file, length);
    writeAll(file, header);
    const random = uniform(SEED);
    for (const tensor of tensors) writeAll(file, new Uint8Array(drawn(tensor, random).buffer));
  } finally {
    closeSync(file);
  }
}

/** A write may take less than it is given. @param {number} file @param {Uint8Array} bytes */
function writeAll(file, bytes) {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/**
 * Values of a tensor, normally distributed.
 * @param {Pick<GraphTensor, 'name' | 'dims'>} tensor
 * @param {() => number} random uniform numbers in [0, 1)
 */
export function drawn({ name, dims }, random) {
  const { mean, std } = drawnFrom(name);
  const values = new Float32Array(elementsOf(dims));
  // Box and Muller: two uniform numbers make two normal ones.
  for (let i = 0; i < values.length; i += 2) {
    const radius = std * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[i] = mean + radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle);
  }
  return values;
}

/** @param {readonly number[]} dims */
function elementsOf(dims) {
  return dims.reduce((product, size) => product * size, 1);
}

/** Numbers spread evenly over [0, 1), by Tommy Ettinger's mulberry32. @param {number} state the seed */
export function uniform(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
