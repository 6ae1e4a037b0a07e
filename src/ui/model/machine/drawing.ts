// The picture of the machine: one drawing for the page and for the files.
import { shadeColour } from '../../figure/colour.ts';
import type { FigureTheme } from '../../figure/figure.ts';
import { guessWidth, type Strokes } from '../../figure/painter.ts';
import { formatCount, formatPercent, tokenLabel } from '../../format.ts';
import { formatNorm } from '../../lens/words.ts';
import type { MachineFacts } from './facts.ts';
import type { Box, MachineLayout } from './layout.ts';
import type { Pen } from './pen.ts';
import { drawGuesses, drawLayers } from './tower.ts';
import { wordText } from './words.ts';

const ROUND = 6;

export function drawMachine(
  painter: Strokes,
  theme: FigureTheme,
  layout: MachineLayout,
  facts: MachineFacts,
): void {
  const fills = {
    stream: shadeColour(theme.lut, 56),
    pale: shadeColour(theme.lut, 18),
  };
  const pen: Pen = { painter, theme, layout, facts, fills };
  drawWires(pen);
  drawStream(pen);
  drawWords(pen);
  drawPieces(pen);
  drawNumbers(pen);
  drawLayers(pen);
  drawGuesses(pen);
  drawOdds(pen);
  drawDice(pen);
}

/** A box with its name in the corner. */
function drawBox({ painter, theme }: Pen, box: Box, name: string, note = ''): void {
  painter.rect(box.x, box.y, box.width, box.height, theme.ground, ROUND);
  painter.frame(box.x, box.y, box.width, box.height, theme.edge, 1.2, ROUND);
  const y = box.y + 14;
  painter.text(box.x + 10, y, name, { fill: theme.ink, family: 'sans', size: 11.5, weight: 600 });
  const noteStyle = { fill: theme.ink2, family: 'sans', size: 11, align: 'right' } as const;
  // In a narrow box the name stands alone.
  if (
    guessWidth(name, { size: 12, family: 'sans' }) + guessWidth(note, noteStyle) >
    box.width - 22
  ) {
    return;
  }
  painter.text(box.x + box.width - 10, y, note, noteStyle);
}

function drawWires(pen: Pen): void {
  const { layout } = pen;
  const { words, pieces, numbers, odds, dice, stream } = layout;
  down(pen, words, pieces);
  down(pen, pieces, numbers);
  down(pen, odds, dice);
  const [first, last] = [stream[0], stream.at(-1)];
  if (first === undefined || last === undefined) return;
  const { painter, theme } = pen;
  if (layout.isWide) {
    const [x, y] = [numbers.x + numbers.width, numbers.y + numbers.height / 2];
    const turn = x + 14;
    const round = 9;
    painter.line(
      [
        [x, y],
        [turn - round, y],
      ],
      theme.ink2,
      1.4,
    );
    painter.arc([turn - round, y], [turn, y], [turn, y - round], theme.ink2, 1.4);
    painter.line(
      [
        [turn, y - round],
        [turn, first[1] + round],
      ],
      theme.ink2,
      1.4,
    );
    painter.arc(
      [turn, first[1] + round],
      [turn, first[1]],
      [turn + round, first[1]],
      theme.ink2,
      1.4,
    );
    painter.line([[turn + round, first[1]], first], theme.ink2, 1.4);
    arrow(pen, [last[0], last[1]], [odds.x - 2, last[1]]);
  } else {
    arrow(pen, [first[0], numbers.y + numbers.height], [first[0], first[1] - 4]);
    arrow(pen, [last[0], last[1]], [last[0], odds.y - 2]);
  }
  drawReturn(pen);
}

/** What comes out is the next piece of the text: the line back to the beginning. */
function drawReturn({ painter, theme, layout: { words, dice } }: Pen): void {
  const [x, y] = [6, dice.y + dice.height + 12];
  const from = dice.x + dice.width / 2;
  const to = words.y + words.height / 2;
  const round = 8;
  const line = (points: readonly (readonly [number, number])[]): void =>
    painter.line(points, theme.ink2, 1);
  const note = 'it joins the text, and all begins again';
  const middle = (x + from) / 2;
  const isShort = from - x < 280;
  const half = isShort ? 36 : 112;
  line([
    [from, dice.y + dice.height],
    [from, y - round],
  ]);
  painter.arc([from, y - round], [from, y], [from - round, y], theme.ink2, 1);
  line([
    [from - round, y],
    [middle + half, y],
  ]);
  painter.text(middle, y, isShort ? 'and again' : note, {
    fill: theme.ink2,
    family: 'sans',
    size: 11,
    align: 'center',
  });
  line([
    [middle - half, y],
    [x + round, y],
  ]);
  painter.arc([x + round, y], [x, y], [x, y - round], theme.ink2, 1);
  line([
    [x, y - round],
    [x, to + round],
  ]);
  painter.arc([x, to + round], [x, to], [x + round, to], theme.ink2, 1);
  painter.area(
    [
      [words.x - 1, to],
      [words.x - 7, to - 3.5],
      [words.x - 7, to + 3.5],
    ],
    theme.ink2,
  );
}

