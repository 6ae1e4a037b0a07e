// The heads that stand out in this text, each with a sentence and a button that puts it into focus.
import type { ReactNode } from 'react';
import { headName, isSameHead } from '../../state/facts/attention.ts';
import { whereNamed } from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import css from './attention.module.css';
import { standoutsOf, standoutWords } from './standouts.ts';

export function Standouts(): ReactNode {
  const { actions } = useApp();
  const { names, layer, head } = useFacts((s) => ({
    names: s.attention.names,
    layer: s.view.layer,
    head: s.view.head,
  }));
  const heads = names === null ? [] : standoutsOf(names);
  if (names === null || heads.length === 0) return null;
  return (
    <details className={css.standouts} data-testid="standouts">
      <summary>
        {heads.length === 1 ? 'One head stands' : `${heads.length} heads stand`} out{' '}
        {whereNamed(names)}
      </summary>
      <ul>
        {heads.map((one) => (
          <li key={headName(one)}>
            <button
              className={controls.link}
              type="button"
              aria-pressed={isSameHead(one, { layer, head })}
              onClick={() => actions.focusHead(one)}
            >
              Head {headName(one)}
            </button>{' '}
            {standoutWords(names, one)}.
          </li>
        ))}
      </ul>
    </details>
  );
}
