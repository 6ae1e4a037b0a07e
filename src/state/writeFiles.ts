// Pulls files out of a worker, chunk by chunk, and puts them where somebody wants them. Comes with the first of them.
import type { ErrorInfo } from '../api.ts';
import { createFolder, createZip, isAbort, toSaveError, type SaveTarget } from './saveTarget.ts';

/** How often progress is drawn. */
const PROGRESS_MS = 150;

/** What comes first: all files that there will be. */
interface Start {
  readonly type: 'start';
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** What follows: a file by its name, and its bytes. */
type Part =
  | { readonly type: 'file'; readonly name: string }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'done' };

/** How far it is, in bytes. */
export interface WriteProgress {
  readonly file: string;
  readonly done: number;
  readonly total: number;
}

interface Wish {
  readonly title: string;
  readonly to: 'folder' | 'zip';
  /** The folder that is being chosen; null for an archive. */
  readonly picked: Promise<FileSystemDirectoryHandle> | null;
  readonly signal: AbortSignal;
  /** Whether an archive is put together in memory: the storage is full. */
  readonly inMemory?: boolean;
  /** Where it goes is chosen, and nothing is written yet. */
  readonly begins?: () => void;
  readonly tell: (now: WriteProgress) => void;
}

type Written<S> =
  | {
      readonly at: 'done';
      readonly name: string;
      readonly bytes: number;
      /** What was said of the files. */
      readonly start: S;
    }
  | { readonly at: 'failed'; readonly error: ErrorInfo }
  | { readonly at: 'cancelled' };

/** After any error nothing is left of the attempt. */
export async function writeFiles<S extends Start>(
  events: AsyncIterable<S | Part>,
  { title, to, picked, signal, inMemory = false, begins, tell }: Wish,
): Promise<Written<S>> {
  let target: SaveTarget | null = null;
  try {
    const parent = await picked;
    begins?.();
    let [file, done, total, told] = ['', 0, 0, 0];
    let start: S | null = null;
    for await (const event of events) {
      signal.throwIfAborted();
      switch (event.type) {
        case 'start':
          start = event;
          total = start.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          target = await (parent === null
            ? createZip(title, start.files, inMemory)
            : createFolder(parent, title));
          break;
        case 'file':
          file = event.name;
          await target?.file(file);
          tell({ file, done, total });
          break;
        case 'bytes':
          // The next chunk is made when this one is on the disk; what was written may be gone from here.
          done += event.bytes.length;
          await target?.write(event.bytes);
          if (performance.now() - told < PROGRESS_MS) break;
          told = performance.now();
          tell({ file, done, total });
          break;
        case 'done':
          break;
      }
    }
    signal.throwIfAborted();
    if (start === null) throw new Error('Files begin with a list of them.');
    const name = (await target?.finish()) ?? title;
    target = null;
    return { at: 'done', name, bytes: total, start };
  } catch (error) {
    await target?.discard().catch(() => {});
    return isAbort(error) ? { at: 'cancelled' } : { at: 'failed', error: toSaveError(error, to) };
  }
}
