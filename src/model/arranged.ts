// Weights arranged before anybody asks for them: a step of a run that was read ahead is copied into its place.
import { type Arena, type Tensor, elementCount } from '../gpu/device.ts';
import type { GptConfig } from './config.ts';
import { type Parameters, isMatrix, parameterTable } from './parameters.ts';

type Memory = Pick<Arena, 'zeros' | 'write'>;

/** Values as they lie in the tensors of parameters, in f32. */
export interface Arranged {
  /** That they take. */
  readonly bytes: number;
  /** What the model is known by that they are of. */
  readonly fingerprint: string;
  /** Copies them into `parameters` of the same configuration, made by `zeroParameters` on a device of the same traits. */
  readonly put: (arena: Arena, parameters: Parameters) => void;
}

/**
 * `fill` makes parameters of zeros in the memory that it is given, and fills them; whatever it throws is thrown. Then
 * `fingerprintOf` says what is known of what was read.
 */
export async function arrangeAhead(
  config: GptConfig,
  fingerprintOf: (config: GptConfig) => string,
  fill: (memory: Memory) => Promise<Parameters>,
): Promise<Arranged> {
  const values = new Map<Tensor, Float32Array>();
  const parameters = await fill({
    zeros(label, shape, format) {
      const tensor = { id: 0, label, shape, format, sizeBytes: 0 };
      values.set(tensor, new Float32Array(elementCount(shape)));
      return tensor;
    },
    write(tensor, data, offset = 0) {
      values.get(tensor)?.set(data, offset);
    },
  });
  const arranged = tensorsOf(parameters, config).map((tensor) => values.get(tensor));
  return {
    fingerprint: fingerprintOf(config),
    bytes: arranged.reduce((sum, one) => sum + (one?.byteLength ?? 0), 0),
    put: (to, others) =>
      tensorsOf(others, config).forEach((tensor, i) => {
        const found = arranged[i];
        if (found) to.write(tensor, found);
      }),
  };
}

/** Each tensor that a stored one goes to, in the order of the table. */
function tensorsOf(parameters: Parameters, config: GptConfig): Tensor[] {
  return parameterTable(config).flatMap((spec): readonly Tensor[] =>
    isMatrix(spec) ? spec.of(parameters).parts.map(({ tensor }) => tensor) : spec.of(parameters),
  );
}
