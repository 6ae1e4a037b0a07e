// At a run that rests: take a passage out of its text, or change it, and train the twin that learns without it; and the
// twins that there are.
import { useEffect, useId, type ReactNode } from 'react';
import { pairsOf } from '../../../state/training/pairs.ts';
import type { SchoolingFacts, ShownRun } from '../../../state/training/facts.ts';
import { whyNotNow } from '../../../state/training/live.ts';
import { changesOf, whyNoTwin } from '../../../state/training/schooling.ts';
import controls from '../../controls.module.css';
import { formatCount } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import training from '../training.module.css';
import { FindInText } from './FindInText.tsx';
import css from './schooling.module.css';

const EDITS: readonly { readonly what: SchoolingFacts['what']; readonly words: string }[] = [
  { what: 'remove', words: 'Remove it' },
  { what: 'double', words: 'Double it' },
  { what: 'replace', words: 'Put something else there' },
  { what: 'nothing', words: 'Change nothing' },
];

export function Schooling(): ReactNode {
  const { actions } = useTraining();
  const { run, at } = useTrainingFacts((s) => ({ run: s.watch.run, at: s.watch.at }));
  const rests = at === 'resting' && (run?.state === 'done' || run?.state === 'stopped');
  const id = rests ? run.id : null;
  useEffect(() => {
    if (id !== null) actions.schoolingOf(id);
  }, [actions, id]);
  if (id === null) return null;
  return (
    <section className={css.schooling} aria-labelledby="schooling-title" data-testid="schooling">
      <div className={css.head}>
        <h3 className={controls.title} id="schooling-title">
          Take something out of its schooling
        </h3>
        <p className={css.about}>
          Where does it know that from? Its twin is the same model with the same seed and settings,
          and learns the same text but for this passage. Then both stand side by side.
        </p>
      </div>
      <Form />
      <Twins id={id} />
    </section>
  );
}

function Form(): ReactNode {
  const { actions } = useTraining();
  const {
    schooling,
    busy,
    changing: way,
  } = useTrainingFacts((s) => ({
    schooling: s.schooling,
    busy: whyNotNow(s),
    changing: s.watch.run === null ? 'nothing' : changing(s.watch.run),
  }));
  const { what, passage, by, found } = schooling;
  const name = useId();
  const wrong = whyNoTwin(schooling);
  const why = wrong ?? busy;
  const isKnown = found.at === 'failed' || (found.at === 'here' && found.value.passage === passage);
  const isWrong = passage !== '' && what !== 'nothing' && wrong !== null && isKnown;
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (why === null) actions.trainTwin();
      }}
    >
      <fieldset className={css.edits} aria-label="What is done to it">
        {EDITS.map((one) => (
          <label key={one.what} className={training.option}>
            <input
              type="radio"
              name={name}
              checked={what === one.what}
              onChange={() => actions.setEdit(one.what)}
            />
            <span>{one.words}</span>
          </label>
        ))}
      </fieldset>
      {what === 'nothing' ? (
        <p className={css.about}>
          The same once more: a check that the passage alone makes the difference.
          {way !== 'lost' && ' Its twin differs by exactly 0.'}
        </p>
      ) : (
        <div className={css.fields}>
          <FindInText />
          <label className={css.field}>
            <span>Passage</span>
            <textarea
              className={css.passage}
              rows={3}
              value={passage}
              spellCheck={false}
              aria-describedby="schooling-found"
              aria-invalid={isWrong}
              onChange={(event) => actions.setPassage(event.target.value)}
            />
          </label>
          {what === 'replace' && (
            <label className={css.field}>
              <span>In its place</span>
              <textarea
                className={css.passage}
                rows={3}
                value={by}
                spellCheck={false}
                onChange={(event) => actions.setInstead(event.target.value)}
              />
            </label>
          )}
        </div>
      )}
      <div className={css.go}>
        <button
          className={controls.primary}
          type="submit"
          aria-disabled={why !== null}
          aria-describedby="schooling-found"
        >
          Train its twin
        </button>
        <p
          id="schooling-found"
          className={isWrong ? css.wrong : controls.quiet}
          data-testid="schooling-found"
        >
          {why ?? foundWords(schooling)}
        </p>
      </div>
      {way !== 'nothing' && (
        <p className={css.about}>
          {way === 'repeated'
            ? 'This run went on with other settings on its way: its twin does so after the same steps.'
            : 'This run went on with other settings on its way, of which not all can be made again. Its twin has the last ones from the beginning, so that they differ by more than the text.'}
        </p>
      )}
    </form>
  );
}

/** What becomes of the changes on a run's way in its twin. */
function changing(run: ShownRun): 'nothing' | 'repeated' | 'lost' {
  if (!run.changes.some(({ step }) => step > 0)) return 'nothing';
  return changesOf(run) === null ? 'lost' : 'repeated';
}

function foundWords({ what, passage, found }: SchoolingFacts): string {
  if (what === 'nothing' || found.at !== 'here') return '';
  const { times } = found.value;
  const others = times - 1;
  const where =
    others === 0
      ? 'It stands once in the text, and nowhere else.'
      : `It stands ${formatCount(times)} times in the text, so at ${formatCount(others)} other ${others === 1 ? 'place' : 'places'} too, and is changed at each.`;
  return `${formatCount(passage.length)} characters. ${where}`;
}

function Twins({ id }: { readonly id: string }): ReactNode {
  const { actions } = useTraining();
  const { all } = useTrainingFacts((s) => ({ all: s.runs.all }));
  const pairs = pairsOf(id, all ?? []);
  if (pairs.length === 0) return null;
  return (
    <ul className={css.twins} aria-label="Its twins">
      {pairs.map(([first, twin]) => (
        <li key={twin.id}>
          <button
            className={controls.button}
            type="button"
            onClick={() => actions.compare(first.id, twin.id)}
          >
            Compare with {first.id === id ? twin.name : first.name}
          </button>
        </li>
      ))}
    </ul>
  );
}
