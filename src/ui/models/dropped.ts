// Files and folders that were dropped or chosen: the outermost folder that holds weights, and no more.

/** Of any format: the engine names those that it does not read. */
const WEIGHTS =
  /\.(?:safetensors|bin|pt|pth|ckpt|pkl|gguf|ggml|onnx|tflite|h5|keras|msgpack|np[yz])$/iu;
/** Folders below the one that was dropped that are looked into. */
const MOST_LEVELS = 3;
const MOST_FILES = 200;

/** What a drop brought, read while its event lasts: afterwards the browser has forgotten it. */
export type Dropped = FileSystemEntry | File;

interface Chosen {
  readonly files: readonly File[];
  readonly title: string;
}

/**
 * Level by level, so that a folder full of training runs is read no further than to the first weights. Files of
 * one folder alone: names of several would hide each other.
 */
export async function readDropped(dropped: readonly Dropped[]): Promise<Chosen> {
  let level: { readonly title: string; readonly entries: readonly Dropped[] }[] = [
    { title: '', entries: dropped },
  ];
  const seen: File[] = [];
  for (let depth = 0; depth <= MOST_LEVELS && level.length > 0; depth++) {
    const below: typeof level = [];
    for (const { title, entries } of level) {
      const files: File[] = [];
      for (const entry of entries) {
        if (files.length + seen.length >= MOST_FILES) break;
        if (entry instanceof File) files.push(entry);
        else if (entry.isFile) files.push(await fileOf(entry as FileSystemFileEntry));
        else if (below.length < MOST_FILES) {
          const inside = await entriesOf(entry as FileSystemDirectoryEntry);
          below.push({ title: title === '' ? entry.name : title, entries: inside });
        }
      }
      if (files.some(({ name }) => WEIGHTS.test(name))) {
        return { files, title: title === '' ? titleOfFile(files) : title };
      }
      seen.push(...files);
    }
    level = below;
  }
  // The engine says what is missing among them.
  return { files: seen, title: titleOfFile(seen) };
}

function titleOfFile(files: readonly File[]): string {
  const file = files.find(({ name }) => WEIGHTS.test(name)) ?? files[0];
  return file?.name.replace(/\.safetensors$/iu, '') ?? 'files';
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** A directory is read in batches; the last one is empty. */
async function entriesOf(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const all: FileSystemEntry[] = [];
  while (all.length < MOST_FILES) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (batch.length === 0) break;
    all.push(...batch);
  }
  return all.slice(0, MOST_FILES);
}

/** Of files that were chosen as a folder, those that lie beside the outermost weights. */
export function fromFolder(files: readonly File[]): readonly File[] {
  const folderOf = (file: File): string =>
    file.webkitRelativePath.split('/').slice(0, -1).join('/');
  const depth = (folder: string): number => folder.split('/').length;
  const [folder] = files
    .filter(({ name }) => WEIGHTS.test(name))
    .map(folderOf)
    .toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const beside = files.filter((file) => folder === undefined || folderOf(file) === folder);
  return beside.slice(0, MOST_FILES);
}

/** What people call them: the folder that was chosen, or the file. */
export function titleOfFiles(all: readonly File[], chosen: readonly File[]): string {
  return all[0]?.webkitRelativePath.split('/')[0] || titleOfFile(chosen);
}
