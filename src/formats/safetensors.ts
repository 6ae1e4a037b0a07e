// The safetensors file format, read and written: 8 bytes of header length, a JSON header, then the tensors
// without holes. What stands in a header is not believed: everything is checked before anything is allocated.
// Source: github.com/huggingface/safetensors.
import { halfBitsTable } from '../gpu/half.ts';
import { EngineError } from '../errors.ts';
import { cut, isObject, show } from '../json.ts';

/** Bytes an element of each known type. */
const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  F8_E5M2FNUZ: 1,
  F8_E4M3FNUZ: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  C64: 8,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** An element type as the format spells it. */
export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

/** Where one tensor lies in a file. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly begin: number;
  /** Byte after the last. */
  readonly end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Byte of the file at which the tensors begin. */
  readonly dataStart: number;
}

/** A tensor to write; `data` holds its elements in row-major order, little-endian. */
export interface SafetensorsInput {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** Hugging Face's limit. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const METADATA = '__metadata__';
/** The order of types in which Hugging Face writes tensors: the widest first, so that all are aligned. */
const DTYPE_ORDER = Object.keys(ELEMENT_BYTES).toReversed();

/**
 * Length in bytes of the JSON header (which starts at byte 8) from a file's first 8 bytes; `most` where less is
 * believed than the format allows. Throws `safetensors/truncated` or `safetensors/header-length`.
 */
export function readHeaderLength(
  first8bytes: Uint8Array,
  fileSize: number,
  most = MAX_HEADER_BYTES,
): number {
  if (!Number.isSafeInteger(fileSize) || fileSize < LENGTH_BYTES + 2) {
    throw fail('truncated', `The file has ${fileSize} bytes; the smallest has 10.`);
  }
  if (first8bytes.length < LENGTH_BYTES) {
    throw fail('truncated', `There are ${first8bytes.length} bytes; the header's length takes 8.`);
  }
  const view = new DataView(first8bytes.buffer, first8bytes.byteOffset, LENGTH_BYTES);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  if (length < 2 || length > most) {
    throw fail('header-length', `The header claims ${length} bytes; expected 2 to ${most}.`);
  }
  if (LENGTH_BYTES + length > fileSize) {
    throw fail(
      'truncated',
      `The header claims ${length} bytes, but the file ends after ${fileSize}.`,
    );
  }
  return length;
}

/**
 * Reads and checks the header of a file of `fileSize` bytes from its beginning (`bytes`, header at least).
 * Throws `safetensors/…` naming the tensor and the numbers: `truncated`, `header-length`, `json`, `duplicate`,
 * `metadata`, `tensor`, `dtype`, `shape`, `offsets`, `size`.
 */
export function parseSafetensorsHeader(bytes: Uint8Array, fileSize: number): SafetensorsHeader {
  const length = readHeaderLength(bytes.subarray(0, LENGTH_BYTES), fileSize);
  const dataStart = LENGTH_BYTES + length;
  if (bytes.length < dataStart) {
    throw fail('truncated', `The header ends at byte ${dataStart}, but ${bytes.length} are here.`);
  }
  const header = parseJson(bytes.subarray(LENGTH_BYTES, dataStart));

  let metadata: ReadonlyMap<string, string> = new Map();
  const entries: [string, SafetensorsEntry][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = toMetadata(value);
    else entries.push([name, toEntry(name, value, dataStart, fileSize)]);
  }
  // A tensor of 0 bytes goes before the one that begins where it lies.
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = dataStart;
  for (const [name, entry] of entries) {
    if (entry.begin !== end) {
      const problem = entry.begin < end ? 'overlaps the one before' : 'leaves a hole before it';
      throw fail(
        'offsets',
        `${quoted(name)} ${problem}: it begins at byte ${entry.begin - dataStart} of the data; expected ${end - dataStart}.`,
      );
    }
    end = entry.end;
  }
  if (end !== fileSize) {
    throw fail('size', `The tensors end at byte ${end}, but the file has ${fileSize} bytes.`);
  }
  return { tensors: new Map(entries), metadata, dataStart };
}

/**
 * Bytes that a file has if its header tells the truth, from its length and header; for servers that do
 * not say. What is wrong with the header is for `parseSafetensorsHeader` to say.
 */
export function sizeByHeader(bytes: Uint8Array): number {
  let end = 0;
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(LENGTH_BYTES))) as object;
    for (const entry of Object.values(header) as unknown[]) {
      const offsets = isObject(entry) ? entry.data_offsets : undefined;
      if (isSizes(offsets)) end = Math.max(end, ...offsets.slice(0, 2));
    }
  } catch {
    // No JSON: a file of no tensors, which the parser refuses.
  }
  return bytes.length + end;
}

