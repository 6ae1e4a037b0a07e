// What the model would say if it ended after each layer; the last row is what it does say.
import { useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { isUnseen, lensFocus, type LensView } from '../../state/facts/lens.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { inHand } from '../inHand.ts';
import {
  formatCount,
  formatPercent,
  quoteAxisToken,
  quoteToken,
  tokenAxisLabel,
} from '../format.ts';
import { CURVE_HEIGHT, drawCurve, drawLens, drawNorms } from './drawings.ts';
import { cellAt, layoutLens } from './layout.ts';
import { cellFigure, curveFigure, lensFigure, normsFigure } from './figures.ts';
import { Word as Explained } from '../words/Word.tsx';
import css from './LensPanel.module.css';
import { curveWords, depthName, guessAt, lensFinding, normsFinding, unseenWords } from './words.ts';
import { modelOf } from '../../state/facts/model.ts';

interface Place {
  readonly position: number;
  readonly depth: number;
}

export function LensPanel(): ReactNode {
  const [pointed, setPointed] = useState<Place | null>(null);
  const [cursor, setCursor] = useState<Place | null>(null);
  const { empty, known } = useFacts((s) => ({
    empty: s.text.length === 0,
    known: s.lens.shown !== null,
  }));
  if (empty || !known) {
    return (
      <p className={controls.empty}>
        {empty
          ? 'There is no token to look through yet.'
          : 'The guesses appear here as soon as the model has read the text.'}
      </p>
    );
  }
  return (
    <div className={css.panel} data-testid="lens">
      <div className={css.charts}>
        <Grid {...{ pointed, setPointed, cursor, setCursor }} />
        <Norms />
      </div>
      <div className={css.words}>
        <Finding />
        <CellWords at={cursor ?? pointed} />
        <OpenCell />
        <Word />
      </div>
      <div className={css.foot}>
        <p className={css.note}>
          Layer 0 at the top, as in the attention atlas; the last row is the model’s real answer.
          Darker is more probable; a line under a guess: that is what came. The final LayerNorm is
          reused at every depth, so the early rows are rough.
        </p>
        <Tools />
      </div>
    </div>
  );
}

/** Whatever React says about a streaming text, it says when the columns come, not with every token. */
function useLens(): { lens: LensView; focus: number } {
  const { lens, focus } = useFacts((s) => ({ lens: s.lens.shown, focus: lensFocus(s) }));
  if (lens === null) throw new Error('The panel stands only where there is a lens.');
  return { lens, focus: Math.max(lens.from, Math.min(lens.from + lens.count - 1, focus)) };
}

interface Places {
  /** Under the pointer. */
  readonly pointed: Place | null;
  readonly setPointed: (place: Place | null) => void;
  /** Of the keyboard, which goes before. */
  readonly cursor: Place | null;
  readonly setCursor: (place: Place | null) => void;
}

function Grid({ pointed, setPointed, cursor, setCursor }: Places): ReactNode {
  const app = useApp();
  const { store, text, actions } = app;
  const { depths, length } = useFacts((s) => ({
    depths: s.lens.shown?.depths ?? 1,
    // Rendered for the slider; the canvas follows by itself.
    length: s.busy.has('run') ? -1 : s.text.length,
  }));
  const at = cursor ?? pointed;

  function placeOf(event: PointerEvent<HTMLCanvasElement>): Place | null {
    const { shown: lens } = store.getState().lens;
    if (lens === null) return null;
    const box = event.currentTarget.getBoundingClientRect();
    const layout = layoutLens(Math.round(box.width), lens.depths);
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const found = cellAt(layout, lens.count, lens.depths, x, y);
    return found === null ? null : { position: lens.from + found.column, depth: found.depth };
  }

  function point(place: Place | null): void {
    setCursor(null);
    setPointed(place);
    actions.hover(place?.position ?? null);
  }

  function walk(place: Place): void {
    const { shown: lens } = store.getState().lens;
    const { length: count, firstVisible } = store.getState().text;
    if (lens === null) return;
    const position = Math.max(
      Math.min(firstVisible, count - 1),
      Math.min(count - 1, place.position),
    );
    const depth = Math.max(0, Math.min(lens.depths - 1, place.depth));
    if (position < lens.from) actions.scrollLens(position);
    if (position >= lens.from + lens.count) actions.scrollLens(position - lens.count + 1);
    setPointed(null);
    setCursor({ position, depth });
    actions.hover(position);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const state = store.getState();
    const { shown: lens, at: lensAt } = state.lens;
    if (lens === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const here = cursor ?? lensAt ?? { position: lensFocus(state), depth: lens.depths - 1 };
    const { position, depth } = here;
    const steps: Readonly<Record<string, Place>> = {
      ArrowLeft: { position: position - 1, depth },
      ArrowRight: { position: position + 1, depth },
      ArrowUp: { position, depth: depth - 1 },
      ArrowDown: { position, depth: depth + 1 },
      PageUp: { position: position - lens.count, depth },
      PageDown: { position: position + lens.count, depth },
      Home: { position: 0, depth },
      End: { position: state.text.length - 1, depth },
    };
    const step = steps[event.key];
    if (step !== undefined) walk(step);
    else if (event.key === 'Enter' || event.key === ' ') actions.openLens(here);
    else if (event.key === 'Escape' && lensAt !== null) {
      event.stopPropagation();
      actions.openLens(null);
    } else return;
    event.preventDefault();
  }

  return (
    <div className={css.grid}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application */}
      <div
        className={css.plot}
        // The grid is one stop for the keyboard; the arrow keys walk its cells.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="application"
        aria-roledescription="grid of guesses"
        aria-label="The top guess after each layer, for each token. Arrow keys move, Enter opens a cell."
        aria-describedby="lens-cell"
        onKeyDown={onKeyDown}
        onBlur={() => {
          setCursor(null);
          actions.hover(null);
        }}
      >
        <Chart
          data-testid="lens-grid"
          watch={(s) => [s.lens.shown, s.lens.at, lensFocus(s), s.text.epoch]}
          size={(width) => layoutLens(width, depths)}
          paint={(painter, theme, width) => {
            const state = store.getState();
            if (state.lens.shown === null) return;
            drawLens(painter, theme, layoutLens(width, depths), state.lens.shown, text.pieces, {
              focus: lensFocus(state),
              open: state.lens.at,
              pointed: at,
            });
          }}
          onWidth={(width) => actions.fitLens(layoutLens(width, depths).room)}
          onPointerMove={(event) => {
            const place = placeOf(event);
            if (place?.position !== pointed?.position || place?.depth !== pointed?.depth) {
              point(place);
            }
          }}
          onPointerLeave={() => point(null)}
          onClick={(event) => {
            const place = placeOf(event as PointerEvent<HTMLCanvasElement>);
            if (place === null) return;
            if (place.depth < 0) actions.select(place.position);
            else actions.openLens(place);
          }}
        />
      </div>
      <Scroll length={length} />
    </div>
  );
}

/** Reaches every token of a text that is longer than the window. */
function Scroll({ length }: { readonly length: number }): ReactNode {
  const { actions } = useApp();
  const { from, count, first } = useFacts((s) => ({
    from: s.lens.shown?.from ?? 0,
    count: s.lens.shown?.count ?? 0,
    first: s.text.firstVisible,
  }));
  if (length < 0 || length - first <= count) return null;
  return (
    <label className={css.scroll}>
      <span>
        Tokens {formatCount(from + 1)}–{formatCount(from + count)} of {formatCount(length)}
      </span>
      <input
        type="range"
        min={first}
        max={length - count}
        step={1}
        value={from}
        onChange={(event) => actions.scrollLens(Number(event.target.value))}
      />
    </label>
  );
}

/** The cell under the pointer or the cursor, in words. */
function CellWords({ at }: { readonly at: Place | null }): ReactNode {
  const { text } = useApp();
  const { lens } = useLens();
  const { generating } = useFacts((s) => ({ generating: s.busy.has('run') }));
  // Out of sight, as after scrolling: nothing is to be said of it.
  const isInSight = at !== null && at.position >= lens.from && at.position < lens.from + lens.count;
  const guess = at === null ? null : guessAt(lens, at.position, at.depth);
  const piece = at === null ? undefined : text.pieces[at.position];
  return (
    <p className={css.cell} id="lens-cell" aria-live={generating ? 'off' : 'polite'}>
      {at === null || !isInSight || at.depth < 0 || piece === undefined
        ? inHand(
            'Point at a cell, or use the arrow keys; click or Enter opens its ten likeliest.',
            'Tap a cell: it opens its ten likeliest.',
          )
        : guess === null
          ? 'This cell is being worked out.'
          : `After ${quoteToken(piece)}, ${depthName(at.depth)}: ${guess.piece === undefined ? `“${guess.id}”` : quoteToken(guess.piece)} with ${formatPercent(guess.probability)}.`}
    </p>
  );
}

function Finding(): ReactNode {
  const { text } = useApp();
  const { lens, focus } = useLens();
  const { unseen } = useFacts((s) => ({ unseen: isUnseen(s) ? lensFocus(s) : null }));
  return (
    <p className={css.finding} data-testid="lens-finding">
      {unseen === null
        ? lensFinding(lens, focus, text.pieces[focus], text.pieces[focus + 1])
        : unseenWords(text.pieces[unseen])}
    </p>
  );
}

function OpenCell(): ReactNode {
  const { store, text, actions } = useApp();
  const { at, cell, unseen } = useFacts((s) => ({
    at: s.lens.at,
    cell: s.lens.cell,
    unseen: s.lens.at !== null && s.lens.at.position < s.text.firstVisible,
  }));
  if (at === null) return null;
  const token = text.pieces[at.position];
  return (
    <section className={css.open} aria-label="The open cell" data-testid="lens-cell">
      <div className={controls.head}>
        <h3 className={controls.title}>
          After {token === undefined ? '“?”' : quoteToken(token)}, {depthName(at.depth)}
        </h3>
        <button className={controls.link} type="button" onClick={() => actions.openLens(null)}>
          close
        </button>
      </div>
      {unseen && <p className={css.note}>{unseenWords(token)}</p>}
      <ol className={css.top} aria-busy={cell === null && !unseen}>
        {cell?.top.map(({ piece, probability }) => (
          <li key={piece.id}>
            <span className={css.guess}>{tokenAxisLabel(piece)}</span>
            <span className={css.track} aria-hidden="true">
              <i style={{ width: `${(probability * 100).toFixed(1)}%` }} />
            </span>
            <span className={css.share}>{formatPercent(probability)}</span>
          </li>
        ))}
      </ol>
      {cell !== null && (
        <>
          <p className={css.note}>Spread: {cell.entropyBits.toFixed(1)} bits of entropy.</p>
          <FigureTools figure={() => cellFigure(store.getState(), text)} />
        </>
      )}
    </section>
  );
}

function Word(): ReactNode {
  const { store, text, actions } = useApp();
  const { word, spaced, pieces, curve, vocabSize } = useFacts((s) => ({
    word: s.lens.word,
    spaced: s.lens.spaced,
    pieces: s.lens.pieces,
    curve: s.lens.curve,
    vocabSize: modelOf(s)?.vocabSize ?? 2,
  }));
  const [first] = pieces;
  const token = curve === null ? undefined : text.pieces[curve.position];
  return (
    <div className={css.word}>
      <div className={css.field}>
        <label htmlFor="lens-word">Follow a word</label>
        <input
          id="lens-word"
          type="text"
          autoComplete="off"
          spellCheck={false}
          placeholder="any word"
          value={word}
          onChange={(event) => actions.followWord(event.target.value)}
        />
        <label className={css.check} title="Inside a text, most words begin with their space">
          <input
            type="checkbox"
            checked={spaced}
            onChange={(event) => actions.followWord(word, event.target.checked)}
          />
          after a space
        </label>
      </div>
      {first !== undefined && pieces.length > 1 && (
        <p className={css.note}>
          {pieces.length} tokens: {pieces.map((p) => quoteAxisToken(p)).join(' ')}. The first is
          followed.
        </p>
      )}
      {curve !== null && (
        <figure data-testid="lens-curve">
          <Chart
            watch={(s) => [s.lens.curve]}
            size={(width) => ({ width, height: CURVE_HEIGHT })}
            paint={(painter, theme, width) => {
              const now = store.getState().lens.curve;
              if (now !== null) drawCurve(painter, theme, width, now, vocabSize);
            }}
          />
          <figcaption className={css.caption}>
            {token === undefined ? '' : `After ${quoteToken(token)}: `}
            {curveWords(curve)}
          </figcaption>
          <FigureTools figure={() => curveFigure(store.getState(), text)} />
        </figure>
      )}
    </div>
  );
}

function Norms(): ReactNode {
  const { store, text } = useApp();
  const { norms, depths } = useFacts((s) => ({
    norms: s.lens.norms,
    depths: s.lens.shown?.depths ?? 1,
  }));
  if (norms === null || norms.residual.length !== depths) return null;
  const token = text.pieces[norms.position];
  return (
    <figure className={css.norms} data-testid="norms">
      <Chart
        watch={(s) => [s.lens.norms]}
        size={(width) => ({ width, height: layoutLens(width, depths).height - 27 })}
        paint={(painter, theme, width) => {
          const now = store.getState().lens.norms;
          if (now === null) return;
          drawNorms(painter, theme, layoutLens(width, depths), now, width, width > 220);
        }}
      />
      <figcaption className={css.caption}>
        <Explained id="norm">Norms</Explained> for {token === undefined ? '“?”' : quoteToken(token)}
        : the <Explained id="stream">residual stream</Explained> leaving each layer, and what
        attention and MLP add to it. {normsFinding(norms, token)}
      </figcaption>
      <FigureTools figure={() => normsFigure(store.getState(), text)} />
    </figure>
  );
}

function Tools(): ReactNode {
  const { store, text } = useApp();
  // Its table is that of the columns in sight.
  useFacts((s) => ({ lens: s.lens.shown }));
  return (
    <div className={css.tools}>
      <FigureTools figure={() => lensFigure({ store, text })} />
    </div>
  );
}
