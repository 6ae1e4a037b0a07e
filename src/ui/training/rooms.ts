// How high the loss and the ridge below it are, so that both are seen on one screen: pure arithmetic in CSS pixels.
import { ridgeHeight, usualRow } from './ridgeFigure.ts';

/** Lower, the loss is no picture any more. */
const LEAST_LOSS = 150;
/** What it gets before rows are made lower than usual. */
const FAIR_LOSS = 240;
const MOST_LOSS = 420;
/** Lower rows are a line each, of which nobody tells one from the next. */
const LEAST_ROW = 3.5;

/** More heads than these have no row each unasked. */
export const MOST_ROWS = 64;

export interface Rooms {
  readonly loss: number;
  /** Of the ridge; null where it is as high as it likes, below the fold. */
  readonly row: number | null;
  /** Whether a row of the ridge is a layer, with its heads over each other. */
  readonly isFolded: boolean;
}

/**
 * `both` is what the fold leaves for the two pictures together, `alone` for the loss where nothing stands below it. Of no
 * heads there is no ridge; where they have no room for a row each, or are many, each layer has one.
 */
export function roomsFor(both: number, alone: number, heads: number, layers: number): Rooms {
  const within = (room: number): number => Math.max(LEAST_LOSS, Math.min(MOST_LOSS, room));
  if (heads === 0) return { loss: within(alone), row: null, isFolded: false };
  const isMany = heads > MOST_ROWS;
  for (const rows of isMany ? [layers] : [heads, layers]) {
    const row = rowFor(both, rows);
    if (row < LEAST_ROW) continue;
    return { loss: within(both - ridgeHeight(rows, row)), row, isFolded: rows !== heads };
  }
  // Its title and its sentence are in sight all the same.
  return { loss: within(both), row: null, isFolded: isMany };
}

/** How high each of so many rows is where the loss has its fair share of `both`. */
function rowFor(both: number, rows: number): number {
  const fair = Math.max(LEAST_LOSS, Math.min(FAIR_LOSS, both / 2));
  const free = both - fair - ridgeHeight(rows, 0);
  const each = Math.floor((2 * free) / (ridgeHeight(rows, 1) - ridgeHeight(rows, 0))) / 2;
  return Math.min(usualRow(rows), each);
}
