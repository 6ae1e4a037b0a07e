// What trains, in pools: a few large tensors that hold all weights, and as many for gradients and for each moment, cut
// alike. Kernels see the parameters that lie in them; the optimiser sees the pools, whatever the model is made of.
import { type Arena, type Device, type Tensor, roundUp } from '../../gpu/device.ts';
import { type WeightMatrix, planWeightMatrix } from '../../kernels/weightMatrix.ts';
import type { GptConfig } from '../config.ts';
import {
  type ParameterMaker,
  type ParameterSpec,
  type Parameters,
  type PlacedMatrix,
  createParameters,
  parameterTable,
} from '../parameters.ts';

/** Elements that share one word of `decays`, and what every region begins at a multiple of: 256 bytes. */
export const REGION = 64;
/** No pool is larger, in bytes: memory is found for several of these where it is not for one. */
const POOL_BYTES = 256 << 20;

/** Which parameters lose weight: those of linear layers (minGPT), or all of two and more dimensions (nanoGPT). */
export type DecayRule = 'mingpt' | 'nanogpt';

/** Four tensors of one length, cut alike. */
export interface Pool {
  readonly weights: Tensor;
  readonly gradients: Tensor;
  /** Running mean of the gradient, and of its square. */
  readonly m: Tensor;
  readonly v: Tensor;
  /** (length / 64) u32: 1 where those elements decay. */
  readonly decays: Tensor;
}

/** What trains: all parameters of a model, or what is beside a frozen one (`lora/`). */
export interface Trained<P> {
  /** By path. What `create` asks for and is not here is read and written by kernels alone. */
  readonly specs: ReadonlyMap<string, Pick<ParameterSpec, 'decays' | 'shape'>>;
  readonly create: (make: ParameterMaker) => P;
}

/** Everything that trains. */
export interface Trainables<P = Parameters> {
  readonly pools: readonly Pool[];
  /** Views of the pools' weights. */
  readonly parameters: P;
  /** Views of the pools' gradients; what the model has not, and kernels write all the same, lies elsewhere. */
  readonly gradients: P;
  /** Views of both moments, for whoever keeps them by name. */
  readonly m: P;
  readonly v: P;
}

/** All parameters of a model of this shape. */
export function allParameters(config: GptConfig): Trained<Parameters> {
  return {
    specs: new Map(parameterTable(config).map((spec) => [spec.path, spec])),
    create: (make) => createParameters(config, make),
  };
}

/** Where a piece of a parameter lies. */
interface Region {
  readonly pool: number;
  /** First element. */
  readonly from: number;
  readonly decays: boolean;
}

/** How pools are cut, before there is any memory for them. */
export interface PoolPlan {
  /** Elements of each. */
  readonly lengths: readonly number[];
  /** In the order in which `createParameters` asks for what trains. */
  readonly regions: readonly Region[];
}

/** Cuts pools for what trains. */
export function planPools<P>(
  device: Device,
  { specs, create }: Trained<P>,
  rule: DecayRule,
): PoolPlan {
  const most = Math.min(device.traits.maxBindingBytes, POOL_BYTES) / 4;
  const lengths = [0];
  const regions: Region[] = [];
  const place = (spec: Pick<ParameterSpec, 'decays' | 'shape'>, elements: number): void => {
    const length = roundUp(elements, REGION);
    let pool = lengths.length - 1;
    if (lengths[pool] > 0 && lengths[pool] + length > most) pool = lengths.push(0) - 1;
    regions.push({ pool, from: lengths[pool], decays: decaysBy(rule, spec) });
    lengths[pool] += length;
  };
  const nothing = { id: 0, label: 'planned', shape: [], format: 'f32', sizeBytes: 0 } as const;
  create({
    matrix(spec) {
      const matrix = planMatrix(device, spec);
      for (const { rows } of matrix.parts) place(spec, rows * matrix.columns);
      return matrix;
    },
    vector(path, length) {
      const spec = specs.get(path);
      if (spec) place(spec, length);
      return nothing;
    },
  });
  return { lengths, regions };
}

/**
 * Takes memory for all that trains, zeros: weights in an arena of their own, because they outlive the rest. Throws
 * `device/out-of-memory`.
 */
export function createTrainables<P>(
  device: Device,
  weights: Arena,
  rest: Arena,
  trained: Trained<P>,
  rule: DecayRule,
): Trainables<P> {
  const { lengths, regions } = planPools(device, trained, rule);
  const pools = lengths.map((length, i): Pool => {
    const zeros = (arena: Arena, name: string): Tensor =>
      arena.zeros(`${name}[${i}]`, [length], 'f32');
    const decays = new Uint32Array(length / REGION);
    regions.forEach((region, r) => {
      if (region.pool !== i || !region.decays) return;
      const next = regions[r + 1];
      const end = next?.pool === i ? next.from : length;
      decays.fill(1, region.from / REGION, end / REGION);
    });
    return {
      weights: zeros(weights, 'weights'),
      gradients: zeros(rest, 'gradients'),
      m: zeros(rest, 'm'),
      v: zeros(rest, 'v'),
      decays: rest.upload(`decays[${i}]`, [decays.length], 'u32', decays),
    };
  });
  const viewsOf = (kind: Exclude<keyof Pool, 'decays'>): P => {
    const arena = kind === 'weights' ? weights : rest;
    let next = 0;
    const view = (label: string, shape: readonly number[]): Tensor => {
      const { pool, from } = regions[next++];
      return arena.view(pools[pool][kind], label, shape, from);
    };
    return trained.create(makerOf(device, arena, trained, view));
  };
  return {
    pools,
    parameters: viewsOf('weights'),
    gradients: viewsOf('gradients'),
    m: viewsOf('m'),
    v: viewsOf('v'),
  };
}

/** Makes parameters of `view`s, in the plan's order, and zeros of their own for what the model has not. */
function makerOf(
  device: Device,
  arena: Arena,
  { specs }: Pick<Trained<unknown>, 'specs'>,
  view: (label: string, shape: readonly number[]) => Tensor,
): ParameterMaker {
  return {
    matrix(spec) {
      const plan = planMatrix(device, spec);
      const parts = plan.parts.map(({ start, rows }) => ({
        start,
        rows,
        tensor: view(spec.path, [rows, plan.columns]),
      }));
      return { ...plan, parts };
    },
    vector: (path, length) =>
      specs.has(path) ? view(path, [length]) : arena.zeros(path, [length], 'f32'),
  };
}

function planMatrix(device: Device, { padded: [rows, columns] }: PlacedMatrix): WeightMatrix {
  return planWeightMatrix(device, rows, columns, 'f32');
}

function decaysBy(rule: DecayRule, spec: Pick<ParameterSpec, 'decays' | 'shape'>): boolean {
  return rule === 'mingpt' ? spec.decays : spec.shape.length >= 2;
}
