// The simplest figure: names with bars, for lists that the page itself shows as HTML.
import { shadeColour } from './figure/colour.ts';
import type { Figure, Table } from './figure/figure.ts';

export interface BarsFacts extends Pick<Figure, 'name' | 'title' | 'finding'> {
  /** What the names are: `token`. */
  readonly axis: string;
  readonly names: readonly string[];
  readonly quantity: string;
  /** One for each name; NaN has no bar. */
  readonly values: readonly number[];
  /** The value of a bar over the whole width; the largest of them where nothing is said. */
  readonly full?: number;
  /** A value as it stands beside its bar. */
  readonly words: (value: number) => string;
  readonly caption: string;
  readonly columns: Table['columns'];
  readonly rows: Table['rows'];
  /** Bars in the picture; the table and the numbers have all. */
  readonly most?: number;
}

const ROW = 22;
const LABELS = 210;
const NUMBERS = 110;

export function barsFigure(facts: BarsFacts): Figure {
  const { name, title, finding, axis, names, quantity, values, words } = facts;
  const shown = names.slice(0, facts.most ?? names.length);
  const top = values.slice(0, shown.length).filter((value) => !Number.isNaN(value));
  const full = facts.full ?? top.reduce((most, value) => Math.max(most, value), 1e-9);
  return {
    name,
    title,
    finding,
    table: () => ({ caption: facts.caption, columns: facts.columns, rows: facts.rows }),
    data: () => ({ axes: [{ name: axis, labels: names }], quantity, values }),
    size: (width) => ({ width, height: shown.length * ROW + 8 }),
    paint: (painter, theme, width) => {
      const room = width - LABELS - NUMBERS;
      shown.forEach((label, i) => {
        const y = 4 + i * ROW;
        const value = values[i] ?? Number.NaN;
        painter.text(4, y + ROW / 2, label, {
          fill: theme.ink,
          family: 'serif',
          size: 14,
          maxWidth: LABELS - 12,
        });
        painter.text(width - 4, y + ROW / 2, Number.isNaN(value) ? '–' : words(value), {
          fill: theme.ink2,
          align: 'right',
        });
        if (!(value > 0)) return;
        const long = Math.max(1, (value / full) * room);
        painter.rect(LABELS, y + 4, long, ROW - 8, shadeColour(theme.lut, 150));
      });
    },
  };
}
