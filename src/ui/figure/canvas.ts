// Puts a drawing onto a canvas element, sharp on every screen.
import type { FigureTheme } from './figure.ts';
import { createCanvasPainter, type Painter } from './painter.ts';

/** Sizes are CSS pixels; the canvas is cleared first. */
export function paintCanvas(
  canvas: HTMLCanvasElement,
  size: { readonly width: number; readonly height: number },
  theme: FigureTheme,
  draw: (painter: Painter) => void,
): void {
  const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
  const pixelWidth = Math.max(1, Math.round(size.width * ratio));
  const pixelHeight = Math.max(1, Math.round(size.height * ratio));
  if (canvas.width !== pixelWidth) canvas.width = pixelWidth;
  if (canvas.height !== pixelHeight) canvas.height = pixelHeight;
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const context = canvas.getContext('2d');
  if (context === null) return;
  const pen = penOf(pixelWidth, pixelHeight) ?? context;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, size.width, size.height);
  draw(createCanvasPainter(pen, theme.fonts));
  if (pen === context) return;
  context.clearRect(0, 0, pixelWidth, pixelHeight);
  context.drawImage(pen.canvas, 0, 0, pixelWidth, pixelHeight, 0, 0, pixelWidth, pixelHeight);
}

let own: OffscreenCanvasRenderingContext2D | null | undefined;

/**
 * A canvas out of the page, that all charts are drawn on one after the other: each word that is written on one in the page
 * has the browser lay out whatever changed before it. Null where there is none.
 */
function penOf(width: number, height: number): OffscreenCanvasRenderingContext2D | null {
  own ??=
    typeof OffscreenCanvas === 'undefined'
      ? null
      : new OffscreenCanvas(width, height).getContext('2d');
  if (own === null) return null;
  if (own.canvas.width < width) own.canvas.width = width;
  if (own.canvas.height < height) own.canvas.height = height;
  return own;
}
