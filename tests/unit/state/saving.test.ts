// A model that is taken away: chunk by chunk, into a new folder or one archive, whole or not at all.
import { unzipSync } from 'fflate';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine, ModelSummary, SaveEvent, SaveRequest } from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import { removeLeftovers, writing } from '../../../src/kept/spool.ts';
import { createSaving } from '../../../src/state/slices/saving.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { createTokenText } from '../../../src/state/tokenText.ts';
import { change, createContext, toHere } from './toyPage.ts';

const model = { source: 'x/toy', name: 'toy model', dtype: 'fp32' } as ModelSummary;
const bytesOf = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);

const FILES = [
  { name: 'config.json', chunks: [bytesOf(123, 125)] },
  { name: 'model.safetensors', chunks: [bytesOf(1, 2, 3), bytesOf(4, 5), bytesOf(6)] },
];
const START: Extract<SaveEvent, { type: 'start' }> = {
  type: 'start',
  files: FILES.map(({ name, chunks }) => ({
    name,
    sizeBytes: chunks.reduce((sum, { length }) => sum + length, 0),
  })),
  dtype: 'fp32',
  weights: 'loaded',
  layout: 'huggingface',
};

/** A directory that holds bytes by path, as far as a save asks of it. */
class Folder {
  readonly kind = 'directory';
  readonly entries = new Map<string, Folder | Uint8Array>();
  readonly #write: (bytes: Uint8Array) => Promise<void>;

  constructor(write: (bytes: Uint8Array) => Promise<void> = () => Promise.resolve()) {
    this.#write = write;
  }

  async *keys(): AsyncGenerator<string> {
    yield* await Promise.resolve([...this.entries.keys()]);
  }

