// A checkpoint of a training run as a folder to load from: it is whole, and nobody else has it.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { streamWeights } from '../formats/shards.ts';
import type { Alike } from '../formats/tensorSource.ts';
import type { KeptStep } from './ahead.ts';
import { type FolderOptions, type ModelFolder, WEIGHTS, onThisMachine } from './modelFolder.ts';

/** Opens what is kept of a run. Throws `storage/gone` for what was deleted meanwhile. */
export function openKept(
  source: string,
  stored: KeptStep,
  keptIn: 'opfs' | 'directory' | 'memory',
  { signal }: FolderOptions,
  alike?: Alike,
): ModelFolder {
  const { id, step } = stored.manifest.identity;
  const name = `checkpoint-${step}`;
  const gone = (file: string): EngineError =>
    new EngineError(`${file} of ${name} is gone.`, {
      code: 'storage/gone',
      hint: 'It was deleted, perhaps in another tab or program: choose another checkpoint of this run.',
    });
  async function open(file: string): Promise<ByteSource> {
    const found = await stored.open(file);
    if (!found) throw gone(file);
    return {
      ...found,
      read(from, count, into) {
        signal?.throwIfAborted();
        return found.read(from, count, into);
      },
    };
  }
  const here = onThisMachine('run', `${id}/${name}`);
  return {
    ...here,
    origin: { ...here.origin, keptIn, run: { id, step } },
    source,
    name: source || name,
    async read(file, optional = false) {
      signal?.throwIfAborted();
      const bytes = await stored.read(file);
      if (!bytes && !optional) throw gone(file);
      return bytes;
    },
    async openWeights() {
      const weights = await streamWeights(await open(WEIGHTS), WEIGHTS);
      return { ...weights, tensors: { ...weights.tensors, alike } };
    },
    openAdapter: () => Promise.resolve(null),
  };
}
