// A model's folder on this machine's disk, in Node.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { parseShardIndex, streamShards, streamWeights } from '../formats/shards.ts';
import { shapesBeside } from './beside.ts';
import {
  type FolderOptions,
  INDEX,
  type ModelFolder,
  WEIGHTS,
  nameOf,
  onThisMachine,
} from './modelFolder.ts';
import { isWeights, listedAdapter, pickWeights } from './pickWeights.ts';
import { nodeFiles, openNodeFile } from '../kept/nodeFiles.ts';

export function openDiskFolder(path: string, { signal }: FolderOptions = {}): ModelFolder {
  const unreadable = (file: string, cause?: unknown): EngineError =>
    new EngineError(`${path}/${file} could not be read.`, {
      code: 'network/not-found',
      hint: 'The folder must hold config.json and model.safetensors. Check the path.',
      cause,
    });
  async function read(file: string, optional = false): Promise<Uint8Array | null> {
    signal?.throwIfAborted();
    const fs = await nodeFiles();
    try {
      return await fs.readFile(`${path}/${file}`);
    } catch (cause) {
      if (optional && (cause as { code?: string }).code === 'ENOENT') return null;
      throw unreadable(file, cause);
    }
  }
  async function open(file: string): Promise<ByteSource> {
    const source = await openNodeFile(`${path}/${file}`, signal).catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    if (!source) throw unreadable(file);
    return source;
  }
  const openShard = (file: string): Promise<ByteSource> =>
    open(file).catch((cause: unknown) => {
      throw new EngineError(`${path}/${file} could not be read, which ${INDEX} names.`, {
        code: 'network/not-found',
        hint: 'Put it beside the other shards, from the folder that they came from.',
        cause,
      });
    });
  /** Names of what lies in the folder; none where it is not there, which reading a file of it says. */
  async function listing(): Promise<string[]> {
    return (await nodeFiles()).readdir(path).catch(() => []);
  }
  return {
    source: path,
    name: nameOf(path),
    ...onThisMachine('folder', path),
    read,
    async openAdapter() {
      return listedAdapter({
        names: await listing(),
        read,
        openWeights: () => this.openWeights(),
        openFile: async (file) => streamWeights(await open(file), file),
      });
    },
    shapesBeside: async () => shapesBeside(await listing(), open),
    async openWeights() {
      const single = await openNodeFile(`${path}/${WEIGHTS}`, signal).catch((cause: unknown) => {
        throw unreadable(WEIGHTS, cause);
      });
      if (single) return streamWeights(single, WEIGHTS);
      const index = await read(INDEX, true);
      if (!index) {
        const names = await listing();
        if (!names.some(isWeights)) throw unreadable(WEIGHTS);
        const other = pickWeights(names);
        return streamWeights(await open(other), other);
      }
      return streamShards(parseShardIndex(index, INDEX), {
        open: openShard,
        async peek(file, count) {
          const source = await openShard(file);
          try {
            const bytes = await source.read(0, Math.min(count, source.size));
            return { bytes, size: source.size };
          } finally {
            await source.close();
          }
        },
      });
    },
  };
}
