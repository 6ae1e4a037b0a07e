// The parameters with which a model begins: what each of the three codebases draws when it constructs one, in its own
// order, as a checkpoint that nobody stored. The loader of checkpoints puts it where kernels read it.
import { Breath } from '../../breath.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { type Arena, elementCount } from '../../gpu/device.ts';
import { fillRandom } from '../../gpu/philox.ts';
import { fillParameters } from '../checkpoint.ts';
import type { GptConfig } from '../config.ts';
import { type Layout, MINGPT, NANOGPT, NOTEBOOK } from '../layouts.ts';
import { type Parameters, parameterTable } from '../parameters.ts';

/**
 * Whose rule it is. `notebook`: PyTorch's defaults, N(0, 1) for embeddings and U(±1/√inputs) for weights and biases of
 * linear layers. `mingpt`: N(0, σ), no bias, no position. `nanogpt`: N(0, σ), positions too, and N(0, σ/√(2 · layers)) for
 * what adds to the residual stream; GPT-2's own. σ is a standard deviation, GPT2Config's `initializer_range`, 0.02 in all
 * of them.
 */
export const INITIAL_RULES = ['notebook', 'mingpt', 'nanogpt'] as const;
export type InitialRule = (typeof INITIAL_RULES)[number];

/** A rule, and σ where that is another: `notebook` has none. */
export interface Initial {
  readonly rule: InitialRule;
  readonly initializer_range?: number | undefined;
}

/** How the elements of a tensor are distributed. */
type Distribution =
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number };

/** One tensor is filled; perhaps not for the last time. */
interface Draw {
  readonly name: string;
  readonly shape: readonly number[];
  readonly distribution: Distribution;
}

/** Gives the next values of a tensor. */
type Fill = (values: Float32Array) => void;

/** Where values come from. */
export interface InitialRandom {
  /** Begins the draw of this number; its values are asked for from the first to the last. */
  draw(number: number, size: number, distribution: Distribution): Fill;
  /** A tensor is drawn, and drawn again later. */
  skip(size: number, distribution: Distribution): void;
}

/** Steps count from 0 on: none is this one. */
const BEFORE_ALL_STEPS = 2 ** 32 - 1;

/** From the engine's own generator: every value is a function of seed, tensor and element. */
export function philoxInitial(seed: number): InitialRandom {
  return {
    draw(number, _size, distribution) {
      if (distribution.kind === 'constant') return (values) => values.fill(distribution.value);
      const place = { seed, step: BEFORE_ALL_STEPS, layer: number };
      let done = 0;
      return (values) => {
        // Normal values are made two at a time, of their two words.
        const words = new Uint32Array(values.length + 2);
        const first = done - (done % 2);
        fillRandom(words, place, first);
        for (let i = 0; i < values.length; i++, done++) {
          const at = done - first;
          values[i] =
            distribution.kind === 'uniform'
              ? ((words[at] + 0.5) * 2 ** -31 - 1) * distribution.bound
              : normalOf(words[at - (at % 2)], words[at - (at % 2) + 1], at % 2) * distribution.std;
        }
      };
    },
    skip() {},
  };
}

/** Box and Muller: one of two independent N(0, 1) of two words. */
function normalOf(first: number, second: number, which: number): number {
  const radius = Math.sqrt(-2 * Math.log((first + 1) * 2 ** -32));
  const angle = 2 * Math.PI * second * 2 ** -32;
  return radius * (which === 0 ? Math.cos(angle) : Math.sin(angle));
}

/**
 * Writes the initial values of every parameter into tensors of the arena, in pieces. `random` stands where PyTorch's
 * generator does once its model is constructed. Throws the signal's reason.
 */
