// Whatever names a model becomes a folder to load from. What Hubs need is a chunk of its own, which a visit
// that loads the page's own model does not fetch.
import { openHttpFolder } from './httpFolder.ts';
import type { ModelFolder } from './modelFolder.ts';
import { type OpenOptions, toAddress } from './where.ts';

/** Opens what `source` names: a model of a Hub, a folder, dropped files, or a checkpoint. Throws in words. */
export async function openModel(source: string, options: OpenOptions = {}): Promise<ModelFolder> {
  if (options.files) {
    const { openFiles } = await import('./filesFolder.ts');
    const folder = openFiles(source, options.files, options);
    // A step of a run that lies in no store: its other steps are found all the same.
    return options.run ? { ...folder, origin: { ...folder.origin, run: options.run } } : folder;
  }
  if (options.run) {
    const { openRun } = await import('./hubs.ts');
    return openRun(source, options.run, options);
  }
  const address = await toAddress(source, options);
  if (address.kind === 'folder') return openHttpFolder(source, address.url, options);
  if (address.kind === 'path') {
    const { openDiskFolder } = await import('./diskFolder.ts');
    return openDiskFolder(address.path, options);
  }
  const { openFromHub } = await import('./hubs.ts');
  return openFromHub(source, address, options);
}
