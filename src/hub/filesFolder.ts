// Files that somebody dropped or chose: one of weights or several with an index, and what belongs to them.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { parseShardIndex, streamShards, streamWeights } from '../formats/shards.ts';
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
import { fromBlob } from '../kept/disk.ts';

const PICKLE = /\.(?:bin|pt|pth|ckpt|pkl)$/i;
const SAFETENSORS = /\.safetensors$/i;

/**
 * Opens dropped files as a folder: of several folders the outermost that holds weights. Throws `files/none`,
 * `files/several`, `files/pickle`, `files/unknown`, each naming files.
 */
export function openFiles(
  source: string,
  files: readonly File[],
  { signal, progress_callback }: FolderOptions = {},
): ModelFolder {
  const { folder, byName } = outermost(files);
  const index = [...byName.keys()].find(
    (file) => file === INDEX || file.endsWith('.safetensors.index.json'),
  );
  const weights = index === undefined || byName.has(WEIGHTS) ? pickWeights(byName) : null;
  const name = nameOf(folder || source || weights?.replace(SAFETENSORS, '') || 'files');
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
    async openWeights() {
      if (weights !== null) {
        const file = byName.get(weights);
        if (file) await refusePickle(file);
        return streamWeights(await open(weights));
      }
      const text = await read(index ?? INDEX);
      if (!text) throw missing(INDEX, [...byName.keys()]);
      return streamShards(parseShardIndex(text, index ?? INDEX), {
        open,
        async peek(file, count) {
          const found = byName.get(file);
          if (!found) throw missing(file, [...byName.keys()]);
          await refusePickle(found);
          const bytes = await fromBlob(found, file, changed).read(0, Math.min(count, found.size));
          return { bytes, size: found.size };
        },
      });
    },
  };
}

/** The outermost folder that holds weights, or the files as they are. */
function outermost(files: readonly File[]): { folder: string; byName: Map<string, File> } {
  const pathOf = (file: File): string => file.webkitRelativePath || file.name;
  const folderOf = (file: File): string => pathOf(file).split('/').slice(0, -1).join('/');
  const isWeights = (file: File): boolean => SAFETENSORS.test(file.name) || PICKLE.test(file.name);
  const depth = (folder: string): number => (folder === '' ? 0 : folder.split('/').length);
  const [folder = files.length > 0 ? folderOf(files[0]) : ''] = files
    .filter(isWeights)
    .map(folderOf)
    .toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const here = files.filter((file) => folderOf(file) === folder);
  return { folder, byName: new Map(here.map((file) => [file.name, file])) };
}

function pickWeights(byName: ReadonlyMap<string, File>): string {
  const names = [...byName.keys()];
  if (byName.has(WEIGHTS)) return WEIGHTS;
  const found = names.filter((name) => SAFETENSORS.test(name));
  if (found.length === 1) return found[0];
  if (found.length > 1) {
    throw new EngineError(`There are several files of weights: ${list(found)}.`, {
      code: 'files/several',
      hint: `Drop one of them, or all shards of one model together with ${INDEX}.`,
    });
  }
  const pickle = names.find((name) => PICKLE.test(name));
  if (pickle !== undefined) throw pickled(pickle);
  if (names.length === 0) {
    throw new EngineError('No file was dropped.', {
      code: 'files/none',
      hint: 'Drop a folder or files: model.safetensors, and config.json if there is one.',
    });
  }
  throw new EngineError(`There are no weights among ${list(names)}.`, {
    code: 'files/unknown',
    hint: 'A model needs a .safetensors file; config.json and tokenizer files may lie beside it.',
  });
}

/** A pickle or zip archive that was only renamed; a safetensors file has its header's brace at byte 8. */
async function refusePickle(file: File): Promise<void> {
  const start = await fromBlob(file, file.name, changed).read(0, 9);
  const isZip = start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
  const isPickle = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
  if ((isZip || isPickle) && start[8] !== 0x7b) throw pickled(file.name);
}

function pickled(name: string): EngineError {
  return new EngineError(`${name} is a PyTorch pickle, which can run any code when opened.`, {
    code: 'files/pickle',
    hint: [
      'Convert it once with Python, then drop model.safetensors here:',
      'import torch; from safetensors.torch import save_file',
      `state = torch.load(${JSON.stringify(name)}, map_location="cpu", weights_only=True); state = state.get("model", state)`,
      'save_file({k: v.clone().contiguous() for k, v in state.items()}, "model.safetensors")',
    ].join('\n'),
  });
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

function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown || 'none';
}
