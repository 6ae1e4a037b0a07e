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
const IDLE = 24;
const GAP = 14;
/** A column with less room than this has its numbers on its bars. */
export const ROOMY = 116;

export function layoutSteps(width: number, steps: SamplerSteps): StepsLayout {
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
  const rows = shownRows(steps);
  const top = wide < ROOMY ? NARROW_HEAD : HEAD;
  const below = top + rows.length * ROW;
  const line = { y: below + 40, height: 24 };
  const drawn = steps.draw !== null;
  return {
    columns,
    rows,
    left,
    top,
    row: ROW,
    line,
    width,
    height: drawn ? line.y + line.height + 18 : below + 8,
  };
}

/** The candidates that lead at the end, and the one that is drawn, wherever it stands. */
function shownRows({ candidates, chosen }: SamplerSteps): number[] {
  const rows = candidates.slice(0, MOST_ROWS).map((_, i) => i);
  const drawn = candidates.findIndex(({ id }) => id === chosen.id);
  return drawn >= MOST_ROWS ? [...rows.slice(0, -1), drawn] : rows;
}
