// Pulls the files of a run out of the trainer, chunk by chunk, and puts them where somebody wants them. Comes with the
// first of them.
import type { ErrorInfo, RunFileEvent } from '../../api.ts';
import { createFolder, createZip, isAbort, toSaveError, type SaveTarget } from '../saveTarget.ts';

/** How often progress is drawn. */
const PROGRESS_MS = 150;

interface Wish {
  readonly title: string;
  readonly to: 'folder' | 'zip';
  /** The folder that is being chosen; null for an archive. */
  readonly picked: Promise<FileSystemDirectoryHandle> | null;
  readonly signal: AbortSignal;
  readonly tell: (now: {
    readonly file: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

type Written =
  | {
      readonly at: 'done';
      readonly name: string;
      readonly bytes: number;
      /** Of the weights. */
      readonly step: number | null;
    }
  | { readonly at: 'failed'; readonly error: ErrorInfo }
  | { readonly at: 'cancelled' };

/** After any error nothing is left of the attempt. */
export async function writeFiles(
  events: AsyncIterable<RunFileEvent>,
  { title, to, picked, signal, tell }: Wish,
): Promise<Written> {
  let target: SaveTarget | null = null;
  try {
    const parent = await picked;
    let [file, done, total, told] = ['', 0, 0, 0];
    let step: number | null = null;
    for await (const event of events) {
      signal.throwIfAborted();
      switch (event.type) {
        case 'start':
          total = event.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          ({ step } = event);
          target = await (parent === null
            ? createZip(title, event.files)
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
      }
    }
    signal.throwIfAborted();
    const name = (await target?.finish()) ?? title;
    target = null;
    return { at: 'done', name, bytes: total, step };
  } catch (error) {
    await target?.discard().catch(() => {});
    return isAbort(error) ? { at: 'cancelled' } : { at: 'failed', error: toSaveError(error, to) };
  }
}
