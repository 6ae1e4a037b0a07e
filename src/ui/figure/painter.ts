// What a chart draws with: a few strokes that a Canvas 2D and an SVG both know, so that the picture on
// the page, the PNG and the SVG file are one drawing. CSS pixels, y down; colours are CSS colours.

export interface TextStyle {
  readonly fill: string;
  /** CSS pixels; 11 by default. */
  readonly size?: number;
  readonly weight?: 400 | 500 | 600 | 700;
  readonly family?: 'mono' | 'sans' | 'serif';
  readonly align?: 'left' | 'center' | 'right';
  /** Where y is on the text; `middle` by default. */
  readonly baseline?: 'top' | 'middle' | 'bottom';
  /** Degrees, clockwise, about (x, y). */
  readonly rotate?: number;
  /** Longer text is cut and ends in an ellipsis. */
  readonly maxWidth?: number;
}

export interface Painter {
  /** `round`: the radius of its corners, 0 by default. */
  rect(x: number, y: number, width: number, height: number, fill: string, round?: number): void;
  frame(
    x: number,
    y: number,
    width: number,
    height: number,
    stroke: string,
    line?: number,
    round?: number,
  ): void;
  /** A line through points. */
  line(points: readonly (readonly [number, number])[], stroke: string, line?: number): void;
  /** What points enclose, the last joined to the first. */
  area(points: readonly (readonly [number, number])[], fill: string): void;
  /** A quadratic curve from (x0, y0) to (x1, y1) pulled towards (cx, cy). */
  arc(
    from: readonly [number, number],
    pull: readonly [number, number],
    to: readonly [number, number],
    stroke: string,
    line: number,
  ): void;
  dot(x: number, y: number, radius: number, fill: string): void;
  text(x: number, y: number, text: string, style: TextStyle): void;
  /**
   * A grid of cells without gaps. `shades` is row-major, 0–255 an entry of `lut` (256 RGB triples),
   * below 0 nothing.
   */
  cells(
    box: {
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
    },
    columns: number,
    rows: number,
    shades: Int16Array,
    lut: Uint8ClampedArray,
  ): void;
}

/** What a drawing without grids needs. */
export type Strokes = Omit<Painter, 'cells'>;

const FAMILY_VARIABLE = { mono: '--mono', sans: '--sans', serif: '--serif' } as const;

/** Draws on a Canvas 2D whose transform maps CSS pixels to its own. */
export function createCanvasPainter(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  fonts: Readonly<Record<keyof typeof FAMILY_VARIABLE, string>>,
): Painter {
  return {
    rect(x, y, width, height, fill, round = 0) {
      context.fillStyle = fill;
      if (round === 0) {
        context.fillRect(x, y, width, height);
        return;
      }
      context.beginPath();
      context.roundRect(x, y, width, height, round);
      context.fill();
    },
    frame(x, y, width, height, stroke, line = 1, round = 0) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      if (round === 0) {
        context.strokeRect(x, y, width, height);
        return;
      }
      context.beginPath();
      context.roundRect(x, y, width, height, round);
      context.stroke();
    },
    line(points, stroke, line = 1) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.lineJoin = 'round';
      context.beginPath();
      for (const [x, y] of points) context.lineTo(x, y);
      context.stroke();
    },
    area(points, fill) {
      context.fillStyle = fill;
      context.beginPath();
      for (const [x, y] of points) context.lineTo(x, y);
      context.fill();
    },
    arc([x0, y0], [cx, cy], [x1, y1], stroke, line) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.lineCap = 'round';
      context.beginPath();
      context.moveTo(x0, y0);
      context.quadraticCurveTo(cx, cy, x1, y1);
      context.stroke();
    },
    dot(x, y, radius, fill) {
      context.fillStyle = fill;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    },
    text(x, y, text, style) {
      const { size = 11, weight = 400, family = 'mono', align = 'left', rotate = 0 } = style;
      context.font = `${weight} ${size}px ${fonts[family]}`;
      context.fillStyle = style.fill;
      context.textAlign = align;
      context.textBaseline = style.baseline ?? 'middle';
      const whole = style.maxWidth === undefined ? text : fit(context, text, style.maxWidth);
      if (rotate === 0) {
        context.fillText(whole, x, y);
        return;
      }
      context.save();
      context.translate(x, y);
      context.rotate((rotate * Math.PI) / 180);
      context.fillText(whole, 0, 0);
      context.restore();
    },
    cells({ x, y, width, height }, columns, rows, shades, lut) {
      if (columns < 1 || rows < 1) return;
      // One pixel each off the screen, then scaled up without smoothing.
      const image = new ImageData(columns, rows);
      for (let i = 0; i < columns * rows; i++) {
        const shade = shades[i] ?? -1;
        if (shade < 0) continue;
        image.data[i * 4] = lut[shade * 3] ?? 0;
        image.data[i * 4 + 1] = lut[shade * 3 + 1] ?? 0;
        image.data[i * 4 + 2] = lut[shade * 3 + 2] ?? 0;
        image.data[i * 4 + 3] = 255;
      }
      const off = new OffscreenCanvas(columns, rows);
      off.getContext('2d')?.putImageData(image, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(off, x, y, width, height);
    },
  };
}

