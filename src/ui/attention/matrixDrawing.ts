// Draws one head's weights as a map: rows look, columns are looked at. Values in, strokes out.
import { shadeColour, toShade } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';
import { lastColumn, SINK, type Shown } from './weights.ts';

export interface Cell {
  readonly q: number;
  /** From 0, or `SINK`. */
  readonly k: number;
}

export interface MatrixView {
  readonly shown: Shown;
  /** One label a cell; '' leaves it out. */
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Of the first token's own column, where there is one. */
  readonly sinkLabel: string;
  readonly scale: 'sqrt' | 'linear';
  /** Row that is pointed out without a crosshair. */
  readonly row: number | null;
  readonly cursor: Cell | null;
}

export interface MatrixLayout {
  /** Where the rows' labels end. */
  readonly labels: number;
  /** The first token's own column, left of the others; null where it is one of them. */
  readonly sink: { readonly x: number; readonly width: number } | null;
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly side: number;
  readonly width: number;
  readonly height: number;
}

const LABEL_PX = 11;
const MOST_CELL = 30;
/** A text of so few tokens does not push what stands beside its map with each. */
const FEW_CELLS = 6;
/** Below this a cell is hard to point at. */
const LEAST_CELL = 2;
/** Where a little less lets the whole text be seen, cells get as small as this. */
const DENSEST_CELL = 1.5;
/** The first token's own column can be read, and stands apart. */
const SINK_WIDTH = 6;
const SINK_GAP = 4;
const TOP = 4;
const RIGHT = 6;

function labelRoom(width: number): number {
  return width < 230 ? 46 : width < 340 ? 62 : 78;
}

/**
 * How many of `size` cells can be drawn, and pointed at, without leaving `width` by `room` pixels. If they
 * nearly fit, all do: smaller cells are better than a text without its beginning.
 */
export function cellsThatFit(width: number, room: number, size: number): number {
  const labels = labelRoom(width);
  const side = Math.min(width - labels - RIGHT, room - TOP - labels);
  const most = Math.max(24, Math.floor(side / LEAST_CELL));
  return size > most && size <= Math.floor(side / DENSEST_CELL) ? size : most;
}

/**
 * Where things stand for `size` cells; `room` is a wish for the height, which many cells override.
 * `withSink` leaves room for the first token's own column.
 */
export function layoutMatrix(
  size: number,
  width: number,
  room: number,
  withSink = false,
): MatrixLayout {
  const labels = labelRoom(width);
  const count = Math.max(1, size);
  const extra = withSink ? SINK_GAP : 0;
  const high = Math.max(DENSEST_CELL, (room - TOP - labels) / count);
  // The column of its own is as wide as the others, if they are wide enough to be read.
  const wide = (width - labels - RIGHT - extra) / (count + (withSink ? 1 : 0));
  const narrow = (width - labels - RIGHT - extra - SINK_WIDTH) / count;
  const cell = Math.min(MOST_CELL, high, withSink && wide < SINK_WIDTH ? narrow : wide);
  const sink = withSink ? { x: labels, width: Math.max(SINK_WIDTH, cell) } : null;
  const left = sink === null ? labels : sink.x + sink.width + SINK_GAP;
  const side = cell * size;
  return {
    labels,
    sink,
    left,
    top: TOP,
    cell,
    side,
    width,
    height: Math.ceil(side + TOP + labels),
  };
}

/** What the map needs of its width: the rest is for what stands beside it. */
export function usedWidth({ left, side, width }: MatrixLayout): number {
  return Math.min(width, Math.ceil(left + Math.max(side, FEW_CELLS * MOST_CELL) + RIGHT));
}

export function cellAt(layout: MatrixLayout, shown: Shown, x: number, y: number): Cell | null {
  const q = Math.floor((y - layout.top) / layout.cell);
  if (q < 0 || q >= shown.size) return null;
  const { sink } = layout;
  if (sink !== null && x >= sink.x && x < sink.x + sink.width) return { q, k: SINK };
  const k = Math.floor((x - layout.left) / layout.cell);
  return k >= 0 && k <= lastColumn(shown, q) ? { q, k } : null;
}

