// What other files of tensors lie beside a model's weights on this machine: an adapter may be among them.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { streamSafetensors } from '../formats/safetensorsSource.ts';
import { INDEX, type ShapesByFile, WEIGHTS } from './modelFolder.ts';
import { SHARD, isSafetensors, pickWeights } from './pickWeights.ts';

const MOST_FILES = 16;

/**
 * The tensors of files that are not loaded, by their headers alone; a file that cannot be read is left out, as it is not
 * needed. Empty where there is no model: what lies alone is told by its own tensors.
 */
export async function shapesBeside(
  names: readonly string[],
  open: (file: string) => Promise<ByteSource>,
): Promise<ShapesByFile> {
  const found = new Map<string, ReadonlyMap<string, readonly number[]>>();
  const others = names.filter((name) => isSafetensors(name) && name !== WEIGHTS);
  if (others.length === 0) return found;
  const loaded = names.includes(WEIGHTS) || names.includes(INDEX) ? WEIGHTS : pickWeights(names);
  const beside = others.filter((name) => name !== loaded && !SHARD.test(name));
  for (const name of beside.slice(0, MOST_FILES)) {
    try {
      const file = await open(name);
      try {
        found.set(name, (await streamSafetensors(file, name)).shapes);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return found;
}
