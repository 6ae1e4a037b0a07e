// What texts and weights are known by.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Breath } from '../../breath.ts';

/** Hashed between two turns of others. */
const PIECE_BYTES = 4 << 20;

/** SHA-256 of bytes, or of chunks as they come, as 64 hex digits. Throws the signal's reason. */
export async function hashOf(
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<string> {
  const hash = sha256.create();
  const breath = new Breath();
  for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
    signal?.throwIfAborted();
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      hash.update(chunk.subarray(at, at + PIECE_BYTES));
      if (breath.isDue) await breath.take(signal);
    }
  }
  return bytesToHex(hash.digest());
}
