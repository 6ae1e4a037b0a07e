// Files and folders that were dropped or chosen: the outermost folder that holds weights, an adapter's beside it, and
// no more.
import { chooseFolder, folderOf, hasModel, isWeightsName, type Placed } from '../../folders.ts';

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
 * Level by level, so that a folder full of training runs is read no further than to the first weights of a model: an
 * adapter's may lie above it, or beside it. Files of one folder alone, and of an adapter's: names of several would hide
 * each other.
 */
export async function readDropped(dropped: readonly Dropped[]): Promise<Chosen> {
  let level: { readonly folder: string; readonly entries: readonly Dropped[] }[] = [
    { folder: '', entries: dropped },
  ];
  const seen: Placed[] = [];
  for (let depth = 0; depth <= MOST_LEVELS && level.length > 0; depth++) {
    const below: typeof level = [];
    for (const { folder, entries } of level) {
      for (const entry of entries) {
        if (entry instanceof File || entry.isFile) {
          if (seen.length >= MOST_FILES) break;
          const file = entry instanceof File ? entry : await fileOf(entry as FileSystemFileEntry);
          seen.push({ folder, file });
        } else if (below.length < MOST_FILES) {
          const inside = await entriesOf(entry as FileSystemDirectoryEntry);
          below.push({
            folder: folder === '' ? entry.name : `${folder}/${entry.name}`,
            entries: inside,
          });
        }
      }
    }
    if (hasModel(seen)) break;
    level = below;
  }
  const { folder, files } = chooseFolder(seen);
  // The engine says what is missing among them.
  return { files, title: titleOf(folder, files) };
}

/** People know a folder by the name of the one that they dropped. */
function titleOf(folder: string, files: readonly File[]): string {
  return folder.split('/')[0] || titleOfFile(files);
}

function titleOfFile(files: readonly File[]): string {
  const file = files.find(({ name }) => isWeightsName(name)) ?? files[0];
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

/** Of files that were chosen as a folder, those that are a model and its adapter. */
export function fromFolder(files: readonly File[]): readonly File[] {
  const placed = files.map((file) => ({ folder: folderOf(file), file }));
  return chooseFolder(placed).files.slice(0, MOST_FILES);
}

/** What people call them: the folder that was chosen, or the file. */
export function titleOfFiles(all: readonly File[], chosen: readonly File[]): string {
  return all[0]?.webkitRelativePath.split('/')[0] || titleOfFile(chosen);
}
