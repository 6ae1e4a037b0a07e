// Where something stands in the text of the run: hits in their surroundings, each with what can be taken from there.
import type { ReactNode } from 'react';
import type { TextHit } from '../../../api.ts';
import controls from '../../controls.module.css';
import { formatCount } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import css from './schooling.module.css';

export function FindInText(): ReactNode {
  const { actions } = useTraining();
  const { find, hits, beginning } = useTrainingFacts(({ schooling }) => ({
    find: schooling.find,
    hits: schooling.hits,
    beginning: schooling.found.at === 'here' ? schooling.found.value.beginning : '',
  }));
  const shown = hits.at === 'here' && hits.value.find === find ? hits.value : null;
  return (
    <div className={css.field}>
      <label className={css.find}>
        <span>Find it in the text</span>
        <input
          className={css.query}
          type="search"
          value={find}
          spellCheck={false}
          autoComplete="off"
          placeholder="a word, a name, a few words"
          aria-describedby="schooling-count"
          onChange={(event) => actions.setFind(event.target.value)}
        />
      </label>
      <section
        className={css.hits}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
        tabIndex={0}
        aria-label={find === '' ? 'Beginning of the text' : 'Where it stands'}
        data-testid="schooling-hits"
      >
        <output id="schooling-count" className={controls.quiet}>
          {hits.at === 'failed'
            ? `${hits.error.message} ${hits.error.hint ?? ''}`
            : find === ''
              ? 'The text begins:'
              : shown === null
                ? 'Looking…'
                : countWords(shown)}
        </output>
        {find === '' ? (
          <p className={css.hit}>{beginning}…</p>
        ) : (
          <ol>
            {shown?.hits.map((hit) => (
              <li key={hit.within[0]?.from ?? hit.before}>
                <Hit hit={hit} />
              </li>
            ))}
          </ol>
        )}
        {shown !== null && shown.hits.length < shown.count && (
          <button className={controls.link} type="button" onClick={() => actions.findMore()}>
            More places
          </button>
        )}
      </section>
    </div>
  );
}

function countWords({
  count,
  hits,
}: {
  readonly count: number;
  readonly hits: readonly TextHit[];
}): string {
  if (count === 0) return 'It stands nowhere in the text.';
  if (count === 1) return 'It stands at one place.';
  const rest = hits.length < count ? `, the first ${formatCount(hits.length)} of them here` : '';
  return `It stands at ${formatCount(count)} places${rest}.`;
}

function Hit({ hit: { before, match, after, within } }: { readonly hit: TextHit }): ReactNode {
  const { actions } = useTraining();
  return (
    <>
      <p className={css.hit}>
        …{before}
        <mark>{match}</mark>
        {after}…
      </p>
      <p className={css.take}>
        Take the
        {within.map(({ what, from, to }) => (
          <button
            key={what}
            className={controls.link}
            type="button"
            title={`${formatCount(to - from)} characters`}
            onClick={() => actions.takePassage(from, to)}
          >
            {what}
          </button>
        ))}
      </p>
    </>
  );
}
