// Draws with SVG elements of the page: a picture that others may lie over, sharp at every size.
import { createElement, type ReactNode } from 'react';
import type { FigureTheme } from './figure.ts';
import { measureOn, type MeasureText, type Strokes, type TextStyle } from './painter.ts';

/** Collects elements in the order of the strokes; `cells` is for canvases and is not known here. */
export function createElementPainter(
  theme: FigureTheme,
): Strokes & { readonly elements: ReactNode[] } {
  const elements: ReactNode[] = [];
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  const measure: MeasureText =
    context === null
      ? (text, { size = 11 }) => text.length * size
      : measureOn(context, theme.fonts);
  const add = (tag: string, props: object, text?: string): void => {
    elements.push(createElement(tag, { key: elements.length, ...props }, text));
  };
  const joined = (points: readonly (readonly [number, number])[]): string =>
    points.map((point) => point.join(',')).join(' ');
  return {
    elements,
    rect: (x, y, width, height, fill, rx = 0) => add('rect', { x, y, width, height, fill, rx }),
    frame: (x, y, width, height, stroke, strokeWidth = 1, rx = 0) =>
      add('rect', { x, y, width, height, fill: 'none', stroke, strokeWidth, rx }),
    line: (points, stroke, strokeWidth = 1) =>
      add('polyline', { points: joined(points), fill: 'none', stroke, strokeWidth }),
    area: (points, fill) => add('polygon', { points: joined(points), fill }),
    arc: ([x0, y0], [cx, cy], [x1, y1], stroke, strokeWidth) =>
      add('path', { d: `M${x0} ${y0}Q${cx} ${cy} ${x1} ${y1}`, fill: 'none', stroke, strokeWidth }),
    dot: (cx, cy, r, fill) => add('circle', { cx, cy, r, fill }),
    text(x, y, text, style) {
      const { size = 11, weight = 400, family = 'mono', align = 'left', rotate = 0 } = style;
      add(
        'text',
        {
          x,
          y,
          fill: style.fill,
          fontFamily: theme.fonts[family],
          fontSize: size,
          fontWeight: weight,
          textAnchor: { left: 'start', center: 'middle', right: 'end' }[align],
          dominantBaseline: { top: 'hanging', middle: 'central', bottom: 'alphabetic' }[
            style.baseline ?? 'middle'
          ],
          ...(rotate === 0 ? {} : { transform: `rotate(${rotate} ${x} ${y})` }),
        },
        fitted(text, style, measure),
      );
    },
  };
}

function fitted(text: string, style: TextStyle, measure: MeasureText): string {
  const { maxWidth: room = Infinity } = style;
  if (measure(text, style) <= room) return text;
  const signs = [...text];
  while (signs.length > 1 && measure(`${signs.join('')}…`, style) > room) signs.pop();
  return `${signs.join('')}…`;
}