  getDirectoryHandle(name: string): Promise<Folder> {
    const found = this.entries.get(name) ?? new Folder(this.#write);
    this.entries.set(name, found);
    return Promise.resolve(found as Folder);
  }

  getFileHandle(name: string): Promise<unknown> {
    const parts: Uint8Array[] = [];
    const stream = {
      write: async (bytes: Uint8Array) => {
        await this.#write(bytes);
        parts.push(bytes.slice());
      },
      close: () => {
        this.entries.set(name, Buffer.concat(parts));
        return Promise.resolve();
      },
      abort: () => Promise.resolve(),
    };
    return Promise.resolve({
      createWritable: () => Promise.resolve(stream),
      getFile: () => {
        const bytes = this.entries.get(name) as Uint8Array<ArrayBuffer>;
        return Promise.resolve(
          new File([bytes], name, { lastModified: Number.parseInt(name, 10) }),
        );
      },
    });
  }

  removeEntry(name: string): Promise<void> {
    this.entries.delete(name);
    return Promise.resolve();
  }
}

function createToy(events?: (request: SaveRequest) => AsyncIterable<SaveEvent>) {
  const { store } = createAppStore({ settings: {}, localEngine: false, notes: [] }, null);
  change(store, { model: toHere(model) });
  const made: number[] = [];
  async function* ownEvents({ signal }: SaveRequest): AsyncGenerator<SaveEvent> {
    yield START;
    for (const { name, chunks } of FILES) {
      yield { type: 'file', name, sizeBytes: 0 };
      for (const bytes of chunks) {
        signal?.throwIfAborted();
        made.push(bytes.length);
        yield { type: 'bytes', bytes: await Promise.resolve(bytes.slice()) };
      }
    }
    yield { type: 'done' };
  }
  const save = vi.fn(events ?? ownEvents);
  const { of } = createContext({ save } as unknown as Engine, store, createTokenText());
  const { actions } = createSaving(of('saving'));
  const ended = async () => {
    await vi.waitFor(() => {
      const { now: saving, last: saved, error: saveError } = store.getState().saving;
      const { announcement } = store.getState().page;
      expect(saving).toBeNull();
      expect(saved !== null || saveError !== null || announcement !== '').toBe(true);
    });
    return store.getState();
  };
  return { store, actions, save, made, ended };
}

/** What a browser has that lets a page write into a folder. */
function stubPicker(pick: () => Promise<unknown>): void {
  vi.stubGlobal('window', { showDirectoryPicker: vi.fn(pick) });
}

beforeEach(() => () => vi.unstubAllGlobals());

describe('saving to a folder', () => {
  it('asks where to in the click, and writes every file into a new folder', async () => {
    const parent = new Folder();
    stubPicker(() => Promise.resolve(parent));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder', dtype: 'fp16' });
    expect(
      (window as unknown as { showDirectoryPicker: unknown }).showDirectoryPicker,
    ).toBeCalled();
    const { last: saved } = (await toy.ended()).saving;
    const { announcement } = (await toy.ended()).page;
    expect(toy.save.mock.lastCall?.[0]).toMatchObject({ dtype: 'fp16' });
    expect(saved).toEqual({
      to: 'folder',
      name: 'toy-model',
      bytes: 8,
      dtype: 'fp32',
      layout: 'huggingface',
      weights: 'loaded',
    });
    expect(announcement).toBe('Saved as toy-model.');
    const folder = parent.entries.get('toy-model') as Folder;
    expect([...folder.entries.keys()]).toEqual(['config.json', 'model.safetensors']);
    expect([...(folder.entries.get('model.safetensors') as Uint8Array)]).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  it('leaves a folder of that name alone, however it is spelt', async () => {
    const parent = new Folder();
    await parent.getDirectoryHandle('Toy-Model');
    stubPicker(() => Promise.resolve(parent));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    expect((await toy.ended()).saving.last?.name).toBe('toy-model-2');
    expect((parent.entries.get('Toy-Model') as Folder).entries.size).toBe(0);
  });

  it('asks for the next chunk when the one before is written', async () => {
    let go = (): void => {};
    const write = () =>
      new Promise<void>((resolve) => {
        go = resolve;
      });
    stubPicker(() => Promise.resolve(new Folder(write)));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    for (let n = 1; n <= 4; n++) {
      await vi.waitFor(() => expect(toy.made).toHaveLength(n));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(toy.made).toHaveLength(n);
      go();
    }
    expect((await toy.ended()).saving.last).not.toBeNull();
  });

  it('removes what was written when it is cancelled', async () => {
    const parent = new Folder(() => {
      toy.actions.cancelSave();
      return Promise.resolve();
    });
    stubPicker(() => Promise.resolve(parent));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    const { last: saved, error: saveError } = (await toy.ended()).saving;
    const { announcement } = (await toy.ended()).page;
    expect({ saved, saveError }).toEqual({ saved: null, saveError: null });
    expect(announcement).toContain('nothing is left');
    expect(parent.entries.size).toBe(0);
  });

  it('says in words that the disk is full, and leaves nothing', async () => {
    const parent = new Folder(() =>
      Promise.reject(new DOMException('Disk full.', 'QuotaExceededError')),
    );
    stubPicker(() => Promise.resolve(parent));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    const { error: saveError } = (await toy.ended()).saving;
    expect(saveError).toMatchObject({
      code: 'save/space',
      hint: expect.stringMatching(/16 bit/u) as string,
    });
    expect(parent.entries.size).toBe(0);
  });

  it('ends where the model is loaded again, or cannot be saved', async () => {
    const parent = new Folder(() => {
      const { here, wish } = toHere(model);
      const progress = { what: '', loaded: 0, total: 0 };
      const coming = { at: 'coming', goesOn: true, why: null, progress, losses: [] } as const;
      change(toy.store, { model: { ...coming, here, wish } });
      return Promise.resolve();
    });
    stubPicker(() => Promise.resolve(parent));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    expect((await toy.ended()).saving.error?.code).toBe('save/replaced');
    expect(parent.entries.size).toBe(0);

    const other = createToy(async function* () {
      yield await Promise.reject<SaveEvent>(new EngineError('No.', { code: 'save/layernorm' }));
    });
    other.actions.saveModel({ to: 'folder' });
    expect((await other.ended()).saving.error?.code).toBe('save/layernorm');
  });

  it('is silent where nobody chose one, and open to another try', async () => {
    stubPicker(() => Promise.reject(new DOMException('Closed.', 'AbortError')));
    const toy = createToy();
    toy.actions.saveModel({ to: 'folder' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(toy.store.getState()).toMatchObject({ saving: { now: null, last: null, error: null } });
    stubPicker(() => Promise.resolve(new Folder()));
    toy.actions.saveModel({ to: 'folder' });
    expect((await toy.ended()).saving.last).not.toBeNull();
  });
});

describe('saving as .zip', () => {
  /** The page's end of a download. */
  function stubDownload() {
    const blobs: Blob[] = [];
    const link = { href: '', download: '', click: vi.fn() };
    vi.stubGlobal('document', { createElement: () => link });
    vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
      blobs.push(blob as Blob);
      return 'blob:x';
    });
    return { blobs, link };
  }

  for (const where of ['the private file system', 'memory'] as const) {
    it(`stores every file in one folder, by way of ${where}`, async () => {
      const root = new Folder();
      const storage = { getDirectory: () => Promise.resolve(root) };
      vi.stubGlobal('navigator', where === 'memory' ? {} : { storage });
      const saves = await root.getDirectoryHandle('saves');
      saves.entries.set('5-old.zip', bytesOf(1));
      saves.entries.set(`${Date.now()}-new.zip`, bytesOf(1));
      const { blobs, link } = stubDownload();
      const toy = createToy();
      toy.actions.saveModel({ to: 'zip' });
      expect((await toy.ended()).saving.last).toMatchObject({ to: 'zip', name: 'toy-model.zip' });
      expect(link).toMatchObject({ href: 'blob:x', download: 'toy-model.zip' });
      expect(link.click).toHaveBeenCalledTimes(1);
      const files = unzipSync(new Uint8Array((await blobs[0]?.arrayBuffer()) ?? new ArrayBuffer()));
      expect(Object.keys(files)).toEqual(['toy-model/config.json', 'toy-model/model.safetensors']);
      expect([...(files['toy-model/model.safetensors'] ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
      // An archive of an earlier visit is cleared away, one of another tab is not.
      if (where !== 'memory') expect([...saves.entries.keys()]).toHaveLength(2);
      expect(saves.entries.has('5-old.zip')).toBe(where === 'memory');
    });
  }

  it('leaves nothing of earlier visits behind, and what is being written alone', async () => {
    const root = new Folder();
    vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.resolve(root) } });
    const saves = await root.getDirectoryHandle('saves');
    const recent = `${Date.now()}-recent.zip`;
    for (const name of ['5-old.zip', '6-now.zip', recent]) saves.entries.set(name, bytesOf(1));
    writing.add('6-now.zip');
    await removeLeftovers();
    expect([...saves.entries.keys()]).toEqual(['6-now.zip', recent]);
    await removeLeftovers(0);
    expect([...saves.entries.keys()]).toEqual(['6-now.zip']);
    writing.delete('6-now.zip');
    vi.stubGlobal('navigator', {});
    await expect(removeLeftovers()).resolves.toBeUndefined();
  });

  it('refuses what no plain archive holds, before anything is written', async () => {
    vi.stubGlobal('navigator', {});
    const read = vi.fn();
    const toy = createToy(async function* () {
      const files = [{ name: 'model.safetensors', sizeBytes: 6_230_000_000 }];
      yield await Promise.resolve({ ...START, files });
      read();
    });
    toy.actions.saveModel({ to: 'zip' });
    expect((await toy.ended()).saving.error).toMatchObject({
      code: 'save/zip-size',
      message: expect.stringMatching(/6\.2 GB/u) as string,
      hint: expect.stringMatching(/folder/u) as string,
    });
    expect(read).not.toHaveBeenCalled();
  });
});
