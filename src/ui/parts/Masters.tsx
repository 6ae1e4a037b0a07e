// Above the switches: what stands in place of a part, and switches for many parts at once.
import { useState, type ReactNode } from 'react';
import { isSamePart, partsOfAll, partsOfLayer, type Part } from '../../state/facts/parts.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import css from './Masters.module.css';

export function Masters({ nLayer }: { readonly nLayer: number }): ReactNode {
  const { actions } = useApp();
  const { by, off } = useFacts((s) => ({ by: s.parts.by, off: s.view.off }));
  const [chosen, setLayer] = useState(0);
  // Another model may have fewer layers.
  const layer = Math.min(chosen, nLayer - 1);

  const master = (words: string, parts: readonly Part[], name = words): ReactNode => (
    <button
      className={css.master}
      type="button"
      aria-label={`${name} off`}
      aria-pressed={parts.every((part) => off.some((one) => isSamePart(one, part)))}
      onClick={() => actions.toggleTogether(parts)}
    >
      {words}
    </button>
  );

  return (
    <div className={css.line}>
      <fieldset className={css.by} aria-label="What stands in place of a part">
        {(['zero', 'mean'] as const).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="off-by"
              checked={by === name}
              onChange={() => actions.replaceBy(name)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <fieldset className={css.masters} aria-label="Many parts at once">
        {master('All attention', partsOfAll('attention', nLayer))}
        {master('All MLPs', partsOfAll('mlp', nLayer))}
        <span className={css.layer}>
          {master('Layer', partsOfLayer(layer), `Layer ${layer}`)}
          <select
            className={controls.select}
            aria-label="Which layer"
            value={layer}
            onChange={(event) => setLayer(Number(event.target.value))}
          >
            {Array.from({ length: nLayer }, (_, l) => (
              <option key={l} value={l}>
                {l}
              </option>
            ))}
          </select>
        </span>
      </fieldset>
    </div>
  );
}