export async function initialise(
  arena: Arena,
  parameters: Parameters,
  config: GptConfig,
  initial: InitialRule | Initial,
  random: InitialRandom,
  onTensor?: (name: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const source = breathing(initialCheckpoint(config, initial, random), signal);
  const layout = LAYOUTS[typeof initial === 'string' ? initial : initial.rule];
  await fillParameters(arena, parameters, source, layout, config, onTensor, signal);
}

/** Millions of values are drawn in seconds: between two pieces of them others have their turn, who may end it. */
function breathing(source: TensorSource, signal: AbortSignal | undefined): TensorSource {
  const breath = new Breath();
  return {
    shapes: source.shapes,
    async read(...piece) {
      if (breath.isDue) await breath.take(signal);
      return source.read(...piece);
    },
  };
}

const LAYOUTS: Readonly<Record<InitialRule, Layout>> = {
  notebook: NOTEBOOK,
  mingpt: MINGPT,
  nanogpt: NANOGPT,
};

/**
 * What a codebase's model is right after its construction, under its own names. It can be read once, in the order of
 * `shapes`: that of each tensor's last draw.
 */
export function initialCheckpoint(
  config: GptConfig,
  initial: InitialRule | Initial,
  random: InitialRandom,
): TensorSource {
  const draws = drawsOf(config, typeof initial === 'string' ? { rule: initial } : initial);
  const lastOf = new Map(draws.map(({ name }, number) => [name, number]));
  const kept = draws.filter(({ name }, number) => lastOf.get(name) === number);
  let next = 0;
  let open: { readonly name: string; readonly fill: Fill; left: number } | null = null;

  const begin = (name: string): void => {
    for (; next !== lastOf.get(name); next++) {
      const { shape, distribution, name: other } = draws[next] ?? {};
      if (!shape || lastOf.get(other) === next) throw new Error(`${name} is read out of order.`);
      random.skip(elementCount(shape), distribution);
    }
    const { shape, distribution } = draws[next];
    const left = elementCount(shape);
    open = { name, fill: random.draw(next, left, distribution), left };
    next++;
  };

  return {
    shapes: new Map(kept.map(({ name, shape }) => [name, shape])),
    read(name, from = 0, count, into) {
      if (from === 0) begin(name);
      if (open?.name !== name) throw new Error(`${name} is read out of order.`);
      const length = count ?? open.left;
      open.left -= length;
      const values =
        into && into.length >= length ? into.subarray(0, length) : new Float32Array(length);
      open.fill(values);
      return Promise.resolve(values);
    },
  };
}

/** A linear layer, an embedding, or a matrix that is no module. */
interface Module {
  readonly kind: 'linear' | 'embedding' | 'zeros';
  readonly weight: string;
  readonly shape: readonly number[];
  /** The name of its bias, where it has one. */
  readonly bias: string | null;
}

/** All that a codebase draws, in its order; a tensor is what it was drawn last. */
function drawsOf(config: GptConfig, { rule, initializer_range: range = 0.02 }: Initial): Draw[] {
  const layout = LAYOUTS[rule];
  const modules = modulesOf(config, rule);
  const norms = parameterTable(config)
    .filter(({ kind }) => kind === 'norm')
    .map(({ path, shape }): Draw => {
      const value = path.endsWith('.weight') ? 1 : 0;
      return { name: layout.namesOf(path)[0], shape, distribution: { kind: 'constant', value } };
    });
  const constructed = modules.flatMap(defaultsOf);
  if (rule === 'notebook') return [...constructed, ...norms];

  const applied = modules.flatMap((module): Draw[] => {
    const zeros: Distribution = { kind: 'constant', value: 0 };
    const { kind, weight, shape, bias } = module;
    const distribution: Distribution = kind === 'zeros' ? zeros : { kind: 'normal', std: range };
    const drawn: Draw = { name: weight, shape, distribution };
    return bias === null
      ? [drawn]
      : [drawn, { name: bias, shape: [shape[0]], distribution: zeros }];
  });
  const std = range / Math.sqrt(2 * config.nLayer);
  const residual = applied
    .filter(({ name }) => rule === 'nanogpt' && name.endsWith('c_proj.weight'))
    .map((draw): Draw => ({ ...draw, distribution: { kind: 'normal', std } }));
  return [...constructed, ...applied, ...residual, ...norms];
}

/** As `nn.Linear` and `nn.Embedding` construct themselves. */
function defaultsOf({ kind, weight, shape, bias }: Module): Draw[] {
  if (kind === 'zeros') return [];
  if (kind === 'embedding') {
    return [{ name: weight, shape, distribution: { kind: 'normal', std: 1 } }];
  }
  const distribution: Distribution = { kind: 'uniform', bound: 1 / Math.sqrt(shape[1]) };
  const drawn: Draw = { name: weight, shape, distribution };
  return bias === null ? [drawn] : [drawn, { name: bias, shape: [shape[0]], distribution }];
}

/** A codebase's modules in the order in which it constructs them. */
function modulesOf(config: GptConfig, rule: InitialRule): Module[] {
  const layout = LAYOUTS[rule];
  const specs = new Map(parameterTable(config).map((spec) => [spec.path, spec]));
  const linear = (path: string): Module[] => {
    const { shape } = specs.get(`${path}.weight`) ?? {};
    if (!shape) throw new Error(`No parameter has the path ${path}.weight.`);
    const names = layout.namesOf(`${path}.weight`);
    const biases = specs.has(`${path}.bias`) ? layout.namesOf(`${path}.bias`) : [];
    const rows = [shape[0] / names.length, ...shape.slice(1)];
    return names.map((weight, i) => ({
      kind: 'linear',
      weight,
      shape: rows,
      bias: biases[i] ?? null,
    }));
  };
  const attention = (l: number): Module[] => {
    const parts = linear(`h.${l}.attn.cAttn`);
    if (rule !== 'mingpt') return parts;
    const [query, key, value] = parts;
    return [key, query, value];
  };
  const { vocabSize, nCtx, nEmbd, nLayer, tiedHead } = config;
  const [wte, wpe] = ['wte.weight', 'wpe.weight'].map((path) => layout.namesOf(path)[0]);
  const [head] = layout.namesOf('lmHead.weight');
  return [
    { kind: 'embedding', weight: wte, shape: [vocabSize, nEmbd], bias: null },
    rule === 'mingpt'
      ? { kind: 'zeros', weight: wpe, shape: [1, nCtx, nEmbd], bias: null }
      : { kind: 'embedding', weight: wpe, shape: [nCtx, nEmbd], bias: null },
    ...Array.from({ length: nLayer }, (_, l) => [
      ...attention(l),
      ...linear(`h.${l}.attn.cProj`),
      ...linear(`h.${l}.mlp.cFc`),
      ...linear(`h.${l}.mlp.cProj`),
    ]).flat(),
    // A tied head is constructed too, and is the embedding from then on.
    { kind: 'linear', weight: tiedHead ? wte : head, shape: [vocabSize, nEmbd], bias: null },
  ];
}
