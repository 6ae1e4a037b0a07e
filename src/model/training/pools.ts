// What trains, in pools: a few large tensors that hold all weights, and as many for gradients and for each moment, cut
// alike. Kernels see the parameters that lie in them; the optimiser sees the pools, whatever the model is made of.
import { type Arena, type Device, type Tensor, roundUp } from '../../gpu/device.ts';
import { type WeightMatrix, planWeightMatrix } from '../../kernels/weightMatrix.ts';
import type { GptConfig } from '../config.ts';
import {
  type MatrixSpec,
  type ParameterMaker,
  type ParameterSpec,
  type Parameters,
  createParameters,
  parameterTable,
} from '../parameters.ts';

/** Elements that share one word of `decays`, and what every region begins at a multiple of: 256 bytes. */
const REGION = 64;
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

/** Everything that trains. */
export interface Trainables {
  readonly pools: readonly Pool[];
  /** Views of the pools' weights. */
  readonly parameters: Parameters;
  /** Views of the pools' gradients; what the model has not, and kernels write all the same, lies elsewhere. */
  readonly gradients: Parameters;
  /** Views of both moments, for whoever keeps them by name. */
  readonly m: Parameters;
  readonly v: Parameters;
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

/** Cuts pools for a model of this shape. */
export function planPools(device: Device, config: GptConfig, rule: DecayRule): PoolPlan {
  const most = Math.min(device.traits.maxBindingBytes, POOL_BYTES) / 4;
  const lengths = [0];
  const regions: Region[] = [];
  const specs = specsOf(config);
  const place = (spec: ParameterSpec, elements: number): void => {
    const length = roundUp(elements, REGION);
    let pool = lengths.length - 1;
    if (lengths[pool] > 0 && lengths[pool] + length > most) pool = lengths.push(0) - 1;
    regions.push({ pool, from: lengths[pool], decays: decaysBy(rule, spec) });
    lengths[pool] += length;
  };
  const nothing = { id: 0, label: 'planned', shape: [], format: 'f32', sizeBytes: 0 } as const;
  createParameters(config, {
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
export function createTrainables(
  device: Device,
  weights: Arena,
  rest: Arena,
  config: GptConfig,
  rule: DecayRule,
): Trainables {
  const { lengths, regions } = planPools(device, config, rule);
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
  const viewsOf = (kind: Exclude<keyof Pool, 'decays'>): Parameters => {
    const arena = kind === 'weights' ? weights : rest;
    let next = 0;
    const view = (label: string, shape: readonly number[]): Tensor => {
      const { pool, from } = regions[next++];
      return arena.view(pools[pool][kind], label, shape, from);
    };
    return createParameters(config, makerOf(device, arena, config, view));
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
  config: GptConfig,
  view: (label: string, shape: readonly number[]) => Tensor,
): ParameterMaker {
  const specs = specsOf(config);
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

function planMatrix(device: Device, { padded: [rows, columns] }: MatrixSpec): WeightMatrix {
  return planWeightMatrix(device, rows, columns, 'f32');
}

function specsOf(config: GptConfig): ReadonlyMap<string, ParameterSpec> {
  return new Map(parameterTable(config).map((spec) => [spec.path, spec]));
}

function decaysBy(rule: DecayRule, spec: ParameterSpec): boolean {
  return rule === 'mingpt' ? spec.decays : spec.shape.length >= 2;
}
