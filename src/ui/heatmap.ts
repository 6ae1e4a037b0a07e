// Draws one head's attention on a Canvas 2D: values in, pixels out. Knows no React and no store.

export interface HeatmapData {
  /** n × n, row-major; the part above the diagonal is not drawn. */
  readonly values: Float32Array;
  readonly size: number;
  /** One label a cell; '' leaves it out. */
  readonly labels: readonly string[];
}

export interface HeatmapView {
  readonly width: number;
  readonly room: number;
  readonly scale: 'sqrt' | 'linear';
  /** Row that is pointed out without a crosshair. */
  readonly row: number | null;
  readonly cursor: { readonly q: number; readonly k: number } | null;
  readonly colours: HeatmapColours;
}

export interface HeatmapColours {
  /** 256 RGB triples, from 0 to 1. */
  readonly lut: Uint8ClampedArray;
  readonly ink: string;
  readonly ink2: string;
  readonly accent: string;
  readonly edge: string;
  readonly font: string;
}

export interface HeatmapGeometry {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly side: number;
  readonly width: number;
  readonly height: number;
}

const LABEL_PX = 11;
const STOPS = 5;
const MAX_CELL = 30;
/** Below this a cell cannot be pointed at. */
const MIN_CELL = 2;

const TOP = 4;
const BOTTOM = 64;
const RIGHT = 8;

function labelWidth(width: number): number {
  return width < 420 ? 64 : 88;
}

/** How many cells can be drawn, and pointed at, without leaving `width` by `room` pixels. */
export function cellsThatFit(width: number, room: number): number {
  const side = Math.min(width - labelWidth(width) - RIGHT, room - TOP - BOTTOM);
  return Math.max(32, Math.floor(side / MIN_CELL));
}

/**
 * Where things stand for `size` cells in `width` pixels; the same for drawing and for pointing.
 * `room` is a wish for the height, which many cells override.
 */
export function toGeometry(size: number, width: number, room: number): HeatmapGeometry {
  const left = labelWidth(width);
  const count = Math.max(1, size);
  const cell = Math.min(
    MAX_CELL,
    (width - left - RIGHT) / count,
    Math.max(MIN_CELL, (room - TOP - BOTTOM) / count),
  );
  const side = cell * size;
  return { left, top: TOP, cell, side, width, height: Math.ceil(side + TOP + BOTTOM) };
}

export function cellAt(
  geometry: HeatmapGeometry,
  size: number,
  x: number,
  y: number,
): { q: number; k: number } | null {
  const k = Math.floor((x - geometry.left) / geometry.cell);
  const q = Math.floor((y - geometry.top) / geometry.cell);
  return q >= 0 && k >= 0 && q < size && k <= q ? { q, k } : null;
}

export function drawHeatmap(canvas: HTMLCanvasElement, data: HeatmapData, view: HeatmapView): void {
  const { size } = data;
  const g = toGeometry(size, view.width, view.room);
  const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
  const pixelWidth = Math.round(g.width * ratio);
  const pixelHeight = Math.round(g.height * ratio);
  if (canvas.width !== pixelWidth) canvas.width = pixelWidth;
  if (canvas.height !== pixelHeight) canvas.height = pixelHeight;
  canvas.style.width = `${g.width}px`;
  canvas.style.height = `${g.height}px`;
  const context = canvas.getContext('2d');
  if (context === null || size === 0) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, g.width, g.height);

  // Cells: one pixel each off the screen, then scaled up without smoothing.
  const image = new ImageData(size, size);
  for (let q = 0; q < size; q++) {
    for (let k = 0; k <= q; k++) {
      const value = data.values[q * size + k] ?? 0;
      const shade = view.scale === 'sqrt' ? Math.sqrt(value) : value;
      const index = Math.max(0, Math.min(255, Math.round(shade * 255))) * 3;
      const at = (q * size + k) * 4;
      image.data[at] = view.colours.lut[index] ?? 0;
      image.data[at + 1] = view.colours.lut[index + 1] ?? 0;
      image.data[at + 2] = view.colours.lut[index + 2] ?? 0;
      image.data[at + 3] = 255;
    }
  }
  const off = new OffscreenCanvas(size, size);
  off.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(off, g.left, g.top, g.side, g.side);

  // The staircase edge, and gaps between cells that are large enough for them.
  context.strokeStyle = view.colours.edge;
  context.lineWidth = 1;
  context.beginPath();
  if (g.cell >= 10) {
    for (let i = 0; i <= size; i++) {
      const far = Math.min(size, i + 1) * g.cell;
      const from = Math.max(0, i - 1) * g.cell;
      context.moveTo(g.left, g.top + i * g.cell);
      context.lineTo(g.left + (i === 0 ? g.cell : i === size ? g.side : far), g.top + i * g.cell);
      context.moveTo(g.left + i * g.cell, g.top + (i === 0 ? 0 : from));
      context.lineTo(g.left + i * g.cell, g.top + g.side);
    }
  } else {
    context.moveTo(g.left, g.top);
    for (let i = 0; i < size; i++) {
      context.lineTo(g.left + (i + 1) * g.cell, g.top + i * g.cell);
      context.lineTo(g.left + (i + 1) * g.cell, g.top + (i + 1) * g.cell);
    }
    context.lineTo(g.left, g.top + g.side);
    context.closePath();
  }
  context.stroke();

  drawLabels(context, data, g, view);
  drawMarks(context, g, view);
}

