// Weights of a model that is loaded become those of another: to go on training it, or to change a copy.
import { EngineError } from '../../errors.ts';
import type { Arena, Tensor } from '../../gpu/device.ts';
import { type WeightMatrix, writeRows } from '../../kernels/weightMatrix.ts';
import type { GptConfig } from '../config.ts';
import type { Gpt } from '../gpt.ts';
import { type ParameterSpec, isMatrix, parameterTable, tensorsOf } from '../parameters.ts';
import { readRows, readVector, writeVector } from '../readBack.ts';

/** A model whose parameters may be written: a `Trainer` is one. */
export interface Adopter {
  readonly model: Gpt;
  /** Owner of its parameters. */
  readonly arena: Arena;
}

/** Values that are on this side at a time, about. */
const PIECE_ELEMENTS = 1 << 20;

/**
 * Gives a model of f32 parameters the weights of another one of its shape, which may lie on another device and be packed:
 * halves and int8 become the numbers that they stand for. Between tensors of one device and format nothing passes through
 * this side. Throws `training/adopt` for a model of another shape; the abort's reason, with parts of both models in it.
 */
export async function adopt(
  { model, arena }: Adopter,
  from: Gpt,
  signal?: AbortSignal,
): Promise<void> {
  checkSame(from.config, model.config);
  const { device } = model;
  const enc = device.createEncoder();
  const others: ParameterSpec[] = [];
  for (const spec of parameterTable(model.config)) {
    const [source, target] = [from, model].map((of) => tensorsOf(spec, of.parameters));
    if (from.device !== device || !areAlike(source, target)) others.push(spec);
    else target.forEach((tensor, i) => enc.copy(source[i], tensor));
  }
  enc.submit();
  for (const spec of others) {
    if (!isMatrix(spec)) {
      const values = await readVector(from.device, spec.of(from.parameters));
      writeVector(arena, spec.of(model.parameters), values);
      continue;
    }
    for await (const [row, values] of rowsOf(from, spec.of(from.parameters))) {
      signal?.throwIfAborted();
      writeRows(arena, spec.of(model.parameters), row, values);
    }
  }
  // What is copied is copied when this resolves, so that its source may go.
  await device.idle();
}

/** The rows of a matrix, decoded, some at a time: the first of them, and their values. */
export async function* rowsOf(
  { device }: { readonly device: Gpt['device'] },
  matrix: WeightMatrix,
): AsyncGenerator<readonly [row: number, values: Float32Array]> {
  const step = Math.max(8, Math.floor(PIECE_ELEMENTS / matrix.columns));
  for (let row = 0; row < matrix.rows; row += step) {
    const count = Math.min(step, matrix.rows - row);
    yield [row, await readRows(device, matrix, row, count)];
  }
}

/** Whether the tensors are cut alike and of one format, so that one is copied into the other. */
function areAlike(source: readonly Tensor[], target: readonly Tensor[]): boolean {
  return (
    source.length === target.length &&
    source.every(
      ({ format, sizeBytes }, i) =>
        format === target[i].format && sizeBytes === target[i].sizeBytes,
    )
  );
}

function checkSame(loaded: GptConfig, own: GptConfig): void {
  const keys = Object.keys(own) as (keyof GptConfig)[];
  const other = keys.find((key) => loaded[key] !== own[key]);
  if (other === undefined) return;
  throw new EngineError(
    `The loaded model has ${other} = ${loaded[other]}, the one that is to go on from it ${own[other]}.`,
    {
      code: 'training/adopt',
      hint: 'Train a model of the loaded one’s shape: take its config as it is.',
    },
  );
}
