// One to three pinned heads, and the one in focus, in full: as maps or as arcs, with what they say in words.
import { useMemo, useRef, useState, type ReactNode } from 'react';
import type { AttentionMap } from '../../api.ts';
import {
  frontHead,
  headName,
  isSameHead,
  pinWords,
  shownHeads,
  type HeadRef,
} from '../../state/facts/attention.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import type { FigureTheme } from '../figure/figure.ts';
import { FigureTools } from '../figure/FigureTools.tsx';
import { Arcs, type Stretch } from './Arcs.tsx';
import css from './attention.module.css';
import { arcsFigure, matrixFigure, wholeOf } from './figures.ts';
import { FocusBar } from './FocusBar.tsx';
import { HeadWords, Scores } from './HeadWords.tsx';
import { Matrix } from './Matrix.tsx';
import { cellsThatFit, type Cell } from './matrixDrawing.ts';
import { Minimap } from './Minimap.tsx';
import { SlotHead } from './SlotHead.tsx';
import { rowOfHead } from './scene.ts';
import { useSpace } from '../useSpace.ts';
import { rowToken, SINK, toShown, type Shown } from './weights.ts';
import slots from './slots.module.css';

/** More tokens than this, or than there is room for, are a window, or pooled. */
const MOST_CELLS = 128;
/** Tokens a side of the window. */
const WINDOW = 64;
/** The panel's own edge; and where the words stand under the pictures, the sentence of what is looked at. */
const BELOW = 40;
const SENTENCE = 58;
const LEAST_ROOM = 190;
/** Narrower, and nothing stands side by side. */
const NARROW = 400;
/** What stands between pictures, and the words beside one: as in the style sheet. */
const GAP = 12;
const BESIDE = 168;
const NAME = 30;
const TALL_NAME = 48;

export function Focus({ theme }: { readonly theme: FigureTheme | null }): ReactNode {
  const { attention } = useFacts((s) => ({ attention: s.attention.front }));
  return (
    <section className={css.focus} aria-label="Heads in focus">
      <FocusBar />
      {attention !== null && <Heads theme={theme} map={attention} />}
    </section>
  );
}

