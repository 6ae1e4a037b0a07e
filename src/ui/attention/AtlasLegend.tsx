// Which names stand at the token, and how often; each shows its heads alone.
import type { ReactNode } from 'react';
import { HABITS } from '../../habits.ts';
import { KEY_SHARE, type LabelName } from '../../state/facts/attention.ts';
import { modelOf } from '../../state/facts/model.ts';
import { formatScore, KINDS, labelWords, MIXED, whereNamed } from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import css from './attention.module.css';
import { frameColour } from './atlasDrawing.ts';
import { toScene, watchedKey } from './scene.ts';
import { namesOf } from './words.ts';

const CHIP_WORDS: Partial<Record<LabelName, string>> = { sentence: 'sentence', words: 'words' };

function chipTitle(id: LabelName, count: number, meaning: string, where: string): string {
  const heads = `${count} ${count === 1 ? 'head' : 'heads'}`;
  const what =
    id === 'mixed'
      ? `at this token: no name fits, or none stands out from chance ${where}`
      : `at this token: a head that ${meaning}, here and ${where} (score from ${formatScore(KINDS[id].least)}, and above any head with shuffled keys)`;
  return `${heads} ${what}. Press to show these alone.`;
}

/** The names that stand at the token, and how often; each is a filter too. */
export function AtlasLegend(): ReactNode {
  const { actions, store, text } = useApp();
  const { names, rows, filter, keyToken } = useFacts((s) => ({
    names: s.attention.names,
    rows: s.attention.rows,
    filter: s.view.filter,
    keyToken: s.view.keyToken,
    model: modelOf(s),
  }));
  const { labels } = toScene(store.getState(), text.pieces);
  const chip = (id: LabelName, letter: string, meaning = ''): ReactNode => {
    const count = labels.filter(({ name }) => name === id).length;
    // Nine names would take two lines, of which most texts use three.
    if (count === 0 && filter !== id) return null;
    return (
      <button
        key={id}
        className={css.chip}
        type="button"
        aria-pressed={filter === id}
        disabled={names === null}
        title={chipTitle(id, count, meaning, names === null ? 'in this text' : whereNamed(names))}
        onClick={() => actions.setAttention({ filter: filter === id ? null : id })}
      >
        <i
          className={css.letter}
          aria-hidden="true"
          style={{ borderColor: frameColour(id) ?? 'var(--edge-strong)' }}
        >
          {letter}
        </i>
        <span>{CHIP_WORDS[id] ?? labelWords(id).replace(' token', '')} </span>
        <b>{names === null ? '' : count}</b>
      </button>
    );
  };
  const keys =
    rows === null || filter !== 'key'
      ? []
      : Array.from({ length: rows.size }, (_, k) => k + rows.firstIndex);
  const { axis } = namesOf(text.pieces);
  return (
    <fieldset className={css.legendChips} aria-label="Show only heads that are">
      {HABITS.map((id) => chip(id, KINDS[id].letter, KINDS[id].meaning))}
      {chip('mixed', MIXED.letter)}
      <button
        className={css.chip}
        type="button"
        aria-pressed={filter === 'key'}
        title={`Heads in which the selected token gives one token more than ${KEY_SHARE * 100} %. Click a column of the map to choose that token.`}
        onClick={() => actions.setAttention({ filter: filter === 'key' ? null : 'key' })}
      >
        look at…
      </button>
      {filter === 'key' && rows !== null && (
        <label className={css.field}>
          <span className={controls.visuallyHidden}>The token looked at</span>
          <select
            className={css.select}
            value={watchedKey(rows, keyToken)}
            onChange={(event) => actions.setAttention({ keyToken: Number(event.target.value) })}
          >
            {keys.map((k) => (
              <option key={k} value={k}>
                {k + 1} {axis(k)}
              </option>
            ))}
          </select>
          <span>&gt; {KEY_SHARE * 100} %</span>
        </label>
      )}
    </fieldset>
  );
}
