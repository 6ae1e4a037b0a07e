// How far a guess moved, in words with fixed limits: the same everywhere, so that two experiments can be compared.

/** Each size and where it begins, as a KL divergence in bits. */
export const SIZES = [
  { from: 0, name: 'nothing' },
  { from: 0.01, name: 'a little' },
  { from: 0.1, name: 'clearly' },
  { from: 1, name: 'completely' },
] as const;

export type Size = (typeof SIZES)[number]['name'];

export function sizeOf(bits: number): Size {
  return SIZES.findLast(({ from }) => bits >= from)?.name ?? 'nothing';
}

/** `The guess moved clearly`, as a sentence without its end. */
export function movedWords(bits: number): string {
  const size = sizeOf(bits);
  return size === 'nothing' ? 'That is nothing to speak of' : `The guess moved ${size}`;
}

/** The limits, for whoever wants to know them: `nothing < 0.01 ≤ a little < …`. */
export function sizeLimits(): string {
  return SIZES.map(({ from, name }) => (from === 0 ? name : `<\u00A0${from}\u00A0≤ ${name}`)).join(
    ' ',
  );
}
