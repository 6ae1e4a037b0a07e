// A head's strongest links as arcs over the text.
import { useMemo, type PointerEvent, type ReactNode } from 'react';
import type { AttentionMap, TokenPiece } from '../../api.ts';
import { useApp } from '../context.ts';
import type { FigureTheme } from '../figure/figure.ts';
import { formatPercent, tokenAxisLabel } from '../format.ts';
import { layoutArcs, paintArcs, tokenAt } from './arcsDrawing.ts';
import css from './attention.module.css';
import { Plot } from './Plot.tsx';
import { topEdges, type Edge } from './weights.ts';
import { namesOf } from './words.ts';

const ARCS_EACH = 3;

/** What the arcs show of the text: tokens by themselves, never pooled. */
export interface Stretch {
  readonly first: number;
  readonly count: number;
}

export function Arcs({
  theme,
  map,
  pieces,
  stretch: { first, count },
  width,
  room,
  least,
}: {
  readonly theme: FigureTheme | null;
  readonly map: AttentionMap;
  readonly pieces: readonly TokenPiece[];
  readonly stretch: Stretch;
  readonly width: number;
  readonly room: number;
  readonly least: number;
}): ReactNode {
  const { actions } = useApp();
  const labels = useMemo(
    () => pieces.slice(first, first + count).map((piece) => tokenAxisLabel(piece)),
    [pieces, first, count],
  );
  const edges = useMemo(
    () => topEdges(map, first, first + count, ARCS_EACH, least),
    [map, first, count, least],
  );
  const layout = layoutArcs(count, width, room);
  const tokenOf = (event: PointerEvent | React.MouseEvent): number | null => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = tokenAt(layout, count, event.clientX - box.left);
    return at === null ? null : first + at;
  };
  return (
    <div className={css.slot}>
      <div
        className={css.plot}
        // A canvas has no other way to be a picture with words.
        // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
        role="img"
        aria-label={arcsWords(map, pieces, edges)}
        data-testid="arcs"
        data-edges={edges.length}
      >
        <Plot
          theme={theme}
          watch={(s) => [
            s.view.scale,
            s.view.dim,
            s.text.hovered,
            s.view.selected,
            s.attention.hoveredRow,
          ]}
          draw={(state) => ({
            width: layout.width,
            height: layout.height,
            paint: (painter, colours) =>
              paintArcs(painter, colours, layout, {
                first,
                labels,
                edges,
                scale: state.view.scale,
                focus: state.attention.hoveredRow ?? state.text.hovered ?? state.view.selected,
                dim: state.view.dim ? map.firstIndex : null,
              }),
            facts: { head: `${map.layer}.${map.head}` },
          })}
          onPointerMove={(event) => actions.hoverAttention(tokenOf(event))}
          onPointerLeave={() => actions.hoverAttention(null)}
          onClick={(event) => actions.select(tokenOf(event))}
        />
      </div>
      <label className={css.slider}>
        <span>
          The {ARCS_EACH} strongest links of each word, from <b>{Math.round(least * 100)}&nbsp;%</b>
        </span>
        <input
          type="range"
          min={0}
          max={90}
          step={1}
          value={Math.round(least * 100)}
          aria-label="Weakest link that is drawn, in per cent"
          onChange={(event) => actions.setAttention({ least: Number(event.target.value) / 100 })}
        />
        <span className={css.quiet}>{edges.length} links</span>
      </label>
    </div>
  );
}

function arcsWords(
  map: AttentionMap,
  pieces: readonly TokenPiece[],
  edges: readonly Edge[],
): string {
  const head = `Attention of layer ${map.layer}, head ${map.head} as arcs: ${edges.length} ${edges.length === 1 ? 'link' : 'links'}`;
  const [first] = edges;
  if (first === undefined) return `${head}.`;
  const most = edges.reduce((best, edge) => (edge.weight > best.weight ? edge : best), first);
  const { quoted } = namesOf(pieces);
  const key = most.key === most.query ? 'itself' : quoted(most.key);
  return `${head}. The strongest: ${quoted(most.query)} looks at ${key}, ${formatPercent(most.weight)}.`;
}
