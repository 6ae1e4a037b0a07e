// Says that a text is a recording, and lets this machine try to write it again.
import type { ReactNode } from 'react';
import type { LiveCheck } from '../state/facts/replay.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { focusText } from './focusText.ts';
import { formatCount, quoteAxisToken } from './format.ts';
import { CloseSign, PlaySign } from './icons.tsx';
import css from './ReplayNotice.module.css';

export function ReplayNotice(): ReactNode {
  const { actions } = useApp();
  const { recorded, live, ready, generating } = useFacts((s) => ({
    recorded: s.replay.recorded,
    live: s.replay.live,
    ready: s.model.at === 'here',
    generating: s.busy.has('run'),
    // Another text may stand here since.
    epoch: s.text.epoch,
  }));
  if (recorded === null || !actions.showsRecording()) return null;
  const { written, length, branches, seeds, partsOff, model } = recorded;
  const facts = [
    `${formatCount(length)} ${length === 1 ? 'token' : 'tokens'}`,
    ...(written > 0 ? [`${formatCount(written)} of them written by ${model}`] : [model]),
    ...(seeds.length === 0
      ? []
      : [seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`]),
    ...(partsOff > 0 ? [`up to ${partsOff} ${partsOff === 1 ? 'part' : 'parts'} off`] : []),
    ...(branches > 1 ? [`${branches} branches`] : []),
  ];
  const running = live?.status === 'running';
  return (
    <section className={css.notice} aria-label="Recorded text" data-testid="replay">
      <p className={css.words}>
        <strong>A recorded text</strong>: {facts.join(', ')}.{' '}
        {live === null && written > 0 && 'Would this machine write the same?'}
      </p>
      {live !== null && <Outcome live={live} />}
      {written > 0 &&
        (running ? (
          <button className={controls.button} type="button" onClick={() => actions.stopLive()}>
            Cancel
          </button>
        ) : (
          <button
            className={controls.button}
            type="button"
            disabled={!ready || generating}
            title="Write it again on this machine and compare; the text stays as it is"
            onClick={() => actions.runLive()}
          >
            <PlaySign /> {live === null ? 'Run live' : 'Run again'}
          </button>
        ))}
      <button
        className={css.close}
        type="button"
        aria-label="Dismiss"
        onClick={() => {
          actions.dismissRecording();
          focusText();
        }}
      >
        <CloseSign />
      </button>
    </section>
  );
}

function Outcome({ live }: { live: LiveCheck }): ReactNode {
  const { actions } = useApp();
  const { status, done, of, difference } = live;
  const [now, all] = [formatCount(done), formatCount(of)];
  if (status === 'running') {
    return (
      <p className={css.outcome}>
        <progress aria-label="Writing it again" value={done} max={of} /> {now} of {all} agree so far
      </p>
    );
  }
  if (status === 'stopped') {
    return (
      <p className={css.outcome}>
        Stopped after {now} of {all}: all agreed.
      </p>
    );
  }
  if (difference === null) {
    return (
      <p className={css.outcome} data-agrees="">
        This machine agrees: {now} of {all} tokens.
      </p>
    );
  }
  const { index, recorded, here } = difference;
  return (
    <p className={css.outcome} data-differs="">
      This machine differs at{' '}
      <button className={controls.link} type="button" onClick={() => actions.select(index)}>
        token {formatCount(done + 1)} of {all}
      </button>
      : recorded {quoteAxisToken(recorded)}, here{' '}
      {here === null ? 'the text ends' : quoteAxisToken(here)}.{' '}
      <span className={css.why}>Other hardware and precisions round differently.</span>
    </p>
  );
}
