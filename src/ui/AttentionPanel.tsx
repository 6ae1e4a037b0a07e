// Where one head looks: a map, the same in words, and the same as a table.
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  type RefObject,
} from 'react';
import type { AttentionMap, TokenPiece } from '../api.ts';
import css from './AttentionPanel.module.css';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { formatPercent, tokenAxisLabel, tokenLabel } from './format.ts';
import {
  cellAt,
  cellsThatFit,
  cutWindow,
  drawHeatmap,
  maxPool,
  readColours,
  toGeometry,
  type HeatmapColours,
} from './heatmap.ts';
import { LeftSign, RightSign } from './icons.tsx';

/** More cells than this, or than there is room for, are shown as a window, or pooled. */
const MAX_CELLS = 128;

/** Less height than this makes no map. */
const MIN_ROOM = 230;
/** The line at the foot of the window, and the panel's own edge. */
const BELOW_MAP = 72;

interface Shown {
  readonly values: Float32Array;
  readonly size: number;
  /** Token index of the first cell. */
  readonly first: number;
  /** Tokens a cell stands for. */
  readonly block: number;
}

export function AttentionPanel(): ReactNode {
  const { attention, length } = useFacts((s) => ({ attention: s.attention, length: s.length }));
  return (
    <div className={css.panel}>
      <Controls />
      {attention === null ? (
        <p className={css.empty}>
          {length === 0
            ? 'There is no token to look from yet.'
            : 'The map appears here as soon as the model has read the text.'}
        </p>
      ) : (
        <Map map={attention} />
      )}
    </div>
  );
}

function Controls(): ReactNode {
  const { actions } = useApp();
  const { layer, head, layers, heads } = useFacts((s) => ({
    layer: s.layer,
    head: s.head,
    layers: s.model?.nLayer ?? 12,
    heads: s.model?.nHead ?? 12,
  }));
  return (
    <div className={css.controls}>
      <Picker
        name="Layer"
        value={layer}
        count={layers}
        keys="Shift+[ ]"
        onPick={(value) => actions.setAttention({ layer: value })}
        onMove={(by) => actions.moveLayer(by)}
      />
      <Picker
        name="Head"
        value={head}
        count={heads}
        keys="[ ]"
        onPick={(value) => actions.setAttention({ head: value })}
        onMove={(by) => actions.moveHead(by)}
      />
    </div>
  );
}

function Picker({
  name,
  value,
  count,
  keys,
  onPick,
  onMove,
}: {
  name: string;
  value: number;
  count: number;
  keys: string;
  onPick: (value: number) => void;
  onMove: (by: number) => void;
}): ReactNode {
  const id = `pick-${name}`;
  return (
    <span className={css.control}>
      <label htmlFor={id}>{name}</label>
      <button
        className={css.arrow}
        type="button"
        aria-label={`Previous ${name.toLowerCase()}`}
        title={keys}
        onClick={() => onMove(-1)}
      >
        <LeftSign />
      </button>
      <select
        className={css.select}
        id={id}
        value={value}
        onChange={(event) => onPick(Number(event.target.value))}
      >
        {Array.from({ length: count }, (_, i) => (
          <option key={i} value={i}>
            {i}
          </option>
        ))}
      </select>
      <button
        className={css.arrow}
        type="button"
        aria-label={`Next ${name.toLowerCase()}`}
        title={keys}
        onClick={() => onMove(1)}
      >
        <RightSign />
      </button>
    </span>
  );
}