/** Where a file's tensors go before any of them is there. */
export interface SafetensorsPlan {
  /** The file up to its first tensor. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** Names in the order of their bytes. */
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/**
 * Plans a file as Hugging Face writes it: the widest types first, then by name; the header padded with spaces to
 * 8 bytes. Throws `safetensors/shape` or `safetensors/tensor`.
 */
export function planSafetensors(
  tensors: ReadonlyMap<string, Pick<SafetensorsInput, 'dtype' | 'shape'>>,
  metadata?: ReadonlyMap<string, string>,
): SafetensorsPlan {
  const sorted = [...tensors].toSorted(
    ([a, { dtype: left }], [b, { dtype: right }]) =>
      DTYPE_ORDER.indexOf(left) - DTYPE_ORDER.indexOf(right) || (a < b ? -1 : 1),
  );
  // Written piece by piece, because an object would move names like "0" to the front and lose "__proto__".
  const fields: string[] = [];
  if (metadata !== undefined) {
    const pairs = [...metadata].map((pair) => pair.map((text) => JSON.stringify(text)).join(':'));
    fields.push(`"${METADATA}":{${pairs.join(',')}}`);
  }
  let end = 0;
  for (const [name, { dtype, shape }] of sorted) {
    if (name === METADATA) throw fail('tensor', `A tensor cannot be named ${METADATA}.`);
    const offsets = [end, end + countOf(name, shape) * ELEMENT_BYTES[dtype]];
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`,
    );
    end = offsets[1];
  }
  const json = `{${fields.join(',')}}`;
  const unpadded = new TextEncoder().encode(json);
  const length = Math.ceil(unpadded.length / 8) * 8;

  const head = new Uint8Array(LENGTH_BYTES + length);
  head.fill(0x20, LENGTH_BYTES);
  head.set(unpadded, LENGTH_BYTES);
  new DataView(head.buffer).setUint32(0, length, true);
  return { head, names: sorted.map(([name]) => name), sizeBytes: head.length + end };
}

/** A file of tensors, as planned. Throws `safetensors/size`, `safetensors/shape` or `safetensors/tensor`. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsInput>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name !== METADATA) checkSize(name, dtype, countOf(name, shape), data.byteLength);
  }
  const { head, names, sizeBytes } = planSafetensors(tensors, metadata);
  const file = new Uint8Array(sizeBytes);
  file.set(head);
  let at = head.length;
  for (const name of names) {
    const data = tensors.get(name)?.data;
    if (!data) continue;
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

// — Numbers ———————————————————————————————————————————————————————————————————————————————————————
// Typed arrays use the machine's byte order, which is little-endian wherever there is WebGPU.

/** Types that hold weights. */
export const WEIGHT_TYPES: ReadonlySet<SafetensorsDtype> = new Set(['F32', 'F16', 'BF16', 'F64']);

/**
 * Elements of F32, F16 or BF16 bytes as float32, every bit pattern exactly, and of F64 bytes rounded to the nearest
 * (±Infinity beyond float32); `bytes` may begin anywhere. They lie in `into` where it is given, which has room for
 * them, and where F32 bytes may lie already.
 * Throws `safetensors/dtype` for other types and `safetensors/size` for half an element.
 */
export function toFloat32(
  bytes: Uint8Array,
  dtype: SafetensorsDtype,
  into?: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  if (!WEIGHT_TYPES.has(dtype)) {
    throw fail('dtype', `${dtype} is no type of weights; expected F32, F16, BF16 or F64.`);
  }
  const size = ELEMENT_BYTES[dtype];
  if (bytes.length % size !== 0) {
    throw fail('size', `${bytes.length} bytes are no whole number of ${dtype} elements.`);
  }
  const count = bytes.length / size;
  const bits = into ? new Uint32Array(into.buffer, into.byteOffset, count) : new Uint32Array(count);
  const values = new Float32Array(bits.buffer, bits.byteOffset, count);
  if (dtype === 'F32') {
    const isThere = bytes.buffer === bits.buffer && bytes.byteOffset === bits.byteOffset;
    if (!isThere) new Uint8Array(bits.buffer, bits.byteOffset, bytes.length).set(bytes);
    return values;
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  if (dtype === 'F64') {
    values.set(new Float64Array(aligned.buffer, aligned.byteOffset, count));
    return values;
  }
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  if (dtype === 'F16') {
    const table = halfBitsTable();
    for (let i = 0; i < count; i++) bits[i] = table[halves[i]];
  } else {
    for (let i = 0; i < count; i++) bits[i] = halves[i] << 16;
  }
  return values;
}

// — Checks ————————————————————————————————————————————————————————————————————————————————————————

/** Throws `safetensors/json` unless this is the first byte of a header. */
export function checkBrace(byte: number | undefined): void {
  if (byte !== 0x7b) throw fail('json', 'The header does not begin with "{".');
}

function parseJson(bytes: Uint8Array): object {
  checkBrace(bytes[0]);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw fail('json', 'The header is no JSON in UTF-8.', cause);
  }
  if (typeof header !== 'object' || header === null) throw fail('json', 'The header is no object.');
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw fail('duplicate', `${quoted(duplicate)} stands twice in the header.`);
  }
  return header;
}

/** A key that stands twice in the object or in one of its direct members; JSON.parse would keep the last one. */
function findDuplicateKey(json: string): string | undefined {
  /** Keys of the open object at each depth; undefined where an array is open or it does not matter. */
  const keys: (Set<string> | undefined)[] = [];
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === 0x7b || character === 0x5b) {
      if (++depth <= 2) keys[depth] = character === 0x7b ? new Set() : undefined;
    } else if (character === 0x7d || character === 0x5d) {
      depth--;
    } else if (character === 0x22) {
      const start = at;
      for (at++; json.charCodeAt(at) !== 0x22; at++) if (json.charCodeAt(at) === 0x5c) at++;
      const seen = depth <= 2 ? keys[depth] : undefined;
      if (seen === undefined || !isKeyBefore(json, at + 1)) continue;
      const key = String(JSON.parse(json.slice(start, at + 1)));
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

/** Whether the string that ended before `at` is a key: the next character that is no white space is a colon. */
function isKeyBefore(json: string, at: number): boolean {
  while (' \t\n\r'.includes(json[at])) at++;
  return json[at] === ':';
}

function toMetadata(value: unknown): Map<string, string> {
  // Some writers say so that there is none, and Hugging Face's reader takes it.
  if (value === null) return new Map();
  if (!isObject(value)) throw fail('metadata', `${METADATA} is no object of texts.`);
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw fail('metadata', `${METADATA} has ${quoted(key)}: ${quoted(text)}; expected a text.`);
    }
    metadata.set(key, text);
  }
  return metadata;
}

function toEntry(
  name: string,
  value: unknown,
  dataStart: number,
  fileSize: number,
): SafetensorsEntry {
  if (!isObject(value)) throw fail('tensor', `${quoted(name)} is described by ${quoted(value)}.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) {
    throw new EngineError(`${quoted(name)} has the unknown type ${quoted(dtype)}.`, {
      code: 'safetensors/dtype',
      hint: 'Load the model where it was made, and save it in float32, float16 or bfloat16.',
    });
  }
  if (!isSizes(shape)) {
    throw fail(
      'shape',
      `${quoted(name)} has the shape ${quoted(shape)}; expected a list of sizes.`,
    );
  }
  const count = countOf(name, shape);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fail(
      'offsets',
      `${quoted(name)} has the data_offsets ${quoted(offsets)}; expected two sizes.`,
    );
  }
  const [begin, end] = offsets;
  const available = fileSize - dataStart;
  if (begin > end) throw fail('offsets', `${quoted(name)} lies at bytes ${begin} to ${end}.`);
  if (end > available) {
    throw new EngineError(
      `The file is not whole: ${quoted(name)} lies at bytes ${begin} to ${end} of its data, of which ${available} are there.`,
      { code: 'safetensors/offsets', hint: 'Download or copy the file again.' },
    );
  }
  checkSize(name, dtype, count, end - begin);
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function countOf(name: string, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) {
      throw fail(
        'shape',
        `${quoted(name)} has the shape ${quoted(shape)}, too many elements to count.`,
      );
    }
  }
  return count;
}

function checkSize(name: string, dtype: SafetensorsDtype, count: number, sizeBytes: number): void {
  const expected = count * ELEMENT_BYTES[dtype];
  if (expected === sizeBytes) return;
  throw fail(
    'size',
    `${quoted(name)} has ${count} elements of ${dtype}, ${expected} bytes, but takes ${sizeBytes}.`,
  );
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(ELEMENT_BYTES, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Names stand in errors as they are. */
function quoted(value: unknown): string {
  return typeof value === 'string' ? cut(value) : show(value);
}

function fail(reason: string, message: string, cause?: unknown): EngineError {
  return new EngineError(`Not a safetensors file: ${message}`, {
    code: `safetensors/${reason}`,
    hint: 'Download the file again; if it stays, it was not saved as safetensors.',
    cause,
  });
}
