// Behind “More settings”: every field, each with what it does; before it, which of them are somebody's own.
import { useState, type ReactNode } from 'react';
import { presetOf } from '../../state/training/presets.ts';
import { ownFields, type OwnField } from '../../state/training/usual.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';

const groups = later(async () => (await import('./FieldGroups.tsx')).FieldGroups, 'Every setting');

export function Fields(): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <div className={css.fields}>
      <Own />
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          More settings{' '}
          <span className={controls.quiet}>shape, pace, prompt, and all the rest</span>
        </summary>
        {open && <groups.Part />}
      </details>
    </div>
  );
}

/** More than these are counted. */
const MOST_NAMED = 6;

/** Which fields are not as the choice brings them, and the way back. */
function Own(): ReactNode {
  const { actions } = useTraining();
  const { draft, read } = useTrainingFacts((s) => ({ draft: s.draft, read: s.text.read }));
  const own = ownFields(draft, read);
  if (own.length === 0) return null;
  const rest = own.length - MOST_NAMED;
  const { tokenizer, base } = draft.settings;
  const pieces = read.at === 'here' ? read.value.vocabSize : Infinity;
  const isTooLarge = tokenizer.kind === 'bpe' && pieces < tokenizer.vocab_size;
  const chosen = base === undefined ? presetOf(draft.chosen).title : base.name;
  return (
    <div className={css.ownFields} data-testid="own-fields">
      <p>
        Not as {chosen} brings it:{' '}
        {own.slice(0, MOST_NAMED).map((field, i) => (
          <Set key={field.name} field={field} isFirst={i === 0} />
        ))}
        {rest > 0 && ` and ${rest} more`}.
        {isTooLarge &&
          ` This text makes no more than ${formatCount(pieces)} pieces, so vocab_size does not fit it.`}
      </p>
      <button className={controls.button} type="button" onClick={() => actions.takeUsual()}>
        Back to what {chosen} brings
      </button>
    </div>
  );
}

function Set({
  field: { name, value, usual },
  isFirst,
}: {
  readonly field: OwnField;
  readonly isFirst: boolean;
}): ReactNode {
  return (
    <>
      {!isFirst && ', '}
      <code>{name}</code> {value} (else {usual})
    </>
  );
}