export function paintMatrix(
  painter: Painter,
  theme: FigureTheme,
  layout: MatrixLayout,
  view: MatrixView,
): void {
  const { shown, scale } = view;
  const { size } = shown;
  if (size === 0) return;
  const shadeOf = (weight: number): number =>
    toShade(scale === 'sqrt' ? Math.sqrt(weight) : weight);
  const shades = new Int16Array(size * size).fill(-1);
  for (let q = 0; q < size; q++) {
    const end = lastColumn(shown, q);
    for (let k = 0; k <= end; k++) shades[q * size + k] = shadeOf(shown.values[q * size + k] ?? 0);
  }
  const { left: x, top: y, side, sink } = layout;
  painter.cells({ x, y, width: side, height: side }, size, size, shades, theme.lut);
  if (sink !== null && shown.sink !== null) {
    const column = Int16Array.from(shown.sink.weights, shadeOf);
    painter.cells({ x: sink.x, y, width: sink.width, height: side }, 1, size, column, theme.lut);
    painter.frame(sink.x, y, sink.width, side, theme.edge);
  }
  paintStairs(painter, theme, layout, shown);
  paintLabels(painter, theme, layout, view);
  paintMarks(painter, theme, layout, view);
}

/** The edge of what a token may look at, and gaps between cells that are large enough for them. */
function paintStairs(
  painter: Painter,
  theme: FigureTheme,
  { left, top, cell, side }: MatrixLayout,
  shown: Shown,
): void {
  const { size } = shown;
  const ends = Array.from({ length: size }, (_, q) => Math.max(0, lastColumn(shown, q) + 1));
  const stairs: [number, number][] = [[left, top]];
  ends.forEach((end, q) => {
    stairs.push([left + end * cell, top + q * cell], [left + end * cell, top + (q + 1) * cell]);
  });
  stairs.push([left, top + side], [left, top]);
  painter.line(stairs, theme.edge);
  if (cell < 10) return;
  for (let i = 1; i < size; i++) {
    const y = top + i * cell;
    painter.line(
      [
        [left, y],
        [left + (ends[i - 1] ?? 0) * cell, y],
      ],
      theme.edge,
    );
    const first = ends.findIndex((end) => end > i);
    if (first < 0) continue;
    painter.line(
      [
        [left + i * cell, top + first * cell],
        [left + i * cell, top + side],
      ],
      theme.edge,
    );
  }
}

/**
 * Which of the labels are drawn, where cells are narrower than letters are high: those of `first`, which are spoken of, and
 * of the others every so many, as far as they leave those their room.
 */
export function labelled(
  size: number,
  cell: number,
  first: readonly (number | null)[],
): ReadonlySet<number> {
  const shown = new Set<number>();
  const leaves = (i: number, room: number): boolean =>
    [...shown].every((other) => i === other || Math.abs(i - other) * cell >= room);
  for (const i of first) if (i !== null && i >= 0 && i < size && leaves(i, LABEL_PX)) shown.add(i);
  const every = Math.max(1, Math.ceil((LABEL_PX + 2) / cell));
  const others = Array.from({ length: size }, (_, i) => i).filter(
    (i) => i % every === 0 && leaves(i, LABEL_PX + 1),
  );
  return new Set([...shown, ...others]);
}

/** The column that a row looks at most. */
function strongestIn({ values, size }: Shown, row: number | null): number | null {
  if (row === null) return null;
  const weights = values.subarray(row * size, (row + 1) * size);
  return weights.indexOf(Math.max(...weights));
}

