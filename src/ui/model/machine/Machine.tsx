// The whole machine in one picture, for the token that is looked at: from its word to the next one. Each box opens the
// view that has more of it.
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { modelOf } from '../../../state/facts/model.ts';
import { useApp, useFacts } from '../../context.ts';
import controls from '../../controls.module.css';
import { createElementPainter } from '../../figure/elementPainter.tsx';
import type { Figure } from '../../figure/figure.ts';
import { FigureTools } from '../../figure/FigureTools.tsx';
import { useTheme } from '../../figure/useTheme.ts';
import { useWidth } from '../../figure/useWidth.ts';
import { quoteToken } from '../../format.ts';
import { inHand } from '../../inHand.ts';
import { drawMachine } from './drawing.ts';
import type { MachineFacts } from './facts.ts';
import { layoutMachine, type Box, type MachineLayout } from './layout.ts';
import css from './Machine.module.css';
import { useMachine } from './useMachine.ts';
import { stepFrom } from './steps.ts';
import { placeOf, stopsOf, type Stop } from './travel.ts';
import { useTravel } from './useTravel.ts';
import {
  machineFinding,
  machineTable,
  stationName,
  stationsOf,
  stationWords,
  type Station,
} from './words.ts';

export function Machine(): ReactNode {
  const { nLayer, empty } = useFacts((s) => ({
    nLayer: modelOf(s)?.nLayer ?? 0,
    empty: s.text.length === 0,
  }));
  const { facts, trouble } = useMachine();
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host);
  const isThere = facts !== null && facts.layers.length === nLayer && !empty;
  return (
    <section className={css.machine} aria-labelledby="machine-title" data-testid="machine">
      <h3 className={css.title} id="machine-title">
        The machine in one picture
      </h3>
      <div ref={host}>
        {width > 0 && isThere ? (
          <Picture key={nLayer} facts={facts} width={width} />
        ) : (
          // As high as the picture will be: nothing moves when it comes.
          <p className={css.empty} style={{ minHeight: layoutMachine(width, nLayer).height + 44 }}>
            {empty ? 'There is no token to follow yet.' : trouble || 'The token is being followed.'}
          </p>
        )}
      </div>
      {isThere && (
        <>
          <p className={css.finding} data-testid="machine-finding">
            {trouble || machineFinding(facts)}
          </p>
          <p className={css.note}>
            A layer’s box is filled by what it adds: half full is as much as flows into the layer
            (1×). The band is as wide as the stream, and beside each layer stands what the model
            would say if it ended there. Each box opens its view.
          </p>
          <FigureTools figure={() => machineFigure(facts)} />
        </>
      )}
    </section>
  );
}

interface PictureProps {
  readonly facts: MachineFacts;
  readonly width: number;
}

function Picture({ facts, width }: PictureProps): ReactNode {
  const { nLayer } = facts.model;
  const host = useRef<HTMLDivElement>(null);
  const dot = useRef<SVGGElement>(null);
  const theme = useTheme(host);
  const layout = useMemo(() => layoutMachine(width, nLayer), [width, nLayer]);
  const stops = useMemo(() => stopsOf(nLayer), [nLayer]);
  const [pointed, setPointed] = useState<Station | null>(null);
  const travel = useTravel(stops, layout, dot);
  const drawn = useMemo(() => {
    if (theme === null) return null;
    const painter = createElementPainter(theme);
    drawMachine(painter, theme, layout, facts);
    return painter.elements;
  }, [theme, layout, facts]);
  const stop = travel.at === null ? null : (stops[travel.at] ?? null);
  const isStill = travel.at !== null && !travel.moves;
  useEffect(() => {
    if (travel.at === null || layout.isWide) return;
    // It is higher than the window, which goes along.
    const here = host.current?.querySelector('[data-travel="here"]');
    here?.scrollIntoView({ block: 'nearest' });
  }, [travel.at, layout]);
  return (
    <>
      <div className={css.head} data-travels={stop !== null || undefined}>
        <Go facts={facts} stop={stop} travel={travel} last={stops.length - 1} />
        <p className={css.words} data-testid="machine-words" aria-live={isStill ? 'polite' : 'off'}>
          {stop !== null
            ? stopWords(facts, stop)
            : pointed !== null
              ? stationWords(facts, pointed)
              : inHand(
                  'Point at a box, or go from box to box with the arrow keys.',
                  'Tap a box: it opens its view.',
                )}
        </p>
      </div>
      <div className={css.picture} ref={host} style={{ height: layout.height }}>
        <svg className={css.drawing} width={width} height={layout.height} aria-hidden="true">
          {drawn}
        </svg>
        <Boxes {...{ facts, layout, stop, stops, at: travel.at, setPointed }} />
        <svg className={css.travel} width={width} height={layout.height} aria-hidden="true">
          {stop !== null && (
            <g
              ref={dot}
              className={css.dot}
              transform={toTransform(placeOf(stop, layout), isStill)}
            >
              <circle r="13" className={css.halo} />
              <circle r="6" />
            </g>
          )}
        </svg>
      </div>
    </>
  );
}

