// A checkpoint that does not say how many heads it has: what was assumed, and the other possibilities.
import { useState, type ReactNode } from 'react';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { CloseSign } from '../icons.tsx';
import css from './HeadsNotice.module.css';
import { modelOf } from '../../state/facts/model.ts';

export function HeadsNotice(): ReactNode {
  const { actions } = useApp();
  const { model, busy } = useFacts((s) => ({
    model: modelOf(s),
    busy: s.model.at !== 'here' || s.models.offer?.status === 'arriving',
  }));
  const [dismissed, setDismissed] = useState<typeof model>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const choices = model?.headsToChoose ?? [];
  if (model === null || choices.length === 0 || dismissed === model) return null;
  const { name, nHead, nEmbd } = model;
  const words = (heads: number): string => `${heads}, ${nEmbd / heads} wide`;
  return (
    <section className={css.notice} aria-label="Heads of the model" data-testid="heads">
      <p className={css.words}>
        <strong>{name} does not say how many heads it has.</strong> {nHead}{' '}
        {nHead === 1 ? 'is' : 'are'} assumed, {nEmbd / nHead} wide{nHead === 1 ? '' : ' each'}
        {nEmbd / nHead === 64 ? ', as in GPT-2' : ''}. With another number the same weights write
        another text.
      </p>
      <label className={css.choice}>
        Heads
        <select
          className={controls.select}
          value={chosen ?? nHead}
          disabled={busy}
          onChange={(event) => setChosen(Number(event.target.value))}
        >
          {choices.map((heads) => (
            <option key={heads} value={heads}>
              {words(heads)}
            </option>
          ))}
        </select>
      </label>
      <button
        className={controls.button}
        type="button"
        disabled={busy || chosen === null || chosen === nHead}
        onClick={() => actions.takeHeads(chosen ?? nHead)}
      >
        Load with these
      </button>
      <button
        className={css.close}
        type="button"
        aria-label="Dismiss"
        onClick={() => setDismissed(model)}
      >
        <CloseSign />
      </button>
    </section>
  );
}