function Map({ map }: { map: AttentionMap }): ReactNode {
  const { text, actions } = useApp();
  const { selected, hovered, scale, length } = useFacts((s) => ({
    selected: s.selected,
    hovered: s.hovered,
    scale: s.scale,
    length: s.length,
  }));
  const [whole, setWhole] = useState(false);
  const [cursor, setCursor] = useState<{ q: number; k: number } | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, room } = useSpace(frame);
  const colours = useColours(frame);
  const limit = Math.min(MAX_CELLS, cellsThatFit(width, room));

  const last = map.firstIndex + map.size - 1;
  const focus = Math.min(last, Math.max(map.firstIndex, hovered ?? selected ?? last));
  // As they were when the map came: tokens that changed since belong to the next, on its way.
  const pieces = useMemo(() => piecesOf(map, text.pieces), [map, text]);
  const shown = useMemo(() => toShown(map, limit, whole, selected), [map, limit, whole, selected]);
  const labels = useMemo(
    () =>
      Array.from({ length: shown.size }, (_, i) => {
        const piece = pieces[shown.first + i * shown.block];
        return piece === undefined ? '' : tokenAxisLabel(piece);
      }),
    [shown, pieces],
  );
  const inside = cursor !== null && cursor.q < shown.size && cursor.k <= cursor.q ? cursor : null;
  const focusRow = Math.floor((focus - shown.first) / shown.block);
  const row = focusRow >= 0 && focusRow < shown.size ? focusRow : null;

  useLayoutEffect(() => {
    if (canvas.current === null || colours === null || width === 0) return;
    drawHeatmap(
      canvas.current,
      { values: shown.values, size: shown.size, labels },
      { width, room, scale, row, cursor: inside, colours },
    );
  }, [shown, labels, width, room, scale, row, inside, colours]);

  function move(to: { q: number; k: number } | null): void {
    setCursor(to);
    actions.hoverAttention(to === null ? null : shown.first + to.q * shown.block);
  }

  function onPointerMove(event: PointerEvent<HTMLCanvasElement>): void {
    const box = event.currentTarget.getBoundingClientRect();
    const at = cellAt(
      toGeometry(shown.size, width, room),
      shown.size,
      event.clientX - box.left,
      event.clientY - box.top,
    );
    if (at?.q !== inside?.q || at?.k !== inside?.k) move(at);
    if (at !== null) actions.used('heatmap');
  }

  function onKeyDown(event: KeyboardEvent): void {
    const at = inside ?? { q: row ?? shown.size - 1, k: row ?? shown.size - 1 };
    let { q, k } = at;
    if (event.key === 'ArrowLeft') k -= 1;
    else if (event.key === 'ArrowRight') k += 1;
    else if (event.key === 'ArrowUp') q -= 1;
    else if (event.key === 'ArrowDown') q += 1;
    else if (event.key === 'Home') k = 0;
    else if (event.key === 'End') k = q;
    else if (event.key === 'Enter') {
      actions.select(shown.first + q * shown.block);
      return;
    } else return;
    event.preventDefault();
    q = Math.max(0, Math.min(shown.size - 1, q));
    move({ q, k: Math.max(0, Math.min(q, k)) });
    actions.used('heatmap');
  }

  const query = inside === null ? focus : Math.min(last, shown.first + inside.q * shown.block);
  const links = strongest(map, query);

  return (
    <div className={css.body}>
      <div className={css.map}>
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application */}
        <div
          ref={frame}
          className={css.plot}
          // The map is one stop for the keyboard; the arrow keys walk its cells.
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          role="application"
          aria-roledescription="heat map"
          aria-label={`Attention of layer ${map.layer}, head ${map.head}. Arrow keys move the crosshair, Enter selects the row's token.`}
          aria-describedby="attention-cell"
          data-testid="heatmap"
          data-layer={map.layer}
          data-head={map.head}
          onKeyDown={onKeyDown}
          onBlur={() => move(null)}
        >
          <canvas
            ref={canvas}
            onPointerMove={onPointerMove}
            onPointerLeave={() => move(null)}
            onClick={() => {
              if (inside !== null) actions.select(shown.first + inside.q * shown.block);
            }}
          />
        </div>
      </div>
      <div className={css.words}>
        <Sentence {...{ pieces, query, links }} />
        <p className={css.cell} id="attention-cell" aria-live="polite">
          {inside === null
            ? 'Each row is a token that looks back; each column is a token looked at. Point at a cell or use the arrow keys.'
            : cellWords(shown, inside, labels)}
        </p>
        {map.size > limit && (
          <p className={css.caution}>
            {whole
              ? `All ${map.size} tokens; a cell is the strongest of ${shown.block} × ${shown.block}. `
              : `${shown.size} of ${map.size} tokens, around the selected one. `}
            <button
              className={controls.link}
              type="button"
              onClick={() => {
                setWhole(!whole);
                move(null);
              }}
            >
              {whole ? 'Show single tokens' : 'Show all'}
            </button>
          </p>
        )}
        <Legend scale={scale} />
        <Twin {...{ pieces, map, query }} />
        <p className={css.caution}>
          Looking is not the same as mattering: a strong link is no proof that the token changed
          what comes next.
          {length > map.firstIndex + map.size ? ' The map catches up once a second.' : ''}
        </p>
      </div>
    </div>
  );
}

function piecesOf(map: AttentionMap, pieces: readonly TokenPiece[]): readonly TokenPiece[] {
  return pieces.slice(0, map.firstIndex + map.size);
}

function toShown(map: AttentionMap, limit: number, whole: boolean, selected: number | null): Shown {
  const { size, firstIndex, weights } = map;
  if (size <= limit) return { values: weights, size, first: firstIndex, block: 1 };
  if (whole) return { ...maxPool(weights, size, limit), first: firstIndex };
  const wanted = selected === null ? size - 1 : selected - firstIndex;
  const end = Math.max(limit, Math.min(size, Math.max(wanted + 1, 0) + Math.floor(limit / 4)));
  const first = end - limit;
  return {
    values: cutWindow(weights, size, first, limit),
    size: limit,
    first: firstIndex + first,
    block: 1,
  };
}

function strongest(map: AttentionMap, query: number): { index: number; weight: number }[] {
  const q = query - map.firstIndex;
  if (q < 0 || q >= map.size) return [];
  const links: { index: number; weight: number }[] = [];
  for (let k = 0; k <= q; k++) {
    links.push({ index: k + map.firstIndex, weight: map.weights[q * map.size + k] ?? 0 });
  }
  return links.toSorted((a, b) => b.weight - a.weight);
}

