// The candidates on their way through the sampler, and the draw, as one picture.
import type { SamplerSteps, SamplingOptions } from '../../api.ts';
import { inkOn, shadeColour } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';
import { formatCount, formatPercent, tokenAxisLabel, tokenLabel } from '../format.ts';
import { ROOMY, type StepsLayout } from './layout.ts';
import { isCut, STEP_NAMES, stepEffect, stepTitle } from './words.ts';

const NUMBER = 50;
/** From this height on a step that is not taken has a sentence. */
const WORDY = 150;

const SHORT_NAMES = { ...STEP_NAMES, temperature: 'Temp.', repetition_penalty: 'Pen.' };

export function drawSteps(
  painter: Painter,
  theme: FigureTheme,
  layout: StepsLayout,
  steps: SamplerSteps,
  options: SamplingOptions,
  hasSeed: boolean,
): void {
  const { rows, top, row, left, columns, width } = layout;
  const isChosen = (r: number): boolean =>
    hasSeed && steps.candidates[rows[r] ?? -1]?.id === steps.chosen.id;
  rows.forEach((index, r) => {
    const y = top + (r + 0.5) * row;
    const chosen = isChosen(r);
    const piece = steps.candidates[index];
    if (chosen) painter.rect(0, top + r * row, width, row, shadeColour(theme.lut, 26));
    painter.text(4, y, piece === undefined ? '?' : tokenAxisLabel(piece), {
      fill: chosen ? theme.accent : theme.ink,
      weight: chosen ? 700 : 400,
      family: 'serif',
      size: 14,
      maxWidth: left - 12,
    });
  });
  columns.forEach(({ stage, x, width: room }, c) => {
    const high = rows.length * row;
    if (!stage.active) {
      painter.rect(x, top, room, high, shadeColour(theme.lut, 8));
      const words = high < WORDY ? 'idle' : 'changes nothing';
      painter.text(x + room / 2, top + high - 8, `${STEP_NAMES[stage.step]}: ${words}`, {
        fill: theme.ink2,
        size: 11,
        family: 'sans',
        rotate: -90,
      });
      return;
    }
    const narrow = room < ROOMY;
    const title = narrow ? SHORT_NAMES[stage.step] : stepTitle(stage.step, options);
    painter.text(x, 12, title, {
      fill: theme.ink,
      family: 'sans',
      size: 12.5,
      weight: 600,
      maxWidth: room + 6,
    });
    const cut = isCut(stage.step) && stage.removed > 0 ? [`−${formatPercent(stage.removed)}`] : [];
    const lines = narrow ? [`${formatCount(stage.kept)} left`, ...cut] : [stepEffect(stage)];
    lines.forEach((line, i) =>
      painter.text(x, 29 + i * 14, line, {
        fill: theme.ink2,
        size: narrow ? 9.5 : 10.5,
        maxWidth: room + 6,
      }),
    );
    painter.line([[x, top - 6] as const, [x, top + high] as const], theme.edge, 1);
    const before = columns[c - 1]?.stage.probabilities;
    rows.forEach((index, r) => {
      const y = top + r * row;
      const p = stage.probabilities[index] ?? 0;
      const had = before === undefined ? p : (before[index] ?? 0);
      if (p === 0) {
        if (had > 0) {
          painter.text(x + 5, y + row / 2, isCut(stage.step) ? 'cut' : '≈ 0', {
            fill: theme.ink2,
            size: 10.5,
          });
        }
        return;
      }
      const span = narrow ? room : room - NUMBER;
      const shade = narrow ? 76 : 150;
      const colour = isChosen(r) && !narrow ? theme.accent : shadeColour(theme.lut, shade);
      painter.rect(x, y + 4, Math.max(1, p * span), row - 8, colour);
      painter.text(narrow ? x + 4 : x + room, y + row / 2, formatPercent(p), {
        fill: theme.ink,
        size: 10.5,
        align: narrow ? 'left' : 'right',
      });
    });
  });
  drawLine(painter, theme, layout, steps, hasSeed);
}

/** [0, 1) cut into the kept tokens, in id order, and the number that picks one. */
function drawLine(
  painter: Painter,
  theme: FigureTheme,
  { line, width }: StepsLayout,
  { draw, chosen }: SamplerSteps,
  hasSeed: boolean,
): void {
  if (draw === null) return;
  const [x0, span] = [4, width - 8];
  const at = (value: number): number => x0 + value * span;
  painter.rect(x0, line.y, span, line.height, shadeColour(theme.lut, 10));
  draw.intervals.forEach(({ piece, from, to }, i) => {
    const hit = hasSeed && piece.id === chosen.id;
    const shade = i % 2 === 0 ? 60 : 92;
    const room = (to - from) * span;
    const fill = hit ? theme.accent : shadeColour(theme.lut, shade);
    painter.rect(at(from), line.y, Math.max(0.5, room), line.height, fill);
    if (room < 26) return;
    painter.text(at(from) + room / 2, line.y + line.height / 2, tokenLabel(piece), {
      fill: hit ? theme.ground : inkOn(theme, theme.lut, shade),
      family: 'serif',
      size: 12.5,
      align: 'center',
      maxWidth: room - 6,
    });
  });
  painter.frame(x0, line.y, span, line.height, theme.ink2, 1);
  const below = line.y + line.height + 11;
  painter.text(x0, below, '0', { fill: theme.ink2, size: 10 });
  painter.text(x0 + span, below, '1', { fill: theme.ink2, size: 10, align: 'right' });
  if (!hasSeed) return;
  const x = at(draw.uniform);
  painter.line([[x, line.y - 9] as const, [x, line.y + line.height + 5] as const], theme.ink, 2);
  painter.dot(x, line.y - 9, 3.5, theme.ink);
  const words = `u = ${draw.uniform.toFixed(4)} → ${tokenLabel(chosen)}`;
  const align = draw.uniform < 0.12 ? 'left' : draw.uniform > 0.88 ? 'right' : 'center';
  painter.text(align === 'left' ? x0 : align === 'right' ? x0 + span : x, line.y - 22, words, {
    fill: theme.ink,
    size: 11.5,
    weight: 600,
    align,
  });
}
