// The lens as figures: what is saved as a picture or a table, and what the panel draws.
import type { TokenPiece } from '../../api.ts';
import { lensFocus, type LensView } from '../../state/facts/lens.ts';
import type { AppState } from '../../state/store.ts';
import type { TokenText } from '../../state/tokenText.ts';
import type { AppContext } from '../context.ts';
import { barsFigure } from '../barsFigure.ts';
import type { Figure } from '../figure/figure.ts';
import { formatPercent, quoteAxisToken, quoteToken, tokenAxisLabel } from '../format.ts';
import { CURVE_HEIGHT, drawCurve, drawLens, drawNorms } from './drawings.ts';
import { layoutLens } from './layout.ts';
import { curveWords, depthLabel, depthName, guessAt, lensFinding, normsFinding } from './words.ts';
import { modelOf } from '../../state/facts/model.ts';

export function lensFigure({ store, text }: Pick<AppContext, 'store' | 'text'>): Figure {
  const state = store.getState();
  const { shown: lens } = state.lens;
  if (lens === null) throw new Error('There is no lens to save yet.');
  const focus = lensFocus(state);
  const positions = Array.from({ length: lens.count }, (_, c) => lens.from + c);
  const name = (position: number): string => labelOf(text.pieces[position]);
  const depths = Array.from({ length: lens.depths }, (_, d) => depthLabel(d));
  return {
    name: `lens-${lens.from + 1}-${lens.from + lens.count}`,
    title: 'Logit lens: the top guess after each layer',
    finding: lensFinding(lens, focus, text.pieces[focus], text.pieces[focus + 1]),
    table: () => ({
      caption:
        'For each token, the top guess for what comes next after each layer, and its probability; emb is the embedding, the last column is the model’s answer.',
      columns: ['Place', 'Token', 'What came', ...depths.map((d) => `after ${d}`)],
      rows: positions.map((position) => [
        position + 1,
        name(position),
        position + 1 < text.pieces.length ? name(position + 1) : '–',
        ...depths.map((_, d) => {
          const guess = guessAt(lens, position, d);
          return guess === null
            ? '–'
            : `${labelOf(guess.piece)} ${formatPercent(guess.probability)}`;
        }),
      ]),
    }),
    data: () => ({
      axes: [
        { name: 'token', labels: positions.map((p) => `${p} ${name(p)}`) },
        { name: 'after layer', labels: depths },
      ],
      quantity: 'probability of the top guess',
      values: lens.logprobs.map((logprob) => Math.exp(logprob)),
    }),
    size: (width) => layoutFor(width, lens),
    paint: (painter, theme, width) =>
      drawLens(painter, theme, layoutFor(width, lens), lens, text.pieces, {
        focus,
        open: state.lens.at,
        pointed: null,
      }),
  };
}

/** A saved picture has the columns that are in sight, whatever its width. */
function layoutFor(width: number, lens: LensView): ReturnType<typeof layoutLens> {
  const layout = layoutLens(width, lens.depths);
  return { ...layout, cell: (width - layout.left - 1) / Math.max(1, lens.count) };
}

export function curveFigure(state: AppState, text: TokenText): Figure {
  const { curve } = state.lens;
  if (curve === null) throw new Error('There is no curve to save yet.');
  const depths = Array.from(curve.ranks, (_, d) => depthLabel(d));
  return {
    name: 'lens-rank',
    title: `Rank of ${quoteToken(curve.piece)} through the layers, after ${quoteOf(text.pieces[curve.position])}`,
    finding: curveWords(curve),
    table: () => ({
      caption: `Rank and probability of ${quoteToken(curve.piece)} after each layer.`,
      columns: ['After layer', 'Rank', 'Probability'],
      rows: depths.map((depth, d) => [
        depth,
        curve.ranks[d] ?? 0,
        Math.exp(curve.logprobs[d] ?? -Infinity),
      ]),
    }),
    data: () => ({
      axes: [{ name: 'after layer', labels: depths }],
      quantity: 'rank, 1 is the most probable',
      values: curve.ranks,
    }),
    size: (width) => ({ width, height: CURVE_HEIGHT }),
    paint: (painter, theme, width) =>
      drawCurve(painter, theme, width, curve, modelOf(state)?.vocabSize ?? 2),
  };
}

export function normsFigure({ lens: { norms } }: AppState, text: TokenText): Figure {
  if (norms === null) throw new Error('There are no norms to save yet.');
  const { residual, attention, mlp, position } = norms;
  const depths = Array.from(residual, (_, d) => depthLabel(d));
  const rows = depths.map((_, d) => [
    residual[d] ?? 0,
    d === 0 ? Number.NaN : (attention[d - 1] ?? 0),
    d === 0 ? Number.NaN : (mlp[d - 1] ?? 0),
  ]);
  const layoutAt = (width: number): ReturnType<typeof layoutLens> =>
    layoutLens(width, depths.length);
  return {
    name: `lens-norms-${position + 1}`,
    title: `Norms of the residual stream at ${quoteOf(text.pieces[position])}`,
    finding: normsFinding(norms, text.pieces[position]),
    table: () => ({
      caption:
        'Norm of the residual stream after each layer, and of what attention and MLP of that layer add; emb is the embedding.',
      columns: ['After layer', 'Residual stream', 'Attention adds', 'MLP adds'],
      rows: rows.map((values, d) => [depths[d] ?? '', ...values]),
    }),
    data: () => ({
      axes: [
        { name: 'after layer', labels: depths },
        { name: 'of', labels: ['residual stream', 'attention', 'MLP'] },
      ],
      quantity: 'Euclidean norm',
      values: rows.flat(),
    }),
    size: (width) => ({ width, height: layoutAt(width).height - 27 }),
    paint: (painter, theme, width) =>
      drawNorms(painter, theme, layoutAt(width), norms, width, true),
  };
}

export function cellFigure({ lens: { cell } }: AppState, text: TokenText): Figure {
  if (cell === null) throw new Error('There is no open cell to save yet.');
  const { position, depth, top, entropyBits } = cell;
  const names = top.map(({ piece }) => tokenAxisLabel(piece));
  const place = `after ${quoteOf(text.pieces[position])}, ${depthName(depth)}`;
  const [best] = top;
  return barsFigure({
    name: `lens-cell-${position + 1}-${depthLabel(depth)}`,
    title: `The likeliest tokens ${place}`,
    finding: `${best === undefined ? 'Nothing' : `${quoteToken(best.piece)} with ${formatPercent(best.probability)}`} leads ${place}; ${entropyBits.toFixed(1)} bits of entropy.`,
    caption: `The ${top.length} most probable tokens ${place}.`,
    axis: 'token',
    names,
    quantity: 'probability',
    values: top.map(({ probability }) => probability),
    words: formatPercent,
    columns: ['Token', 'Id', 'Probability'],
    rows: top.map(({ piece, probability }, i) => [names[i] ?? '', piece.id, probability]),
  });
}

function quoteOf(piece: TokenPiece | undefined): string {
  return piece === undefined ? '“?”' : quoteAxisToken(piece);
}

function labelOf(piece: TokenPiece | undefined): string {
  return piece === undefined ? '?' : tokenAxisLabel(piece);
}
