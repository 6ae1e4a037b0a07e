// A head's weights as a map: a row for each token, a column for each one that it looks at.
import { useMemo, useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import type { AttentionMap, TokenPiece } from '../../api.ts';
import { useApp } from '../context.ts';
import type { FigureTheme } from '../figure/figure.ts';
import { tokenAxisLabel } from '../format.ts';
import css from './attention.module.css';
import { cellAt, layoutMatrix, paintMatrix, usedWidth, type Cell } from './matrixDrawing.ts';
import { Plot } from './Plot.tsx';
import { columnToken, lastColumn, rowToken, SINK, type Shown } from './weights.ts';

function labelsOf(pieces: readonly TokenPiece[], first: number, shown: Shown): readonly string[] {
  return Array.from({ length: shown.size }, (_, i) => {
    const piece = pieces[first + i * shown.block];
    return piece === undefined ? '' : tokenAxisLabel(piece);
  });
}

export function Matrix({
  theme,
  map,
  shown,
  pieces,
  width,
  room,
  isFront,
  rest,
  inside,
  setCursor,
}: {
  readonly theme: FigureTheme | null;
  readonly map: AttentionMap;
  readonly shown: Shown;
  readonly pieces: readonly TokenPiece[];
  readonly width: number;
  readonly room: number;
  readonly isFront: boolean;
  /** The token whose row is pointed out while no cell is; it need not be in the map. */
  readonly rest: number;
  readonly inside: Cell | null;
  readonly setCursor: (cell: Cell | null) => void;
}): ReactNode {
  const { actions } = useApp();
  const frame = useRef<HTMLDivElement>(null);
  const layout = layoutMatrix(shown.size, width, room, shown.sink !== null);
  const rowLabels = useMemo(() => labelsOf(pieces, shown.firstRow, shown), [pieces, shown]);
  const columnLabels = useMemo(() => labelsOf(pieces, shown.firstColumn, shown), [pieces, shown]);
  const first = shown.sink === null ? undefined : pieces[shown.sink.token];
  const sinkLabel = first === undefined ? '' : tokenAxisLabel(first);
  const restRow = Math.floor((rest - shown.firstRow) / shown.block);
  const row = restRow >= 0 && restRow < shown.size ? restRow : null;

  function move(to: Cell | null): void {
    setCursor(to);
    if (to === null) actions.hoverAttention(null);
    else {
      actions.hoverAttention(rowToken(shown, to.q), columnToken(shown, to.k));
      actions.used('heatmap');
    }
  }

  function cellOf(event: PointerEvent | React.MouseEvent): Cell | null {
    const box = event.currentTarget.getBoundingClientRect();
    return cellAt(layout, shown, event.clientX - box.left, event.clientY - box.top);
  }

  function choose(at: Cell): void {
    actions.setAttention({ keyToken: columnToken(shown, at.k) });
    actions.select(rowToken(shown, at.q));
  }

  function onKeyDown(event: KeyboardEvent): void {
    const at = inside ?? { q: row ?? shown.size - 1, k: row ?? shown.size - 1 };
    let { q, k } = at;
    const leftmost = shown.sink === null ? 0 : SINK;
    if (event.key === 'ArrowLeft') k -= 1;
    else if (event.key === 'ArrowRight') k += 1;
    else if (event.key === 'ArrowUp') q -= 1;
    else if (event.key === 'ArrowDown') q += 1;
    else if (event.key === 'Home') k = leftmost;
    else if (event.key === 'End') k = q;
    else if (event.key === 'Enter') {
      choose(at);
      return;
    } else return;
    event.preventDefault();
    q = Math.max(0, Math.min(shown.size - 1, q));
    move({ q, k: Math.max(leftmost, Math.min(lastColumn(shown, q), k)) });
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application
    <div
      ref={frame}
      className={css.plot}
      // The map is one stop for the keyboard; the arrow keys walk its cells.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      role="application"
      aria-roledescription="heat map"
      aria-label={`Attention of layer ${map.layer}, head ${map.head}. Arrow keys move the crosshair, Enter selects the row's token and the column as the one looked at.`}
      aria-describedby="attention-cell"
      data-testid={isFront ? 'heatmap' : 'pinned-map'}
      data-layer={map.layer}
      data-head={map.head}
      data-size={shown.size}
      data-row={shown.firstRow}
      data-column={shown.firstColumn}
      onKeyDown={onKeyDown}
      onBlur={() => move(null)}
    >
      <Plot
        theme={theme}
        watch={(s) => [s.view.scale]}
        draw={(state) => ({
          width: usedWidth(layout),
          height: layout.height,
          paint: (painter, colours) =>
            paintMatrix(painter, colours, layout, {
              shown,
              rowLabels,
              columnLabels,
              sinkLabel,
              scale: state.view.scale,
              row,
              cursor: inside,
            }),
          // Renderings come with the rows of all heads and their scores, too. What is shown of a map is said by its window.
          hangsOn: [
            map,
            pieces,
            rest,
            inside?.q,
            inside?.k,
            state.view.scale,
            shown.size,
            shown.block,
            shown.firstRow,
            shown.firstColumn,
            shown.sink?.token,
            layout.left,
            layout.cell,
          ],
          facts: {
            head: `${map.layer}.${map.head}`,
            // Where cells stand, for whoever reads the picture.
            left: layout.left,
            top: layout.top,
            cell: layout.cell,
          },
        })}
        style={{ cursor: 'crosshair' }}
        onPointerMove={(event) => {
          const at = cellOf(event);
          if (at?.q !== inside?.q || at?.k !== inside?.k) move(at);
        }}
        onPointerLeave={() => move(null)}
        onClick={(event) => {
          const at = cellOf(event);
          if (at !== null) choose(at);
        }}
      />
    </div>
  );
}
