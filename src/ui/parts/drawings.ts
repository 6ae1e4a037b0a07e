// The pictures of the switches: the map of a sweep, and the candidates before and after.
import type { Comparison, PartOff } from '../../api.ts';
import { effectOf, type Part, type Sweep } from '../../state/facts/parts.ts';
import { inkOn, shadeColour } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';
import { formatPercent, tokenAxisLabel } from '../format.ts';
import { layoutComparison, type GridLayout } from './layout.ts';
import { effectShade, MATTERS } from './scale.ts';
import { formatDelta } from './words.ts';

export interface GridFacts {
  readonly nLayer: number;
  readonly nHead: number;
  readonly off: readonly PartOff[];
  readonly sweep: Sweep | null;
}

/** The ground behind the buttons: colour and number of the sweep, and a cross where a part is off. */
export function drawGrid(
  painter: Painter,
  theme: FigureTheme,
  layout: GridLayout,
  { nLayer, nHead, off, sweep }: GridFacts,
  labels: boolean,
): void {
  const { label, cell, gap, whole, head, row } = layout;
  const fits = sweep !== null && sweep.nLayer === nLayer && sweep.nHead === nHead;
  const has = (part: PartOff['part'], layer: number, h?: number): PartOff | undefined =>
    off.find((o) => o.part === part && o.layer === layer && o.head === h);
  for (let l = 0; l < nLayer; l++) {
    const y = head + l * row;
    const muted = has('attention', l) !== undefined;
    for (let h = 0; h < nHead; h++) {
      const x = label + h * cell;
      effect(x, y, cell, { part: 'head', layer: l, head: h });
      const there = has('head', l, h);
      if (there !== undefined) cross(x, y, cell, there.by);
      else if (muted)
        painter.line(
          [[x + 5, y + row / 2] as const, [x + cell - 5, y + row / 2] as const],
          theme.ink2,
          1,
        );
    }
    (['attention', 'mlp'] as const).forEach((part, i) => {
      const x = label + nHead * cell + gap + i * whole;
      const isKnown = effect(x, y, whole, { part, layer: l });
      const there = has(part, l);
      if (there !== undefined) cross(x, y, whole, there.by);
      else if (!isKnown) {
        painter.text(x + whole / 2, y + row / 2, whole >= 40 ? 'on' : '', {
          fill: theme.ink2,
          size: 10,
          align: 'center',
        });
      }
    });
  }
  if (!labels) return;
  const style = { fill: theme.ink2, size: 10 };
  for (let l = 0; l < nLayer; l++) {
    painter.text(label - 7, head + (l + 0.5) * row, String(l), { ...style, align: 'right' });
  }
  for (let h = 0; h < nHead; h++) {
    painter.text(label + (h + 0.5) * cell, head - 9, String(h), { ...style, align: 'center' });
  }
  ['attn', 'MLP'].forEach((name, i) => {
    const x = label + nHead * cell + gap + (i + 0.5) * whole;
    painter.text(x, head - 9, name, { ...style, align: 'center' });
  });

  /** The ground of a cell, and what the sweep says of its part; whether it says anything. */
  function effect(x: number, y: number, width: number, part: Part): boolean {
    const delta = fits ? effectOf(sweep, part) : Number.NaN;
    const isKnown = !Number.isNaN(delta);
    const shade = isKnown ? effectShade(delta) : 128;
    painter.rect(x + 1, y + 1, width - 2, row - 2, shadeColour(theme.signedLut, shade));
    painter.frame(x + 1, y + 1, width - 2, row - 2, theme.edge, 1);
    if (!isKnown) return false;
    if (formatDelta(delta) === '0') return true;
    const strong = Math.abs(delta) >= MATTERS;
    const words = width >= 30 ? formatDelta(delta) : strong ? formatDelta(delta).charAt(0) : '';
    painter.text(x + width / 2, y + row / 2, words, {
      fill: inkOn(theme, theme.signedLut, shade),
      size: width >= 30 ? 10 : 12,
      weight: strong ? 600 : 400,
      align: 'center',
    });
    return true;
  }

  function cross(x: number, y: number, width: number, by: PartOff['by']): void {
    painter.rect(x + 1, y + 1, width - 2, row - 2, theme.warn);
    painter.text(x + width / 2, y + row / 2, by === 'mean' ? 'x̄' : '×', {
      fill: theme.ground,
      size: 14,
      weight: 700,
      align: 'center',
    });
  }
}

const ROWS = 10;

export function comparisonSize(
  { candidates }: Comparison,
  width: number,
): { width: number; height: number } {
  return { width, height: layoutComparison(width, Math.min(ROWS, candidates.length)).height };
}

/** For each candidate two bars: outlined with every part on, filled with parts off. */
export function drawComparison(
  painter: Painter,
  theme: FigureTheme,
  width: number,
  { candidates }: Comparison,
): void {
  const shown = candidates.slice(0, ROWS);
  const { stacked, left, track, top, row, ticks } = layoutComparison(width, shown.length);
  const small = { fill: theme.ink2, size: 11, family: 'sans' as const };
  painter.rect(width - 125, 6, 8, 7, shadeColour(theme.lut, 105));
  painter.text(width - 78, 9, 'all on', { ...small, align: 'right' });
  painter.rect(width - 44, 6, 8, 7, theme.warn);
  painter.text(width - 14, 9, 'off', { ...small, align: 'right' });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const x = left + share * track;
    painter.line([[x, top] as const, [x, top + shown.length * row] as const], theme.edge, 1);
  }
  for (const { x, words, align } of ticks) {
    painter.text(x, top - 11, words, { fill: theme.ink2, size: 10, align });
  }
  shown.forEach(({ piece, before, after }, i) => {
    const y = top + i * row;
    painter.text(4, y + row / 2, tokenAxisLabel(piece), {
      fill: theme.ink,
      family: 'serif',
      size: 14.5,
      maxWidth: left - 10,
    });
    // Numbers under each other need eleven pixels from line to line.
    const [first, second] = stacked ? [y + 2, y + 13] : [y + 4, y + 12];
    painter.rect(left, first, Math.max(1, before * track), 7, shadeColour(theme.lut, 105));
    painter.rect(left, second, Math.max(1, after * track), 7, theme.warn);
    const number = { fill: theme.ink, size: stacked ? 10 : 11, align: 'right' as const };
    const [x, above, below] = stacked
      ? [width - 14, first + 4, second + 4]
      : [width - 78, y + row / 2, y + row / 2];
    painter.text(x, above, formatPercent(before), { ...number, fill: theme.ink2 });
    painter.text(width - 14, below, formatPercent(after), number);
    const sign = after > before ? '▲' : after < before ? '▼' : '';
    painter.text(width - 1, below, sign, { fill: theme.ink2, size: 8, align: 'right' });
  });
}
