// What the weights of both expect after a text.
import type { ReactNode } from 'react';
import { ownEdits } from '../../../state/training/edits.ts';
import type { PairReading, RunPair } from '../../../state/training/facts.ts';
import controls from '../../controls.module.css';
import type { Figure } from '../../figure/figure.ts';
import { FigureTools } from '../../figure/FigureTools.tsx';
import { tokenAxisLabel } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import css from './comparison.module.css';
import { nextFigure, pairProvenance } from './figure.ts';
import { candidateRows, type CandidateRow } from './differences.ts';
import { pointsApart, share, type PairNames } from './words.ts';

const CANDIDATES = 10;

interface PartProps {
  readonly pair: RunPair;
  readonly names: PairNames;
}

export function ComparedReading({ pair, names }: PartProps): ReactNode {
  const { reading, isReading, step } = useTrainingFacts((s) => ({
    reading: s.comparison.reading,
    isReading: s.comparison.isReading,
    step: s.comparison.step,
  }));
  if (step === null) return null;
  return (
    <section
      className={css.part}
      aria-labelledby="twins-next"
      aria-busy={isReading}
      data-testid="twins-reading"
    >
      <h3 className={controls.title} id="twins-next">
        What they expect after a text
      </h3>
      <Prompt pair={pair} />
      {reading !== null && <Next pair={pair} reading={reading} names={names} />}
    </section>
  );
}

function Prompt({ pair }: Pick<PartProps, 'pair'>): ReactNode {
  const { actions } = useTraining();
  const { prompt, refused, reading, isReading } = useTrainingFacts((s) => ({
    prompt: s.comparison.prompt,
    refused: s.comparison.refused,
    reading: s.comparison.reading,
    isReading: s.comparison.isReading,
  }));
  const passage = ownEdits(pair.first.settings, pair.twin.settings)[0]?.passage ?? '';
  const offers = [
    { words: 'the run’s prompt', text: pair.first.settings.prompt },
    { words: 'the passage', text: passage },
  ].filter(({ text }) => text !== '' && text !== prompt);
  const why =
    refused !== null
      ? `${refused.message} ${refused.hint ?? ''}`
      : prompt === ''
        ? 'Type a text that both read.'
        : reading === null && isReading
          ? 'Reading…'
          : null;
  return (
    <div className={css.prompt}>
      <label className={css.promptField}>
        <span>Text</span>
        <input
          className={css.input}
          value={prompt}
          spellCheck={false}
          aria-describedby="twins-prompt-why"
          aria-invalid={refused !== null}
          onChange={(event) => actions.setComparedPrompt(event.target.value)}
        />
      </label>
      {offers.map(({ words, text }) => (
        <button
          key={words}
          className={controls.button}
          type="button"
          onClick={() => actions.setComparedPrompt(text)}
        >
          Take {words}
        </button>
      ))}
      <p
        id="twins-prompt-why"
        className={refused === null ? controls.quiet : css.wrong}
        hidden={why === null}
      >
        {why}
      </p>
    </div>
  );
}

function Next({ pair, reading, names }: PartProps & { readonly reading: PairReading }): ReactNode {
  const { first, twin } = reading;
  const rows = candidateRows(first.top, twin.top, CANDIDATES);
  /** Of the longest bar; the same for both. */
  const full = Math.max(1e-9, ...rows.map((row) => Math.max(row.first ?? 0, row.twin ?? 0)));
  const figure = (): Figure => nextFigure(reading, CANDIDATES, names);
  return (
    <>
      <p className={css.finding} data-testid="twins-next">
        {figure().finding}
      </p>
      <div className={css.tableFrame}>
        <table className={css.candidates}>
          <caption className={controls.visuallyHidden}>
            The most probable next tokens of both after “{reading.prompt}”
          </caption>
          <thead>
            <tr>
              <th scope="col">Next</th>
              <th scope="col" data-of="first">
                <span className={css.measure}>probability</span> {names.first}
              </th>
              <th scope="col" data-of="twin">
                <span className={css.measure}>probability</span> {names.twin}
              </th>
              <th scope="col" className={css.points}>
                Points apart
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.piece.id}>
                <th scope="row">{tokenAxisLabel(row.piece)}</th>
                <Bar of="first" row={row} full={full} />
                <Bar of="twin" row={row} full={full} />
                <td className={css.points}>{pointsApart(row)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <FigureTools figure={figure} provenance={() => pairProvenance(pair, reading.prompt)} />
    </>
  );
}

function Bar({
  of,
  row,
  full,
}: {
  readonly of: 'first' | 'twin';
  readonly row: CandidateRow;
  readonly full: number;
}): ReactNode {
  const probability = row[of];
  return (
    <td className={css.barCell} data-of={of}>
      <span className={css.track} aria-hidden="true">
        <span className={css.fill} style={{ width: `${(100 * (probability ?? 0)) / full}%` }} />
      </span>
      <span className={css.value}>{probability === null ? '≈ 0' : share(probability)}</span>
    </td>
  );
}
