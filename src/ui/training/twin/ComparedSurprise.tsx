// How surprising each token of the text is for both, in bits.
import type { ReactNode } from 'react';
import type { RunPair } from '../../../state/training/facts.ts';
import controls from '../../controls.module.css';
import { FigureTools } from '../../figure/FigureTools.tsx';
import { tokenAxisLabel } from '../../format.ts';
import { useTrainingFacts } from '../context.ts';
import css from './comparison.module.css';
import { apart, surpriseRows, type SurpriseRow } from './differences.ts';
import { pairProvenance, surpriseFigure } from './figure.ts';
import { formatSurprise, MARKED_BITS, surpriseFinding, type PairNames } from './words.ts';

/** A bar is full at so many bits. */
const FULL_BITS = 12;

export function ComparedSurprise({
  pair,
  names,
}: {
  readonly pair: RunPair;
  readonly names: PairNames;
}): ReactNode {
  const { reading } = useTrainingFacts((s) => ({ reading: s.comparison.reading }));
  if (reading === null) return null;
  const rows = surpriseRows(reading.first, reading.twin);
  return (
    <section className={css.part} aria-labelledby="twins-surprise-title">
      <h3 className={controls.title} id="twins-surprise-title">
        How surprising each token of that text is
      </h3>
      <p className={css.finding} data-testid="twins-surprise">
        {surpriseFinding(rows, names)}
      </p>
      <ol
        className={css.tokens}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
        tabIndex={0}
        aria-label="Bits of surprise, token by token"
      >
        {rows.map((row, i) => (
          // A token has no other name than its place.
          // oxlint-disable-next-line react/no-array-index-key
          <Token key={i} row={row} names={names} />
        ))}
      </ol>
      <p className={controls.quiet}>
        In bits, first <b className={css.first}>{names.first}</b>, then{' '}
        <b className={css.twin}>{names.twin}</b>; framed where they are a bit or more apart.
      </p>
      <FigureTools
        figure={() => surpriseFigure(reading.prompt, rows, names)}
        provenance={() => pairProvenance(pair, reading.prompt)}
      />
    </section>
  );
}

function Token({
  row,
  names,
}: {
  readonly row: SurpriseRow;
  readonly names: PairNames;
}): ReactNode {
  const isRead = !Number.isNaN(row.first) && !Number.isNaN(row.twin);
  return (
    <li className={css.token} data-differs={isRead && apart(row) >= MARKED_BITS}>
      <span className={css.piece}>{tokenAxisLabel(row.piece)}</span>
      {isRead ? (
        <>
          <Bits of="first" bits={row.first} name={names.first} />
          <Bits of="twin" bits={row.twin} name={names.twin} />
        </>
      ) : (
        <span className={css.none} title="Nothing stands before it">
          –
        </span>
      )}
    </li>
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