/** How wide a text is, in CSS pixels. */
export type MeasureText = (
  text: string,
  style: Pick<TextStyle, 'size' | 'weight' | 'family'>,
) => number;

/** As the canvas will draw it. */
export function measureOn(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  fonts: Readonly<Record<keyof typeof FAMILY_VARIABLE, string>>,
): MeasureText {
  return (text, { size = 11, weight = 400, family = 'mono' }) => {
    context.font = `${weight} ${size}px ${fonts[family]}`;
    return context.measureText(text).width;
  };
}

/**
 * For drawings, whose fonts are those of whoever opens them: rather too wide than too narrow, so that a line
 * ends before the picture does. Signs of the wide scripts and emoji fill a square.
 */
export const guessWidth: MeasureText = (text, { size = 11, family = 'mono', weight = 400 }) => {
  let ems = 0;
  for (const sign of text) {
    if (sign >= '\u1100') ems += sign <= '\u11FF' || sign >= '\u2E80' ? 1.05 : 0.75;
    else if (family === 'mono') ems += 0.61;
    else if (/[WM@%mw]/u.test(sign)) ems += 1;
    else if (/[\p{Lu}]/u.test(sign)) ems += 0.75;
    else if (/[ iljtfr.,:;'|!()[\]]/u.test(sign)) ems += 0.4;
    else ems += 0.62;
  }
  return ems * size * (weight >= 600 ? 1.06 : 1);
};

/** The text in lines no wider than `room`: broken at spaces, and within a word only where it alone is wider. */
export function wrapText(
  text: string,
  room: number,
  style: TextStyle,
  measure: MeasureText,
): readonly string[] {
  const fits = (line: string): boolean => measure(line, style) <= room;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (fits(longer)) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const sign of word) {
      // A line holds one sign at least, however narrow the picture is.
      if (line !== '' && !fits(line + sign)) {
        lines.push(line);
        line = '';
      }
      line += sign;
    }
  }
  return line === '' ? lines : [...lines, line];
}

function fit(context: { measureText(text: string): TextMetrics }, text: string, room: number) {
  if (context.measureText(text).width <= room) return text;
  const signs = [...text];
  while (signs.length > 1 && context.measureText(`${signs.join('')}…`).width > room) signs.pop();
  return `${signs.join('')}…`;
}

