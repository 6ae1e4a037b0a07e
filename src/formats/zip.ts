// Reads a .zip that somebody brings: what its directory says of each entry is checked against the file before a byte of
// it is believed. APPNOTE.TXT 6.3: stored and deflated entries, without 64-bit records.
import { EngineError } from '../errors.ts';
import { show } from '../json.ts';

export interface ZipEntry {
  /** With its folders, `/` between them. */
  readonly name: string;
  /** Unpacked. */
  readonly sizeBytes: number;
  /** Its bytes from first to last. Throws `zip/damaged` where they are not what the directory says. */
  chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
}

const END = 0x0605_4b50;
const END_BYTES = 22;
const CENTRAL = 0x0201_4b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x0403_4b50;
const LOCAL_BYTES = 30;
/** What stands where a 64-bit record has the number. */
const ELSEWHERE = 0xffff_ffff;
const MOST_ENTRIES = 2000;
const MOST_DIRECTORY_BYTES = 1 << 20;
/** Deflate packs 258 bytes into no less than two bits. */
const MOST_RATIO = 1032;
const PIECE_BYTES = 1 << 20;

/** All files of an archive; folders are none. Throws `zip/none` for what is no archive, `zip/damaged`, `zip/kind`. */
export async function openZip(file: Blob): Promise<ZipEntry[]> {
  const tailFrom = Math.max(0, file.size - END_BYTES - 0xffff);
  const tail = viewOf(await bytesOf(file, tailFrom, file.size));
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) {
    throw new EngineError('This file is no .zip, or only the beginning of one.', {
      code: 'zip/none',
      hint: 'Choose the file as it was downloaded.',
    });
  }
  const count = tail.getUint16(at + 10, true);
  const size = tail.getUint32(at + 12, true);
  const from = tail.getUint32(at + 16, true);
  if (from === ELSEWHERE || size === ELSEWHERE || count === 0xffff)
    throw otherKind('64-bit records');
  if (count > MOST_ENTRIES || size > MOST_DIRECTORY_BYTES)
    throw damaged('its directory is too long');
  if (from + size > tailFrom + at) throw damaged('its directory lies outside of it');
  return readDirectory(file, viewOf(await bytesOf(file, from, from + size)), count, from);
}

function readDirectory(file: Blob, directory: DataView, count: number, end: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  let packedBytes = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > directory.byteLength || directory.getUint32(at, true) !== CENTRAL) {
      throw damaged('its directory ends early');
    }
    const flags = directory.getUint16(at + 8, true);
    const method = directory.getUint16(at + 10, true);
    const crc = directory.getUint32(at + 16, true);
    const packed = directory.getUint32(at + 20, true);
    const sizeBytes = directory.getUint32(at + 24, true);
    const nameBytes = directory.getUint16(at + 28, true);
    const beside = directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
    const offset = directory.getUint32(at + 42, true);
    const nameAt = at + CENTRAL_BYTES;
    if (nameAt + nameBytes > directory.byteLength) throw damaged('its directory ends early');
    const name = nameOf(directory, nameAt, nameBytes);
    at = nameAt + nameBytes + beside;
    if (name.endsWith('/')) continue;
    checkName(name, names);
    names.add(name);
    if ((flags & 1) !== 0) throw otherKind('a password');
    if (method !== 0 && method !== 8) throw otherKind(`packing method ${method}`);
    if ([packed, sizeBytes, offset].includes(ELSEWHERE)) throw otherKind('64-bit records');
    const isPlausible = method === 0 ? packed === sizeBytes : sizeBytes <= packed * MOST_RATIO;
    packedBytes += packed;
    // Entries that share bytes would unpack to more than any file holds.
    if (!isPlausible || offset + LOCAL_BYTES + packed > end || packedBytes > end) {
      throw damaged(`the size of ${show(name)} cannot be true`);
    }
    const facts = { name, method, crc, packed, sizeBytes, offset, end };
    entries.push({ name, sizeBytes, chunks: () => read(file, facts) });
  }
  return entries;
}

interface EntryFacts {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly sizeBytes: number;
  readonly offset: number;
  /** Where entries end and the directory begins. */
  readonly end: number;
}

async function* read(
  file: Blob,
  { name, method, crc, packed, sizeBytes, offset, end }: EntryFacts,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const head = viewOf(await bytesOf(file, offset, offset + LOCAL_BYTES));
  if (head.byteLength < LOCAL_BYTES || head.getUint32(0, true) !== LOCAL) {
    throw damaged(`${show(name)} is not where its directory says`);
  }
  const from = offset + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  if (from + packed > end) throw damaged(`${show(name)} ends early`);
  const body = file.slice(from, from + packed);
  let [done, sum] = [0, 0];
  for await (const bytes of method === 0 ? piecesOf(body) : inflated(body, name)) {
    done += bytes.length;
    if (done > sizeBytes) throw damaged(`${show(name)} is longer than its directory says`);
    sum = crc32(bytes, sum);
    yield bytes;
  }
  if (done !== sizeBytes) throw damaged(`${show(name)} ends early`);
  if (sum !== crc) throw damaged(`the checksum of ${show(name)} is wrong`);
}

/** All of a small entry. Throws as `chunks`. */
export async function readEntry(entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(entry.sizeBytes);
  let at = 0;
  for await (const chunk of entry.chunks()) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function* piecesOf(body: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let at = 0; at < body.size; at += PIECE_BYTES) yield bytesOf(body, at, at + PIECE_BYTES);
}

async function* inflated(
  body: Blob,
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const reader = body.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw damaged(`${show(name)} cannot be unpacked`, cause);
  } finally {
    // What is read no further is let go.
    await reader.cancel().catch(() => {});
  }
}

/** UTF-8; older programs' own letters are read as far as they are ASCII. */
function nameOf(directory: DataView, at: number, length: number): string {
  return new TextDecoder().decode(
    new Uint8Array(directory.buffer, directory.byteOffset + at, length),
  );
}

function checkName(name: string, names: ReadonlySet<string>): void {
  const parts = name.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  // oxlint-disable-next-line no-control-regex -- no name of a file has one
  if (!isPlain || /[\\:\u0000-\u001f]/u.test(name)) {
    throw damaged(`${show(name)} is no name of a file in it`);
  }
  if (names.has(name)) throw damaged(`${show(name)} stands in it twice`);
}

async function bytesOf(file: Blob, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

let table: Uint32Array | null = null;

/** CRC-32 (IEEE 802.3) of what came before, `before`, and these bytes. */
function crc32(bytes: Uint8Array, before: number): number {
  table ??= Uint32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb8_8320 : 0);
    return value;
  });
  let sum = ~before;
  for (const byte of bytes) sum = (sum >>> 8) ^ table[(sum ^ byte) & 255];
  return ~sum >>> 0;
}

function damaged(why: string, cause?: unknown): EngineError {
  return new EngineError(`The archive is damaged: ${why}.`, {
    code: 'zip/damaged',
    hint: 'Download or copy it once more.',
    cause,
  });
}

function otherKind(what: string): EngineError {
  return new EngineError(`The archive has ${what}, which this page does not read.`, {
    code: 'zip/kind',
    hint: 'Choose the file as it was downloaded, or pack it as an ordinary .zip.',
  });
}
