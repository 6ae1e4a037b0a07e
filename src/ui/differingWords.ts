// Which words of two texts the other does not have. Pure.
export interface MarkedPiece {
  readonly text: string;
  readonly from: number;
  /** The other text does not have it here. */
  readonly differs: boolean;
}

/** Two texts of more pieces than that (their product) are compared from both ends alone. */
const MOST_CELLS = 4e6;

/** Both texts in pieces that are the whole, with the words marked that the other does not have there. */
export function markDiffering(
  first: string,
  twin: string,
): readonly [readonly MarkedPiece[], readonly MarkedPiece[]] {
  const a = wordsIn(first);
  const b = wordsIn(twin);
  const inA = new Uint8Array(a.length);
  const inB = new Uint8Array(b.length);
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) {
    inA[from] = inB[from] = 1;
    from++;
  }
  let [endA, endB] = [a.length, b.length];
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) {
    inA[--endA] = inB[--endB] = 1;
  }
  shareLongest(a, b, { from, endA, endB }, inA, inB);
  return [marked(a, inA), marked(b, inB)];
}

/** Words, white space and signs, each a piece of its own. */
function wordsIn(text: string): readonly string[] {
  return text.match(/\s+|[\p{L}\p{M}\p{N}]+(?:['’]\p{L}+)*|[^\s\p{L}\p{M}\p{N}]/gu) ?? [];
}

/** Marks a longest common subsequence of what lies between. */
function shareLongest(
  a: readonly string[],
  b: readonly string[],
  { from, endA, endB }: { readonly from: number; readonly endA: number; readonly endB: number },
  inA: Uint8Array,
  inB: Uint8Array,
): void {
  const rows = endA - from;
  const columns = endB - from;
  if (rows === 0 || columns === 0 || rows * columns > MOST_CELLS) return;
  const width = columns + 1;
  /** Of what is behind (i, j): how many pieces both have. */
  const longest = new Uint16Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[from + i] === b[from + j]
          ? (longest[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(longest[(i + 1) * width + j] ?? 0, longest[i * width + j + 1] ?? 0);
    }
  }
  let [i, j] = [0, 0];
  while (i < rows && j < columns) {
    if (a[from + i] === b[from + j]) {
      inA[from + i++] = inB[from + j++] = 1;
    } else if ((longest[(i + 1) * width + j] ?? 0) >= (longest[i * width + j + 1] ?? 0)) i++;
    else j++;
  }
}

/** Neighbours of a kind together; white space between two marked words is marked with them, and nowhere else. */
function marked(words: readonly string[], shared: Uint8Array): readonly MarkedPiece[] {
  const pieces: { text: string; from: number; differs: boolean }[] = [];
  let at = 0;
  words.forEach((text, i) => {
    const isSpace = text.trim() === '';
    const differs = isSpace
      ? shared[i - 1] === 0 && shared[i + 1] === 0 && i > 0 && i + 1 < words.length
      : shared[i] === 0;
    const last = pieces.at(-1);
    if (last?.differs === differs) last.text += text;
    else pieces.push({ text, from: at, differs });
    at += text.length;
  });
  return pieces;
}
