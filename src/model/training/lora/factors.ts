// The two factors of every layer that a LoRA adapts: what trains in place of the layer's own weight.
import { type Arena, roundUp } from '../../../gpu/device.ts';
import { type WeightMatrix, writeRows } from '../../../kernels/weightMatrix.ts';
import type { GptConfig } from '../../config.ts';
import { type ParameterMaker, type PlacedMatrix, inPlace } from '../../parameters.ts';
import type { InitialRandom } from '../initialise.ts';
import type { Trained } from '../pools.ts';
import { type LoraConfig, type LoraSite, loraSites } from './loraConfig.ts';

/** What is added to a weight is their product, scaled. Ranks are padded to a multiple of 8 with zeros, which stay zero. */
export interface Factors {
  /** (r, inputs) */
  readonly a: WeightMatrix;
  /** (outputs, r) */
  readonly b: WeightMatrix;
}

/** How a site's factors are shaped and placed: as the weight, whose inputs and outputs may be padded inside. */
export function factorSpecs(
  { module, weight }: LoraSite,
  { r }: LoraConfig,
): Readonly<Record<keyof Factors, PlacedMatrix>> {
  const [outputs, inputs] = weight.shape;
  const [paddedOutputs, paddedInputs] = weight.padded;
  const rank = roundUp(r, 8);
  const both = { kind: 'matrix', decays: true } as const;
  return {
    a: {
      ...both,
      path: `${module}.lora_A.weight`,
      shape: [r, inputs],
      padded: [rank, paddedInputs],
      rowOf: inPlace,
      columnOf: weight.columnOf,
    },
    b: {
      ...both,
      path: `${module}.lora_B.weight`,
      shape: [outputs, r],
      padded: [paddedOutputs, rank],
      rowOf: weight.rowOf,
      columnOf: inPlace,
    },
  };
}

/** The factors of all sites, in their order, as something that trains. Throws `training/lora`. */
export function loraFactors(config: GptConfig, lora: LoraConfig): Trained<readonly Factors[]> {
  const specs = loraSites(config, lora).map((site) => factorSpecs(site, lora));
  return {
    specs: new Map(specs.flatMap(({ a, b }) => [a, b]).map((spec) => [spec.path, spec])),
    create: (make: ParameterMaker) =>
      specs.map(({ a, b }) => ({ a: make.matrix(a), b: make.matrix(b) })),
  };
}

/**
 * Writes PEFT's beginning (`init_lora_weights=True`): A uniform in ±1/√inputs, which is Kaiming's with a = √5, and B
 * zeros, so that nothing is added yet.
 */
export function initialiseFactors(
  arena: Arena,
  config: GptConfig,
  lora: LoraConfig,
  factors: readonly Factors[],
  random: InitialRandom,
): void {
  loraSites(config, lora).forEach((site, number) => {
    const { a } = factorSpecs(site, lora);
    const [rank, inputs] = a.shape;
    const bound = 1 / Math.sqrt(inputs);
    const fill = random.draw(number, rank * inputs, { kind: 'uniform', bound });
    const row = new Float32Array(inputs);
    for (let i = 0; i < rank; i++) {
      fill(row);
      const padded = new Float32Array(a.padded[1]);
      row.forEach((value, k) => (padded[a.columnOf(k)] = value));
      writeRows(arena, factors[number].a, i, padded);
    }
  });
}
