// Draws every head as a tile: layers down, heads across. Values in, strokes out; knows no React.
import type { AttentionAtlas, AttentionRows, Habit } from '../../api.ts';
import { shadeColour, toShade } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';
import { effectShade } from '../parts/scale.ts';
import { rowOf, type Scene } from './scene.ts';
import { poolRow, poolTriangle } from './weights.ts';

export interface AtlasLayout {
  readonly columns: number;
  readonly rows: number;
  readonly left: number;
  readonly top: number;
  /** From one tile to the next, the gap included. */
  readonly stepX: number;
  readonly stepY: number;
  readonly gap: number;
  readonly width: number;
  readonly height: number;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface AtlasView {
  readonly scene: Scene;
  readonly rows: AttentionRows | null;
  readonly atlas: AttentionAtlas | null;
  readonly scale: 'sqrt' | 'linear';
  readonly dimSink: boolean;
  /** Heads are out of their places, and need a number. */
  readonly sorted: boolean;
  /** Those of one name are looked for: their frames have its colour. */
  readonly framed: boolean;
  /** Heads, counted layer by layer. */
  readonly pins: readonly number[];
  readonly cursor: number | null;
  readonly focus: number;
}

const LEFT = 22;
const TOP = 15;
const LEAST = 8;
/** Height of the line of names in a tile. */
const NAME_LINE = 9;
const MOST_WIDTH = 84;
const MOST_HEIGHT = 56;
/** Room around the outermost tiles for the frames of pinned ones. */
const EDGE = 3;

/**
 * Hues that stay apart for common kinds of colour-blindness and stand out from paper and from ink; the
 * letter on the tile says the same.
 */
const FRAMES: Readonly<Record<Habit, string>> = {
  induction: '#d0651b',
  duplicate: '#b0609f',
  previous: '#3b84c4',
  sentence: '#7a5bd0',
  words: '#c2434f',
  punctuation: '#5f7f2a',
  local: '#1d9a78',
  broad: '#a98a1f',
  first: '#8b9490',
};

export function frameColour(name: string): string | null {
  return name in FRAMES ? FRAMES[name as Habit] : null;
}

/** Tiles fill the width, and the height that there is; they never get smaller than can be pointed at. */
export function layoutAtlas(
  nLayer: number,
  nHead: number,
  width: number,
  room: number,
): AtlasLayout {
  const columns = Math.max(1, nHead);
  const rows = Math.max(1, nLayer);
  const fitX = (width - LEFT - EDGE) / columns;
  const stepX = Math.max(LEAST, Math.min(MOST_WIDTH, fitX >= 16 ? Math.floor(fitX) : fitX));
  const fitY = Math.floor((room - TOP - EDGE) / rows);
  const stepY = Math.max(LEAST, Math.min(MOST_HEIGHT, stepX, fitY));
  return {
    columns,
    rows,
    left: LEFT,
    top: TOP,
    stepX,
    stepY,
    gap: Math.min(stepX, stepY) >= 16 ? 3 : 1,
    width: Math.ceil(LEFT + columns * stepX + EDGE),
    height: Math.ceil(TOP + rows * stepY + EDGE),
  };
}

/**
 * Heads out of their places need no row a layer: they fill the room in as many columns as make the largest
 * tiles, at most one for each head of a layer.
 */
export function layoutSorted(
  count: number,
  mostColumns: number,
  width: number,
  room: number,
): AtlasLayout {
  const layouts = Array.from({ length: Math.max(1, mostColumns) }, (_, i) =>
    layoutAtlas(Math.ceil(count / (i + 1)), i + 1, width, room),
  );
  const area = ({ stepX, stepY }: AtlasLayout): number => stepX * stepY;
  const fits = layouts.filter(({ height }) => height <= room);
  return (fits.length === 0 ? layouts.slice(-1) : fits).reduce((best, one) =>
    area(one) >= area(best) ? one : best,
  );
}

export function tileBox(layout: AtlasLayout, place: number): Box {
  const { columns, left, top, stepX, stepY, gap } = layout;
  return {
    x: left + (place % columns) * stepX + gap / 2,
    y: top + Math.floor(place / columns) * stepY + gap / 2,
    width: stepX - gap,
    height: stepY - gap,
  };
}

/** The place at a point; null outside of the tiles. */
export function placeAt(layout: AtlasLayout, x: number, y: number): number | null {
  const column = Math.floor((x - layout.left) / layout.stepX);
  const row = Math.floor((y - layout.top) / layout.stepY);
  if (column < 0 || row < 0 || column >= layout.columns || row >= layout.rows) return null;
  return row * layout.columns + column;
}

export function paintAtlas(
  painter: Painter,
  theme: FigureTheme,
  layout: AtlasLayout,
  view: AtlasView,
): void {
  const { scene, cursor, focus } = view;
  if (!view.sorted) paintMargins(painter, theme, layout, cursor ?? focus, scene.nHead);
  scene.order.forEach((head, place) => {
    const box = tileBox(layout, place);
    const ground = shadeColour(theme.lut, 0);
    if (!scene.matches[head]) {
      painter.frame(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1, theme.edge);
      return;
    }
    painter.rect(box.x, box.y, box.width, box.height, ground);
    if (scene.mode === 'effect') {
      paintEffect(painter, theme, box, scene.deltas?.[head] ?? Number.NaN);
    }
    paintNames(painter, theme, box, head, view);
    const free = underNames(box, view.sorted);
    if (scene.mode === 'rows') paintRow(painter, theme, free, head, view);
    if (scene.mode === 'patterns') paintPattern(painter, theme, free, head, view);
    paintSigns(painter, theme, box, head, view);
  });
  // Frames lie over the neighbours' edges.
  scene.order.forEach((head, place) => {
    const box = tileBox(layout, place);
    const pinned = view.pins.includes(head);
    if (pinned || head === focus) {
      painter.frame(box.x - 1, box.y - 1, box.width + 2, box.height + 2, theme.accent, 2.5);
    }
    if (head === cursor) {
      painter.frame(box.x - 1, box.y - 1, box.width + 2, box.height + 2, theme.ground, 3.5);
      painter.frame(box.x - 1, box.y - 1, box.width + 2, box.height + 2, theme.ink, 1.75);
    }
  });
}

function paintMargins(
  painter: Painter,
  theme: FigureTheme,
  layout: AtlasLayout,
  active: number,
  nHead: number,
): void {
  const style = (on: boolean) =>
    ({ fill: on ? theme.ink : theme.ink2, weight: on ? 700 : 400, size: 10 }) as const;
  const everyColumn = Math.ceil(15 / layout.stepX);
  for (let h = 0; h < layout.columns; h++) {
    const on = h === active % nHead;
    if (!on && h % everyColumn !== 0) continue;
    const x = layout.left + (h + 0.5) * layout.stepX;
    painter.text(x, TOP - 7, String(h), { ...style(on), align: 'center' });
  }
  const everyRow = Math.ceil(11 / layout.stepY);
  for (let l = 0; l < layout.rows; l++) {
    const on = l === Math.floor(active / nHead);
    if (!on && l % everyRow !== 0) continue;
    const y = layout.top + (l + 0.5) * layout.stepY;
    painter.text(layout.left - 6, y, String(l), { ...style(on), align: 'right' });
  }
}

/** Bars for where one token looks. The first token's is pale where it is dimmed, but as high as it is. */
function paintRow(
  painter: Painter,
  theme: FigureTheme,
  box: Box,
  head: number,
  view: AtlasView,
): void {
  if (view.rows === null || view.rows.size === 0) return;
  const inner = { x: box.x + 2, width: box.width - 4, bottom: box.y + box.height - 1.5 };
  const high = box.height - 4;
  const row = rowOf(view.rows, head);
  const bars = poolRow(row, inner.width, view.dimSink && row.length > 1);
  const step = inner.width / bars.length;
  const shadeOf = (weight: number): number =>
    Math.min(1, view.scale === 'sqrt' ? Math.sqrt(weight) : weight);
  const bar = (at: number, weight: number, fill: string): void => {
    const x = Math.round(inner.x + at * step);
    const end = Math.round(inner.x + (at + 1) * step);
    const height = shadeOf(weight) * high;
    if (height < 0.4) return;
    painter.rect(x, inner.bottom - height, end - x - (step >= 4 ? 1 : 0), height, fill);
  };
  const off = view.scene.off[head];
  if (view.dimSink && row.length > 1) bar(0, row[0] ?? 0, theme.edge);
  bars.forEach((weight, i) => {
    bar(
      i,
      weight,
      off ? theme.edge : shadeColour(theme.lut, toShade(0.42 + 0.5 * shadeOf(weight))),
    );
  });
}

function paintPattern(
  painter: Painter,
  theme: FigureTheme,
  box: Box,
  head: number,
  { atlas, scale, dimSink }: AtlasView,
): void {
  if (atlas === null) return;
  const { cells } = atlas;
  const room = Math.max(1, Math.floor(Math.min(box.width, box.height)) - 2);
  const from = head * cells * cells;
  const thumb = poolTriangle(atlas.thumbnails.subarray(from, from + cells * cells), cells, room);
  const shades = new Int16Array(thumb.size * thumb.size).fill(-1);
  for (let q = 0; q < thumb.size; q++) {
    for (let k = 0; k <= q; k++) {
      const weight = thumb.values[q * thumb.size + k] ?? 0;
      const shade = toShade(scale === 'sqrt' ? Math.sqrt(weight) : weight);
      shades[q * thumb.size + k] = dimSink && k === 0 && q > 0 ? Math.round(shade / 4) : shade;
    }
  }
  const inner = { x: box.x + 1, y: box.y + 1, width: box.width - 2, height: box.height - 2 };
  painter.cells(inner, thumb.size, thumb.size, shades, theme.lut);
}

function paintEffect(painter: Painter, theme: FigureTheme, box: Box, delta: number): void {
  if (Number.isNaN(delta)) return;
  const colour = shadeColour(theme.signedLut, effectShade(delta));
  painter.rect(box.x, box.y, box.width, box.height, colour);
}

/** Whether names have a line of their own above the bars: out of their places heads need a number. */
function hasNameLine(box: Box, sorted: boolean): boolean {
  return sorted && box.width >= 26 && box.height >= 17;
}

/** A tile without the line of names. */
function underNames(box: Box, sorted: boolean): Box {
  const line = hasNameLine(box, sorted) ? NAME_LINE : 0;
  return { ...box, y: box.y + line, height: box.height - line };
}

/**
 * The letter of a name that stands, and the head's number where it is out of place. They are painted before
 * the bars: what is drawn last is never covered.
 */
function paintNames(
  painter: Painter,
  theme: FigureTheme,
  box: Box,
  head: number,
  view: AtlasView,
): void {
  const { scene, sorted } = view;
  const lined = hasNameLine(box, sorted);
  const label = scene.labels[head];
  // Colour alone is no code: a low tile has a smaller letter, not none.
  const low = box.height < 17;
  const roomy = box.width >= 18 && box.height >= 11;
  if (roomy && label !== undefined && label.letter !== '' && label.name !== 'mixed') {
    // Upper left is empty in most rows but those that rest on the first token; in patterns it is upper right.
    const right = lined || scene.mode !== 'rows' || label.name === 'first';
    const x = right ? box.x + box.width - 5 : box.x + 5.5;
    painter.text(x, box.y + (low ? 5.5 : 6.5), label.letter, {
      fill: theme.ink2,
      size: low ? 8 : 9,
      weight: 600,
      align: 'center',
    });
  }
  if (lined) {
    const name = `${Math.floor(head / scene.nHead)}.${head % scene.nHead}`;
    painter.text(box.x + 2.5, box.y + 5.5, name, { fill: theme.ink2, size: 8 });
  }
}

/** A frame in the name's colour while it is what is looked for, a thin one otherwise; a dot when off. */
function paintSigns(
  painter: Painter,
  theme: FigureTheme,
  box: Box,
  head: number,
  { scene, framed }: AtlasView,
): void {
  const named = framed ? frameColour(scene.labels[head]?.name ?? '') : null;
  painter.frame(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1, named ?? theme.edge, 1);
  if (scene.off[head]) {
    painter.dot(box.x + 4.5, box.y + box.height - 4.5, 3, theme.warn);
  }
}
