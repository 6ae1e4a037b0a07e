// A checkpoint whose files do not say all that decides its numbers: what was taken, why, and the other possibilities.
import { useState, type ReactNode } from 'react';
import type { Assumption, Choice, Reading } from '../../api.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Dismiss } from '../Dismiss.tsx';
import css from './ReadingNotice.module.css';
import { LABELS, assumptionWords, unsaid, valueWords } from './readingWords.ts';
import { modelOf } from '../../state/facts/model.ts';

type Value = Assumption['value'];

export function ReadingNotice(): ReactNode {
  const { actions } = useApp();
  const { model, busy } = useFacts((s) => ({
    model: modelOf(s),
    busy: s.model.at !== 'here' || s.models.offer?.status === 'arriving',
  }));
  const [dismissed, setDismissed] = useState<typeof model>(null);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Value>>(new Map());
  const assumed = model?.assumed ?? [];
  if (model === null || assumed.length === 0 || dismissed === model) return null;
  const valueOf = ({ key, value }: Assumption): Value => chosen.get(key) ?? value;
  const isOther = assumed.some((one) => valueOf(one) !== one.value);
  return (
    <section className={css.notice} aria-label="What the files do not say" data-testid="reading">
      <div className={css.body}>
        <p>
          <strong>
            The files of {model.name} do not say {unsaid(assumed)}.
          </strong>
        </p>
        {assumed.map((one) => (
          <div key={one.key} className={css.row}>
            <p className={css.words}>{assumptionWords(one, model)}</p>
            <Choose
              choice={one}
              nEmbd={model.nEmbd}
              value={valueOf(one)}
              disabled={busy}
              onChoose={(value) => setChosen(new Map([...chosen, [one.key, value]]))}
            />
          </div>
        ))}
        {isOther && (
          <button
            className={controls.button}
            type="button"
            disabled={busy}
            onClick={() =>
              actions.takeReading(Object.fromEntries(assumed.map((one) => [one.key, valueOf(one)])))
            }
          >
            Load it so
          </button>
        )}
      </div>
      <Dismiss onClick={() => setDismissed(model)} />
    </section>
  );
}

/** A question that has to be answered before anything is loaded. */
export function AskReading({
  choice,
  onChoose,
}: {
  choice: Choice;
  onChoose: (reading: Reading) => void;
}): ReactNode {
  const [value, setValue] = useState<Value | null>(null);
  return (
    <>
      <Choose choice={choice} nEmbd={null} value={value} onChoose={setValue} />
      <button
        className={controls.primary}
        type="button"
        disabled={value === null}
        onClick={() => {
          if (value !== null) onChoose({ [choice.key]: value });
        }}
      >
        Load it so
      </button>
    </>
  );
}

function Choose({
  choice: { key, choices },
  nEmbd,
  value,
  disabled = false,
  onChoose,
}: {
  choice: Choice;
  nEmbd: number | null;
  value: Value | null;
  disabled?: boolean;
  onChoose: (value: Value) => void;
}): ReactNode {
  return (
    <label className={css.choice}>
      {LABELS[key]}
      <select
        className={controls.select}
        value={value ?? ''}
        disabled={disabled}
        onChange={({ target }) =>
          onChoose(choices[target.selectedIndex - (value === null ? 1 : 0)])
        }
      >
        {value === null && <option value="">choose…</option>}
        {choices.map((one) => (
          <option key={one} value={one}>
            {valueWords(key, one, nEmbd)}
          </option>
        ))}
      </select>
    </label>
  );
}
