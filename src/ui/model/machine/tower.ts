// The middle of the picture: what each layer adds, and what the model would say behind it.
import { inkOn, shadeColour } from '../../figure/colour.ts';
import { formatPercent, tokenLabel } from '../../format.ts';
import { depthLabel, guessAt } from '../../lens/words.ts';
import type { Adds } from './facts.ts';
import type { Box } from './layout.ts';
import type { Pen } from './pen.ts';
import { formatTimes, settledAt } from './words.ts';

/** Shades of what attention and an MLP add. */
const ATTENTION = 104;
const MLP = 178;

export function drawLayers(pen: Pen): void {
  const { painter, theme, facts, layout } = pen;
  const { isWide, layers, stream, guesses } = layout;
  const small = { fill: theme.ink2, family: 'sans', size: 11 } as const;
  const [first] = layers;
  const [start] = guesses;
  if (first === undefined || start === undefined) return;
  if (isWide) {
    const x = first.attention.x - 6;
    painter.text(x, 8, 'layer', { ...small, align: 'right' });
    painter.text(x, first.attention.y + 34, 'attention', { ...small, align: 'right' });
    painter.text(x, first.mlp.y + 32, 'MLP', { ...small, align: 'right' });
  } else {
    const y = start.y - 8;
    painter.text(first.attention.x, y + 24, 'attention', small);
    painter.text(first.mlp.x, y + 24, 'MLP', small);
    painter.text(start.x, y, 'its guess', small);
  }
  const narrow = first.attention.width < 22;
  layers.forEach(({ attention, mlp }, l) => {
    const here = facts.layers[l];
    if (here === undefined) return;
    drawPart(pen, attention, here.attention, ATTENTION, isWide ? 'up' : 'left');
    drawPart(pen, mlp, here.mlp, MLP, isWide ? 'down' : 'right');
    const every = narrow ? 4 : 1;
    if (isWide && l % every === 0) {
      painter.text(attention.x + attention.width / 2, 8, String(l), {
        fill: theme.ink2,
        align: 'center',
      });
    }
    if (!isWide) {
      painter.text(layout.words.x + 18, attention.y + attention.height / 2, depthLabel(l + 1), {
        fill: theme.ink2,
        align: 'right',
      });
    }
    const at = stream[l + 1];
    if (at !== undefined && !narrow && l < layers.length - 1)
      painter.dot(at[0], at[1], 2, theme.ground);
  });
}

/** A part as a vessel that what it adds fills from the stream on; half full: as much as what flows into its layer. */
function drawPart(
  { painter, theme }: Pen,
  box: Box,
  { times, off }: Adds,
  shade: number,
  grows: 'up' | 'down' | 'left' | 'right',
): void {
  const { x, y, width, height } = box;
  const round = Math.min(4, width / 3);
  painter.rect(x, y, width, height, theme.ground, round);
  const isRow = grows === 'left' || grows === 'right';
  const whole = isRow ? width : height;
  const long = whole * (times / (1 + times));
  const bar = off.share > 0 ? theme.edge : shadeColour(theme.lut, shade);
  if (grows === 'up') painter.rect(x, y + height - long, width, long, bar, round);
  else if (grows === 'down') painter.rect(x, y, width, long, bar, round);
  else if (grows === 'left') painter.rect(x + width - long, y, long, height, bar, round);
  else painter.rect(x, y, long, height, bar, round);
  painter.frame(x, y, width, height, off.share > 0 ? theme.warn : theme.edge, 1.2, round);
  if (off.share > 0) {
    // Struck through, as far as it is off.
    const part = off.share;
    painter.line(
      [
        [x + 2, y + 2],
        [x + 2 + (width - 4) * part, y + 2 + (height - 4) * part],
      ],
      theme.warn,
      1.6,
    );
    if (off.share === 1) {
      painter.line(
        [
          [x + 2, y + height - 2],
          [x + width - 2, y + 2],
        ],
        theme.warn,
        1.6,
      );
    }
  }
  if (width < 30 || off.share === 1) return;
  const at = isRow
    ? { x: grows === 'left' ? x + 4 : x + width - 4, y: y + height / 2 }
    : { x: x + width / 2, y: grows === 'up' ? y + 8 : y + height - 8 };
  const isOnBar = off.share === 0 && long > whole - 14;
  painter.text(at.x, at.y, formatTimes(times), {
    fill: isOnBar ? inkOn(theme, theme.lut, shade) : theme.ink,
    size: 10,
    align: isRow ? (grows === 'left' ? 'left' : 'right') : 'center',
  });
}

