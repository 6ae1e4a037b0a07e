// Where words on a line find room: beside no curve, no other line and no other words, as far as that can be.
import type { CurveLayout } from './layout.ts';

/** CSS pixels. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export type Line = readonly (readonly [x: number, y: number])[];

/** Words for a line, or for two that are too near each other for words of their own. */
export interface Level {
  /** y of the upper line and of the lower. */
  readonly over: number;
  readonly under: number;
  /** Of the words. */
  readonly width: number;
}

/** Half the height of words, and from a line to the middle of what stands over and under it. */
const HALF = 6;
const OVER = -8;
const UNDER = 9;
/** What words lying on words are worth, in pixels of a curve that they would lie on. */
const WORDS = 1000;
/** Words at the left begin behind the ticks' line. */
const GAP = 6;

/**
 * A box for the words of each level, in their order; at the right and over its line where nothing speaks against it.
 * `lines` is what is drawn, `taken` other words.
 */
export function placeLabels(
  levels: readonly Level[],
  plot: CurveLayout['plot'],
  lines: readonly Line[],
  taken: readonly Box[],
): readonly Box[] {
  const placed: Box[] = [];
  levels.forEach(({ over, under, width }, i) => {
    const others = levels
      .filter((_, other) => other !== i)
      .flatMap((other) => [other.over, other.under]);
    const sides = [
      plot.right - width,
      plot.left + GAP,
      (plot.left + plot.right - width) / 2,
    ] as const;
    const boxes = sides.flatMap((left) =>
      [over + OVER, under + UNDER].map((y): Box => {
        return { left, right: left + width, top: y - HALF, bottom: y + HALF };
      }),
    );
    const cost = (box: Box): number =>
      // Over the plot the legend has its row; under it the steps have theirs.
      (box.top < plot.top - HALF || box.bottom > plot.bottom ? WORDS : 0) +
      [...taken, ...placed].filter((other) => touches(box, other)).length * WORDS +
      others.filter((y) => y > box.top - 1 && y < box.bottom + 1).length * width +
      lines.reduce((sum, line) => sum + crossed(box, line), 0);
    const costs = boxes.map(cost);
    const best = boxes[costs.indexOf(Math.min(...costs))];
    if (best !== undefined) placed.push(best);
  });
  return placed;
}

export function touches(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Pixels of a box's width that a line goes through. */
export function crossed(box: Box, line: Line): number {
  let pixels = 0;
  for (let i = 1; i < line.length; i++) {
    const [from, to] = [line[i - 1], line[i]];
    if (from === undefined || to === undefined) continue;
    const [x0, y0] = from;
    const [x1, y1] = to;
    const [start, end] = [Math.max(x0, box.left), Math.min(x1, box.right)];
    if (start > end) continue;
    const yAt = (x: number): number => (x1 === x0 ? y0 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0));
    const [a, b] = x1 === x0 ? [y0, y1] : [yAt(start), yAt(end)];
    if (Math.min(a, b) < box.bottom && Math.max(a, b) > box.top) pixels += Math.max(1, end - start);
  }
  return pixels;
}
