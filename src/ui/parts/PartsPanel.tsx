// Switches for heads, attentions and MLPs: what the next token is without them.
import { useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { useWidth } from '../figure/useWidth.ts';
import { formatPercent, quoteToken } from '../format.ts';
import { inHand } from '../inHand.ts';
import { comparisonSize, drawComparison, drawGrid } from './drawings.ts';
import { layoutGrid, type GridLayout } from './layout.ts';
import { comparisonFigure } from './figures.ts';
import { Word } from '../words/Word.tsx';
import css from './PartsPanel.module.css';
import { Masters } from './Masters.tsx';
import { sizeLimits } from './size.ts';
import { SweepBox } from './SweepBox.tsx';
import { WrittenBoth } from './WrittenBoth.tsx';
import { watchedWords } from './sweepWords.ts';
import { comparisonFinding, formatDelta, offList, runningFinding, type Shape } from './words.ts';
import { modelOf } from '../../state/facts/model.ts';
import {
  effectOf,
  headsOfLayer,
  isOfProbability,
  isSamePart,
  partsOfLayer,
  type Part,
  type Sweep,
} from '../../state/facts/parts.ts';

/** Column of the buttons that switch all heads of a layer. */
const ALL_HEADS = -1;

export function PartsPanel(): ReactNode {
  const { model } = useFacts((s) => ({ model: modelOf(s) }));
  if (model === null) {
    return (
      <p className={controls.empty}>The switches appear here as soon as the model is ready.</p>
    );
  }
  return (
    <div className={css.panel} data-testid="parts">
      <div className={css.left}>
        <Masters nLayer={model.nLayer} />
        <Switches nLayer={model.nLayer} nHead={model.nHead} />
      </div>
      <div className={css.right}>
        <Finding />
        <Running />
        <WrittenBoth />
        <SweepBox />
        <BeforeAndAfter />
      </div>
    </div>
  );
}

function Switches({
  nLayer,
  nHead,
}: {
  readonly nLayer: number;
  readonly nHead: number;
}): ReactNode {
  const { store, actions } = useApp();
  const { off, by } = useFacts((s) => ({ off: s.view.off, by: s.parts.by }));
  const host = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const room = useWidth(host);
  const [spot, setSpot] = useState({ row: 0, column: 0 });
  const [about, setAbout] = useState<Part | null>(null);
  const layout = layoutGrid(room, nLayer, nHead);
  const columns = nHead + 2;

  const isOff = (p: Part): boolean => off.some((o) => isSamePart(o, p));

  function toggle(part: Part): void {
    actions.togglePart(off.find((one) => isSamePart(one, part)) ?? { ...part, by });
  }

  function onKeyDown(event: KeyboardEvent): void {
    let { row, column } = spot;
    if (event.key === 'ArrowLeft') column -= 1;
    else if (event.key === 'ArrowRight') column += 1;
    else if (event.key === 'ArrowUp') row -= 1;
    else if (event.key === 'ArrowDown') row += 1;
    else if (event.key === 'Home') column = ALL_HEADS;
    else if (event.key === 'End') column = columns - 1;
    else return;
    event.preventDefault();
    row = Math.max(0, Math.min(nLayer - 1, row));
    column = Math.max(ALL_HEADS, Math.min(columns - 1, column));
    setSpot({ row, column });
    table.current?.querySelector<HTMLElement>(`[data-spot="${row}.${column}"]`)?.focus();
  }

  return (
    <div className={css.switches} ref={host}>
      {room > 0 && (
        <div className={css.frame} style={{ width: layout.width, height: layout.height }}>
          <div className={css.ground} aria-hidden="true">
            <Chart
              data-testid="parts-map"
              watch={(s) => [s.view.off, s.parts.sweep]}
              size={() => layout}
              paint={(painter, theme) => {
                const { off: now } = store.getState().view;
                const { sweep } = store.getState().parts;
                drawGrid(painter, theme, layout, { nLayer, nHead, off: now, sweep }, false);
              }}
            />
          </div>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- its buttons are walked with arrow keys */}
          <table
            className={css.table}
            ref={table}
            aria-label="Switches: layers down, heads across. Arrow keys move, Enter switches."
            onKeyDown={onKeyDown}
            onPointerLeave={() => setAbout(null)}
          >
            <Columns layout={layout} nHead={nHead} />
            <tbody>
              {Array.from({ length: nLayer }, (_, layer) => (
                <tr key={layer} style={{ height: layout.row }}>
                  <th scope="row">
                    <button
                      type="button"
                      data-spot={`${layer}.${ALL_HEADS}`}
                      tabIndex={spot.row === layer && spot.column === ALL_HEADS ? 0 : -1}
                      title={`All heads of layer ${layer}`}
                      aria-label={`Layer ${layer}: all heads`}
                      onClick={() => actions.toggleTogether(headsOfLayer(layer, nHead))}
                      onFocus={() => {
                        setSpot({ row: layer, column: ALL_HEADS });
                        setAbout(null);
                      }}
                    >
                      {layer}
                    </button>
                  </th>
                  {toParts(layer, nHead).map((part, column) => (
                    <td key={partName(part)} data-gap={part.part === 'attention' || undefined}>
                      <button
                        type="button"
                        className={css.switch}
                        data-spot={`${layer}.${column}`}
                        aria-pressed={isOff(part)}
                        aria-label={`${partName(part)} off`}
                        tabIndex={spot.row === layer && spot.column === column ? 0 : -1}
                        onClick={() => {
                          setSpot({ row: layer, column });
                          toggle(part);
                        }}
                        onFocus={() => {
                          setSpot({ row: layer, column });
                          setAbout(part);
                        }}
                        onPointerEnter={() => setAbout(part)}
                      />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <About part={about} />
    </div>
  );
}

function Columns({
  layout,
  nHead,
}: {
  readonly layout: GridLayout;
  readonly nHead: number;
}): ReactNode {
  const heads = Array.from({ length: nHead }, (_, head) => head);
  return (
    <>
      <colgroup>
        <col style={{ width: layout.label }} />
        {heads.map((head) => (
          <col key={head} style={{ width: layout.cell }} />
        ))}
        <col style={{ width: layout.gap + layout.whole }} />
        <col style={{ width: layout.whole }} />
      </colgroup>
      <thead>
        <tr style={{ height: layout.head }}>
          <th scope="col">
            <span className={controls.visuallyHidden}>Layer</span>
          </th>
          {heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
          <th scope="col" style={{ paddingLeft: layout.gap }}>
            <abbr title="The whole attention of a layer">attn</abbr>
          </th>
          <th scope="col">
            <Word id="mlp">MLP</Word>
          </th>
        </tr>
      </thead>
    </>
  );
}

function toParts(layer: number, nHead: number): Part[] {
  return [...headsOfLayer(layer, nHead), ...partsOfLayer(layer)];
}

function partName({ part, layer, head }: Part): string {
  if (part === 'head') return `Head ${layer}.${head ?? 0}`;
  return `${part === 'mlp' ? 'MLP' : 'Attention'} ${layer}`;
}

/** The part under the pointer or the keyboard, in words. */
function About({ part }: { readonly part: Part | null }): ReactNode {
  const { off, by, model, sweep } = useFacts((s) => ({
    off: s.view.off,
    by: s.parts.by,
    model: modelOf(s),
    sweep: part === null ? null : s.parts.sweep,
  }));
  if (part === null) {
    return (
      <p className={css.about}>
        {inHand(
          'Click a head, a whole attention or an MLP; a row’s number switches all its heads.',
        )}{' '}
        <Word id="ablation">{by === 'zero' ? 'Zero' : 'Mean'}</Word>
        {by === 'zero'
          ? ': the part adds nothing, as if it were not there.'
          : ': its average over a fixed text stands in, so only what it knows of this text goes.'}
      </p>
    );
  }
  const there = off.find((one) => isSamePart(one, part));
  const muted =
    part.part === 'head' && off.some((o) => o.part === 'attention' && o.layer === part.layer);
  const state =
    there !== undefined ? `off (${there.by})` : muted ? 'off with its whole attention' : 'on';
  const delta = sweep === null ? Number.NaN : effectOf(sweep, part);
  return (
    <p className={css.about}>
      <b>{partName(part)}</b> is {state}.{' '}
      {sweep !== null && !Number.isNaN(delta) ? partEffect(sweep, delta, model) : ''}
    </p>
  );
}

function partEffect(sweep: Sweep, delta: number, shape: Shape | null): string {
  const watched = watchedWords(sweep);
  const change = formatDelta(delta);
  if (sweep.rest !== null) return `By itself it adds ${change} to ${watched}.`;
  const how =
    sweep.off.length === 0
      ? `Alone off (${sweep.by})`
      : `Off (${sweep.by}) besides ${offList(sweep.off, shape)}`;
  if (!isOfProbability(sweep)) return `${how}, it changes ${watched} by ${change}.`;
  return `${how}, it takes ${quoteToken(sweep.target)} from ${formatPercent(Math.exp(sweep.base))} to ${formatPercent(Math.exp(sweep.base + delta))}: ${change} in ln p.`;
}

/** A run keeps the parts that it began with. */
function Running(): ReactNode {
  const { text } = useApp();
  const { words } = useFacts((s) => ({ words: runningFinding(s.run.last, text.runs, s.view.off) }));
  // There from the beginning, so that it is heard when it comes.
  return (
    <p className={css.note} aria-live="polite" data-testid="parts-running">
      {words}
    </p>
  );
}

/** What the switches do to the next token, in a sentence. */
function Finding(): ReactNode {
  const { off, model, comparison, generating } = useFacts((s) => ({
    off: s.view.off,
    model: modelOf(s),
    comparison: s.parts.comparison,
    generating: s.busy.has('run'),
  }));
  return (
    <p className={css.finding} data-testid="parts-finding">
      {words()}
    </p>
  );

  function words(): string {
    if (off.length === 0) {
      return 'Every part is on. Switch one off and see what the next token becomes without it.';
    }
    if (comparison !== null) return comparisonFinding(comparison, off, model);
    return generating
      ? 'The comparison comes when the text is written.'
      : `Reading the text with ${offList(off, model)} off…`;
  }
}

function BeforeAndAfter(): ReactNode {
  const { store, text } = useApp();
  const { off, comparison, at } = useFacts((s) => ({
    off: s.view.off,
    comparison: s.parts.comparison,
    at: s.parts.comparisonAt,
    epoch: s.text.epoch,
  }));
  if (off.length === 0 || comparison === null) return null;
  const actual = text.pieces[at];
  return (
    <figure className={css.figure} aria-label="With every part on, and with parts off">
      <figcaption className={css.note}>
        {actual === undefined
          ? 'The model’s own probabilities for the next token, before any sampling.'
          : `The model’s own probabilities at ${quoteToken(actual)}, before any sampling.`}{' '}
        In bits of <Word id="kl">KL divergence</Word> a change is {sizeLimits()}.{' '}
        <Word id="entropy">Entropy</Word> {comparison.entropyBefore.toFixed(2)} →{' '}
        {comparison.entropyAfter.toFixed(2)} bits.
      </figcaption>
      <Chart
        data-testid="parts-bars"
        watch={(s) => [s.parts.comparison]}
        size={(width) => comparisonSize(store.getState().parts.comparison ?? comparison, width)}
        paint={(painter, theme, width) => {
          const now = store.getState().parts.comparison;
          if (now !== null) drawComparison(painter, theme, width, now);
        }}
      />
      <FigureTools figure={() => comparisonFigure(store.getState())} />
    </figure>
  );
}
