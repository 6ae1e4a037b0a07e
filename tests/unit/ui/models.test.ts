// Downloads and what is kept, in words.
import { describe, expect, it } from 'vitest';
import type { ModelPlan } from '../../../src/api.ts';
import type { Offer } from '../../../src/state/facts/models.ts';
import { nameOfHost } from '../../../src/state/modelName.ts';
import { fromFolder, readDropped, titleOfFiles } from '../../../src/ui/models/dropped.ts';
import {
  bytesOf,
  isAboutRoom,
  isKept,
  knownModel,
  nameOf,
  unreadable,
  whyTaken,
} from '../../../src/ui/models/offer.ts';
import {
  formatAgo,
  formatLeft,
  formatOf,
  formatRate,
  formatSize,
  splitHint,
} from '../../../src/ui/models/words.ts';

const BASE = 'https://glass.example/';
const plain = (text: string): string => text.replaceAll('\u00A0', ' ');

describe('sizes', () => {
  it('have as many digits as people read', () => {
    const cases: [number, string][] = [
      [0, '0 bytes'],
      [454_012, '454 kB'],
      [999_900, '1.0 MB'],
      [4_540_000, '4.5 MB'],
      [548_105_171, '548 MB'],
      [999_800_000, '1.00 GB'],
      [1_519_984_962, '1.52 GB'],
      [12_300_000_000, '12.3 GB'],
    ];
    for (const [bytes, words] of cases) expect(plain(formatSize(bytes))).toBe(words);
  });

  it('of a part are in the unit of the whole, and never say that all is there before it is', () => {
    expect(plain(formatOf(219_000_000, 548_105_171))).toBe('219 of 548 MB');
    expect(plain(formatOf(548_105_170, 548_105_171))).toBe('547 of 548 MB');
    expect(plain(formatOf(548_105_171, 548_105_171))).toBe('548 of 548 MB');
    expect(plain(formatOf(40_000_000, 1_519_984_962))).toBe('0.04 of 1.52 GB');
  });

  it('a second are a rate', () => {
    expect(plain(formatRate(12_430_000))).toBe('12.4 MB/s');
    expect(plain(formatRate(40_300))).toBe('40 kB/s');
    expect(plain(formatRate(123_400_000))).toBe('123 MB/s');
  });
});

describe('times', () => {
  it('that are left are said no more exactly than anybody can know', () => {
    const cases: [number, string][] = [
      [2, 'a few seconds left'],
      [23, 'about 25 seconds left'],
      [57, 'about a minute left'],
      [130, 'about 2 minutes left'],
      [3500, 'about an hour left'],
      [7300, 'about 2 hours left'],
      [Infinity, ''],
    ];
    for (const [seconds, words] of cases) expect(formatLeft(seconds)).toBe(words);
  });

  it('that are past are said in words', () => {
    const now = Date.UTC(2026, 4, 1, 12);
    const cases: [number, string][] = [
      [30, 'just now'],
      [60, 'a minute ago'],
      [600, '10 minutes ago'],
      [3600, 'an hour ago'],
      [90_000, 'a day ago'],
      [20 * 86_400, 'on Apr 11, 2026'],
    ];
    for (const [seconds, words] of cases) expect(formatAgo(now - 1000 * seconds, now)).toBe(words);
  });
});

const plan: ModelPlan = {
  kind: 'hub',
  id: 'owner/name',
  commit: 'c'.repeat(40),
  host: 'https://mirror.example',
  key: 'k',
  files: [],
  totalBytes: 500,
  storedBytes: 20,
  freeBytes: null,
  keptIn: 'opfs',
};
const offer: Offer = {
  wish: { source: 'owner/name', host: 'mirror.example' },
  status: 'asked',
  fromAddress: false,
  plan: null,
  stored: null,
  progress: null,
  error: null,
};

