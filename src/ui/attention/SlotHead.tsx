// The line above a map that stands beside others: whose it is, and the way to take it away.
import type { ReactNode } from 'react';
import { isSameHead, type HeadRef } from '../../state/facts/attention.ts';
import { labelHead, labelWithScore } from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import css from './attention.module.css';
import { frameColour } from './atlasDrawing.ts';

export function SlotHead({
  head: ref,
  named,
  isFront,
}: {
  readonly head: HeadRef;
  /** The head whose map is shown: the one before, until the map of this one is there. */
  readonly named: HeadRef;
  readonly isFront: boolean;
}): ReactNode {
  const { actions } = useApp();
  const { probe, preview } = useFacts((s) => ({
    probe: s.attention.probe,
    preview: s.attention.preview,
  }));
  const label = labelHead(probe, named.layer, named.head);
  const name = `${ref.layer}.${ref.head}`;
  const previewed = preview !== null && isSameHead(preview, ref);
  return (
    <div className={css.slotHead} data-front={isFront}>
      <button
        className={css.slotName}
        type="button"
        aria-pressed={isFront}
        title={`Put head ${name} into focus`}
        onClick={() => actions.focusHead(ref)}
      >
        <i
          className={css.letter}
          aria-hidden="true"
          style={{ borderColor: frameColour(label.name) ?? 'var(--edge-strong)' }}
        >
          {label.letter}
        </i>
        <b>
          {named.layer}.{named.head}
        </b>{' '}
        <span className={css.slotLabel}>{probe === null ? '' : labelWithScore(label)}</span>
      </button>
      {!previewed && (
        <button
          className={css.unpin}
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