/** The guess at each depth: the word once for as long as it stays, its probability at every depth. */
export function drawGuesses(pen: Pen): void {
  const { theme, facts, layout } = pen;
  const { guesses } = layout;
  const settled = settledAt(facts);
  const found = guesses.map((_, depth) => guessAt(facts.lens, facts.position, depth));
  let start = 0;
  for (let depth = 0; depth < guesses.length; depth++) {
    const [box, guess] = [guesses[depth], found[depth]];
    if (box === undefined || guess === null || guess === undefined) continue;
    const isSettled = settled !== null && depth >= settled;
    drawGuessOdds(
      pen,
      box,
      guess.probability,
      isSettled ? theme.accent : shadeColour(theme.lut, ATTENTION),
    );
    if (found[depth + 1]?.id === guess.id) continue;
    const from = guesses[start] ?? box;
    drawGuessName(
      pen,
      from,
      box,
      guess.piece === undefined ? String(guess.id) : tokenLabel(guess.piece),
      isSettled,
    );
    start = depth + 1;
  }
}

/** How probable a guess is: a bar, and the number where there is room. */
function drawGuessOdds(
  { painter, theme, layout }: Pen,
  box: Box,
  probability: number,
  fill: string,
): void {
  const { x, y, width, height } = box;
  const style = { fill: theme.ink2, size: 10, align: 'center' } as const;
  if (layout.isWide) {
    const foot = width < 30 ? 0 : 15;
    const room = height - 20 - foot;
    const long = Math.max(1, probability * room);
    painter.rect(x + 1, y + height - foot - long, width - 2, long, fill);
    if (foot > 0) painter.text(x + width / 2, y + height - 6, formatPercent(probability), style);
    return;
  }
  const [from, room] = [x + width * 0.5, width * 0.5 - 44];
  painter.rect(from, y + 8, Math.max(1, probability * room), height - 16, fill);
  painter.text(x + width - 4, y + height / 2, formatPercent(probability), {
    ...style,
    align: 'right',
  });
}

/** A word over the depths from one box to another, with a line that holds them together. */
function drawGuessName(
  { painter, theme, layout }: Pen,
  from: Box,
  to: Box,
  name: string,
  isSettled: boolean,
): void {
  const style = {
    fill: isSettled ? theme.accent : theme.ink,
    family: 'serif',
    size: 12.5,
    weight: isSettled ? 600 : 400,
  } as const;
  if (layout.isWide) {
    const width = to.x + to.width - from.x;
    if (from !== layout.guesses[0]) {
      painter.line(
        [
          [from.x, from.y],
          [from.x, from.y + from.height],
        ],
        theme.edge,
        1,
      );
    }
    // Too narrow for a word: the table and the button have it.
    if (width < 18) return;
    painter.text(from.x + width / 2, from.y + 9, name, {
      ...style,
      align: 'center',
      maxWidth: width - 3,
    });
    return;
  }
  painter.line(
    [
      [from.x, from.y + 2],
      [from.x, to.y + to.height - 2],
    ],
    theme.edge,
    2,
  );
  painter.text(from.x + 8, (from.y + to.y + to.height) / 2, name, {
    ...style,
    size: 14,
    maxWidth: from.width * 0.5 - 12,
  });
}
