// Files that are right, files that are wrong in one way each, and files with random damage.
import { halfToFloat, toHalf } from '../../../src/gpu/half.ts';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import {
  parseSafetensorsHeader,
  readHeaderLength,
  toFloat32,
  writeSafetensors,
  type SafetensorsDtype,
  type SafetensorsInput,
} from '../../../src/formats/safetensors.ts';
import { cpuMs } from '../../support/cpuTime.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, root)));

/** A file with this header, its length field, and some bytes of data. */
function fileOf(header: string, dataBytes: number, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

function parse(file: Uint8Array): ReturnType<typeof parseSafetensorsHeader> {
  return parseSafetensorsHeader(file, file.length);
}

/** The tensors of a file as they would be written. */
function inputsOf(file: Uint8Array): [Map<string, SafetensorsInput>, ReadonlyMap<string, string>] {
  const { tensors, metadata } = parse(file);
  const inputs = [...tensors].map(([name, { dtype, shape, begin, end }]) => {
    return [name, { dtype, shape, data: file.subarray(begin, end) }] as const;
  });
  return [new Map(inputs.toReversed()), metadata];
}

describe('safetensors files', () => {
  it('are read where they are', () => {
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}  ';
    const { tensors, metadata, dataStart } = parse(fileOf(header, 20));
    expect(dataStart).toBe(8 + header.length);
    expect([...metadata]).toEqual([['format', 'pt']]);
    expect([...tensors]).toEqual([
      ['a', { dtype: 'I64', shape: [], begin: dataStart, end: dataStart + 8 }],
      ['b', { dtype: 'F16', shape: [2, 3], begin: dataStart + 8, end: dataStart + 20 }],
    ]);
  });

  it('need no more than their header to be read', () => {
    const file = read('public/models/tales-7m/model.safetensors');
    const length = readHeaderLength(file.subarray(0, 8), file.length);
    const { tensors } = parseSafetensorsHeader(file.slice(0, 8 + length), file.length);
    expect(tensors.get('transformer.wte.weight')?.shape).toEqual([8192, 192]);
    expect([...tensors.values()].at(-1)?.end).toBe(file.length);
  });

  it('may hold nothing, empty tensors, and names like parts of JavaScript’s objects', () => {
    expect(parse(fileOf('{}', 0)).tensors.size).toBe(0);
    const empty = '"shape":[0,5],"data_offsets":[4,4]';
    const file = fileOf(
      `{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"__proto__":{"dtype":"F32",${empty}},"constructor":{"dtype":"U8",${empty}},"1":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
      8,
    );
    expect([...parse(file).tensors.keys()]).toEqual(['1', '__proto__', 'constructor', 'x']);
  });

  it.each([
    'public/models/tales-7m/model.safetensors',
    'tests/fixtures/conformance/gpt2/model.safetensors',
    'tests/fixtures/conformance/gpt2/expected.safetensors',
    'tests/fixtures/conformance/notebook/model.safetensors',
  ])('are written byte for byte as Hugging Face wrote %s', (path) => {
    const file = read(path);
    const [tensors, metadata] = inputsOf(file);
    const written = writeSafetensors(tensors, metadata.size > 0 ? metadata : undefined);
    expect(Buffer.compare(written, file)).toBe(0);
  });

  it('come back as they were written, whatever is in them', () => {
    const tensor = fc.record({
      dtype: fc.constantFrom<SafetensorsDtype>('F32', 'F16', 'BF16', 'I64', 'BOOL', 'F64'),
      shape: fc.array(fc.nat(3), { maxLength: 4 }),
    });
    const sizes = { F32: 4, F16: 2, BF16: 2, I64: 8, BOOL: 1, F64: 8 };
    const name = fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => text.isWellFormed());
    const texts = fc.array(fc.tuple(name, name), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, tensor), { maxLength: 6 }), texts, (list, pairs) => {
        const tensors = new Map<string, SafetensorsInput>();
        for (const [key, { dtype, shape }] of list) {
          const count = shape.reduce((a, b) => a * b, 1);
          const size = count * sizes[dtype as keyof typeof sizes];
          const data = Uint8Array.from({ length: size }, (_, i) => (i * 7 + list.length) & 255);
          tensors.set(key, { dtype, shape, data });
        }
        const metadata = new Map(pairs);
        const file = writeSafetensors(tensors, metadata);
        const [back, texts_] = inputsOf(file);
        expect(new Map(texts_)).toEqual(metadata);
        expect(back).toEqual(tensors);
        expect(parse(file).dataStart % 8).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('are not written with sizes that do not fit or under the name of the metadata', () => {
    const one: SafetensorsInput = { dtype: 'F32', shape: [2], data: new Float32Array(1) };
    expect(() => writeSafetensors(new Map([['a', one]]))).toThrow('2 elements of F32, 8 bytes');
    const fits = { ...one, shape: [1] };
    expect(() => writeSafetensors(new Map([['__metadata__', fits]]))).toThrow('cannot be named');
  });
});

const good = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';
const two = (first: string, second: string): string =>
  `{"a":{"dtype":"F32","shape":[1],"data_offsets":${first}},"b":{"dtype":"F32","shape":[1],"data_offsets":${second}}}`;

describe('a file is refused', () => {
  it.each<[string, string, number, string, string]>([
    ['no object', '[]', 0, 'json', 'begin with "{"'],
    ['white space first', ' {}', 0, 'json', 'begin with "{"'],
    ['half an object', '{"a":', 0, 'json', 'no JSON'],
    ['very deep arrays', `{"a":${'['.repeat(200_000)}`, 0, 'json', 'no JSON'],
    ['a tensor twice', `{"a":{${good}},"a":{${good}}}`, 4, 'duplicate', 'a stands twice'],
    [
      'a name twice, spelt apart',
      String.raw`{"a":{${good}},"\u0061" :{${good}}}`,
      4,
      'duplicate',
      'a stands',
    ],
    ['a field twice', `{"a":{${good},"shape":[2]}}`, 4, 'duplicate', 'shape stands twice'],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'duplicate', '__metadata__'],
    ['metadata as a list', '{"__metadata__":[]}', 0, 'metadata', 'no object'],
    ['a number in metadata', '{"__metadata__":{"step":3}}', 0, 'metadata', 'step: 3'],
    ['null as tensor', '{"a":null}', 0, 'tensor', 'a is described by null'],
    [
      'an unknown type',
      `{"a":{${good.replace('F32', 'Q4')}}}`,
      4,
      'dtype',
      'a has the unknown type Q4',
    ],
    [
      'a type of the prototype',
      `{"a":{${good.replace('F32', 'toString')}}}`,
      4,
      'dtype',
      'toString',
    ],
    ['no type', '{"a":{"shape":[1],"data_offsets":[0,4]}}', 4, 'dtype', 'nothing'],
    ['no shape', '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4, 'shape', 'nothing'],
    ['a negative size', `{"a":{${good.replace('[1]', '[-1]')}}}`, 4, 'shape', '[-1]'],
    ['a broken size', `{"a":{${good.replace('[1]', '[1.5]')}}}`, 4, 'shape', '[1.5]'],
    ['an unsafe size', `{"a":{${good.replace('[1]', '[9007199254740993]')}}}`, 4, 'shape', '90071'],
    [
      'too many elements',
      `{"a":{${good.replace('[1]', '[4294967296,4294967296]')}}}`,
      4,
      'shape',
      'too many',
    ],
    [
      'the wrong size',
      `{"a":{${good.replace('[1]', '[2]')}}}`,
      4,
      'size',
      '2 elements of F32, 8 bytes',
    ],
    ['one offset', `{"a":{${good.replace('[0,4]', '[4]')}}}`, 4, 'offsets', '[4]'],
    ['offsets backwards', `{"a":{${good.replace('[0,4]', '[4,0]')}}}`, 4, 'offsets', '4 to 0'],
    ['a negative offset', `{"a":{${good.replace('[0,4]', '[-4,0]')}}}`, 4, 'offsets', '[-4,0]'],
    ['an unsafe offset', `{"a":{${good.replace('[0,4]', '[0,1e300]')}}}`, 4, 'offsets', '1e+300'],
    ['data beyond its end', `{"a":{${good}}}`, 3, 'offsets', 'not whole: a lies at bytes 0 to 4'],
    ['bytes at the end', `{"a":{${good}}}`, 5, 'size', 'The tensors end at byte'],
    ['a hole', two('[0,4]', '[6,10]'), 10, 'offsets', 'b leaves a hole'],
    ['a hole at first', two('[2,6]', '[6,10]'), 10, 'offsets', 'a leaves a hole'],
    ['an overlap', two('[0,4]', '[2,6]'), 6, 'offsets', 'b overlaps'],
    ['the same bytes twice', two('[0,4]', '[0,4]'), 4, 'offsets', 'b overlaps'],
  ])('for %s', (_name, header, dataBytes, reason, message) => {
    const error = errorOf(() => parse(fileOf(header, dataBytes)));
    expect(error.code).toBe(`safetensors/${reason}`);
    expect(error.message).toContain(message);
    expect(error.hint).not.toBe('');
  });

  it.each<[string, Uint8Array, number, string]>([
    ['an empty file', new Uint8Array(0), 0, 'truncated'],
    ['half a length', new Uint8Array(4), 100, 'truncated'],
    ['a size that is no number', fileOf('{}', 0), Number.NaN, 'truncated'],
    ['a header of 2⁶⁴ − 1 bytes', fileOf('{}', 0, 2n ** 64n - 1n), 2 ** 53 - 1, 'header-length'],
    ['a header of 2⁶³ bytes', fileOf('{}', 0, 2n ** 63n), 2 ** 53 - 1, 'header-length'],
    ['a header above the limit', fileOf('{}', 0, 100_000_001n), 2 ** 40, 'header-length'],
    ['a header of no bytes', fileOf('{}', 0, 0n), 10, 'header-length'],
    ['a header beyond the end', fileOf('{}', 0, 3n), 10, 'truncated'],
    ['a header that is not here', fileOf('{}', 0, 3n), 20, 'truncated'],
    ['bytes that are no UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff), 10, 'json'],
  ])('for %s', (_name, bytes, fileSize, reason) => {
    const error = errorOf(() => parseSafetensorsHeader(bytes, fileSize));
    expect(error.code).toBe(`safetensors/${reason}`);
  });

  it('or read correctly, never anything else, after random damage', () => {
    const tensors = new Map<string, SafetensorsInput>([
      ['wte', { dtype: 'F32', shape: [3, 2], data: new Float32Array(6) }],
      ['h.0.bias', { dtype: 'F16', shape: [4], data: new Uint16Array(4) }],
      ['mask', { dtype: 'BOOL', shape: [1, 3], data: new Uint8Array(3) }],
    ]);
    const file = writeSafetensors(tensors, new Map([['format', 'pt']]));
    const { dataStart } = parse(file);
    const pieces = [
      ...Array.from('{}[]":,0129-.eE \\u\0ÿ'),
      '[0,',
      'null',
      '"F32"',
      '"a":',
      '1e9',
      '99999',
    ];
    const damage = fc.oneof(
      fc.record({ at: fc.nat(dataStart), cut: fc.nat(3), put: fc.constantFrom(...pieces) }),
      fc.record({
        at: fc.integer({ min: 8, max: dataStart }),
        cut: fc.nat(40),
        put: fc.constant(''),
      }),
      fc.record({
        at: fc.nat(15),
        cut: fc.constant(1),
        put: fc.string({ unit: 'binary', maxLength: 1 }),
      }),
    );
    let loaded = 0;
    const before = cpuMs();
    fc.assert(
      fc.property(
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (list, isFixed) => {
          let bytes: Uint8Array = file;
          for (const { at, cut, put } of list) {
            bytes = Buffer.concat([
              bytes.subarray(0, at),
              Buffer.from(put),
              bytes.subarray(at + cut),
            ]);
          }
          bytes = new Uint8Array(bytes);
          // Half of them with a length field that fits again, so that the damage reaches the later checks.
          if (isFixed && bytes.length > 25) {
            new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 35 - 8), true);
          }
          try {
            const header = parse(bytes);
            loaded++;
            let end = header.dataStart;
            for (const { begin, end: next } of header.tensors.values()) {
              expect(begin).toBe(end);
              end = next;
            }
            expect(end).toBe(bytes.length);
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
            expect(error.code).toMatch(/^safetensors\//);
          }
        },
      ),
      { numRuns: 15_000 },
    );
    expect(loaded).toBeGreaterThan(10); // harmless damage exists: names, metadata, padding
    expect(cpuMs() - before).toBeLessThan(25_000);
  });
});

describe('numbers', () => {
  it('decode every binary16 pattern exactly', () => {
    const halves = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const values = toFloat32(new Uint8Array(halves.buffer), 'F16');
    const bits = new Uint32Array(values.buffer);
    for (let half = 0; half < 0x10000; half++) {
      const sign = half & 0x8000 ? -1 : 1;
      const exponent = (half >> 10) & 31;
      const fraction = half & 0x3ff;
      if (exponent === 31) {
        expect(bits[half]).toBe((((half & 0x8000) << 16) | 0x7f800000 | (fraction << 13)) >>> 0);
        continue;
      }
      const value =
        exponent === 0
          ? sign * fraction * 2 ** -24
          : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (!Object.is(values[half], value)) expect(values[half]).toBe(value);
      if (!Object.is(halfToFloat(half), value)) expect(halfToFloat(half)).toBe(value);
    }
  });

  it('encode every binary16 value as itself', () => {
    const halves = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const back = toHalf(toFloat32(new Uint8Array(halves.buffer), 'F16'));
    const wrong = Array.from(halves).filter((half) => {
      const isNaNPattern = (half & 0x7fff) > 0x7c00;
      return back[half] !== (isNaNPattern ? half | 0x200 : half); // NaN becomes quiet
    });
    expect(wrong).toEqual([]);
  });

  it('round to the nearest half, ties to even, and never to infinity', () => {
    const cases: [number, number][] = [
      [1 + 2 ** -11, 0x3c00], // tie, down to even
      [1 + 3 * 2 ** -11, 0x3c02], // tie, up to even
      [1 + 2 ** -11 + 2 ** -20, 0x3c01],
      [65504, 0x7bff],
      [65519.99, 0x7bff],
      [65520, 0x7bff],
      [1e38, 0x7bff],
      [-70000, 0xfbff],
      [Infinity, 0x7c00],
      [-Infinity, 0xfc00],
      [-0, 0x8000],
      [2 ** -14, 0x0400],
      [2 ** -14 - 2 ** -26, 0x0400], // rounds up into the normal numbers
      [2 ** -24, 0x0001],
      [2 ** -25, 0x0000], // tie, down to even
      [3 * 2 ** -25, 0x0002], // tie, up to even
      [2 ** -25 + 2 ** -40, 0x0001],
      [2 ** -26, 0x0000],
      [1e-45, 0x0000],
    ];
    for (const [value, half] of cases)
      expect([value, toHalf(Float32Array.of(value))[0]]).toEqual([value, half]);
    const [nan] = toHalf(Float32Array.of(Number.NaN));
    expect(halfToFloat(nan)).toBeNaN();
  });

  it('are never farther from their half than the neighbours are', () => {
    const value = fc.float({ min: -65504, max: 65504, noNaN: true });
    fc.assert(
      fc.property(
        fc.oneof(
          value,
          value.map((v) => Math.fround(v * 2 ** -28)),
        ),
        (x) => {
          const half = toHalf(Float32Array.of(x))[0];
          const error = Math.abs(halfToFloat(half) - x);
          const magnitude = half & 0x7fff;
          for (const next of [magnitude - 1, magnitude + 1]) {
            if (next < 0 || next >= 0x7c00) continue;
            const other = Math.abs(halfToFloat(next | (half & 0x8000)) - x);
            expect(error < other || (error === other && half % 2 === 0)).toBe(true);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('decode float32 and bfloat16 from any byte offset', () => {
    const floats = Float32Array.of(1.5, -3e38, 1e-45, -0, Number.NaN);
    const bytes = new Uint8Array(21);
    bytes.set(new Uint8Array(floats.buffer), 1);
    expect([...toFloat32(bytes.subarray(1), 'F32')]).toEqual([...floats]);
    const brain = Uint8Array.of(9, 0x80, 0x3f, 0x20, 0xc1, 0x80, 0x7f);
    expect([...toFloat32(brain.subarray(1), 'BF16')]).toEqual([1, -10, Infinity]);
    expect([...toFloat32(Buffer.from([0, 0, 0x3c]).subarray(1), 'F16')]).toEqual([1]);
  });

  it('of other types and half elements are refused', () => {
    expect(errorOf(() => toFloat32(new Uint8Array(8), 'I64')).code).toBe('safetensors/dtype');
    expect(errorOf(() => toFloat32(new Uint8Array(3), 'F16')).code).toBe('safetensors/size');
  });

  it('decode 14 MB of binary16 quickly', () => {
    const bytes = new Uint8Array(14_000_000);
    const times = Array.from({ length: 3 }, () => {
      const before = cpuMs();
      toFloat32(bytes, 'F16');
      return cpuMs() - before;
    });
    // 10 to 50 ms on a slow core; the bound only catches another order of growth.
    expect(Math.min(...times)).toBeLessThan(300);
  });
});

function errorOf(action: () => unknown): EngineError {
  try {
    action();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('expected an EngineError');
}
