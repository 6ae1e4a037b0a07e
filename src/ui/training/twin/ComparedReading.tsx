// What the weights of both make of a text: what comes next, and how surprising each of its tokens was.
import type { ReactNode } from 'react';
import { ownEdits } from '../../../state/training/edits.ts';
import type { PairReading, RunPair } from '../../../state/training/facts.ts';
import controls from '../../controls.module.css';
import { tokenAxisLabel } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import css from './comparison.module.css';
import {
  apart,
  candidateRows,
  sameCandidates,
  surpriseRows,
  type CandidateRow,
} from './differences.ts';
import {
  candidatesFinding,
  formatSurprise,
  MARKED_BITS,
  pointsApart,
  share,
  surpriseFinding,
  type PairNames,
} from './words.ts';

const CANDIDATES = 10;
/** A bar of surprise is full at so many bits. */
const FULL_BITS = 10;

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
      {reading !== null && (
        <>
          <Next reading={reading} names={names} />
          <Surprise reading={reading} names={names} />
        </>
      )}
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

function Next({
  reading,
  names,
}: {
  readonly reading: PairReading;
  readonly names: PairNames;
}): ReactNode {
  const { first, twin } = reading;
  const rows = candidateRows(first.top, twin.top, CANDIDATES);
  const isSame = sameCandidates(first.top, twin.top);
  return (
    <>
      <p className={css.finding} data-testid="twins-next">
        {candidatesFinding(rows, isSame, first.top.length, names)}
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
                {names.first}
              </th>
              <th scope="col" data-of="twin">
                {names.twin}
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
                <Bar of="first" row={row} />
                <Bar of="twin" row={row} />
                <td className={css.points}>{pointsApart(row)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Bar({
  of,
  row,
}: {
  readonly of: 'first' | 'twin';
  readonly row: CandidateRow;
}): ReactNode {
  const probability = row[of];
  return (
    <td className={css.barCell} data-of={of}>
      <span className={css.track} aria-hidden="true">
        <span className={css.fill} style={{ width: `${100 * (probability ?? 0)}%` }} />
      </span>
      <span className={css.value}>{probability === null ? '≈ 0' : share(probability)}</span>
    </td>
  );
}

function Surprise({
  reading,
  names,
}: {
  readonly reading: PairReading;
  readonly names: PairNames;
}): ReactNode {
  const rows = surpriseRows(reading.first, reading.twin);
  return (
    <div className={css.surprise}>
      <h4 className={controls.title} id="twins-surprise-title">
        How surprising each token is, in bits
      </h4>
      <p className={css.finding} data-testid="twins-surprise">
        {surpriseFinding(rows, names)}
      </p>
      <ol
        className={css.tokens}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
        tabIndex={0}
        aria-labelledby="twins-surprise-title"
      >
        {rows.map((row, i) => {
          const isRead = !Number.isNaN(row.first) && !Number.isNaN(row.twin);
          return (
            // A token has no other name than its place.
            // oxlint-disable-next-line react/no-array-index-key
            <li key={i} className={css.token} data-differs={isRead && apart(row) >= MARKED_BITS}>
              <span className={css.piece}>{tokenAxisLabel(row.piece)}</span>
              {isRead ? (
                <>
                  <Bits of="first" bits={row.first} name={names.first} />
                  <Bits of="twin" bits={row.twin} name={names.twin} />
                </>
              ) : (
                <span className={css.none}>–</span>
              )}
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Bits({
  of,
  bits,
  name,
}: {
  readonly of: 'first' | 'twin';
  readonly bits: number;
  readonly name: string;
}): ReactNode {
  return (
    <span className={css.bits} data-of={of}>
      <span className={controls.visuallyHidden}>{name}: </span>
      <span className={css.track} aria-hidden="true">
        <span
          className={css.fill}
          style={{ width: `${Math.min(100, (100 * bits) / FULL_BITS)}%` }}
        />
      </span>
      {formatSurprise(bits)}
    </span>
  );
}
