// Where a saved model goes, a chunk at a time: a folder on disk, or a .zip that is downloaded when it is
// whole. Comes with the first save.
import { Zip, ZipPassThrough } from 'fflate';
import type { ErrorInfo } from '../api.ts';
import { EngineError, toErrorInfo } from '../errors.ts';
import { KEPT_MS, openSpool } from '../kept/spool.ts';

export interface SaveTarget {
  /** Ends the file before, and begins the next. */
  file(name: string): Promise<void>;
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends it; what it is called then. */
  finish(): Promise<string>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Sizes in an archive without 64-bit records end here. */
const MOST_ZIP_BYTES = 2 ** 32 - 1;

/** A new folder in `parent`; one that is there already stays as it is. */
export async function createFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<SaveTarget> {
  const title = await freeName(parent, toFileName(name));
  const folder = await parent.getDirectoryHandle(title, { create: true });
  let open: FileSystemWritableFileStream | null = null;
  const close = async (): Promise<void> => {
    await open?.close();
    open = null;
  };
  return {
    async file(file) {
      await close();
      open = await (await folder.getFileHandle(file, { create: true })).createWritable();
    },
    async write(bytes) {
      await open?.write(bytes);
    },
    async finish() {
      await close();
      return title;
    },
    async discard() {
      await open?.abort().catch(() => {});
      await parent.removeEntry(title, { recursive: true });
    },
  };
}

/**
 * One archive, stored and not packed: weights do not get smaller. `inMemory` takes no room of the storage, which may be
 * full. Throws `save/zip-size`.
 */
export async function createZip(
  name: string,
  files: readonly { readonly name: string; readonly sizeBytes: number }[],
  inMemory = false,
): Promise<SaveTarget> {
  const title = toFileName(name);
  // Of each file its bytes, two headers with the name, and a descriptor.
  const sizeBytes = files.reduce(
    (sum, file) => sum + file.sizeBytes + 128 + 2 * (title.length + file.name.length),
    128,
  );
  if (sizeBytes > MOST_ZIP_BYTES) {
    throw new EngineError(
      `It is ${(sizeBytes / 1e9).toFixed(1)} GB, and a .zip that every program reads ends at 4.3 GB.`,
      {
        code: 'save/zip-size',
        hint: 'Save to a folder (Chrome and Edge can), or in 16 bit.',
      },
    );
  }
  const spool = await openSpool(`${title}.zip`, inMemory);
  const made: Uint8Array[] = [];
  let failure: Error | null = null;
  const zip = new Zip((error, bytes) => {
    if (error === null) made.push(bytes);
    else failure = error;
  });
  let entry: ZipPassThrough | null = null;
  const end = (): void => entry?.push(new Uint8Array(), true);
  const flush = async (): Promise<void> => {
    for (const bytes of made.splice(0)) await spool.write(bytes as Uint8Array<ArrayBuffer>);
    if (failure !== null) throw failure;
  };
  return {
    async file(file) {
      end();
      entry = new ZipPassThrough(`${title}/${file}`);
      zip.add(entry);
      await flush();
    },
    async write(bytes) {
      entry?.push(bytes);
      await flush();
    },
    async finish() {
      end();
      zip.end();
      await flush();
      download(await spool.finish(), `${title}.zip`, () => void spool.discard().catch(() => {}));
      return `${title}.zip`;
    },
    discard: () => spool.discard(),
  };
}

/** Hands a file to the browser, to be kept where it keeps downloads. */
export function download(blob: Blob, name: string, after: () => void = () => {}): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(url);
    after();
  }, KEPT_MS);
}

/** `name`, or `name-2` and so on: nothing that is there is written over. */
async function freeName(parent: FileSystemDirectoryHandle, name: string): Promise<string> {
  const taken = new Set<string>();
  // On most disks `A` and `a` are one.
  for await (const one of parent.keys()) taken.add(one.toLowerCase());
  for (let n = 1; ; n++) {
    const title = n === 1 ? name : `${name}-${n}`;
    if (!taken.has(title.toLowerCase())) return title;
  }
}

/** A name that every disk takes. */
export function toFileName(name: string): string {
  const plain = name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').replaceAll(/^[.-]+|[.-]+$/gu, '');
  return plain === '' ? 'model' : plain;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** What the browser says of files, with what to do about it. */
export function toSaveError(error: unknown, to: 'folder' | 'zip'): ErrorInfo {
  if (!(error instanceof DOMException)) return toErrorInfo(error);
  const { name, message } = error;
  if (name === 'QuotaExceededError') {
    return {
      code: 'save/space',
      message: `There is no room for it: ${message}`,
      hint: `${to === 'zip' ? 'Save to a folder, which needs no copy in between, or make' : 'Make'} room, or save in 16 bit; nothing is left of the attempt.`,
    };
  }
  if (name === 'NotAllowedError' || name === 'SecurityError') {
    return {
      code: 'save/not-allowed',
      message: `The browser may not write there: ${message}`,
      hint: 'Choose another folder and allow it, or save as .zip.',
    };
  }
  return {
    code: 'save/write',
    message: `It could not be written: ${message}`,
    hint: `Choose another ${to === 'zip' ? 'way: a folder' : 'folder'}, and see that its disk is there and has room.`,
  };
}