function down(pen: Pen, above: Box, below: Box): void {
  const x = above.x + above.width / 2;
  arrow(pen, [x, above.y + above.height], [x, below.y - 1]);
}

function arrow(
  { painter, theme }: Pen,
  from: readonly [number, number],
  to: readonly [number, number],
): void {
  painter.line([from, to], theme.ink2, 1.4);
  const [x, y] = to;
  const isDown = from[0] === x;
  painter.area(
    isDown
      ? [
          [x, y],
          [x - 4, y - 7],
          [x + 4, y - 7],
        ]
      : [
          [x, y],
          [x - 7, y - 4],
          [x - 7, y + 4],
        ],
    theme.ink2,
  );
}

/** As wide as its norm, beside the widest that it becomes. */
function drawStream({ painter, layout, facts, fills }: Pen): void {
  const norms = Array.from(facts.stream);
  const most = Math.max(...norms, Number.MIN_VALUE);
  const half = norms.map((norm) => 1.5 + (layout.streamRoom - 1.5) * (norm / most));
  const there = layout.stream.map(([x, y], d): [number, number] =>
    layout.isWide ? [x, y - (half[d] ?? 0)] : [x - (half[d] ?? 0), y],
  );
  const back = layout.stream.map(([x, y], d): [number, number] =>
    layout.isWide ? [x, y + (half[d] ?? 0)] : [x + (half[d] ?? 0), y],
  );
  painter.area([...there, ...back.toReversed()], fills.stream);
}

function drawWords(pen: Pen): void {
  const { painter, theme, facts, layout } = pen;
  const box = layout.words;
  drawBox(pen, box, 'Words', `${formatCount(facts.position + 1)} pieces`);
  const room = box.width - 20;
  painter.text(box.x + 10, box.y + 33, lastOf(facts.before, room), {
    fill: theme.ink2,
    family: 'serif',
    size: 12,
  });
  painter.text(box.x + 10, box.y + 53, wordText(facts), {
    fill: theme.accent,
    family: 'serif',
    size: 17,
    weight: 600,
    maxWidth: room,
  });
}

/** As much of the end of a text as there is room for, on one line. */
function lastOf(text: string, room: number): string {
  const words = text.trim().split(/\s+/u);
  const style = { size: 12, family: 'serif' as const };
  let line = '';
  for (let i = words.length - 1; i >= 0; i--) {
    const longer = `${words[i] ?? ''}${line === '' ? '' : ` ${line}`}`;
    if (guessWidth(`… ${longer}`, style) * 0.86 > room) return line === '' ? '…' : `… ${line}`;
    line = longer;
  }
  return line;
}

/** The pieces in sight: those about the one that is followed, as many as there is room for. */
function piecesShown({ facts: { word, inWord }, layout: { pieces } }: Pen) {
  const most = Math.max(1, Math.floor((pieces.width - 20) / 46));
  const from = Math.max(0, Math.min(inWord - Math.floor(most / 2), word.length - most));
  const shown = word.slice(from, from + most);
  const wide = Math.min(84, (pieces.width - 20) / shown.length);
  return { shown, from, wide };
}

function drawPieces(pen: Pen): void {
  const { painter, theme, facts, layout, fills } = pen;
  const box = layout.pieces;
  const count = facts.word.length;
  drawBox(pen, box, 'Pieces', count === 1 ? 'one here' : `${count} here`);
  const { shown, from, wide } = piecesShown(pen);
  shown.forEach((piece, i) => {
    const x = box.x + 10 + i * wide;
    const isIt = from + i === facts.inWord;
    const [y, width, height] = [box.y + 28, wide - 4, box.height - 38];
    painter.rect(x, y, width, height, isIt ? fills.stream : fills.pale, 4);
    painter.text(x + width / 2, y + height / 2 + 0.5, tokenLabel(piece), {
      fill: theme.ink,
      family: 'serif',
      size: 14,
      weight: isIt ? 600 : 400,
      align: 'center',
      maxWidth: width - 4,
    });
  });
}