/** In steps the place is the step's; in motion every frame has its own. */
function toTransform([x, y]: readonly [number, number], isStill: boolean): string | undefined {
  return isStill ? `translate(${x} ${y})` : undefined;
}

interface GoProps {
  readonly facts: MachineFacts;
  readonly stop: Stop | null;
  readonly travel: ReturnType<typeof useTravel>;
  readonly last: number;
}

function Go({ facts, stop, travel, last }: GoProps): ReactNode {
  const word = quoteToken(facts.token);
  const words = travel.moves
    ? 'Stop'
    : stop === null
      ? `Let ${word} travel through`
      : travel.at === last
        ? 'Done'
        : 'Next step';
  return (
    <span className={css.buttons}>
      <button
        className={controls.button}
        type="button"
        onClick={() => (travel.moves ? travel.end() : travel.go())}
      >
        {words}
      </button>
      {stop !== null && !travel.moves && travel.at !== last && (
        <button className={controls.link} type="button" onClick={travel.end}>
          stop
        </button>
      )}
    </span>
  );
}

/** What is said while the token is there. */
function stopWords(facts: MachineFacts, stop: Stop): string {
  if (stop.part !== 'layer') return stationWords(facts, stop);
  const guess = stationWords(facts, { part: 'guess', layer: stop.layer });
  const of = stop.layer < 0 ? '' : `Layer ${stop.layer}, of 0 to ${facts.model.nLayer - 1}. `;
  return `${of}${guess}`;
}

interface BoxesProps {
  readonly facts: MachineFacts;
  readonly layout: MachineLayout;
  readonly stop: Stop | null;
  readonly stops: readonly Stop[];
  readonly at: number | null;
  readonly setPointed: (station: Station | null) => void;
}

/** A button over each box: one stop for Tab, and the arrow keys go from one to the next. */
function Boxes({ facts, layout, stop, stops, at, setPointed }: BoxesProps): ReactNode {
  const open = useOpen(facts);
  const stations = useMemo(() => stationsOf(facts.model.nLayer), [facts.model.nLayer]);
  const [focus, setFocus] = useState(0);
  const list = useRef<HTMLDivElement>(null);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const to = stepFrom(stations, focus, event.key, layout.isWide);
    if (to === null) return;
    event.preventDefault();
    setFocus(to);
    list.current?.querySelectorAll<HTMLElement>('button')[to]?.focus();
  }

  return (
    // oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- its buttons have the focus
    <div
      ref={list}
      className={css.boxes}
      role="toolbar"
      aria-label="The parts of the machine in their order. Arrow keys go from one to the next, Enter opens its view."
      onKeyDown={onKeyDown}
    >
      {stations.map((station, i) => {
        const { x, y, width, height } = boxOf(station, layout);
        const name = stationName(station);
        return (
          <button
            key={name}
            className={css.box}
            type="button"
            tabIndex={i === focus ? 0 : -1}
            style={{ left: x, top: y, width, height }}
            aria-label={`${name}. ${stationWords(facts, station)} Opens ${VIEW_NAMES[station.part]}.`}
            title={`${name}: opens ${VIEW_NAMES[station.part]}`}
            data-part={station.part}
            data-layer={'layer' in station ? station.layer : undefined}
            data-travel={travelState(station, stop, stops, at)}
            onFocus={() => {
              setFocus(i);
              setPointed(station);
            }}
            onBlur={() => setPointed(null)}
            onPointerEnter={() => setPointed(station)}
            onPointerLeave={() => setPointed(null)}
            onClick={() => open(station)}
          />
        );
      })}
    </div>
  );
}

