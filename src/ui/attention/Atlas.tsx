// Every head at once: what the tiles show, in which order, which of them, and the tiles themselves.
import { useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { headSentence } from '../../state/headLabels.ts';
import {
  frontHead,
  headsOf,
  isSameHead,
  queryOf,
  type AtlasMode,
  type AtlasSort,
  type HeadRef,
} from '../../state/facts/attention.ts';
import type { AppState } from '../../state/store.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import type { FigureTheme } from '../figure/figure.ts';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatPercent } from '../format.ts';
import segments from '../segments.module.css';
import css from './attention.module.css';
import { AtlasLegend } from './AtlasLegend.tsx';
import {
  layoutAtlas,
  layoutSorted,
  paintAtlas,
  placeAt,
  tileBox,
  type AtlasLayout,
} from './atlasDrawing.ts';
import { atlasFigure } from './figures.ts';
import { Plot, type Drawing } from './Plot.tsx';
import { Standouts } from './Standouts.tsx';
import { headHere } from './rowReading.ts';
import { headRowOf, toScene, type Scene } from './scene.ts';
import { useKeptHeight } from '../useKeptHeight.ts';
import { useSpace } from '../useSpace.ts';
import { atlasFinding, namesOf, topKey } from './words.ts';
import { modelOf } from '../../state/facts/model.ts';
import { isOfProbability } from '../../state/facts/parts.ts';

/** The finding, the chips, and the panel's own edge. */
const BELOW = 112;
const LEAST_ROOM = 196;
/** A tile of a phone. */
const PHONE_TILE = 27;

export function Atlas({ theme }: { readonly theme: FigureTheme | null }): ReactNode {
  const { outer, inner } = useKeptHeight();
  return (
    <section className={css.overview} aria-label="All heads">
      <AtlasBar />
      <Tiles theme={theme} />
      <div ref={outer}>
        <div ref={inner} className={css.words}>
          <Finding />
          <AtlasLegend />
        </div>
      </div>
      <Standouts />
      <Tools />
    </section>
  );
}

const MODES: readonly { readonly id: AtlasMode; readonly words: string; readonly title: string }[] =
  [
    { id: 'rows', words: 'Row', title: 'Where the selected token looks' },
    { id: 'patterns', words: 'Pattern', title: 'Where every token of the text looks' },
    { id: 'effect', words: 'Effect', title: 'What the chosen token loses when the head is off' },
  ];

const SORTS: readonly { readonly id: AtlasSort; readonly words: string }[] = [
  { id: 'position', words: 'by layer' },
  { id: 'label', words: 'by behaviour' },
  { id: 'entropy', words: 'by entropy' },
  { id: 'effect', words: 'by effect' },
];

function AtlasBar(): ReactNode {
  const { actions } = useApp();
  const { mode, sort, dim, swept } = useFacts((s) => ({
    mode: s.view.mode,
    sort: s.view.sort,
    dim: s.view.dim,
    swept: isOfProbability(s.parts.sweep),
  }));
  const shown = mode === 'effect' && !swept ? 'rows' : mode;
  return (
    <div className={css.bar}>
      <fieldset className={segments.segments} aria-label="Each tile shows">
        {MODES.map(({ id, words, title }) => (
          <label
            key={id}
            className={segments.segment}
            title={id === 'effect' && !swept ? 'Needs a sweep: see Switch off' : title}
          >
            <input
              type="radio"
              name="atlas-mode"
              checked={id === shown}
              disabled={id === 'effect' && !swept}
              onChange={() => actions.setAttention({ mode: id })}
            />
            <span>{words}</span>
          </label>
        ))}
      </fieldset>
      <select
        className={css.select}
        aria-label="Sort"
        value={sort}
        onChange={(event) => {
          const found = SORTS.find(({ id }) => id === event.target.value);
          if (found !== undefined) actions.setAttention({ sort: found.id });
        }}
      >
        {SORTS.map(({ id, words }) => (
          <option key={id} value={id} disabled={id === 'effect' && !swept}>
            {words}
          </option>
        ))}
      </select>
      <label
        className={css.check}
        title="Many heads rest on the first token. Dimmed, its bar is pale but as high as it is; no number changes."
      >
        <input
          type="checkbox"
          aria-label="Dim first token"
          checked={dim}
          onChange={(event) => actions.setAttention({ dim: event.target.checked })}
        />
        dim first
      </label>
    </div>
  );
}

/** While tokens stream the order of the tiles stays: nobody can follow a head that jumps. */
function useScene(): () => Scene {
  const held = useRef<{ readonly of: readonly unknown[]; readonly order: readonly number[] }>(null);
  const { store, text } = useApp();
  return () => {
    const state = store.getState();
    const scene = toScene(state, text.pieces);
    const of = [modelOf(state), state.view.sort, state.view.filter, state.view.keyToken];
    const old = held.current;
    const same = old !== null && old.of.every((fact, i) => fact === of[i]);
    const order =
      state.busy.has('run') && same && old.order.length === scene.order.length
        ? old.order
        : scene.order;
    held.current = { of, order };
    return order === scene.order ? scene : { ...scene, order };
  };
}

// Not the model: how many heads it has is rendered, and another step of the same run says nothing until its rows come.
const watchAtlas = (s: AppState): readonly unknown[] => [
  s.attention.rows,
  s.attention.atlas,
  s.attention.names,
  s.parts.sweep,
  s.view.off,
  s.view.pins,
  s.attention.preview,
  s.view.layer,
  s.view.head,
  s.view.mode,
  s.view.sort,
  s.view.filter,
  s.view.keyToken,
  s.view.dim,
  s.view.scale,
];

function Tiles({ theme }: { readonly theme: FigureTheme | null }): ReactNode {
  const { actions, store } = useApp();
  const frame = useRef<HTMLDivElement>(null);
  const { width, room, narrow } = useSpace(frame, BELOW, LEAST_ROOM);
  const sceneNow = useScene();
  const { layers, heads } = useFacts((s) => ({
    layers: modelOf(s)?.nLayer ?? s.attention.rows?.nLayer ?? 0,
    heads: modelOf(s)?.nHead ?? s.attention.rows?.nHead ?? 0,
  }));
  const height = narrow ? Math.max(room, layers * PHONE_TILE + 20) : room;
  const layoutOf = (state: AppState): AtlasLayout =>
    state.view.sort === 'position'
      ? layoutAtlas(layers, heads, width, height)
      : layoutSorted(sceneNow().order.length, heads, width, height);

  function draw(state: AppState): Drawing | null {
    if (layers === 0 || width === 0) return null;
    const scene = sceneNow();
    const layout = layoutOf(state);
    const box = tileBox(layout, 0);
    actions.fitAtlas(Math.min(box.width, box.height) - 2);
    const flat = ({ layer, head }: HeadRef): number => layer * heads + head;
    const cursor = state.attention.preview === null ? null : flat(state.attention.preview);
    return {
      width: layout.width,
      height: layout.height,
      paint: (painter, colours) =>
        paintAtlas(painter, colours, layout, {
          scene,
          rows: state.attention.rows,
          atlas: state.attention.atlas,
          scale: state.view.scale,
          dimSink: state.view.dim,
          sorted: state.view.sort !== 'position',
          framed: state.view.filter !== null && state.view.filter !== 'key',
          pins: state.view.pins.map(flat),
          cursor,
          focus: flat(state.view),
        }),
      facts: {
        mode: scene.mode,
        query: state.attention.rows?.query ?? -1,
        tokens: state.attention.rows?.size ?? 0,
        sort: state.view.sort,
        shown: scene.matches.filter(Boolean).length,
        first: scene.order[0] ?? -1,
      },
    };
  }

  function refAt(event: PointerEvent | React.MouseEvent): HeadRef | null {
    const box = event.currentTarget.getBoundingClientRect();
    const place = placeAt(
      layoutOf(store.getState()),
      event.clientX - box.left,
      event.clientY - box.top,
    );
    const head = place === null ? undefined : sceneNow().order[place];
    return head === undefined ? null : toRef(head, heads);
  }

  function toggleOff(ref: HeadRef): void {
    actions.togglePart({ part: 'head', ...ref, by: store.getState().parts.by });
  }

  /** The keys stay where they are when a head is taken away under them. */
  function togglePinAt(ref: HeadRef): void {
    const pinned = store.getState().view.pins.some((pin) => isSameHead(pin, ref));
    actions.togglePin(ref);
    if (pinned) actions.previewHead(ref);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const state = store.getState();
    const { order } = sceneNow();
    const now = frontHead(headsOf(state));
    const place = Math.max(0, order.indexOf(now.layer * heads + now.head));
    const here = order[place];
    if (here === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { columns } = layoutOf(state);
    const rowStart = place - (place % columns);
    const moves: Readonly<Record<string, number>> = {
      ArrowLeft: place - 1,
      ArrowRight: place + 1,
      ArrowUp: place - columns,
      ArrowDown: place + columns,
      Home: rowStart,
      End: Math.min(order.length, rowStart + columns) - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      const head = order[to];
      if (head !== undefined) actions.previewHead(toRef(head, heads));
    } else if (event.key === 'Enter' || event.key === ' ') togglePinAt(toRef(here, heads));
    else if (event.key === 'x') toggleOff(toRef(here, heads));
    else if (event.key === 'Escape' && state.attention.preview !== null) actions.previewHead(null);
    else return;
    event.preventDefault();
  }

  return (
    <div className={css.atlas} ref={frame}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application */}
      <div
        className={css.plot}
        // The grid is one stop for the keyboard; the arrow keys walk its tiles.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="application"
        aria-roledescription="grid of heads"
        aria-label={`All ${layers} × ${heads} heads, layers down, heads across. Arrow keys move, Enter pins a head or takes it away, x switches it off or on.`}
        aria-describedby="atlas-finding"
        data-testid="atlas"
        onKeyDown={onKeyDown}
        onBlur={() => actions.previewHead(null)}
      >
        <Plot
          theme={theme}
          watch={watchAtlas}
          draw={draw}
          style={{ cursor: 'pointer' }}
          onPointerMove={(event) => {
            if (event.pointerType !== 'touch') actions.previewHead(refAt(event));
          }}
          onPointerLeave={() => actions.previewHead(null)}
          onClick={(event) => {
            const ref = refAt(event);
            if (ref === null) return;
            if (event.shiftKey) toggleOff(ref);
            else actions.togglePin(ref);
          }}
        />
      </div>
      <HeadOut />
    </div>
  );
}

function toRef(flat: number, heads: number): HeadRef {
  return { layer: Math.floor(flat / heads), head: flat % heads };
}

/** Speaks of the tile that was moved to; never by itself while tokens stream. */
function HeadOut(): ReactNode {
  const { store, text } = useApp();
  const { preview, names, pins, off } = useFacts((s) => ({
    preview: s.attention.preview,
    names: s.attention.names,
    pins: s.view.pins,
    off: s.view.off,
  }));
  let words = '';
  if (preview !== null) {
    const { rows } = store.getState().attention;
    const { layer, head } = preview;
    if (rows === null) words = headSentence(names, layer, head);
    else {
      const flat = layer * rows.nHead + head;
      words = headHere(names, preview, headRowOf(rows, flat), text.pieces);
      const look = topKey(rows, flat);
      const { quoted } = namesOf(text.pieces);
      words += ` ${quoted(rows.query)} looks most at ${quoted(look.key)}, ${formatPercent(look.weight)}.`;
    }
    if (pins.some((pin) => pin.layer === layer && pin.head === head)) words += ' Pinned.';
    if (off.some((p) => p.part === 'head' && p.layer === layer && p.head === head)) {
      words += ' Switched off.';
    }
  }
  return (
    <output className={controls.visuallyHidden} data-testid="atlas-head">
      {words}
    </output>
  );
}

function Finding(): ReactNode {
  const { store, text } = useApp();
  const facts = useFacts((s) => ({
    rows: s.attention.rows,
    sweep: s.parts.sweep,
    mode: s.view.mode,
    // While tokens stream the newest is always seen; the engine says so a moment later.
    unseen:
      s.text.length > 0 && !s.busy.has('run') && queryOf(s, s.text.length) < s.text.firstVisible,
  }));
  const state = store.getState();
  const { quoted } = namesOf(text.pieces);
  return (
    <p className={css.finding} id="atlas-finding" data-testid="atlas-finding">
      {facts.unseen
        ? 'The model no longer sees the selected token: choose one that is not dimmed.'
        : atlasFinding(toScene(state, text.pieces), facts.rows, quoted)}
    </p>
  );
}

function Tools(): ReactNode {
  const { store, text } = useApp();
  // What the table says.
  useFacts((s) => ({
    rows: s.attention.rows,
    sweep: s.parts.sweep,
    names: s.attention.names,
    atlas: s.attention.atlas,
    mode: s.view.mode,
    sort: s.view.sort,
    filter: s.view.filter,
    keyToken: s.view.keyToken,
  }));
  return <FigureTools figure={() => atlasFigure(store.getState(), text.pieces)} />;
}
