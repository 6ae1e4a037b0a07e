// A model with moments that nobody trained: every weight and moment has bits of its own.
import type { Device } from '../../src/gpu/device.ts';
import { fillParameters, zeroParameters } from '../../src/model/checkpoint.ts';
import { type GptConfig, PRESETS } from '../../src/model/config.ts';
import { savedLayout } from '../../src/model/exportTensors.ts';
import { Gpt } from '../../src/model/gpt.ts';
import { type ParameterSpec, isMatrix, parameterTable } from '../../src/model/parameters.ts';
import { readRows, readVector } from '../../src/model/readBack.ts';
import { isInputFirst } from '../../src/model/layouts.ts';
import { vocabularyOf } from '../../src/engine/load/vocabulary.ts';
import type { Described } from '../../src/engine/save.ts';
import type { Learner } from '../../src/engine/training/checkpoints.ts';
import type { TrainerState } from '../../src/engine/training/trainerState.ts';
import { noise } from './random.ts';

/** Widths that nothing divides: rows of 15, heads of 3, a hidden layer of 37. */
export const ODD: GptConfig = {
  ...PRESETS.gpt2,
  vocabSize: 23,
  nCtx: 7,
  nLayer: 2,
  nHead: 5,
  nEmbd: 15,
  nInner: 37,
};

/** What decimals would lose: a zero with a sign, the smallest float32s, the largest. */
const EDGES = [-0, 1.401298464324817e-45, -1.1754942106924411e-38, 3.4028234663852886e38];

export type TestLearner = Learner & {
  resumed: readonly [steps: number, microSteps: number] | null;
  /** Everything, padding included, by path. */
  bits(): Promise<Map<string, Float32Array>>;
};

/** All zeros without a `seed`. */
export async function createLearner(
  device: Device,
  config: GptConfig,
  seed?: number,
): Promise<TestLearner> {
  const arena = device.createArena('learner');
  const layout = savedLayout(config);
  const zeros = () => zeroParameters(device, arena, layout, config, 'f32');
  const all = { weights: zeros(), m: zeros(), v: zeros() };
  if (seed !== undefined) {
    for (const [i, [kind, parameters]] of Object.entries(all).entries()) {
      const shapes = new Map(
        parameterTable(config).flatMap((spec) => {
          const names = layout.namesOf(spec.path);
          return names.map((name) => [name, shapeOf(spec, names.length, layout)] as const);
        }),
      );
      let next = seed + 1000 * i;
      const read = (name: string, from = 0, count?: number): Promise<Float32Array> => {
        const size = (shapes.get(name) ?? []).reduce((product, n) => product * n, 1);
        const values = noise(count ?? size - from, (next += 7919), 0, 0.3);
        // What the model computes with them must be numbers.
        if (kind !== 'weights') values.set(EDGES, 1);
        return Promise.resolve(values);
      };
      await fillParameters(arena, parameters, { shapes, read }, layout, config);
    }
  }
  const learner: TestLearner = {
    model: new Gpt(device, arena, config, all.weights),
    trainables: all,
    arena,
    resumed: null,
    resume: (...at) => (learner.resumed = at),
    async bits() {
      const found = new Map<string, Float32Array>();
      for (const [kind, parameters] of Object.entries(all)) {
        for (const spec of parameterTable(config)) {
          const values = isMatrix(spec)
            ? await readRows(device, spec.of(parameters), 0, spec.padded[0])
            : await readVector(device, spec.of(parameters));
          found.set(`${kind} ${spec.path}`, values);
        }
      }
      return found;
    },
  };
  return learner;
}

function shapeOf(
  spec: ParameterSpec,
  parts: number,
  layout: ReturnType<typeof savedLayout>,
): readonly number[] {
  const [rows, ...columns] = spec.shape;
  const shape = [rows / parts, ...columns];
  return isInputFirst(layout, spec) ? shape.toReversed() : shape;
}

export function stateOf(config: GptConfig, step: number, evalLoss: number | null): TrainerState {
  return {
    run: 'tales',
    step,
    microSteps: 2 * step,
    config,
    options: { learning_rate: 3e-4, max_steps: 1000, lr_scheduler_type: 'cosine' },
    generator: {
      words: Uint32Array.from({ length: 624 }, (_, i) => Math.imul(i + 1, 0x9e3779b1)),
      drawn: 4711,
      nextNormal: -0.1 / 3,
    },
    position: { epoch: 1, order: [3, 1, 2] },
    evalLoss,
    log: [{ step, loss: 1 / 3, learning_rate: 1e-4, grad_norm: 0.7 }],
  };
}

/** A model without a tokenizer, as saving asks about it. */
export const describedAs = (config: GptConfig): Described => ({
  config,
  tokenizer: null,
  vocabulary: vocabularyOf(null),
  bosTokenId: null,
  eosTokenIds: [],
  summary: { defaults: {} },
});
