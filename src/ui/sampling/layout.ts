// The way through the sampler as columns: a step that changes nothing is a narrow one.
import type { SamplerStage, SamplerSteps } from '../../api.ts';

export interface StageColumn {
  readonly stage: SamplerStage;
  readonly x: number;
  readonly width: number;
}

export interface StepsLayout {
  readonly columns: readonly StageColumn[];
  /** Indexes into the candidates, in the order of the rows. */
  readonly rows: readonly number[];
  readonly left: number;
  readonly top: number;
  readonly row: number;
  /** The line of the draw. */
  readonly line: { readonly y: number; readonly height: number };
  readonly width: number;
  readonly height: number;
}

/** Name and effect above the bars; the effect takes two lines where it is narrow. */
const HEAD = 44;
const NARROW_HEAD = 58;
const ROW = 18;
const MOST_ROWS = 9;
const LEAST_ROWS = 5;
/** From the last row to the line of the draw, and what stands under it. */
const TO_LINE = 40;
const LINE = 24;
const UNDER_LINE = 18;
const UNDER_ROWS = 8;
const IDLE = 24;
const GAP = 14;
/** A column with less room than this has its numbers on its bars. */
export const ROOMY = 116;

/** `room`: how high it may be; where that is little, it has fewer rows. */
export function layoutSteps(width: number, steps: SamplerSteps, room = Infinity): StepsLayout {
  const left = width < 560 ? 70 : 104;
  const gap = width < 560 ? 6 : GAP;
  const thin = width < 560 ? 15 : IDLE;
  const idle = steps.stages.filter(({ active }) => !active).length;
  const active = steps.stages.length - idle;
  const wide = (width - left - idle * thin - (steps.stages.length - 1) * gap) / Math.max(1, active);
  let x = left;
  const columns = steps.stages.map((stage) => {
    const column = { stage, x, width: stage.active ? wide : thin };
    x += column.width + gap;
    return column;
  });
  const top = wide < ROOMY ? NARROW_HEAD : HEAD;
  const under = steps.draw === null ? UNDER_ROWS : TO_LINE + LINE + UNDER_LINE;
  const fit = Math.floor((room - top - under) / ROW);
  const rows = shownRows(steps, Math.min(MOST_ROWS, Math.max(LEAST_ROWS, fit)));
  const below = top + rows.length * ROW;
  return {
    columns,
    rows,
    left,
    top,
    row: ROW,
    line: { y: below + TO_LINE, height: LINE },
    width,
    height: below + under,
  };
}

/** The candidates that lead at the end, and the one that is drawn, wherever it stands. */
function shownRows({ candidates, chosen }: SamplerSteps, most: number): number[] {
  const rows = candidates.slice(0, most).map((_, i) => i);
  const drawn = candidates.findIndex(({ id }) => id === chosen.id);
  return drawn >= most ? [...rows.slice(0, -1), drawn] : rows;
}
