// What the strokes of the machine's picture have in common.
import type { FigureTheme } from '../../figure/figure.ts';
import type { Strokes } from '../../figure/painter.ts';
import type { MachineFacts } from './facts.ts';
import type { MachineLayout } from './layout.ts';

/** What each stroke of the picture knows. */
export interface Pen {
  readonly painter: Strokes;
  readonly theme: FigureTheme;
  readonly layout: MachineLayout;
  readonly facts: MachineFacts;
  /** Of the stream, and of a pale ground. */
  readonly fills: { readonly stream: string; readonly pale: string };
}