function paintLabels(
  painter: Painter,
  theme: FigureTheme,
  layout: MatrixLayout,
  view: MatrixView,
): void {
  const { labels, sink, left, top, cell, side, height } = layout;
  const { size } = view.shown;
  const row = view.cursor?.q ?? view.row;
  const column = view.cursor?.k ?? null;
  const rows = labelled(size, cell, [row]);
  const spoken = [column, strongestIn(view.shown, row)];
  const columns = labelled(size, cell, spoken);
  const style = (on: boolean) =>
    ({ fill: on ? theme.accent : theme.ink2, weight: on ? 700 : 400, size: LABEL_PX }) as const;
  const paintColumnLabel = (x: number, label: string, on: boolean): void =>
    painter.text(x, top + side + 5, label, {
      ...style(on),
      align: 'right',
      rotate: -90,
      maxWidth: height - side - top - 8,
    });
  let sinkHasRoom = true;
  for (let i = 0; i < size; i++) {
    const middle = (i + 0.5) * cell;
    if (rows.has(i)) {
      painter.text(labels - 5, top + middle, view.rowLabels[i] ?? '', {
        ...style(i === row),
        align: 'right',
        maxWidth: labels - 8,
      });
    }
    // The first token's label needs the room of those beside it, but for one that is spoken of.
    const isBeside = sink !== null && left + middle - (sink.x + sink.width / 2) < LABEL_PX + 2;
    const isSpoken = spoken.includes(i) && column !== SINK;
    if (isBeside && isSpoken && columns.has(i)) sinkHasRoom = false;
    if (columns.has(i) && (isSpoken || !isBeside)) {
      paintColumnLabel(left + middle, view.columnLabels[i] ?? '', i === column);
    }
  }
  if (sink !== null && sinkHasRoom) {
    paintColumnLabel(sink.x + sink.width / 2, view.sinkLabel, column === SINK);
  }
}

function paintMarks(
  painter: Painter,
  theme: FigureTheme,
  { left, top, cell, side, sink }: MatrixLayout,
  view: MatrixView,
): void {
  const row = view.cursor?.q ?? view.row;
  if (row === null) return;
  const y = top + row * cell;
  const end = Math.max(0, lastColumn(view.shown, row) + 1) * cell;
  painter.frame(left, y, end, cell, theme.accent, 1.5);
  if (sink !== null) painter.frame(sink.x, y, sink.width, cell, theme.accent, 1.5);
  if (view.cursor === null) return;
  const { k } = view.cursor;
  if (k === SINK && sink !== null) {
    painter.frame(sink.x, top, sink.width, side, theme.accent, 1.5);
    painter.frame(sink.x, y, sink.width, cell, theme.ink, 2.5);
    return;
  }
  const x = left + k * cell;
  const first = Array.from({ length: view.shown.size }, (_, q) => q).find(
    (q) => lastColumn(view.shown, q) >= k,
  );
  const from = top + (first ?? 0) * cell;
  painter.frame(x, from, cell, top + side - from, theme.accent, 1.5);
  painter.frame(x, y, cell, cell, theme.ink, 2.5);
}

/** The whole triangle at a glance, and the square of it that is in sight. */
export function paintMinimap(
  painter: Painter,
  theme: FigureTheme,
  side: number,
  all: { readonly values: Float32Array; readonly size: number },
  scale: 'sqrt' | 'linear',
  brush: { readonly row: number; readonly column: number; readonly size: number },
): void {
  const shades = new Int16Array(all.size * all.size).fill(-1);
  for (let q = 0; q < all.size; q++) {
    for (let k = 0; k <= q; k++) {
      const weight = all.values[q * all.size + k] ?? 0;
      shades[q * all.size + k] = toShade(scale === 'sqrt' ? Math.sqrt(weight) : weight);
    }
  }
  painter.rect(0, 0, side, side, shadeColour(theme.lut, 0));
  painter.cells({ x: 0, y: 0, width: side, height: side }, all.size, all.size, shades, theme.lut);
  painter.frame(0.5, 0.5, side - 1, side - 1, theme.edge);
  const [x, y, size] = [brush.column * side, brush.row * side, brush.size * side];
  painter.frame(x + 1, y + 1, Math.max(4, size - 2), Math.max(4, size - 2), theme.ground, 4);
  painter.frame(x + 1, y + 1, Math.max(4, size - 2), Math.max(4, size - 2), theme.accent, 2);
}
