// The line above a map that stands beside others: whose it is, and the way to take it away.
import type { ReactNode } from 'react';
import type { TokenPiece } from '../../api.ts';
import { isSameHead, type HeadRef } from '../../state/facts/attention.ts';
import { labelHead, nameWords } from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import css from './attention.module.css';
import { formatPercent } from '../format.ts';
import { frameColour } from './atlasDrawing.ts';
import { headHere, labelHere } from './rowReading.ts';
import { byWeight, type HeadRow } from './weights.ts';
import { namesOf } from './words.ts';
import slots from './slots.module.css';

export function SlotHead({
  head: ref,
  named,
  row,
  pieces,
  isFront,
}: {
  readonly head: HeadRef;
  /** The head whose map is shown: the one before, until the map of this one is there. */
  readonly named: HeadRef;
  /** Where that head looks from the token that the words are about; null where it is not known. */
  readonly row: HeadRow | null;
  readonly pieces: readonly TokenPiece[];
  readonly isFront: boolean;
}): ReactNode {
  const { actions } = useApp();
  const { names, pins } = useFacts((s) => ({ names: s.attention.names, pins: s.view.pins }));
  const label = labelHere(labelHead(names, named.layer, named.head), row, pieces);
  const [most] = row === null ? [] : byWeight(row);
  const stands = label.name !== 'mixed';
  const look =
    most === undefined
      ? ''
      : `${namesOf(pieces).quoted(most.index)}\u00A0${formatPercent(most.weight)}`;
  const name = `${ref.layer}.${ref.head}`;
  const pinned = pins.some((pin) => isSameHead(pin, ref));
  return (
    <div className={slots.slotHead} data-front={isFront}>
      <button
        className={slots.slotName}
        type="button"
        aria-pressed={isFront}
        title={`Put head ${name} into focus${row === null ? '' : `. ${headHere(names, named, row, pieces)}`}`}
        onClick={() => actions.focusHead(ref)}
      >
        {stands && (
          <i
            className={css.letter}
            aria-hidden="true"
            style={{ borderColor: frameColour(label.name) ?? 'var(--edge-strong)' }}
          >
            {label.letter}
          </i>
        )}
        <b>
          {named.layer}.{named.head}
        </b>{' '}
        <span className={slots.slotLabel}>
          {look}
          {stands && <span className={slots.slotKind}>, {nameWords(label)}</span>}
        </span>
      </button>
      {pinned && (
        <button
          className={slots.unpin}
          type="button"
          aria-label={`Unpin head ${name}`}
          onClick={() => actions.togglePin(ref)}
        >
          ×
        </button>
      )}
    </div>
  );
}