function Heads({
  theme,
  map,
}: {
  readonly theme: FigureTheme | null;
  /** Of the head in front. */
  readonly map: AttentionMap;
}): ReactNode {
  const { text, actions } = useApp();
  const { form, whole, least, moved, selected } = useFacts((s) => ({
    form: s.view.form,
    whole: s.view.whole,
    least: s.view.least,
    moved: s.view.corner,
    selected: s.view.selected,
  }));
  const facts = useFacts((s) => ({
    maps: s.attention.maps,
    rows: s.attention.rows,
    gaveWay: s.attention.gaveWay,
    pins: s.view.pins,
    preview: s.attention.preview,
    layer: s.view.layer,
    head: s.view.head,
    hovered: s.text.hovered,
  }));
  const [cursor, setCursor] = useState<Cell | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const heads = shownHeads(facts);
  const isBeneath = form === 'arcs' || heads.length > 1;
  const { width, room } = useSpace(frame, isBeneath ? BELOW + SENTENCE : BELOW, LEAST_ROOM);
  const front = frontHead(facts);
  const columns = form === 'arcs' || width < NARROW ? 1 : heads.length;
  const hasBeside = !isBeneath && width >= NARROW;
  const slotWidth = hasBeside
    ? width - BESIDE - GAP
    : Math.floor((width - (columns - 1) * GAP) / columns);
  const mapRoom = room - (columns > 2 ? TALL_NAME : heads.length > 1 ? NAME : 0);
  const mapWidth = Math.min(slotWidth, mapRoom + 60);
  const limit = Math.min(MOST_CELLS, cellsThatFit(mapWidth, mapRoom, map.size));
  const side = Math.min(WINDOW, limit, map.size);
  // The window follows the selected token until it is moved by hand.
  const corner = useMemo(() => {
    if (moved !== null) return moved;
    const wanted = selected === null ? Infinity : selected - map.firstIndex;
    const end = Math.min(map.size, Math.max(wanted + 1, 0) + Math.floor(side / 4));
    return { row: end - side, column: end - side };
  }, [moved, selected, map, side]);
  // As they were when the map came: tokens that changed since belong to the next, on its way.
  const pieces = useMemo(() => text.pieces.slice(0, map.firstIndex + map.size), [map, text]);

  const cells = (one: AttentionMap): Shown => toShown(one, limit, side, corner, whole);
  const shown = cells(map);
  const last = map.firstIndex + map.size - 1;
  // While tokens stream the rows of all heads and the map come one before the other: both halves speak of the rows' token.
  const newest = Math.min(text.pieces.length - 1, facts.rows?.query ?? last);
  const rest = facts.hovered ?? selected ?? newest;
  const inside =
    cursor !== null &&
    cursor.q < shown.size &&
    cursor.k < shown.size &&
    (cursor.k !== SINK || shown.sink !== null)
      ? cursor
      : null;
  const query = inside === null ? rest : Math.min(last, rowToken(shown, inside.q));
  const windowed = map.size > limit;
  const stretch = stretchOf(map, shown);

  return (
    <>
      {facts.gaveWay !== null && <GaveWay head={facts.gaveWay} pinned={facts} />}
      <div
        className={slots.slots}
        ref={frame}
        data-count={columns}
        data-beside={hasBeside || undefined}
      >
        {form === 'arcs' ? (
          <Arcs {...{ theme, map, pieces, stretch, width, room: room - 34, least }} />
        ) : (
          heads.map((ref) => {
            const isFront = isSameHead(ref, front);
            const found = facts.maps.find((one) => isSameHead(one, ref));
            const own = found ?? (isFront ? map : null);
            return (
              // A slot keeps its place while a preview takes it over.
              <div className={slots.slot} key={heads.indexOf(ref)}>
                {heads.length > 1 && (
                  <SlotHead
                    {...{ head: ref, named: own ?? ref, isFront }}
                    row={own === null ? null : rowOfHead(own, facts.rows, query)}
                    pieces={query <= last ? pieces : text.pieces}
                  />
                )}
                {own === null ? (
                  <p className={slots.waiting}>…</p>
                ) : (
                  <Matrix
                    {...{ theme, pieces, isFront, rest, inside, setCursor }}
                    map={own}
                    shown={own === map ? shown : cells(own)}
                    width={mapWidth}
                    room={mapRoom}
                  />
                )}
              </div>
            );
          })
        )}
        {!isBeneath && (
          <div className={css.beside}>
            <HeadWords {...{ map, pieces, query, shown, inside }} />
          </div>
        )}
      </div>
      {isBeneath && (
        <div className={css.beneath}>
          <HeadWords {...{ map, pieces, query, shown, inside }} />
        </div>
      )}
      {/* Five columns: never in the narrow one beside a map. */}
      <Scores of={map} />
      {windowed && (
        <div className={css.windowRow}>
          {!whole && (
            <Minimap
              {...{ theme, map, corner, side }}
              onMove={(to) => actions.setAttention({ corner: to })}
            />
          )}
          <p className={css.quiet}>
            {whole
              ? `All ${map.size} tokens; a cell is the strongest of ${shown.block} × ${shown.block}. `
              : `Rows ${shown.firstRow + 1}–${shown.firstRow + shown.size}, columns ${shown.sink === null ? '' : `${shown.sink.token + 1} and `}${shown.firstColumn + 1}–${shown.firstColumn + shown.size} of tokens ${map.firstIndex + 1}–${map.firstIndex + map.size}. Drag the square, or move it with the arrow keys. `}
            <button
              className={controls.link}
              type="button"
              onClick={() => {
                actions.setAttention({ whole: !whole });
                setCursor(null);
              }}
            >
              {whole ? 'Show single tokens' : 'Show all'}
            </button>
          </p>
        </div>
      )}
      <Tools {...{ kind: form, map, shown, stretch, least }} />
    </>
  );
}

/** A fourth pin takes the place of the first; nobody should have to notice that by themselves. */
function GaveWay({
  head,
  pinned,
}: {
  readonly head: HeadRef;
  readonly pinned: HeadRef;
}): ReactNode {
  const { actions } = useApp();
  return (
    <p className={css.quiet} data-testid="gave-way">
      {pinWords(pinned, head)}{' '}
      <button className={controls.link} type="button" onClick={() => actions.takePinBack()}>
        Put {headName(head)} back
      </button>
    </p>
  );
}

function stretchOf(map: AttentionMap, shown: Shown): Stretch {
  if (shown.block === 1) return { first: shown.firstRow, count: shown.size };
  const count = Math.min(WINDOW, map.size);
  return { first: map.firstIndex + map.size - count, count };
}

function Tools({
  kind,
  map,
  shown,
  stretch,
  least,
}: {
  readonly kind: 'matrix' | 'arcs';
  readonly map: AttentionMap;
  readonly shown: Shown;
  readonly stretch: Stretch;
  readonly least: number;
}): ReactNode {
  const { store, text } = useApp();
  return (
    <FigureTools
      figure={() =>
        kind === 'arcs'
          ? arcsFigure(store.getState(), text.pieces, map, { ...stretch, least })
          : matrixFigure(store.getState(), text.pieces, shown.block > 1 ? wholeOf(map) : shown, map)
      }
    />
  );
}
