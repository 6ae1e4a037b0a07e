// What the page has to say about itself: the address, what went wrong, and the GPU.
import type { ReactNode } from 'react';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { CopyButton } from './CopyButton.tsx';
import { focusText } from './focusText.ts';
import { Dismiss } from './Dismiss.tsx';
import { later } from './later.ts';
import css from './Notices.module.css';
import { useKeptFocus } from './useKeptFocus.ts';
import { modelOf, standInOf, whyOf } from '../state/facts/model.ts';

export function Notices(): ReactNode {
  const keptFocus = useKeptFocus<HTMLDivElement>(focusText);
  return (
    <div className={css.notices} {...keptFocus}>
      <Problem />
      <Models />
      <Restoring />
      <FailedCheck />
      <StandsIn />
      <AddressNotes />
      <Replaced />
      <StorageNote />
      <Replay />
    </div>
  );
}

const offerCard = later(
  async () => (await import('./models/OfferCard.tsx')).OfferCard,
  'What there is to say of the model',
);
const readingNotice = later(
  async () => (await import('./models/ReadingNotice.tsx')).ReadingNotice,
  'A question about the model',
);
const askReading = later(
  async () => (await import('./models/ReadingNotice.tsx')).AskReading,
  'A question about the model',
);
const notesNotice = later(
  async () => (await import('./models/NotesNotice.tsx')).NotesNotice,
  'What there is to say of the model',
);

const replayNotice = later(
  async () => (await import('./ReplayNotice.tsx')).ReplayNotice,
  'What there is to say of the recorded text',
);

function Replay(): ReactNode {
  const { isRecorded } = useFacts((s) => ({ isRecorded: s.replay.recorded !== null }));
  return isRecorded ? <replayNotice.Part /> : null;
}

/** A model that was asked for, and what a model that is there leaves open. */
function Models(): ReactNode {
  const { offered, assumed, noted } = useFacts((s) => ({
    offered: s.models.offer !== null && !s.models.choosing,
    assumed: modelOf(s)?.assumed !== undefined,
    noted: modelOf(s)?.notes !== undefined,
  }));
  return (
    <>
      {offered && <offerCard.Part />}
      {assumed && <readingNotice.Part />}
      {noted && <notesNotice.Part />}
    </>
  );
}

function Problem(): ReactNode {
  const { actions, store } = useApp();
  const { problem, onGpu } = useFacts((s) => ({
    problem: s.page.problem,
    onGpu: (modelOf(s)?.device.kind ?? s.model.wish.device) !== 'cpu',
  }));
  if (problem === null) return null;
  const { info } = problem;
  const details = (): string => {
    const { verdict } = store.getState().page;
    const { length } = store.getState().text;
    const model = modelOf(store.getState());
    const device = store.getState().model.wish.device;
    const dtype = store.getState().model.wish.dtype;
    return JSON.stringify(
      {
        ...info,
        during: problem.during,
        device,
        dtype,
        tokens: length,
        verdict,
        model,
        browser: navigator.userAgent,
      },
      null,
      1,
    );
  };
  return (
    <section className={css.problem} role="alert" data-testid="problem">
      <div className={css.body}>
        <p>
          <strong>{info.message}</strong>
        </p>
        <p className={css.hint}>
          {info.hint} {/text is kept/u.test(info.hint) ? '' : 'Your text is kept.'}
        </p>
        <details>
          <summary>Details ({info.code})</summary>
          <pre>{details()}</pre>
          <CopyButton className={controls.link} text={details} />
        </details>
        <div className={css.actions}>
          {info.choice === undefined ? (
            <button className={controls.button} type="button" onClick={() => actions.tryAgain()}>
              Try again
            </button>
          ) : (
            <askReading.Part
              choice={info.choice}
              onChoose={(reading) => actions.takeReading(reading)}
            />
          )}
          {onGpu && !/^(network|checkpoint|config|tokens)\//u.test(info.code) && (
            <button
              className={controls.button}
              type="button"
              onClick={() => actions.takeDevice('cpu')}
            >
              Use the processor
            </button>
          )}
          {problem.during === 'load' && actions.hasOtherModel() && (
            <button
              className={controls.button}
              type="button"
              onClick={() => actions.takeOwnModel()}
            >
              Open the story model
            </button>
          )}
          <button className={controls.plain} type="button" onClick={() => actions.dismissProblem()}>
            Dismiss
          </button>
        </div>
      </div>
    </section>
  );
}

function Restoring(): ReactNode {
  const { restoring } = useFacts((s) => ({ restoring: whyOf(s) }));
  if (restoring === null) return null;
  return (
    <output className={css.notice}>
      <span className={css.body}>{restoring}</span>
    </output>
  );
}

const checkNotice = later(
  async () => (await import('./models/ModelDetails.tsx')).CheckNotice,
  'What a self-check found',
);

