// A figure as a file: PNG and SVG are the drawing with its title and sentence, CSV is the table, JSON the
// numbers with named axes. Each says which model, prompt and settings it came from.
import type { PartOff } from '../../api.ts';
import { toSamplingOptions } from '../../state/settings.ts';
import type { AppState } from '../../state/store.ts';
import { toPlainText, type TokenText } from '../../state/tokenText.ts';
import type { Figure, FigureTheme } from './figure.ts';
import {
  createCanvasPainter,
  createSvgPainter,
  guessWidth,
  measureOn,
  wrapText,
  type MeasureText,
  type Painter,
  type TextStyle,
} from './painter.ts';
import { modelOf } from '../../state/facts/model.ts';

export type FileKind = 'png' | 'svg' | 'csv' | 'json';

/** Where the numbers of a figure came from. */
export interface Provenance {
  readonly program: 'Glass GPT';
  readonly model: string;
  readonly parameters: number;
  readonly dtype: string;
  readonly device: string;
  readonly prompt: string;
  readonly text: string;
  readonly ids: readonly number[];
  readonly selected: number | null;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number | null;
  readonly off: readonly PartOff[];
}

export function toProvenance(state: AppState, text: TokenText): Provenance {
  const { settings, last: run } = state.run;
  const model = modelOf(state);
  return {
    program: 'Glass GPT',
    model: model?.name ?? '',
    parameters: model?.parameterCount ?? 0,
    dtype: model?.dtype ?? '',
    device: model?.device.label ?? '',
    prompt: toPlainText(text.pieces.slice(0, text.promptCount)),
    text: toPlainText(text.pieces),
    ids: text.pieces.map((piece) => piece.id),
    selected: state.view.selected,
    settings: { ...toSamplingOptions(settings) },
    seed: run?.seed ?? settings.seed,
    off: state.view.off,
  };
}

const MARGIN = 16;
/** Between the words and the drawing. */
const GAP = 8;
/** Narrower pictures would break their title into single words. */
const LEAST_WIDTH = 420;
/** Signs of the prompt that a picture names; its metadata has all. */
const PROMPT_SIGNS = 120;

export async function toFile(
  kind: FileKind,
  figure: Figure,
  provenance: Provenance,
  theme: FigureTheme,
  width: number,
): Promise<Blob> {
  switch (kind) {
    case 'png':
      return toPng(figure, provenance, theme, width);
    case 'svg':
      return new Blob([toSvg(figure, provenance, theme, width)], { type: 'image/svg+xml' });
    case 'csv':
      return new Blob([toCsv(figure, provenance)], { type: 'text/csv' });
    case 'json':
      return new Blob([toJson(figure, provenance)], { type: 'application/json' });
  }
}

export function toSvg(
  figure: Figure,
  provenance: Provenance,
  theme: FigureTheme,
  width: number,
): string {
  const page = layoutPage(figure, provenance, theme, width, guessWidth);
  const painter = createSvgPainter(page.width, page.height);
  paintPage(painter, page, figure, theme, width);
  return painter.finish(figure.title, figure.finding, JSON.stringify(provenance));
}

async function toPng(
  figure: Figure,
  provenance: Provenance,
  theme: FigureTheme,
  width: number,
): Promise<Blob> {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser gives no 2D canvas.');
  const page = layoutPage(figure, provenance, theme, width, measureOn(context, theme.fonts));
  // Sharp in print; a browser's largest canvas is a bound all the same.
  const ratio = Math.min(2, 8192 / Math.max(page.width, page.height));
  canvas.width = Math.ceil(page.width * ratio);
  canvas.height = Math.ceil(page.height * ratio);
  context.scale(ratio, ratio);
  paintPage(createCanvasPainter(context, theme.fonts), page, figure, theme, width);
  const blob = await canvas.convertToBlob({ type: 'image/png' });
  return addPngText(blob, { Title: figure.title, Description: JSON.stringify(provenance) });
}

/** A picture with its words above it: each in as many lines as it takes, so that none is cut. */
interface Page {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly {
    readonly y: number;
    readonly text: string;
    readonly style: TextStyle;
  }[];
  /** y of the drawing. */
  readonly top: number;
}