function Sentence({
  pieces,
  query,
  links,
}: {
  pieces: readonly TokenPiece[];
  query: number;
  links: readonly { index: number; weight: number }[];
}): ReactNode {
  const name = (index: number): string => {
    const piece = pieces[index];
    return piece === undefined ? '?' : tokenLabel(piece);
  };
  const [first, second, third] = links;
  if (first === undefined) return <p className={css.sentence}>This token is not in the map.</p>;
  const target = (link: { index: number; weight: number }): ReactNode => (
    <>
      {link.index === query ? 'itself' : <b>{name(link.index)}</b>}
      {link.index === 0 && query !== 0 ? ' (the first token)' : ''} {formatPercent(link.weight)}
    </>
  );
  return (
    <p className={css.sentence} data-testid="strongest">
      <b>{name(query)}</b> looks most at {target(first)}
      {second === undefined || second.weight < 0.005 ? null : <>, then at {target(second)}</>}
      {third === undefined || third.weight < 0.005 ? null : <>, then at {target(third)}</>}.
    </p>
  );
}

function cellWords(
  shown: Shown,
  at: { q: number; k: number },
  labels: readonly string[],
): ReactNode {
  const value = shown.values[at.q * shown.size + at.k] ?? 0;
  return (
    <>
      “{labels[at.q]}” looks at “{labels[at.k]}” with <b>{(value * 100).toFixed(2)} %</b> of its
      attention{shown.block > 1 ? ' (strongest of the block)' : ''}. Row{' '}
      {shown.first + at.q * shown.block + 1}, column {shown.first + at.k * shown.block + 1}.
    </>
  );
}

function Legend({ scale }: { scale: 'sqrt' | 'linear' }): ReactNode {
  const { actions } = useApp();
  const ticks =
    scale === 'sqrt' ? ['0', '6', '25', '56', '100 %'] : ['0', '25', '50', '75', '100 %'];
  return (
    <div className={css.legend}>
      <div className={css.ramp} aria-hidden="true" />
      <div className={css.ticks}>
        {ticks.map((tick) => (
          <span key={tick}>{tick}</span>
        ))}
      </div>
      <fieldset className={css.switch} aria-label="Shade">
        {(['sqrt', 'linear'] as const).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="scale"
              checked={scale === name}
              onChange={() => actions.setAttention({ scale: name })}
            />
            {name === 'sqrt' ? 'square root' : 'linear'}
          </label>
        ))}
      </fieldset>
    </div>
  );
}

/** The selected row as a table, strongest first. */
function Twin({
  pieces,
  map,
  query,
}: {
  pieces: readonly TokenPiece[];
  map: AttentionMap;
  query: number;
}): ReactNode {
  const [open, setOpen] = useState(false);
  const piece = pieces[query];
  return (
    <details className={css.twin} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The row of “{piece === undefined ? '?' : tokenLabel(piece)}” as a table</summary>
      {open && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
        <section className={css.twinScroll} tabIndex={0} aria-label="Attention row">
          <table>
            <thead>
              <tr>
                <th scope="col">Place</th>
                <th scope="col">Looks at</th>
                <th scope="col">Share</th>
              </tr>
            </thead>
            <tbody>
              {strongest(map, query)
                .slice(0, 200)
                .map(({ index, weight }) => {
                  const key = pieces[index];
                  return (
                    <tr key={index}>
                      <td>{index + 1}</td>
                      <th scope="row">{key === undefined ? '?' : tokenAxisLabel(key)}</th>
                      <td>{(weight * 100).toFixed(2)} %</td>
                    </tr>
                  );
                })}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

/** The pixels there are for the map: its column's width, and what the fold leaves of the height. */
function useSpace(frame: RefObject<HTMLDivElement | null>): { width: number; room: number } {
  const [space, setSpace] = useState({ width: 0, room: MIN_ROOM });
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => {
      const width = Math.floor(element.clientWidth);
      const top = element.getBoundingClientRect().top + scrollY;
      const left = Math.floor(innerHeight - top - BELOW_MAP);
      // Far down a narrow page the fold says nothing.
      const room = Math.max(MIN_ROOM, left < 0 ? innerHeight * 0.4 : left);
      setSpace((old) => (old.width === width && old.room === room ? old : { width, room }));
    };
    const observer = new ResizeObserver(measure);
    // Whatever appears or goes above the map moves one of these.
    for (const part of [element, document.body, element.closest('main')]) {
      if (part !== null) observer.observe(part);
    }
    addEventListener('resize', measure);
    return () => {
      observer.disconnect();
      removeEventListener('resize', measure);
    };
  }, [frame]);
  return space;
}

/** The tokens' colours, read again when the theme or the system's scheme changes. */
function useColours(frame: RefObject<HTMLDivElement | null>): HeatmapColours | null {
  const [colours, setColours] = useState<HeatmapColours | null>(null);
  useEffect(() => {
    const read = (): void => {
      if (frame.current !== null) setColours(readColours(frame.current));
    };
    read();
    const query = matchMedia('(prefers-color-scheme: dark)');
    query.addEventListener('change', read);
    const observer = new MutationObserver(read);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      query.removeEventListener('change', read);
      observer.disconnect();
    };
  }, [frame]);
  return colours;
}