function FailedCheck(): ReactNode {
  const { failed } = useFacts((s) => ({
    failed: s.check.found?.passed === false || s.check.failed.length > 0,
  }));
  return failed ? <checkNotice.Part /> : null;
}

const gpuAdvice = later(
  async () => (await import('./GpuAdvice.tsx')).GpuAdvice,
  'What there is to say of the GPU',
);

/** The GPU's verdict, unless there is nothing to say: beside the page, as everything works without one. */
export function GpuNotice(): ReactNode {
  const keptFocus = useKeptFocus<HTMLDivElement>(focusText);
  return (
    <div {...keptFocus}>
      <Verdict />
    </div>
  );
}

function Verdict(): ReactNode {
  const { actions } = useApp();
  const { verdict, late, device, byItself, done } = useFacts((s) => ({
    verdict: s.page.verdict,
    late: s.page.verdictLate,
    device: s.model.wish.device,
    byItself: s.model.wish.byItself === true,
    done: s.page.done,
  }));
  if (verdict === null) {
    return late ? (
      <section className={css.notice} aria-label="GPU" data-testid="gpu-verdict">
        <p className={css.body}>
          The browser has not said yet whether there is a GPU. You can write meanwhile; if no answer
          comes,{' '}
          <button className={controls.link} type="button" onClick={() => actions.takeDevice('cpu')}>
            use the processor
          </button>
          .
        </p>
      </section>
    ) : null;
  }
  // A software adapter is slower than the processor, which computes then: the model's details offer it.
  if (verdict.code === 'software') return null;
  if (device === 'cpu' && verdict.code === 'ok') {
    // Nobody asked for it: `StandsIn` says why.
    if (byItself || done.includes('gpu-chosen-cpu')) return null;
    return (
      <section className={css.notice} aria-label="GPU" data-testid="gpu-verdict">
        <p className={css.body}>
          <strong>Computing on the processor</strong>, as asked. A GPU is available too:{' '}
          <button
            className={controls.link}
            type="button"
            onClick={() => actions.takeDevice('webgpu')}
          >
            use it
          </button>
          .
        </p>
        <Dismiss onClick={() => actions.used('gpu-chosen-cpu')} />
      </section>
    );
  }
  const isToldOf = verdict.code === 'ok' || done.includes(`gpu-${verdict.code}`);
  return isToldOf ? null : <gpuAdvice.Part verdict={verdict} />;
}

/** The processor took the place of a GPU that was lost: it did not come back in time, or went too often. */
function StandsIn(): ReactNode {
  const { actions } = useApp();
  const { standIn } = useFacts((s) => ({ standIn: standInOf(s) }));
  if (standIn === null) return null;
  return (
    <section className={css.notice} aria-label="Lost GPU" data-testid="stands-in">
      <p className={css.body}>
        {standIn === 'gone' ? (
          <>
            <strong>The GPU has not come back</strong> since it was lost
          </>
        ) : (
          <strong>The GPU went away repeatedly</strong>
        )}
        , so the processor computes in its place. It may be there again by now:{' '}
        <button
          className={controls.link}
          type="button"
          onClick={() => actions.takeDevice('webgpu')}
        >
          try the GPU again
        </button>
        .
      </p>
    </section>
  );
}

function AddressNotes(): ReactNode {
  const { actions } = useApp();
  const { notes } = useFacts((s) => ({ notes: s.page.notes }));
  if (notes.length === 0) return null;
  return (
    <section className={css.notice} aria-label="Not usable" data-testid="address-notes">
      <div className={css.body}>
        <strong>Something was not usable as it was asked for.</strong>
        <ul>
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      </div>
      <Dismiss onClick={() => actions.dismissNotes()} />
    </section>
  );
}

/** Nothing is lost: a link's text took the place of the visitor's own. */
function Replaced(): ReactNode {
  const { actions } = useApp();
  const { replaced } = useFacts((s) => ({ replaced: s.page.replaced }));
  if (!replaced) return null;
  return (
    <section className={css.notice} aria-label="Your own text" data-testid="replaced">
      <p className={css.body}>
        This link’s text stands in place of your own. Undo brings yours back.
      </p>
      <Dismiss onClick={() => actions.dismissReplaced()} />
    </section>
  );
}

function StorageNote(): ReactNode {
  const { storage } = useFacts((s) => ({ storage: s.page.storage }));
  if (storage === 'kept') return null;
  return (
    <section className={css.notice} aria-label="Storage">
      <p className={css.body}>
        {storage === 'refused'
          ? 'This browser does not let the page store anything: the text is gone after a reload.'
          : 'This text is longer than what the browser keeps for a page. It is whole while the page is open; a reload brings back what was kept before it. Copy it to keep it.'}
      </p>
    </section>
  );
}
