// Damaged headers and indexes: an error in words or a correct load, never a hang, a crash, or memory that the
// file does not have.
import { expect, test } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { parseSafetensorsHeader } from '../../../src/formats/safetensors.ts';
import { parseShardIndex, streamShards } from '../../../src/formats/shards.ts';
import { lowbias32 } from '../../support/random.ts';
import { shardedModel, tinyModel } from '../../support/servedModels.ts';
import { cpuMs } from '../../support/cpuTime.ts';

const RUNS = 6000;
const INDEX = 'model.safetensors.index.json';

/** The same whole numbers below `most` every time. */
function createDice(seed: number): (most: number) => number {
  let state = seed;
  return (most) => lowbias32((state = (state + 0x9e3779b9) >>> 0)) % most;
}

const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '9',
  '-',
  '1e999',
  '99999999999999999999',
  '\\u0000',
  '__proto__',
  '../',
  'F64',
  'null',
  '\xff',
  'data_offsets',
  'weight_map',
];

/** One to four damages: bytes flipped, cut, doubled, or replaced by what parsers stumble over. */
function damage(bytes: Uint8Array, dice: (most: number) => number): Uint8Array {
  let damaged = Buffer.from(bytes);
  for (let n = dice(4) + 1; n > 0 && damaged.length > 0; n--) {
    const at = dice(damaged.length);
    const rest = damaged.subarray(at);
    const head = damaged.subarray(0, at);
    switch (dice(6)) {
      case 0:
        damaged[at] ^= 1 << dice(8);
        break;
      case 1:
        damaged = Buffer.concat([head, rest.subarray(Math.min(rest.length, dice(60)))]);
        break;
      case 2:
        damaged = Buffer.concat([
          head,
          Buffer.from(PIECES[dice(PIECES.length)], 'latin1'),
          rest.subarray(dice(4)),
        ]);
        break;
      case 3:
        damaged = Buffer.concat([head, rest.subarray(0, dice(40)), rest]);
        break;
      case 4:
        damaged = Buffer.from(head);
        break;
      default:
        // The length in front: any number of eight bytes.
        damaged[dice(Math.min(8, damaged.length))] = dice(256);
    }
  }
  return new Uint8Array(damaged);
}

/** Runs `work` and counts: loads and refusals; anything but an `EngineError` fails. */
function count(runs: number, seed: number, work: (dice: (most: number) => number) => void) {
  const dice = createDice(seed);
  const outcome = { loaded: 0, codes: new Set<string>(), slowestMs: 0 };
  for (let run = 0; run < runs; run++) {
    const start = cpuMs();
    try {
      work(dice);
      outcome.loaded++;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      outcome.codes.add(error.code);
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, cpuMs() - start);
  }
  return outcome;
}

test(`${RUNS} damaged headers`, () => {
  const file = tinyModel().files['model.safetensors'] as Uint8Array;
  const { dataStart } = parseSafetensorsHeader(file, file.length);
  const header = file.slice(0, dataStart);
  const { codes, slowestMs } = count(RUNS, 1, (dice) => {
    const bytes = damage(header, dice);
    // Some keep the true length of their JSON, so that the checks behind it are reached.
    if (dice(2) === 0 && bytes.length > 8) {
      new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
    }
    const size = file.length + bytes.length - header.length;
    const { tensors } = parseSafetensorsHeader(bytes, size);
    for (const { begin, end } of tensors.values()) {
      expect(begin >= 8 && begin <= end && end <= size).toBe(true);
    }
  });
  expect(codes.size).toBeGreaterThan(5);
  expect(slowestMs).toBeLessThan(1000);
});

test(`${RUNS} damaged indexes`, () => {
  const index = shardedModel().files[INDEX] as Uint8Array;
  const { loaded, codes, slowestMs } = count(RUNS, 2, (dice) => {
    const { files, fileOf } = parseShardIndex(damage(index, dice), INDEX);
    // Letters may be any; on a disk and on the web the name stays one of a file in the folder.
    for (const name of files) {
      expect(name).toMatch(/^[^./\\][^/\\:\p{Cc}]*\.safetensors$/u);
      const { pathname, search, hash } = new URL(name, 'https://site/folder/');
      expect(decodeURIComponent(pathname) + search + hash).toBe(`/folder/${name}`);
    }
    expect([...fileOf.values()].every((name) => files.includes(name))).toBe(true);
  });
  expect(loaded).toBeGreaterThan(10);
  expect([...codes]).toEqual(['safetensors/index']);
  expect(slowestMs).toBeLessThan(1000);
});

test('damaged shards, with all that reading them asks for', async () => {
  const { files } = shardedModel();
  const index = parseShardIndex(files[INDEX] as Uint8Array, INDEX);
  const dice = createDice(3);
  let refused = 0;
  for (let run = 0; run < 400; run++) {
    const victim = index.files[dice(index.files.length)];
    const whole = files[victim] as Uint8Array;
    const start = damage(whole.slice(0, 2000), dice);
    const bytes = new Uint8Array(Buffer.concat([start, whole.subarray(2000)]));
    const fileOf = (name: string): Uint8Array =>
      name === victim ? bytes : (files[name] as Uint8Array);
    try {
      const weights = await streamShards(index, {
        peek: (name, most) => {
          expect(most).toBeLessThanOrEqual(Math.max(64 << 10, fileOf(name).length));
          return Promise.resolve({
            bytes: fileOf(name).subarray(0, most),
            size: fileOf(name).length,
          });
        },
        open: (name) =>
          Promise.resolve({
            size: fileOf(name).length,
            read: (from, most) => {
              expect(from + most).toBeLessThanOrEqual(fileOf(name).length);
              return Promise.resolve(fileOf(name).subarray(from, from + most));
            },
            close: () => Promise.resolve(),
          }),
      });
      for (const [name] of weights.tensors.shapes) {
        if (!weights.tensors.unreadable?.has(name)) await weights.tensors.read(name);
      }
      await weights.finish();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(200);
});
