// Files that somebody dropped or chose: one of weights or several with an index, and what belongs to them.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { parseShardIndex, streamShards, streamWeights } from '../formats/shards.ts';
import { chooseFolder, folderOf } from '../folders.ts';
import { shapesBeside } from './beside.ts';
import { Meter } from './meter.ts';
import {
  type FolderOptions,
  INDEX,
  type ModelFolder,
  SMALL_FILE_BYTES,
  WEIGHTS,
  nameOf,
  onThisMachine,
} from './modelFolder.ts';
import { list, listedAdapter, pickWeights } from './pickWeights.ts';
import { fromBlob } from '../kept/disk.ts';

/**
 * Opens dropped files as a folder: of several folders the outermost that holds weights. Throws `files/none`,
 * `files/several`, `files/unknown`, each naming files.
 */
export function openFiles(
  source: string,
  files: readonly File[],
  { signal, progress_callback }: FolderOptions = {},
): ModelFolder {
  const { folder, files: here } = chooseFolder(
    files.map((file) => ({ folder: folderOf(file), file })),
  );
  const byName = new Map(here.map((file) => [file.name, file]));
  const index = [...byName.keys()].find(
    (file) => file === INDEX || file.endsWith('.safetensors.index.json'),
  );
  const weights =
    index === undefined || byName.has(WEIGHTS) ? pickWeights([...byName.keys()]) : null;
  const name = nameOf(folder || source || weights?.replace(/\.safetensors$/i, '') || 'files');
  const meter = new Meter(name, progress_callback);

  async function read(file: string, optional = false): Promise<Uint8Array | null> {
    signal?.throwIfAborted();
    const found = byName.get(file);
    if (!found && optional) return null;
    if (!found) throw missing(file, [...byName.keys()]);
    if (found.size > SMALL_FILE_BYTES) {
      throw new EngineError(`${file} is larger than ${SMALL_FILE_BYTES} bytes.`, {
        code: 'network/size',
        hint: 'This is not the file it is called.',
      });
    }
    return fromBlob(found, file, changed).read(0, found.size);
  }
  function open(file: string): Promise<ByteSource> {
    const found = byName.get(file);
    if (!found) return Promise.reject(missing(file, [...byName.keys()]));
    const blob = fromBlob(found, file, changed);
    meter.begin(file);
    meter.expect(file, found.size);
    return Promise.resolve({
      ...blob,
      async read(from, count, into) {
        signal?.throwIfAborted();
        const bytes = await blob.read(from, count, into);
        meter.move(file, from + bytes.length, 0);
        return bytes;
      },
      close: () => {
        meter.done(file);
        return Promise.resolve();
      },
    });
  }
  return {
    source: source || name,
    name,
    ...onThisMachine('files', name),
    read,
    openAdapter() {
      return listedAdapter({
        names: [...byName.keys()],
        read,
        openWeights: () => this.openWeights(),
        openFile: async (file) => streamWeights(await open(file), file),
      });
    },
    shapesBeside: () =>
      shapesBeside([...byName.keys()], (file) =>
        Promise.resolve(fromBlob(byName.get(file) ?? new Blob(), file, changed)),
      ),
    async openWeights() {
      if (weights !== null) {
        return streamWeights(await open(weights), weights);
      }
      const text = await read(index ?? INDEX);
      if (!text) throw missing(INDEX, [...byName.keys()]);
      return streamShards(parseShardIndex(text, index ?? INDEX), {
        open,
        async peek(file, count) {
          const found = byName.get(file);
          if (!found) throw missing(file, [...byName.keys()]);
          const bytes = await fromBlob(found, file, changed).read(0, Math.min(count, found.size));
          return { bytes, size: found.size };
        },
      });
    },
  };
}

function missing(file: string, names: readonly string[]): EngineError {
  return new EngineError(`${file} is not among the files: ${list(names)}.`, {
    code: 'files/missing',
    hint: `Drop ${file} together with the others, or the whole folder.`,
  });
}

/** The browser reads a file only as it was when it was dropped. */
function changed(cause: unknown, file: string): EngineError {
  return new EngineError(`${file} was changed, moved or deleted after it was dropped.`, {
    code: 'files/changed',
    hint: 'Drop it once more, with the files that belong to it.',
    cause,
  });
}