describe('an offer', () => {
  it('says who it is and where it comes from', () => {
    expect(nameOf(offer, BASE)).toEqual({ title: 'owner/name', where: 'from mirror.example' });
    expect(nameOf({ ...offer, wish: { source: 'gpt2' } }, BASE)).toEqual({
      title: 'gpt2',
      where: 'from huggingface.co',
    });
    expect(nameOf({ ...offer, wish: { source: 'models/mine' } }, BASE)).toEqual({
      title: 'mine',
      where: 'on this site',
    });
    const files = [new File(['x'], 'a.safetensors')];
    expect(nameOf({ ...offer, wish: { source: 'mine', files } }, BASE)).toEqual({
      title: 'mine',
      where: 'from this computer',
    });
  });

  it('knows how far it is from the best that is known', () => {
    expect(bytesOf(offer)).toBeNull();
    expect(bytesOf({ ...offer, plan })).toEqual({ done: 20, total: 500 });
    const progress = { status: 'progress', name: 'x', allLoaded: 90, allTotal: 500 } as const;
    expect(bytesOf({ ...offer, plan, progress })).toEqual({ done: 90, total: 500 });
    // As long as only small files have said how large they are.
    const early = { ...progress, allLoaded: 9, allTotal: 10 };
    expect(bytesOf({ ...offer, plan, progress: early })).toEqual({ done: 9, total: 500 });
    const stored = { bytes: 40, totalBytes: 500 } as Offer['stored'];
    expect(bytesOf({ ...offer, stored })).toEqual({ done: 40, total: 500 });
  });

  it('can be paused only where what came is kept', () => {
    expect(isKept({ ...offer, plan })).toBe(true);
    expect(isKept({ ...offer, plan: { ...plan, keptIn: 'memory' } })).toBe(false);
    expect(isKept({ ...offer, wish: { ...offer.wish, keep: false }, plan })).toBe(false);
    // Before there is a plan, what is known of the browser.
    expect(isKept(offer)).toBe(true);
    expect(isKept(offer, { available: true })).toBe(true);
    expect(isKept(offer, { available: false })).toBe(false);
    expect(isAboutRoom('storage/quota')).toBe(true);
    expect(isAboutRoom('network/http')).toBe(false);
  });

  it('that is arriving keeps its place: what to do is said, as far as it can be done', () => {
    const arriving: Offer = { ...offer, status: 'arriving', plan };
    expect(whyTaken(arriving, null)).toBe('name is being downloaded: pause or cancel it first.');
    const unkept = 'name is being downloaded: wait for it, or cancel it first.';
    expect(whyTaken({ ...arriving, plan: null }, { available: false })).toBe(unkept);
    const wait = 'name is being loaded: wait for it, or cancel it first.';
    expect(whyTaken({ ...arriving, plan: { ...plan, kind: 'stored' } }, null)).toBe(wait);
    expect(whyTaken({ ...arriving, wish: { source: 'mine', files: [] } }, null)).toBe('');
    for (const status of ['asked', 'looking', 'known', 'paused', 'failed'] as const) {
      expect(whyTaken({ ...arriving, status }, null)).toBe('');
    }
    expect(whyTaken(null, null)).toBe('');
  });

  it('says of a drop that cannot be read what to do instead', () => {
    const { status, wish, error } = unreadable(new Error('A requested file could not be found.'));
    expect({ status, files: wish.files }).toEqual({ status: 'failed', files: [] });
    expect(error.message).toContain('could not be found');
    expect(error.hint).toContain('Choose files…');
  });

  it('is recognised where it is a published model, however it is named', () => {
    for (const name of [
      'gpt2',
      'openai-community/gpt2',
      'https://huggingface.co/openai-community/gpt2',
    ]) {
      expect(knownModel(name)?.title).toBe('GPT-2');
    }
    expect(knownModel('somebody/gpt2-poems')).toBeUndefined();
    expect(nameOfHost('http://localhost:8000')).toBe('localhost:8000');
  });

  it('gives a hint in words, and the code of it apart', () => {
    expect(splitHint('Convert it:\na\nb')).toEqual({ words: 'Convert it:', code: 'a\nb' });
    expect(splitHint('Try again.')).toEqual({ words: 'Try again.', code: '' });
  });
});

/** What a browser hands out for a drop. */
function entry(name: string, inside?: readonly unknown[]): FileSystemEntry {
  const batches = [inside ?? [], []];
  return {
    name,
    isFile: inside === undefined,
    isDirectory: inside !== undefined,
    file: (take: (file: File) => void) => take(new File(['x'], name)),
    createReader: () => ({ readEntries: (take: (all: unknown) => void) => take(batches.shift()) }),
  } as unknown as FileSystemEntry;
}
const names = (files: readonly File[]): string[] => files.map(({ name }) => name);

describe('what is dropped', () => {
  it('is the outermost folder with weights, and nothing below or beside it', async () => {
    const old = entry('checkpoint-500', [entry('model.safetensors'), entry('config.json')]);
    const mine = [entry('config.json'), entry('model.safetensors'), old];
    const dropped = await readDropped([entry('run', [entry('notes'), entry('final', mine)])]);
    expect(dropped.title).toBe('run');
    expect(names(dropped.files)).toEqual(['config.json', 'model.safetensors']);
  });

  it('may be files, and is told as it is where there are no weights', async () => {
    const file = new File(['x'], 'poems.safetensors');
    expect(await readDropped([file, entry('config.json')])).toMatchObject({
      title: 'poems',
      files: [file, { name: 'config.json' }],
    });
    const cat = await readDropped([entry('pictures', [entry('cat.png')])]);
    expect(names(cat.files)).toEqual(['cat.png']);
    expect(await readDropped([])).toEqual({ files: [], title: 'files' });
  });

  it('is bounded in depth and number', async () => {
    let deep: FileSystemEntry = entry('model.safetensors');
    for (let level = 0; level < 6; level++) deep = entry(`level-${level}`, [deep]);
    expect((await readDropped([deep])).files).toEqual([]);
    const many = Array.from({ length: 500 }, (_, i) => entry(`${i}.txt`));
    expect((await readDropped([entry('many', many)])).files).toHaveLength(200);
  });

  it('chosen as a folder keeps to one folder too', () => {
    const at = (path: string): File =>
      Object.defineProperty(new File(['x'], path.split('/').at(-1) ?? ''), 'webkitRelativePath', {
        value: path,
      });
    const all = ['run/old/a/model.safetensors', 'run/x/model.safetensors', 'run/x/config.json'].map(
      at,
    );
    const chosen = fromFolder(all);
    expect(chosen.map((file) => file.webkitRelativePath)).toEqual([
      'run/x/model.safetensors',
      'run/x/config.json',
    ]);
    expect(titleOfFiles(all, chosen)).toBe('run');
  });
});