function drawNumbers(pen: Pen): void {
  const { painter, theme, facts, layout } = pen;
  const box = layout.numbers;
  drawBox(pen, box, 'Numbers', `${formatCount(facts.model.nEmbd)} a piece`);
  const { shown, from, wide } = piecesShown(pen);
  shown.forEach((piece, i) => {
    const isIt = from + i === facts.inWord;
    painter.text(box.x + 10 + i * wide + (wide - 4) / 2, box.y + 34, String(piece.id), {
      fill: isIt ? theme.ink : theme.ink2,
      size: 12.5,
      weight: isIt ? 700 : 400,
      align: 'center',
      maxWidth: wide - 4,
    });
  });
  painter.text(
    box.x + 10,
    box.y + box.height - 16,
    `its row has norm ${formatNorm(facts.stream[0] ?? 0)}`,
    { fill: theme.ink2, family: 'sans', size: 11, maxWidth: box.width - 16 },
  );
}

function drawOdds(pen: Pen): void {
  const { painter, theme, facts, layout, fills } = pen;
  const box = layout.odds;
  drawBox(pen, box, 'Odds', `of ${formatCount(facts.model.vocabSize)} pieces`);
  const row = (box.height - 32) / 5;
  const name = Math.min(90, box.width * 0.34);
  facts.odds.forEach(({ piece, probability }, i) => {
    const y = box.y + 26 + (i + 0.5) * row;
    painter.text(box.x + 10, y, tokenLabel(piece), {
      fill: i === 0 ? theme.accent : theme.ink,
      family: 'serif',
      size: 13.5,
      weight: i === 0 ? 600 : 400,
      maxWidth: name - 6,
    });
    const [x, room] = [box.x + 10 + name, box.width - 20 - name - 44];
    painter.rect(x, y - 4.5, room, 9, fills.pale, 2);
    painter.rect(x, y - 4.5, Math.max(1, room * probability), 9, theme.accent, 2);
    painter.text(box.x + box.width - 10, y, formatPercent(probability), {
      fill: theme.ink2,
      size: 11,
      align: 'right',
    });
  });
}

/** Where the pips of a die's face are, in thirds from its middle. */
const PIPS: readonly (readonly (readonly [number, number])[])[] = [
  [[0, 0]],
  [
    [-1, -1],
    [1, 1],
  ],
  [
    [-1, -1],
    [0, 0],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [0, 0],
    [-1, 1],
    [1, 1],
  ],
  [
    [-1, -1],
    [1, -1],
    [-1, 0],
    [1, 0],
    [-1, 1],
    [1, 1],
  ],
];

function drawDice(pen: Pen): void {
  const { painter, theme, facts, layout } = pen;
  const { dice, next, model } = facts;
  const box = layout.dice;
  drawBox(
    pen,
    box,
    'Dice',
    dice.kept >= model.vocabSize ? 'over all' : `over ${formatCount(dice.kept)}`,
  );
  const side = 30;
  const [x, y] = [box.x + 12, box.y + 29];
  painter.frame(x, y, side, side, dice.fell === null ? theme.edge : theme.accent, 1.6, 6);
  const face = dice.fell === null ? undefined : PIPS[Math.floor(dice.fell * 6)];
  for (const [dx, dy] of face ?? []) {
    painter.dot(x + side / 2 + dx * 8, y + side / 2 + dy * 8, 2.4, theme.accent);
  }
  const room = box.width - side - 34;
  const out = dice.chosen ?? next;
  const said =
    dice.chosen === null
      ? next === null
        ? 'not yet thrown'
        : 'was given'
      : dice.fell === null
        ? 'the likeliest'
        : `fell on ${dice.fell.toFixed(2)}`;
  painter.text(x + side + 12, y + (out === null ? 15 : 7), said, {
    fill: theme.ink2,
    family: 'sans',
    size: 11,
    maxWidth: room,
  });
  if (out === null) return;
  painter.text(x + side + 12, y + 24, tokenLabel(out), {
    fill: theme.accent,
    family: 'serif',
    size: 16,
    weight: 600,
    maxWidth: room,
  });
}
