// One process at a time has a folder of the disk, in Node, and whose it is what lies there half written.
import { EngineError } from '../errors.ts';
import { makeFolder, nodeFiles } from './nodeFiles.ts';

/** In the folder while somebody has it; names the process. */
const LOCK = 'run.lock';
/** Times of files are this coarse on some disks. */
const COARSE_MS = 2000;

/** A part of a name that says which process made it: its machine's name and its number. */
export async function ownerHere(): Promise<string> {
  return `${await hostHere()}.${process.pid}`;
}

/** So many random letters that no two names are alike. */
export function uniqueName(): string {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return random.toString(16).padStart(8, '0');
}

/**
 * Whether the process that made something at `madeAt` (ms since 1970) has surely ended: it is of this machine, and is
 * there no more; or had the number of this process before it, as in a container that was started again.
 */
export async function hasEnded(owner: string, madeAt: number): Promise<boolean> {
  const [, host, number = ''] = /^(.+)\.(\d{1,10})$/u.exec(owner) ?? [];
  if (host !== (await hostHere())) return false;
  const pid = Number(number);
  if (pid === process.pid) return madeAt < Date.now() - 1000 * process.uptime() - COARSE_MS;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/**
 * Has a folder, which is made where it is missing, until what this gives is called. What a process left that was killed
 * is passed over. Where nothing can be written, nobody is kept out. Throws `storage/busy`.
 */
export async function takeFolder(folder: string): Promise<() => Promise<void>> {
  const fs = await nodeFiles();
  const path = `${folder}/${LOCK}`;
  const owner = new TextEncoder().encode(await ownerHere());
  let isNew = false;
  try {
    isNew = await makeFolder(folder);
    while (!(await makeFile(path, owner))) await passOver(folder, path);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    return async () => {};
  }
  return async () => {
    await fs.rm(path, { recursive: false, force: true }).catch(() => {});
    if (isNew) await fs.rmdir(folder).catch(() => {});
  };
}

/** False where it is there already. */
async function makeFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const fs = await nodeFiles();
  const handle = await fs.open(path, 'wx').catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return null;
    throw error;
  });
  if (!handle) return false;
  // A full disk takes a name, and not what is in the file: then nobody knows whose it is, and it counts all the same.
  await handle.write(bytes, 0, bytes.length, 0).catch(() => {});
  await handle.close();
  return true;
}

/** Clears away the lock of a process that has ended. Throws `storage/busy` for any other. */
async function passOver(folder: string, path: string): Promise<void> {
  const fs = await nodeFiles();
  const read = async (from: string): Promise<string> =>
    new TextDecoder().decode(await fs.readFile(from));
  try {
    const owner = await read(path);
    const { mtimeMs } = await fs.stat(path);
    if (!(await hasEnded(owner, mtimeMs))) throw busy(folder, path, owner);
    const aside = `${path}.${uniqueName()}`;
    await fs.rename(path, aside);
    // Somebody else may have done all this meanwhile, and the lock be theirs.
    const taken = await read(aside);
    if (taken !== owner) {
      await fs.rename(aside, path);
      throw busy(folder, path, taken);
    }
    await fs.rm(aside, { recursive: false, force: true });
  } catch (error) {
    // It went by itself.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function busy(folder: string, path: string, owner: string): EngineError {
  const who = owner === '' ? '' : ` (${owner.replace(/^(.+)\.(\d+)$/u, 'process $2 on $1')})`;
  return new EngineError(`Another run keeps its checkpoints in ${folder}${who}.`, {
    code: 'storage/busy',
    hint: `Wait until it ends, or keep this one in another folder. Where it is there no more, delete ${path}.`,
  });
}

/** The machine's name, of letters that a file's may have. */
async function hostHere(): Promise<string> {
  // Named in a variable so that no bundler for browsers looks for it.
  const module = 'node:os';
  const os = (await import(/* @vite-ignore */ module)) as { hostname(): string };
  return os
    .hostname()
    .replace(/[^A-Za-z0-9-]/gu, '-')
    .slice(0, 64);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
