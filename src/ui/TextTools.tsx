// Files and table of the text, which come with their first use.
import type { ReactNode } from 'react';
import type { TokenText } from '../state/tokenText.ts';
import { barsFigure } from './barsFigure.ts';
import type { Figure } from './figure/figure.ts';
import { FigureTools } from './figure/FigureTools.tsx';
import { formatCount, quoteToken, toBits, tokenAxisLabel } from './format.ts';

export function TextTools({ text }: { readonly text: TokenText }): ReactNode {
  return <FigureTools figure={() => textFigure(text)} />;
}

/** Bars in a picture of the text; its table has every token. */
const MOST_BARS = 60;

/** Every token with how likely it was. */
function textFigure({ pieces, logprobs, ranks, promptCount }: TokenText): Figure {
  const names = pieces.map((piece, i) => `${i + 1} ${tokenAxisLabel(piece)}`);
  const bits = pieces.map((_, i) => toBits(logprobs[i] ?? Number.NaN));
  let most = -1;
  bits.forEach((value, i) => {
    if (!Number.isNaN(value) && !(value <= (bits[most] ?? -1))) most = i;
  });
  const peak = pieces[most];
  const count = `${formatCount(pieces.length)} ${pieces.length === 1 ? 'token' : 'tokens'}`;
  return barsFigure({
    name: 'text',
    title: `Surprise of each token${pieces.length > MOST_BARS ? `; the first ${MOST_BARS}` : ''}`,
    finding:
      peak === undefined
        ? `${count}; no probability is known yet.`
        : `${count}; the most surprising is ${quoteToken(peak)}, token ${formatCount(most + 1)}, with ${(bits[most] ?? 0).toFixed(1)} bits.`,
    caption: 'Every token with its probability, rank and surprise, each given all before it.',
    axis: 'token',
    names,
    quantity: 'surprise, bits',
    values: bits,
    words: (value) => `${value.toFixed(1)} bits`,
    columns: ['Place', 'Token', 'Id', 'From', 'Probability', 'Rank', 'Surprise, bits'],
    rows: pieces.map((piece, i) => [
      i + 1,
      tokenAxisLabel(piece),
      piece.id,
      i < promptCount ? 'prompt' : 'model',
      Math.exp(logprobs[i] ?? Number.NaN),
      (ranks[i] ?? 0) > 0 ? (ranks[i] ?? 0) : '–',
      bits[i] ?? Number.NaN,
    ]),
    most: MOST_BARS,
  });
}
