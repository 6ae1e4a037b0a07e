// The colours of a sweep: one scale for all, so that a pale map is a weak one.
import { shadeColour, toSignedShade } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';

/** The change in ln p that has the full colour: the probability is e times as large, or 1/e of it. */
const FULL = 1;

/** A change of this size matters: about a quarter of the probability. */
export const MATTERS = 0.25;

/** A change in ln p as an entry of a signed palette. */
export function effectShade(delta: number): number {
  return toSignedShade(delta / FULL);
}

export const SCALE_HEIGHT = 30;
const STEPS = 41;
const WIDEST = 260;

/** The scale with its ends, from (x, y) on. */
export function drawScale(
  painter: Painter,
  theme: FigureTheme,
  x: number,
  y: number,
  room: number,
): void {
  const width = Math.min(WIDEST, room);
  const step = width / STEPS;
  for (let i = 0; i < STEPS; i++) {
    const shade = effectShade((2 * i) / (STEPS - 1) - 1);
    // A little wider, so that no ground shows between two.
    const end = i === STEPS - 1 ? 0 : 0.5;
    painter.rect(x + i * step, y, step + end, 9, shadeColour(theme.signedLut, shade));
  }
  painter.frame(x, y, width, 9, theme.edge, 1);
  const style = { fill: theme.ink2, size: 10 };
  const below = y + 19;
  painter.text(x, below, '−1 or less', { ...style, align: 'left' });
  painter.text(x + width / 2, below, '0', { ...style, align: 'center' });
  painter.text(x + width, below, '+1 or more', { ...style, align: 'right' });
}
