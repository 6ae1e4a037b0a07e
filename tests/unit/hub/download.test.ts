// A large file is asked for in parts, so that no browser has to keep more of it than one of them.
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { GrowingFile } from '../../../src/kept/disk.ts';
import { type DownloadOptions, openDownload } from '../../../src/hub/download.ts';
import type { ByteSource } from '../../../src/formats/byteSource.ts';
import { type HubServer, startHub } from '../../support/hubServer.ts';
import { tinyModel } from '../../support/servedModels.ts';

const FILE = 'model.safetensors';
const WHOLE = tinyModel().files[FILE] as Uint8Array;
const WINDOW = 200_000;
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const SUM = sha256Of(WHOLE);

let hub: HubServer;
beforeAll(async () => {
  hub = await startHub([tinyModel()]);
});
afterEach(() => {
  vi.unstubAllGlobals();
  hub.reset();
});
afterAll(() => hub.close());

function open(change: Partial<DownloadOptions> = {}): { file: ByteSource; notes: string[] } {
  const notes: string[] = [];
  const file = openDownload({
    url: new URL(`${hub.origin}/tests/tiny-gpt2/resolve/main/${FILE}`),
    file: FILE,
    size: WHOLE.length,
    sha256: null,
    part: null,
    etag: null,
    patience: { tries: 4, baseMs: 10, silenceMs: 20_000 },
    windowBytes: WINDOW,
    onEtag: () => Promise.resolve(),
    onBytes: () => {},
    onNote: (note) => notes.push(note),
    onWhole: () => Promise.resolve(),
    ...change,
  });
  return { file, notes };
}

const ranges = (): (string | null)[] =>
  hub.seen.filter(({ path }) => path.includes(`${FILE}?`)).map(({ range }) => range);

async function readAll(file: ByteSource): Promise<Uint8Array> {
  const bytes = await file.read(0, WHOLE.length);
  await file.finish?.();
  await file.close();
  return bytes;
}

describe('a file that is larger than what is asked for at once', () => {
  test('comes in parts, each asked for once', async () => {
    const { file, notes } = open();
    expect(await readAll(file)).toEqual(WHOLE);
    expect(ranges()).toEqual(['bytes=0-199999', 'bytes=200000-399999', 'bytes=400000-']);
    expect(hub.sent(FILE)).toBe(WHOLE.length);
    expect(notes).toEqual([]);
  });

  test('goes on where a part broke', async () => {
    hub.faults.set(FILE, { cutAfter: 120_000, times: 1 });
    const { file, notes } = open();
    expect(await readAll(file)).toEqual(WHOLE);
    expect(ranges()[1]).toBe('bytes=120000-319999');
    expect(notes).toHaveLength(1);
  });

  test('goes on where a part broke near its end, and the next one with it', async () => {
    let fail = (): void => {};
    const asked: string[] = [];
    vi.stubGlobal('fetch', (_: URL, { headers }: { headers: Record<string, string> }) => {
      asked.push(headers.Range);
      const [from, to = WHOLE.length - 1] = headers.Range.match(/\d+/g)?.map(Number) ?? [];
      const isFirst = asked.length === 1;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          if (asked.length === 2) {
            controller.error(new Error('gone'));
            setTimeout(fail, 10);
          } else controller.enqueue(WHOLE.slice(from, isFirst ? 160_000 : to + 1));
          if (isFirst) fail = () => controller.error(new Error('gone'));
          else if (asked.length > 2) controller.close();
        },
      });
      const range = `bytes ${from}-${to}/${WHOLE.length}`;
      return Promise.resolve(
        new Response(body, { status: 206, headers: { 'content-range': range } }),
      );
    });
    const { file, notes } = open();
    expect(await readAll(file)).toEqual(WHOLE);
    expect(asked.slice(0, 3)).toEqual([
      'bytes=0-199999',
      'bytes=200000-399999',
      'bytes=160000-359999',
    ]);
    expect(notes).toHaveLength(1);
  });

  test('comes at once from a server that knows no ranges', async () => {
    hub.faults.set(FILE, { noRange: true });
    expect(await readAll(open().file)).toEqual(WHOLE);
    expect(ranges()).toHaveLength(1);
  });

  test('is refused where another file has taken its place on the way', async () => {
    hub.faults.set(FILE, { slow: 2_000_000 });
    const { file } = open();
    await file.read(0, 1000);
    hub.faults.set(FILE, { etag: '"another"' });
    await expect(file.read(1000, WHOLE.length - 1000)).rejects.toMatchObject({
      code: 'download/changed',
    });
    await file.close();
  });

  test('may have other tags in its parts where its sum is known, and weak ones of the same name anyway', async () => {
    const rows: [string, string | null, RegExp | null][] = [
      ['"another"', SUM, null],
      [`W/"${SUM.slice(0, 32)}"`, null, null],
      ['W/"another"', null, /changed/],
    ];
    for (const [etag, sha256, refusal] of rows) {
      hub.faults.set(FILE, { slow: 2_000_000 });
      const { file } = open({ sha256 });
      await file.read(0, 1000);
      hub.faults.set(FILE, { etag });
      const rest = file.read(1000, WHOLE.length - 1000);
      if (refusal) await expect(rest).rejects.toThrow(refusal);
      else {
        expect(sha256Of(await rest)).toBe(sha256Of(WHOLE.subarray(1000)));
        await file.finish?.();
      }
      await file.close();
    }
  });

  test('says that a server is busy, not that a connection broke', async () => {
    let times = 0;
    vi.stubGlobal('fetch', () => {
      times++;
      const status = [503, 429, 500][times - 1];
      return Promise.resolve(status ? new Response('', { status }) : new Response(WHOLE.slice()));
    });
    const { file, notes } = open();
    await file.read(0, 1000);
    expect(notes.map((note) => /:\d+ (.*) at 0 %; trying again/u.exec(note)?.[1])).toEqual([
      'is busy (503)',
      'is busy (429)',
      'could not answer (500)',
    ]);
    await file.close();
  });

  test('is let go by an abort while nobody reads it', async () => {
    const size = 6 << 20;
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(new Uint8Array(size))));
    const stop = new AbortController();
    let closed = 0;
    const part: GrowingFile = {
      size: 0,
      read: () => Promise.resolve(new Uint8Array(0)),
      append: () => Promise.resolve(),
      truncate: () => Promise.resolve(),
      close: () => Promise.resolve(void closed++),
    };
    const { file } = open({ size, part, windowBytes: size, signal: stop.signal });
    await file.read(0, 1000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(0);
    stop.abort();
    await vi.waitFor(() => expect(closed).toBe(1));
    await expect(file.read(1000, size - 1000)).rejects.toMatchObject({ name: 'AbortError' });
    await expect(file.finish?.()).rejects.toMatchObject({ name: 'AbortError' });
    await file.close();
  });

  test('has another size than its list says', async () => {
    hub.faults.set(FILE, { length: WHOLE.length + 5 });
    const { file } = open();
    await expect(file.read(0, 1000)).rejects.toMatchObject({ code: 'download/size' });
    await file.close();
  });
});
