// Text from bytes that come in pieces.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import { StreamingDecoder } from '../../../src/text/streamingDecoder.ts';

it('waits for the second half of an emoji', async () => {
  const gpt2 = await loadGpt2Tokenizer();
  const decoder = new StreamingDecoder();
  const texts = [8582, 25081, 220].map((id) => decoder.push(gpt2.bytesOf(id)));
  expect(texts).toEqual(['', '🙂', ' ']);
  expect(decoder.flush()).toBe('');
});

it('gives a half character as U+FFFD at the end and starts anew', () => {
  const decoder = new StreamingDecoder();
  expect(decoder.push(Uint8Array.of(0x61, 0xf0, 0x9f))).toBe('a');
  expect(decoder.flush()).toBe('\uFFFD');
  expect(decoder.push(Uint8Array.of(0x62))).toBe('b');
});

it('knows when half a character waits', () => {
  const decoder = new StreamingDecoder();
  const waits = [0x61, 0xf0, 0x9f, 0x99, 0x82, 0xc3, 0xa9, 0xe2, 0x82].map((byte) => {
    decoder.push(Uint8Array.of(byte));
    return decoder.waits;
  });
  expect(waits).toEqual([false, true, true, true, false, true, false, true, true]);
  decoder.flush();
  expect(decoder.waits).toBe(false);
});

it('keeps U+FEFF, also at the beginning', () => {
  const decoder = new StreamingDecoder();
  expect(decoder.push(Uint8Array.of(0xef, 0xbb))).toBe('');
  expect(decoder.push(Uint8Array.of(0xbf, 0x61))).toBe('\uFEFFa');
});

it('gives in all what decoding at once gives, for any bytes and cuts', () => {
  const whole = new TextDecoder('utf-8', { ignoreBOM: true });
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.string({ unit: 'binary', maxLength: 3 }).map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(fc.array(some), (parts) => {
      const decoder = new StreamingDecoder();
      const text = parts.map((part) => decoder.push(part)).join('') + decoder.flush();
      expect(text).toBe(whole.decode(Uint8Array.from(parts.flatMap((part) => [...part]))));
    }),
    { numRuns: 1000 },
  );
});
