// PyTorch's generator on a CPU, bit for bit: the 32-bit Mersenne Twister, and what `uniform_`, `bernoulli_` and
// `randint` make of its words; `normal_` is in torchNormal.ts. Who knows the seed and the order of calls of a program in
// PyTorch has its numbers.
// Sources: Matsumoto and Nishimura 1998, "Mersenne Twister"; aten/src/ATen/core/{MT19937RNGEngine,TransformationHelper,
// DistributionsHelper}.h and aten/src/ATen/native/cpu/DistributionTemplates.h of PyTorch.
import { EngineError } from '../../errors.ts';

const WORDS = 624;
const MIDDLE = 397;

/** A float32 is made of the lower 24 bits of a word. */
const MASK_24 = 2 ** 24 - 1;
const STEP_24 = 2 ** -24;
/** Of the two words of a 53-bit number, what the upper one gives. */
const MASK_21 = 2 ** 21 - 1;

/** Where a generator stands: all that going on needs. */
export interface TorchRandomState {
  /** The twister's 624. */
  readonly words: Uint32Array;
  /** Words drawn since the seed; it also says how many of the 624 are used up. */
  readonly drawn: number;
  /** Doubles are normal in pairs: the second one, where only the first was asked for. */
  readonly nextNormal: number | null;
}

export class TorchRandom {
  readonly #words: Uint32Array;
  /** The same, tempered: what is drawn. */
  readonly #out = new Uint32Array(WORDS);
  #index = WORDS;
  #twists = 0;
  #nextNormal: number | null = null;

  /** As `torch.manual_seed(seed)`: a whole number from 0 on, of which the engine takes the lower 32 bits. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new EngineError(`The seed is ${seed}; expected a whole number from 0 to 2⁵³ − 1.`, {
        code: 'training/seed',
        hint: 'Take 123, for example.',
      });
    }
    const words = new Uint32Array(WORDS);
    words[0] = seed % 2 ** 32;
    for (let i = 1; i < WORDS; i++) {
      words[i] = Math.imul(1812433253, words[i - 1] ^ (words[i - 1] >>> 30)) + i;
    }
    this.#words = words;
  }

  /** Goes on where another one stood. Throws `training/generator` where that is no state. */
  static restore({ words, drawn, nextNormal }: TorchRandomState): TorchRandom {
    if (words.length !== WORDS || !Number.isSafeInteger(drawn) || drawn < 0) {
      throw new EngineError(
        `A generator's state has ${WORDS} words and the number of those drawn; found ${words.length} and ${drawn}.`,
        { code: 'training/generator', hint: 'The checkpoint is damaged: take the one before it.' },
      );
    }
    const random = new TorchRandom(0);
    random.#words.set(words);
    random.#twists = Math.ceil(drawn / WORDS);
    random.#index = drawn - WORDS * (random.#twists - 1);
    if (drawn > 0) random.#temper();
    random.#nextNormal = nextNormal;
    return random;
  }

  get state(): TorchRandomState {
    return { words: this.#words.slice(), drawn: this.drawn, nextNormal: this.#nextNormal };
  }

  /** 32-bit words drawn since the seed. */
  get drawn(): number {
    return WORDS * (this.#twists - 1) + this.#index;
  }

  /** The next word, `random()` of PyTorch's engine. */
  random32(): number {
    if (this.#index === WORDS) this.#twist();
    return this.#out[this.#index++];
  }

  /** Leaves words out: what another program drew and threw away. */
  skip(count: number): void {
    let left = count;
    while (left > 0) {
      if (this.#index === WORDS) this.#twist();
      const taken = Math.min(left, WORDS - this.#index);
      this.#index += taken;
      left -= taken;
    }
  }

  /** `uniform_(from, to)` of float32: a word each. */
  uniform(values: Float32Array, from: number, to: number): void {
    const out = this.#out;
    const low = Math.fround(from);
    const range = Math.fround(Math.fround(to) - low);
    let at = 0;
    while (at < values.length) {
      if (this.#index === WORDS) this.#twist();
      const index = this.#index;
      const taken = Math.min(values.length - at, WORDS - index);
      for (let i = 0; i < taken; i++) {
        values[at + i] = (out[index + i] & MASK_24) * STEP_24 * range + low;
      }
      this.#index += taken;
      at += taken;
    }
  }

  /** `normal_` of doubles, a value: how PyTorch also fills tensors of fewer than 16 float32s. */
  normalDouble(): number {
    const kept = this.#nextNormal;
    if (kept !== null) {
      this.#nextNormal = null;
      return kept;
    }
    const angle = 2 * Math.PI * this.#uniform53() * 2 ** -53;
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform53() * 2 ** -53));
    this.#nextNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * `bernoulli_(keep)` as bits, two words an element: element e is bit e % 32 of word `start + (e >> 5)`, 1 where it
   * is kept. Bits behind the last element of a word are 0.
   */
  bernoulli(words: Uint32Array, elements: number, keep: number, start = 0): void {
    const bound = keep * 2 ** 53;
    for (let first = 0, at = start; first < elements; first += 32, at++) {
      const count = Math.min(32, elements - first);
      let word = 0;
      for (let bit = 0; bit < count; bit++) if (this.#uniform53() < bound) word |= 1 << bit;
      words[at] = word;
    }
  }

  /** `torch.randint(limit, (count,))`. */
  randint(limit: number, count: number): number[] {
    // Above, it depends on PyTorch's version how many words a number takes.
    if (!Number.isInteger(limit) || limit < 1 || limit >= 2 ** 28) {
      throw new EngineError(`randint draws below 1 to 2²⁸ − 1; asked was ${limit}.`, {
        code: 'training/randint',
        hint: 'Take a shorter text, or windows from our own generator.',
      });
    }
    return Array.from({ length: count }, () => this.random32() % limit);
  }

  /** A whole number below 2⁵³: of `random64`, the first word above the second, its lower 53 bits. */
  #uniform53(): number {
    const upper = this.random32() & MASK_21;
    return upper * 2 ** 32 + this.random32();
  }

  #twist(): void {
    const words = this.#words;
    for (let i = 0; i < WORDS - MIDDLE; i++) words[i] = twisted(words, i, i + 1, i + MIDDLE);
    for (let i = WORDS - MIDDLE; i < WORDS - 1; i++) {
      words[i] = twisted(words, i, i + 1, i + MIDDLE - WORDS);
    }
    words[WORDS - 1] = twisted(words, WORDS - 1, 0, MIDDLE - 1);
    this.#temper();
    this.#twists++;
    this.#index = 0;
  }

  #temper(): void {
    const words = this.#words;
    const out = this.#out;
    for (let i = 0; i < WORDS; i++) {
      let y = words[i];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      out[i] = y ^ (y >>> 18);
    }
  }
}

function twisted(words: Uint32Array, i: number, next: number, middle: number): number {
  const y = (words[i] & 0x80000000) | (words[next] & 0x7fffffff);
  return words[middle] ^ (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
}
