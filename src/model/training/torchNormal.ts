// PyTorch's `normal_` on a CPU with AVX2, bit for bit. It makes 16 values at once by Box and Muller's transformation, of
// 16 uniform ones, with logarithm, sine and cosine of its own: Cephes' polynomials for floats, eight lanes at a time,
// where the compiler has fused a product and the sum that follows. Here the same steps are rounded in the same places.
// Sources: aten/src/ATen/native/cpu/{DistributionTemplates,avx_mathfun}.h of PyTorch; Cephes' logf.c and sinf.c.
import type { TorchRandom } from './torchRandom.ts';

/** Values that are made at once, of as many uniform ones. */
const BLOCK = 16;

/**
 * One call of `normal_(0, std)` on a contiguous float32 tensor of `size` elements, made in pieces from the first to the
 * last: a large one is never there as a whole. All is drawn when the last value is.
 */
export class TorchNormal {
  readonly #random: TorchRandom;
  readonly #std: number;
  readonly #size: number;
  #done = 0;
  /** Values that are made and not handed out: the rest of a block, or the end of the tensor. */
  #made = new Float32Array(0);

  constructor(random: TorchRandom, size: number, std: number) {
    this.#random = random;
    this.#size = size;
    this.#std = std;
  }

  /** Leaves out what a call draws. */
  static skip(random: TorchRandom, size: number): void {
    if (size < BLOCK) for (let i = 0; i < size; i++) random.normalDouble();
    else random.skip(size + (size % BLOCK === 0 ? 0 : BLOCK));
  }

  /** The next values of the tensor. */
  fill(values: Float32Array): void {
    if (this.#done + values.length > this.#size) {
      throw new Error(`${this.#done + values.length} values of a tensor of ${this.#size}.`);
    }
    this.#done += values.length;
    if (this.#size < BLOCK) {
      for (let i = 0; i < values.length; i++) values[i] = this.#random.normalDouble() * this.#std;
      return;
    }
    let at = this.#handOut(values, 0);
    while (at < values.length) {
      const left = this.#size - this.#done + values.length - at;
      // Where values are left over, the last block is drawn again, over the end of the one before: both are one piece.
      const rest = this.#size % BLOCK;
      const ending = rest === 0 ? 0 : BLOCK + rest;
      const whole = Math.min(values.length - at, left - ending);
      const direct = values.subarray(at, at + whole - (whole % BLOCK));
      this.#blocks(direct);
      at += direct.length;
      if (at === values.length) return;
      this.#made =
        left - direct.length > ending ? this.#blocks(new Float32Array(BLOCK)) : this.#end(ending);
      at = this.#handOut(values, at);
    }
  }

  /** The last values of a tensor whose size is no multiple of 16. */
  #end(length: number): Float32Array<ArrayBuffer> {
    const values = new Float32Array(length);
    this.#random.uniform(values, 0, 1);
    toNormal(values.subarray(0, BLOCK), this.#std);
    this.#blocks(values.subarray(length - BLOCK));
    return values;
  }

  /** Draws whole blocks. */
  #blocks<T extends Float32Array>(values: T): T {
    this.#random.uniform(values, 0, 1);
    toNormal(values, this.#std);
    return values;
  }

  /** Moves what is made to `values` from `at` on; answers where it ends. */
  #handOut(values: Float32Array, at: number): number {
    const count = Math.min(this.#made.length, values.length - at);
    values.set(this.#made.subarray(0, count), at);
    this.#made = this.#made.subarray(count);
    return at + count;
  }
}

const { fround } = Math;
const TWO_PI = fround(2 * Math.PI);
const SQRT_HALF = fround(Math.SQRT1_2);
const FOUR_OVER_PI = fround(4 / Math.PI);

/** ln(1 + x) = x − x²/2 + x³·P(x), highest power first, and ln 2 in two parts. */
const [L0, L1, L2, L3, L4, L5, L6, L7, L8] = Float32Array.of(
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
);
const [LN2_LOW, LN2_HIGH] = Float32Array.of(-2.1219444e-4, 0.693359375);
/** π/4 in three parts. */
const [D0, D1, D2] = Float32Array.of(-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8);
/** cos x = 1 − x²/2 + x⁴·P(x²), sin x = x + x³·P(x²). */
const [C0, C1, C2] = Float32Array.of(
  2.443315711809948e-5,
  -1.388731625493765e-3,
  4.166664568298827e-2,
);
const [S0, S1, S2] = Float32Array.of(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The transformation of whole blocks of uniform values. A sum of a product within one `fround` is a fused one. */
function toNormal(values: Float32Array, std: number): void {
  const scale = fround(std);
  const half = BLOCK / 2;
  for (let block = 0; block < values.length; block += BLOCK) {
    for (let i = block; i < block + half; i++) {
      const radius = fround(Math.sqrt(-2 * logOf(fround(1 - values[i]))));
      const angle = fround(TWO_PI * values[i + half]);
      // The octant that the angle is in, rounded up to an even one: what is left is from −π/4 to π/4.
      const octant = (Math.trunc(fround(angle * FOUR_OVER_PI)) + 1) & ~1;
      let x = fround(octant * D0 + angle);
      x = fround(octant * D1 + x);
      x = fround(octant * D2 + x);
      const z = fround(x * x);
      let cos = fround(fround(C0 * z + C1) * z + C2);
      cos = fround(fround(cos * z) * z - fround(z * 0.5));
      cos = fround(cos + 1);
      let sin = fround(fround(S0 * z + S1) * z + S2);
      sin = fround(fround(sin * z) * x + x);
      const isSwapped = (octant & 2) !== 0;
      const cosine = ((octant - 2) & 4) === 0 ? -1 : 1;
      const sine = (octant & 4) === 0 ? 1 : -1;
      const alongside = fround(radius * (isSwapped ? sin : cos) * cosine);
      const across = fround(radius * (isSwapped ? cos : sin) * sine);
      // The mean is added: no zero is negative.
      values[i] = alongside * scale + 0;
      values[i + half] = across * scale + 0;
    }
  }
}

/** ln of a float32 in (0, 1]. */
function logOf(value: number): number {
  float[0] = value;
  let exponent = (bits[0] >>> 23) - 126;
  bits[0] = (bits[0] & 0x007fffff) | 0x3f000000;
  let x = float[0] - 1;
  if (float[0] < SQRT_HALF) {
    exponent -= 1;
    x = fround(x + float[0]);
  }
  const z = fround(x * x);
  let y = fround(L0 * x + L1);
  y = fround(y * x + L2);
  y = fround(y * x + L3);
  y = fround(y * x + L4);
  y = fround(y * x + L5);
  y = fround(y * x + L6);
  y = fround(y * x + L7);
  y = fround(y * x + L8);
  y = fround(fround(y * x) * z + fround(exponent * LN2_LOW));
  y = fround(y - z * 0.5);
  return fround(fround(x + y) + exponent * LN2_HIGH);
}
