// The step that is here beside another one, over the same text: what both expect next, and what the focused head looks
// at in each. The trainer's worker reads them, so that nothing on the page moves.
import { useEffect, useState, type ReactNode } from 'react';
import type { StepReading } from '../../api.ts';
import { toPlainText } from '../../state/tokenText.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatCount, formatPercent, tokenAxisLabel } from '../format.ts';
import css from './Beside.module.css';
import { besideFinding, besideRows, mapFigure, type BesideRow } from './beside.ts';
import { useTraining, useTrainingFacts } from './context.ts';

const CANDIDATES = 8;

export function Beside({
  id,
  steps,
  at,
}: {
  /** Of the run. */
  readonly id: string;
  readonly steps: readonly number[];
  /** The step that is here. */
  readonly at: number;
}): ReactNode {
  const { text } = useApp();
  const { actions } = useTraining();
  const { beside, refused } = useTrainingFacts((s) => ({
    beside: s.looked.beside,
    refused: s.looked.refused,
  }));
  const { layer, head, first, selected, rests } = useFacts((s) => ({
    layer: s.view.layer,
    head: s.view.head,
    first: s.text.firstVisible,
    selected: s.view.selected,
    rests: s.text.tokenised && !s.busy.has('run'),
    epoch: s.text.epoch,
    length: s.text.length,
  }));
  const [chosen, setChosen] = useState<number | null>(null);
  const others = steps.filter((step) => step !== at);
  const other =
    chosen !== null && others.includes(chosen)
      ? chosen
      : (others.at(at < Number(others.at(-1)) ? -1 : 0) ?? at);
  // What the model sees of it: the rest says nothing to either.
  const words = toPlainText(text.pieces.slice(first));
  const token = selected === null || selected < first ? undefined : selected - first;
  useEffect(() => {
    // A text that is being written is read once it rests.
    if (!rests || words === '') return;
    // The earlier one stands first, whichever is here.
    const both = [Math.min(at, other), Math.max(at, other)] as const;
    void actions.readBeside({
      id,
      steps: both,
      text: words,
      ...(token !== undefined && { at: token }),
      head: { layer, head },
    });
  }, [actions, id, at, other, words, token, rests, layer, head]);
  useEffect(() => () => actions.endBeside(), [actions]);

  return (
    <div className={css.beside} data-testid="beside">
      <label className={css.choice}>
        Step {formatCount(at)} beside
        <select
          className={controls.select}
          value={other}
          onChange={(event) => setChosen(Number(event.target.value))}
        >
          {others.map((step) => (
            <option key={step} value={step}>
              step {formatCount(step)}
            </option>
          ))}
        </select>
      </label>
      {refused !== null ? (
        <p className={css.finding} role="alert">
          {refused.message} {refused.hint}
        </p>
      ) : words === '' ? (
        <p className={controls.quiet}>Write something first: both read the same text.</p>
      ) : beside === null ? (
        <p className={controls.quiet}>Reading the text with both…</p>
      ) : (
        <Both readings={beside} />
      )}
    </div>
  );
}

function Both({ readings }: { readonly readings: readonly [StepReading, StepReading] }): ReactNode {
  const rows = besideRows(readings, CANDIDATES);
  return (
    <>
      <p className={css.finding} data-testid="beside-finding">
        {besideFinding(readings)}
      </p>
      <div className={css.parts}>
        <table className={css.table}>
          <caption className={controls.visuallyHidden}>
            What both expect next, as the model has it, before any sampling
          </caption>
          <thead>
            <tr>
              <th scope="col">Next</th>
              {readings.map(({ step }) => (
                <th key={step} scope="col">
                  step {formatCount(step)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Candidate key={row.piece.id} row={row} />
            ))}
          </tbody>
        </table>
        {readings.map((reading) => (
          <Map key={reading.step} reading={reading} />
        ))}
      </div>
    </>
  );
}

function Candidate({ row: { piece, probabilities } }: { readonly row: BesideRow }): ReactNode {
  return (
    <tr>
      <th scope="row">{tokenAxisLabel(piece)}</th>
      {probabilities.map((probability, i) => (
        // A column each, the earlier step first.
        // oxlint-disable-next-line react/no-array-index-key
        <td key={i}>
          <span className={css.track} aria-hidden="true">
            <span style={{ width: `${100 * (probability ?? 0)}%` }} />
          </span>
          {probability === null ? 'less' : formatPercent(probability)}
        </td>
      ))}
    </tr>
  );
}

function Map({ reading }: { readonly reading: StepReading }): ReactNode {
  const { scale } = useFacts((s) => ({ scale: s.view.scale }));
  const { attention } = reading;
  if (attention === null) return null;
  const figure = mapFigure(reading, attention, scale);
  return (
    <figure className={css.map}>
      <figcaption>
        <b>{figure.title}</b> {figure.finding}
      </figcaption>
      <Chart
        aria-hidden="true"
        data-testid="beside-map"
        watch={() => []}
        size={(width) => figure.size(width)}
        paint={(painter, theme, width) => figure.paint(painter, theme, width)}
      />
      <FigureTools figure={() => figure} />
    </figure>
  );
}