function layoutPage(
  figure: Figure,
  provenance: Provenance,
  theme: FigureTheme,
  width: number,
  measure: MeasureText,
): Page {
  const inner = figure.size(width);
  const pageWidth = Math.max(LEAST_WIDTH, inner.width + 2 * MARGIN);
  const lines: Page['lines'][number][] = [];
  let y = MARGIN;
  const write = (text: string, lineHeight: number, style: TextStyle): void => {
    for (const line of wrapText(text, pageWidth - 2 * MARGIN, style, measure)) {
      lines.push({ y: y + lineHeight / 2, text: line, style });
      y += lineHeight;
    }
  };
  write(figure.title, 20, { family: 'sans', fill: theme.ink, size: 14, weight: 600 });
  write(figure.finding, 16, { family: 'sans', fill: theme.ink2, size: 12 });
  y += 2;
  write(originOf(provenance), 15, { family: 'sans', fill: theme.ink2, size: 11 });
  const top = y + GAP;
  return { width: pageWidth, height: top + inner.height + MARGIN, lines, top };
}

/** The model, the prompt's beginning, the seed. */
function originOf({ model, seed, prompt }: Provenance): string {
  const signs = [...prompt.replaceAll(/\s+/gu, ' ')];
  const start = signs.slice(0, PROMPT_SIGNS).join('');
  const shown = `${start}${signs.length > PROMPT_SIGNS ? '…' : ''}`;
  return `${model} · “${shown}”${seed === null ? '' : ` · seed ${seed}`}`;
}

function paintPage(
  painter: Painter,
  page: Page,
  figure: Figure,
  theme: FigureTheme,
  width: number,
): void {
  painter.rect(0, 0, page.width, page.height, theme.ground);
  for (const { y, text, style } of page.lines) painter.text(MARGIN, y, text, style);
  figure.paint(shifted(painter, MARGIN, page.top), theme, width);
}

/** The same strokes, further right and down. */
function shifted(painter: Painter, dx: number, dy: number): Painter {
  type Point = readonly [number, number];
  const move = ([x, y]: Point): Point => [x + dx, y + dy];
  return {
    rect: (x, y, w, h, fill) => painter.rect(x + dx, y + dy, w, h, fill),
    frame: (x, y, w, h, stroke, line) => painter.frame(x + dx, y + dy, w, h, stroke, line),
    line: (points, stroke, line) => painter.line(points.map(move), stroke, line),
    area: (points, fill) => painter.area(points.map(move), fill),
    arc: (from, pull, to, stroke, line) =>
      painter.arc(move(from), move(pull), move(to), stroke, line),
    dot: (x, y, radius, fill) => painter.dot(x + dx, y + dy, radius, fill),
    text: (x, y, text, style) => painter.text(x + dx, y + dy, text, style),
    cells: (box, columns, rows, shades, lut) =>
      painter.cells({ ...box, x: box.x + dx, y: box.y + dy }, columns, rows, shades, lut),
  };
}

/** The table, with where it came from in comment lines that start with `#`. */
export function toCsv(figure: Figure, provenance: Provenance): string {
  const { columns, rows } = figure.table();
  const notes = Object.entries({ title: figure.title, finding: figure.finding, ...provenance }).map(
    ([name, value]) =>
      `# ${name}: ${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`,
  );
  const lines = [columns, ...rows].map((row) => row.map(toCell).join(','));
  return [...notes, ...lines, ''].join('\r\n');
}

function oneLine(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function toCell(value: string | number): string {
  const text = typeof value === 'number' && !Number.isFinite(value) ? '' : String(value);
  // A text that a spreadsheet would take for a formula gets an apostrophe, as they do it themselves.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function toJson(figure: Figure, provenance: Provenance): string {
  const { axes, quantity, values } = figure.data();
  const shape = axes.map((axis) => axis.labels.length);
  return `${JSON.stringify({
    title: figure.title,
    finding: figure.finding,
    ...provenance,
    quantity,
    axes,
    shape,
    // JSON has no NaN.
    values: Array.from(values, (value) => (Number.isFinite(value) ? value : null)),
  })}\n`;
}

/** Adds text chunks (PNG specification, iTXt) right after the header. */
async function addPngText(blob: Blob, texts: Readonly<Record<string, string>>): Promise<Blob> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const AFTER_HEADER = 8 + 25;
  const chunks = Object.entries(texts).map(([key, text]) => {
    const utf8 = new TextEncoder();
    // keyword, 0, not compressed, method 0, no language, no translated keyword
    const data = Uint8Array.from([...utf8.encode(key), 0, 0, 0, 0, 0, ...utf8.encode(text)]);
    const chunk = new Uint8Array(12 + data.length);
    const view = new DataView(chunk.buffer);
    view.setUint32(0, data.length);
    chunk.set(utf8.encode('iTXt'), 4);
    chunk.set(data, 8);
    view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
    return chunk;
  });
  return new Blob([bytes.slice(0, AFTER_HEADER), ...chunks, bytes.slice(AFTER_HEADER)], {
    type: 'image/png',
  });
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
