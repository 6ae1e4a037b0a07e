// A checkpoint's fingerprint: what it is known by, whatever file, folder or type of numbers it came in.
import type { TensorSource } from '../formats/tensorSource.ts';
import type { GptConfig } from './config.ts';

/** Values of each tensor that count: its first. */
const SAMPLE = 64;

/** What counts only where it is otherwise: it was fixed when the fingerprints that are shipped were taken. */
const USUAL: ReadonlyMap<string, unknown> = new Map<keyof GptConfig, unknown>([
  ['scaleAttnWeights', true],
  ['scaleAttnByInverseLayerIdx', false],
]);

/**
 * A source that notes what is read of it. `fingerprint` gives 16 hex digits of all names, the first 64
 * values of every tensor, and the configuration: a fine-tune has another one, the same values stored
 * as F32 instead of F16 have the same.
 */
export function sampled(source: TensorSource): {
  readonly source: TensorSource;
  readonly fingerprint: (config: GptConfig) => string;
} {
  const samples = new Map<string, Uint32Array>();
  return {
    source: {
      ...source,
      async read(name, from = 0, count, into) {
        const values = await source.read(name, from, count, into);
        if (from === 0) {
          const first = values.slice(0, SAMPLE);
          samples.set(name, new Uint32Array(first.buffer));
        }
        return values;
      },
    },
    fingerprint(config) {
      const hash = new Hash();
      const entries = Object.entries(config)
        .filter(([name, value]) => value !== USUAL.get(name))
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      hash.addText(JSON.stringify(entries));
      for (const [name, words] of [...samples].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        hash.addText(name);
        words.forEach((word) => hash.add(word));
      }
      return hash.toString();
    },
  };
}

/** Two FNV-1a sums over words with different primes, mixed at the end. Nobody is kept out by it. */
class Hash {
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;

  add(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ word, 0x85ebca6b);
    this.#high ^= this.#high >>> 13;
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
  }

  toString(): string {
    return [this.#high, this.#low].map((n) => (n >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