function travelState(
  station: Station,
  stop: Stop | null,
  stops: readonly Stop[],
  at: number | null,
): 'here' | 'ahead' | undefined {
  if (stop === null || at === null) return undefined;
  const own = stops.findIndex((one) =>
    'layer' in station
      ? one.part === 'layer' && one.layer === station.layer
      : one.part === station.part,
  );
  return own === at ? 'here' : own > at ? 'ahead' : undefined;
}

function boxOf(station: Station, layout: MachineLayout): Box {
  const nowhere = { x: 0, y: 0, width: 0, height: 0 };
  if (station.part === 'guess') return layout.guesses[station.layer + 1] ?? nowhere;
  if ('layer' in station) return layout.layers[station.layer]?.[station.part] ?? nowhere;
  return layout[station.part];
}

const VIEW_NAMES: Readonly<Record<Station['part'], string>> = {
  words: 'the text as it is read',
  pieces: 'the text in pieces',
  numbers: 'the text with its numbers',
  attention: 'Attention',
  mlp: 'Switch off',
  guess: 'Lens',
  odds: 'Lens, with the likeliest pieces',
  dice: 'Sampler',
};

const READING = { words: 'plain', pieces: 'pieces', numbers: 'ids' } as const;
const TABS = {
  attention: 'attention',
  mlp: 'parts',
  guess: 'lens',
  odds: 'lens',
  dice: 'sampling',
};

/** Opens the view of a box, about the same token, and goes there with the keyboard. */
function useOpen({ position, next, model: { nLayer } }: MachineFacts): (station: Station) => void {
  const { actions } = useApp();
  return (station) => {
    const { part } = station;
    if (part === 'words' || part === 'pieces' || part === 'numbers') {
      actions.setReading(READING[part]);
      const region = document.querySelector('[data-region="text"]');
      region?.scrollIntoView({ block: 'nearest' });
      region?.querySelector<HTMLElement>('input:checked')?.focus({ preventScroll: true });
      return;
    }
    // The sampler is about the token that is drawn, which stands behind this one.
    if (part === 'dice') actions.select(next === null ? null : position + 1);
    actions.openPanel(TABS[part]);
    if (part === 'odds') actions.openLens({ position, depth: nLayer });
    if (part === 'guess') actions.openLens({ position, depth: station.layer + 1 });
    const tab = document.querySelector<HTMLElement>(`#tab-${TABS[part]}`);
    tab?.scrollIntoView({ block: 'nearest' });
    tab?.focus({ preventScroll: true });
  };
}

function machineFigure(facts: MachineFacts): Figure {
  const { layers, position, stream } = facts;
  return {
    name: `machine-${position + 1}`,
    title: `The way of ${quoteToken(facts.token)} through the model`,
    finding: machineFinding(facts),
    table: () => machineTable(facts),
    data: () => ({
      axes: [
        { name: 'layer', labels: layers.map((_, l) => l) },
        { name: 'of', labels: ['stream before it', 'attention', 'MLP'] },
      ],
      quantity: 'Euclidean norm',
      values: layers.flatMap(({ attention, mlp }, l) => [
        stream[l] ?? Number.NaN,
        attention.norm,
        mlp.norm,
      ]),
    }),
    size: (width) => layoutMachine(width, layers.length),
    paint: (painter, theme, width) =>
      drawMachine(painter, theme, layoutMachine(width, layers.length), facts),
  };
}
