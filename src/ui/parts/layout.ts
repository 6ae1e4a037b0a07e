// The grid of switches: heads across, layers down, and two columns for whole attentions and MLPs. The
// table of buttons and the picture behind it stand in the same places.

export interface GridLayout {
  readonly label: number;
  readonly cell: number;
  /** Between the heads and the whole parts. */
  readonly gap: number;
  readonly whole: number;
  readonly head: number;
  readonly row: number;
  readonly width: number;
  readonly height: number;
}

const LEAST = 24;
const MOST = 44;

export function layoutGrid(room: number, nLayer: number, nHead: number): GridLayout {
  const narrow = room < 420;
  const label = narrow ? 17 : 30;
  const gap = narrow ? 2 : 14;
  const whole = narrow ? LEAST : 48;
  const cell = Math.max(
    LEAST,
    Math.min(MOST, Math.floor((room - label - gap - 2 * whole) / Math.max(1, nHead))),
  );
  const head = 20;
  const row = LEAST;
  return {
    label,
    cell,
    gap,
    whole,
    head,
    row,
    width: label + nHead * cell + gap + 2 * whole,
    height: head + nLayer * row,
  };
}

/** A mark on the axis of the comparison; `x` is its left edge, its middle or its right edge. */
export interface Tick {
  readonly x: number;
  readonly words: string;
  readonly align: 'left' | 'center' | 'right';
}

export interface ComparisonLayout {
  /** The two numbers of a row stand under each other, each beside its bar. */
  readonly stacked: boolean;
  /** Where the axis begins. */
  readonly left: number;
  /** Length of the axis, 0 to 100 %. */
  readonly track: number;
  readonly top: number;
  readonly row: number;
  readonly height: number;
  readonly ticks: readonly Tick[];
}

/** Bars shorter than this cannot be compared. */
const LEAST_TRACK = 160;
/** "50" stands between "0" and "100 %" from here on. */
const ROOM_FOR_MIDDLE = 100;

/** The rows of the comparison, `width` pixels wide: word, bars on one axis, and both numbers. */
export function layoutComparison(width: number, rows: number): ComparisonLayout {
  const abreast = width - 104 - 146;
  const stacked = abreast < LEAST_TRACK;
  const numbers = stacked ? 62 : 146;
  const left = stacked ? Math.max(44, Math.min(84, width - numbers - LEAST_TRACK)) : 104;
  const track = Math.max(20, width - left - numbers);
  const top = stacked ? 34 : 20;
  const row = 24;
  const ticks: Tick[] = [
    { x: left, words: '0', align: 'left' },
    { x: left + track, words: '100 %', align: 'right' },
  ];
  if (track >= ROOM_FOR_MIDDLE) {
    ticks.splice(1, 0, { x: left + track / 2, words: '50', align: 'center' });
  }
  return { stacked, left, track, top, row, height: top + rows * row + 4, ticks };
}
