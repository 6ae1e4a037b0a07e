// Random shapes of models for property tests.
import fc from 'fast-check';

/** Any layout and any flags; sizes up to those given. D is the width of a head. */
export function naiveShapes(most: Readonly<Record<'S' | 'L' | 'H' | 'F', number>>) {
  const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
  return fc.record({
    layout: fc.constantFrom('huggingface', 'nanogpt', 'mingpt', 'notebook'),
    V: upTo(30),
    S: upTo(most.S),
    L: upTo(most.L),
    H: upTo(most.H),
    D: upTo(9),
    F: upTo(most.F),
    qkvBias: fc.boolean(),
    bias: fc.boolean(),
    normBias: fc.boolean(),
    std: fc.boolean(),
    exact: fc.boolean(),
    tied: fc.boolean(),
    activation: fc.constantFrom(undefined, undefined, 'relu', 'silu', 'tanh', 'quick_gelu'),
    scaled: fc.boolean(),
    inverse: fc.boolean(),
  });
}