/** Collects the same strokes as SVG text. */
export function createSvgPainter(
  width: number,
  height: number,
): Painter & { finish(title: string, description: string, metadata: string): string } {
  const parts: string[] = [];
  const n = (value: number): string => String(Math.round(value * 100) / 100);
  const rounded = (round: number): string => (round === 0 ? '' : ` rx="${n(round)}"`);
  const families = {
    mono: 'ui-monospace, Menlo, Consolas, monospace',
    sans: 'system-ui, sans-serif',
    serif: 'Georgia, serif',
  };
  return {
    rect(x, y, w, h, fill, round = 0) {
      parts.push(
        `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"${rounded(round)} fill="${escape(fill)}"/>`,
      );
    },
    frame(x, y, w, h, stroke, line = 1, round = 0) {
      parts.push(
        `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"${rounded(round)} fill="none" stroke="${escape(stroke)}" stroke-width="${n(line)}"/>`,
      );
    },
    line(points, stroke, line = 1) {
      const at = points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ');
      parts.push(
        `<polyline points="${at}" fill="none" stroke="${escape(stroke)}" stroke-width="${n(line)}" stroke-linejoin="round"/>`,
      );
    },
    area(points, fill) {
      const at = points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ');
      parts.push(`<polygon points="${at}" fill="${escape(fill)}"/>`);
    },
    arc([x0, y0], [cx, cy], [x1, y1], stroke, line) {
      parts.push(
        `<path d="M${n(x0)} ${n(y0)}Q${n(cx)} ${n(cy)} ${n(x1)} ${n(y1)}" fill="none" stroke="${escape(stroke)}" stroke-width="${n(line)}" stroke-linecap="round"/>`,
      );
    },
    dot(x, y, radius, fill) {
      parts.push(`<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="${escape(fill)}"/>`);
    },
    text(x, y, text, style) {
      const { size = 11, weight = 400, family = 'mono', align = 'left', rotate = 0 } = style;
      const anchor = { left: 'start', center: 'middle', right: 'end' }[align];
      const line = { top: 'hanging', middle: 'central', bottom: 'alphabetic' }[
        style.baseline ?? 'middle'
      ];
      // No font is measured here: an average glyph is a little over half its size wide.
      const most = Math.floor((style.maxWidth ?? Infinity) / (size * 0.6));
      const signs = [...text];
      const whole = signs.length > most ? `${signs.slice(0, most - 1).join('')}…` : text;
      const turned = rotate === 0 ? '' : ` transform="rotate(${n(rotate)} ${n(x)} ${n(y)})"`;
      parts.push(
        `<text x="${n(x)}" y="${n(y)}" font-family="${families[family]}" font-size="${n(size)}" font-weight="${weight}" fill="${escape(style.fill)}" text-anchor="${anchor}" dominant-baseline="${line}" xml:space="preserve"${turned}>${escape(whole)}</text>`,
      );
    },
    cells({ x, y, width: w, height: h }, columns, rows, shades, lut) {
      if (columns < 1 || rows < 1) return;
      // One path a shade, in steps that no eye tells apart: a square each would be a hundred times as long.
      const paths = new Map<number, string[]>();
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns;) {
          const shade = stepOf(shades[r * columns + c] ?? -1);
          let end = c + 1;
          while (end < columns && stepOf(shades[r * columns + end] ?? -1) === shade) end++;
          if (shade >= 0) {
            const path = paths.get(shade) ?? [];
            path.push(`M${c} ${r}h${end - c}v1h${c - end}z`);
            paths.set(shade, path);
          }
          c = end;
        }
      }
      parts.push(
        `<g transform="translate(${n(x)} ${n(y)}) scale(${w / columns} ${h / rows})" shape-rendering="crispEdges">`,
      );
      for (const [shade, path] of paths) {
        const [red, green, blue] = [lut[shade * 3], lut[shade * 3 + 1], lut[shade * 3 + 2]];
        parts.push(`<path fill="rgb(${red},${green},${blue})" d="${path.join('')}"/>`);
      }
      parts.push('</g>');
    },
    finish: (title, description, metadata) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width)}" height="${n(height)}" viewBox="0 0 ${n(width)} ${n(height)}" role="img"><title>${escape(title)}</title><desc>${escape(description)}</desc><metadata>${escape(metadata)}</metadata>${parts.join('')}</svg>\n`,
  };
}

/** Shades in 64 steps; the ends stay what they are. */
function stepOf(shade: number): number {
  return shade < 0 ? -1 : Math.round((Math.round((shade / 255) * 63) / 63) * 255);
}

function escape(text: string): string {
  return (
    text
      // No XML file may hold these, not even escaped.
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/gu, '�')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}