function drawLabels(
  context: CanvasRenderingContext2D,
  data: HeatmapData,
  g: HeatmapGeometry,
  view: HeatmapView,
): void {
  const every = Math.max(1, Math.ceil((LABEL_PX + 2) / g.cell));
  const activeRow = view.cursor?.q ?? view.row;
  const activeColumn = view.cursor?.k ?? null;
  context.textBaseline = 'middle';
  for (let i = 0; i < data.size; i++) {
    const onRow = i === activeRow;
    const onColumn = i === activeColumn;
    const middle = (i + 0.5) * g.cell;
    const nearRow = activeRow !== null && !onRow && Math.abs(i - activeRow) * g.cell < LABEL_PX + 1;
    const nearColumn =
      activeColumn !== null && !onColumn && Math.abs(i - activeColumn) * g.cell < LABEL_PX + 1;
    if (onRow || (i % every === 0 && !nearRow)) {
      setFont(context, view, onRow);
      context.textAlign = 'right';
      context.fillText(fit(context, data.labels[i] ?? '', g.left - 8), g.left - 5, g.top + middle);
    }
    if (onColumn || (i % every === 0 && !nearColumn)) {
      setFont(context, view, onColumn);
      context.save();
      context.translate(g.left + middle, g.top + g.side + 5);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'right';
      context.fillText(fit(context, data.labels[i] ?? '', g.height - g.side - g.top - 8), 0, 0);
      context.restore();
    }
  }
}

function setFont(context: CanvasRenderingContext2D, view: HeatmapView, active: boolean): void {
  context.font = `${active ? '700 ' : ''}${LABEL_PX}px ${view.colours.font}`;
  context.fillStyle = active ? view.colours.accent : view.colours.ink2;
}

function fit(context: CanvasRenderingContext2D, label: string, room: number): string {
  if (context.measureText(label).width <= room) return label;
  const signs = [...label];
  while (signs.length > 1 && context.measureText(`${signs.join('')}…`).width > room) signs.pop();
  return `${signs.join('')}…`;
}

function drawMarks(context: CanvasRenderingContext2D, g: HeatmapGeometry, view: HeatmapView): void {
  const row = view.cursor?.q ?? view.row;
  if (row === null) return;
  const y = g.top + row * g.cell;
  context.strokeStyle = view.colours.accent;
  context.lineWidth = 1.5;
  context.strokeRect(g.left, y, (row + 1) * g.cell, g.cell);
  if (view.cursor === null) return;
  const x = g.left + view.cursor.k * g.cell;
  const first = g.top + view.cursor.k * g.cell;
  context.strokeRect(x, first, g.cell, g.top + g.side - first);
  context.lineWidth = 2.5;
  context.strokeStyle = view.colours.ink;
  context.strokeRect(x, y, g.cell, g.cell);
}

/** Reads the design tokens as the page resolves them now (light or dark). */
export function readColours(host: HTMLElement): HeatmapColours {
  const probe = document.createElement('span');
  probe.hidden = true;
  // In forced colours too, a map has shades.
  probe.style.setProperty('forced-color-adjust', 'none');
  host.append(probe);
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const style = getComputedStyle(probe);
  const rgb = (name: string): Uint8ClampedArray => {
    probe.style.color = `var(${name})`;
    if (context === null) return new Uint8ClampedArray(4);
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = style.color;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const css = (name: string): string => {
    const [r = 0, g = 0, b = 0, a = 255] = rgb(name);
    return `rgb(${r} ${g} ${b} / ${(a / 255).toFixed(3)})`;
  };
  const stops = Array.from({ length: STOPS }, (_, i) => rgb(`--heat-${i}`));
  const lut = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const position = (i / 255) * (STOPS - 1);
    const low = Math.min(STOPS - 2, Math.floor(position));
    const part = position - low;
    for (let c = 0; c < 3; c++) {
      lut[i * 3 + c] = (stops[low]?.[c] ?? 0) * (1 - part) + (stops[low + 1]?.[c] ?? 0) * part;
    }
  }
  const colours = {
    lut,
    ink: css('--ink'),
    ink2: css('--ink-2'),
    accent: css('--accent'),
    edge: css('--edge'),
    font: getComputedStyle(host).getPropertyValue('--mono') || 'monospace',
  };
  probe.remove();
  return colours;
}

/** Pools `size` × `size` into at most `cells` a side, keeping the strongest of each block. */
export function maxPool(
  values: Float32Array,
  size: number,
  cells: number,
): { values: Float32Array; size: number; block: number } {
  const block = Math.max(1, Math.ceil(size / cells));
  const side = Math.ceil(size / block);
  const out = new Float32Array(side * side);
  for (let q = 0; q < size; q++) {
    const row = Math.floor(q / block) * side;
    for (let k = 0; k <= q; k++) {
      const at = row + Math.floor(k / block);
      const value = values[q * size + k] ?? 0;
      if (value > (out[at] ?? 0)) out[at] = value;
    }
  }
  return { values: out, size: side, block };
}

/** The square of `values` that starts at `first` and has `side` cells. */
export function cutWindow(
  values: Float32Array,
  size: number,
  first: number,
  side: number,
): Float32Array {
  const out = new Float32Array(side * side);
  for (let q = 0; q < side; q++) {
    const from = (q + first) * size + first;
    out.set(values.subarray(from, from + side), q * side);
  }
  return out;
}
