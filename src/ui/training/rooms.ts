// How high the loss and the ridge below it are, so that both are seen on one screen: pure arithmetic in CSS pixels.
import { ridgeHeight, usualRow } from './ridgeFigure.ts';

/** Lower, the loss is no picture any more. */
const LEAST_LOSS = 150;
/** What it gets before rows are made lower than usual. */
const FAIR_LOSS = 240;
const MOST_LOSS = 420;
/** Lower rows are a line each, of which nobody tells one from the next. */
const LEAST_ROW = 3.5;

export interface Rooms {
  readonly loss: number;
  /** Of the ridge; null where it is as high as it likes, below the fold. */
  readonly row: number | null;
}

/**
 * `both` is what the fold leaves for the two pictures together, `alone` for the loss where nothing stands below it. Of no
 * heads there is no ridge; of more than are shown unasked it has its sentence alone.
 */
export function roomsFor(both: number, alone: number, heads: number, isShown: boolean): Rooms {
  const within = (room: number): number => Math.max(LEAST_LOSS, Math.min(MOST_LOSS, room));
  if (heads === 0) return { loss: within(alone), row: null };
  if (!isShown) return { loss: within(both), row: null };
  const fair = Math.max(LEAST_LOSS, Math.min(FAIR_LOSS, both / 2));
  const free = both - fair - ridgeHeight(heads, 0);
  const each = Math.floor((2 * free) / (ridgeHeight(heads, 1) - ridgeHeight(heads, 0))) / 2;
  const row = Math.min(usualRow(heads), each);
  // Its title and its sentence are in sight all the same.
  if (row < LEAST_ROW) return { loss: within(both), row: null };
  return { loss: within(both - ridgeHeight(heads, row)), row };
}
