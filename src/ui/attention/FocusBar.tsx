// Which head is in focus, how it is drawn, whether it is pinned and whether it is on.
import type { ReactNode } from 'react';
import { isSameHead } from '../../state/facts/attention.ts';
import { useApp, useFacts } from '../context.ts';
import segments from '../segments.module.css';
import css from './attention.module.css';
import { modelOf } from '../../state/facts/model.ts';

export function FocusBar(): ReactNode {
  const { actions, store } = useApp();
  const { form, layer, head, layers, heads, pins, off } = useFacts((s) => ({
    form: s.view.form,
    layer: s.view.layer,
    head: s.view.head,
    layers: modelOf(s)?.nLayer ?? 12,
    heads: modelOf(s)?.nHead ?? 12,
    pins: s.view.pins,
    off: s.view.off,
  }));
  const focused = { layer, head };
  const pinned = pins.some((pin) => isSameHead(pin, focused));
  const isOff = off.some((p) => p.part === 'head' && p.layer === layer && p.head === head);
  return (
    <div className={css.bar}>
      <Picker
        name="Layer"
        value={layer}
        count={layers}
        keys="Keys: { }"
        onPick={(value) => actions.setAttention({ layer: value })}
      />
      <Picker
        name="Head"
        value={head}
        count={heads}
        keys="Keys: [ ]"
        onPick={(value) => actions.setAttention({ head: value })}
      />
      <fieldset className={segments.segments} aria-label="Draw the head as">
        {(['matrix', 'arcs'] as const).map((one) => (
          <label key={one} className={segments.segment}>
            <input
              type="radio"
              name="focus-kind"
              checked={form === one}
              onChange={() => actions.setAttention({ form: one })}
            />
            <span>{one === 'matrix' ? 'Map' : 'Arcs'}</span>
          </label>
        ))}
      </fieldset>
      <button
        className={css.small}
        type="button"
        aria-pressed={pinned}
        title="Pinned heads stay side by side, three at most, whichever is in focus"
        onClick={() => actions.togglePin(focused)}
      >
        {pinned ? 'Unpin' : 'Pin'}
      </button>
      <button
        className={css.small}
        type="button"
        aria-pressed={isOff}
        title={`Switch head ${layer}.${head} ${isOff ? 'on again' : 'off, and see what changes'}`}
        onClick={() =>
          actions.togglePart({ part: 'head', ...focused, by: store.getState().parts.by })
        }
      >
        {isOff ? 'Switch on' : 'Switch off'}
      </button>
    </div>
  );
}

function Picker({
  name,
  value,
  count,
  keys,
  onPick,
}: {
  readonly name: string;
  readonly value: number;
  readonly count: number;
  readonly keys: string;
  readonly onPick: (value: number) => void;
}): ReactNode {
  const id = `pick-${name}`;
  return (
    <span className={css.picker}>
      <label htmlFor={id}>{name}</label>
      <select
        className={css.select}
        id={id}
        title={keys}
        value={value}
        onChange={(event) => onPick(Number(event.target.value))}
      >
        {Array.from({ length: count }, (_, i) => (
          <option key={i} value={i}>
            {i}
          </option>
        ))}
      </select>
    </span>
  );
}
