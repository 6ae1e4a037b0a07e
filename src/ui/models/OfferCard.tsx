// A model that was asked for and is not here yet: what it costs, how far it is, what went wrong.
import { useEffect, useLayoutEffect, useRef, type FocusEvent, type ReactNode } from 'react';
import type { ErrorInfo, ModelPlan } from '../../api.ts';
import type { Offer, Wish } from '../../state/facts/models.ts';
import { hostOf, isOnHub } from '../../state/modelName.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { CopyButton } from '../CopyButton.tsx';
import css from './OfferCard.module.css';
import { bytesOf, isAboutRoom, isKept, knownModel, nameOf } from './offer.ts';
import { AskReading } from './ReadingNotice.tsx';
import { formatLeft, formatOf, formatRate, formatSize, shortCommit, splitHint } from './words.ts';
import { modelOf } from '../../state/facts/model.ts';

/** On the page; the dialog shows the same card while it is open. */
export function OfferCard(): ReactNode {
  const { offer, choosing } = useFacts((s) => ({
    offer: s.models.offer,
    choosing: s.models.choosing,
  }));
  return offer === null || choosing ? null : <Card offer={offer} />;
}

const isNowhere = (): boolean => document.activeElement === document.body;

export function Card({ offer }: { offer: Offer }): ReactNode {
  const { title } = nameOf(offer, document.baseURI);
  const card = useRef<HTMLElement>(null);
  const hasFocus = useRef(false);
  // Buttons come and go with the status. The card takes the focus of one that is gone, and no other button
  // does: a second Enter must not agree to anything.
  useLayoutEffect(() => {
    if (hasFocus.current && isNowhere()) card.current?.focus({ preventScroll: true });
  });
  // A card that is gone leaves it to the button that shows the model.
  useEffect(
    () => () => {
      if (!hasFocus.current || !isNowhere()) return;
      const chip = document.querySelector<HTMLElement>('[popovertarget="model-details"]');
      chip?.focus({ preventScroll: true });
    },
    [],
  );
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- its buttons have the focus
    <section
      className={css.place}
      ref={card}
      tabIndex={-1}
      onFocus={() => (hasFocus.current = true)}
      // What is still active lost it with the whole window, and gets it back with it.
      onBlur={({ target }: FocusEvent) => (hasFocus.current = document.activeElement === target)}
      aria-label={`Model ${title}`}
      data-testid="offer"
      data-status={offer.status}
    >
      <div className={css.card}>{FACES[offer.status]({ offer })}</div>
    </section>
  );
}

const FACES: Readonly<Record<Offer['status'], (props: { offer: Offer }) => ReactNode>> = {
  asked: (props) => <Asked {...props} />,
  looking: (props) => <Looking {...props} />,
  known: (props) => <Known {...props} />,
  arriving: (props) => <Arriving {...props} />,
  paused: (props) => <Paused {...props} />,
  failed: (props) => <Failed {...props} />,
};

function Face({ actions, children }: { actions: ReactNode; children: ReactNode }): ReactNode {
  return (
    <>
      <div className={css.body}>{children}</div>
      <div className={css.actions}>{actions}</div>
    </>
  );
}

function Name({ offer }: { offer: Offer }): ReactNode {
  const { title, where } = nameOf(offer, document.baseURI);
  const { revision } = offer.wish;
  return (
    <>
      <strong>{title}</strong> {where}
      {revision !== undefined && (
        <>
          {' '}
          at <code>{/^[0-9a-f]{40}$/u.test(revision) ? shortCommit(revision) : revision}</code>
        </>
      )}
    </>
  );
}

/** An address names it, and nobody was asked yet. */
function Asked({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  // Another host may have anything under that name.
  const known = offer.wish.host === undefined ? knownModel(offer.wish.source) : undefined;
  return (
    <Face
      actions={
        <>
          <button className={controls.primary} type="button" onClick={() => actions.lookUpOffer()}>
            Look it up
          </button>
          <button className={controls.plain} type="button" onClick={() => actions.cancelModel()}>
            Stay with the story model
          </button>
        </>
      }
    >
      <p className={css.title}>
        This address asks for <Name offer={offer} />.
      </p>
      <p className={css.words}>
        {known === undefined
          ? 'Nobody was contacted yet. Looking it up fetches a few kilobytes and says how large it is.'
          : `${known.title}, ${known.parameters} parameters, about ${formatSize(known.bytes)}. Nobody was contacted yet.`}
      </p>
    </Face>
  );
}

function Looking({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { title, where } = nameOf(offer, document.baseURI);
  return (
    <Face
      actions={
        <button className={controls.button} type="button" onClick={() => actions.cancelModel()}>
          Cancel
        </button>
      }
    >
      <p className={css.title}>
        Looking up <strong>{title}</strong> {where.replace(/^from/u, 'at')}…
      </p>
    </Face>
  );
}

/** What a download would fetch and keep; the button agrees to it. */
function Known({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { plan } = offer;
  if (plan === null) return <Looking offer={offer} />;
  const { totalBytes, storedBytes, freeBytes, keptIn } = plan;
  const missing = totalBytes === null ? null : totalBytes - storedBytes;
  const stays = plan.kind !== 'folder' && keptIn !== 'memory';
  const isTight = stays && missing !== null && freeBytes !== null && freeBytes < missing;
  const verb = plan.kind === 'folder' ? 'Load' : 'Download';
  return (
    <Face
      actions={
        <>
          {isTight ? (
            <>
              <button
                className={controls.primary}
                type="button"
                onClick={() => actions.fetchModel({ keep: false })}
              >
                Load without keeping it: {formatSize(totalBytes ?? missing)}
              </button>
              <button
                className={controls.button}
                type="button"
                onClick={() => actions.chooseModel()}
              >
                Make room…
              </button>
            </>
          ) : (
            <button className={controls.primary} type="button" onClick={() => actions.fetchModel()}>
              {missing === null
                ? verb
                : storedBytes > 0
                  ? `Continue: ${formatSize(missing)} to go`
                  : `${verb} ${formatSize(missing)}`}
            </button>
          )}
          <button className={controls.plain} type="button" onClick={() => actions.cancelModel()}>
            Not now
          </button>
        </>
      }
    >
      <p className={css.title}>
        <Name offer={offer} />
        {offer.wish.base_model !== undefined && `, merged into ${offer.wish.base_model}`}
      </p>
      <dl className={css.facts}>
        <div>
          <dt>Size</dt>
          <dd>
            <FileList plan={plan} />
          </dd>
        </div>
        <div>
          <dt>Kept</dt>
          <dd>{keptWords(plan)}</dd>
        </div>
        {stays && freeBytes !== null && (
          <div>
            <dt>Room</dt>
            <dd className={isTight ? css.warn : undefined}>
              {isTight
                ? `It needs ${formatSize(missing)}; the browser says that ${formatSize(freeBytes)} are free for this page.`
                : `The browser says that ${formatSize(freeBytes)} are free for this page.`}
            </dd>
          </div>
        )}
      </dl>
    </Face>
  );
}

function FileList({ plan }: { plan: ModelPlan }): ReactNode {
  const { files, totalBytes, storedBytes } = plan;
  // A server may refuse to say what there is.
  const count =
    files.length === 0 ? 'Files' : `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  const size =
    totalBytes === null ? 'of a size that the server does not say' : formatSize(totalBytes);
  return (
    <details>
      <summary>
        {totalBytes === null ? `${count} ${size}` : `${size} in ${count}`}
        {storedBytes > 0 && `, ${formatSize(storedBytes)} of it here already`}
      </summary>
      <ul className={css.files}>
        {files.map((file) => (
          <li key={file.name}>
            <code>{file.name}</code>{' '}
            <span>
              {file.size === null ? '' : formatSize(file.size)}
              {file.stored ? ', here' : ''}
            </span>
          </li>
        ))}
        {plan.commit !== null && (
          <li>
            at commit <code>{shortCommit(plan.commit)}</code>
          </li>
        )}
      </ul>
    </details>
  );
}

function keptWords({ kind, keptIn }: ModelPlan): string {
  if (kind === 'folder') return 'Read where it lies; nothing of it is kept.';
  return keptIn === 'memory'
    ? 'This browser keeps nothing for this page: the next start fetches it again.'
    : 'In this browser, for this site only; delete it at any time under Models.';
}

function Arriving({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { running, choosing, storage } = useFacts((s) => ({
    running: modelOf(s)?.name ?? null,
    choosing: s.models.choosing,
    storage: s.kept.storage,
  }));
  const { wish, plan, progress } = offer;
  const isLocal = wish.files !== undefined || plan?.kind === 'stored' || plan?.kind === 'folder';
  const bytes = bytesOf(offer);
  const isWhole = progress?.status === 'ready' || (bytes !== null && bytes.done >= bytes.total);
  const facts = [
    bytes === null ? null : formatOf(bytes.done, bytes.total),
    progress?.bytesPerSecond === undefined || isWhole ? null : formatRate(progress.bytesPerSecond),
    progress?.secondsLeft === undefined || isWhole ? null : formatLeft(progress.secondsLeft),
    isWhole ? 'getting it ready…' : (progress?.part ?? null),
  ].filter((fact) => fact !== null && fact !== '');
  return (
    <Face
      actions={
        <>
          {!isLocal && isKept(offer, storage) && (
            <button className={controls.button} type="button" onClick={() => actions.pauseModel()}>
              Pause
            </button>
          )}
          <button
            className={controls.plain}
            type="button"
            title={isLocal ? undefined : 'Stops, and deletes what came'}
            onClick={() => actions.cancelModel()}
          >
            Cancel
          </button>
        </>
      }
    >
      <p className={css.title}>
        {isLocal ? 'Loading' : 'Downloading'} <Name offer={offer} />
      </p>
      <progress
        className={css.bar}
        aria-label={`${isLocal ? 'Loading' : 'Downloading'} ${nameOf(offer, document.baseURI).title}`}
        {...(bytes === null ? {} : { value: bytes.done, max: bytes.total })}
      />
      <p className={css.numbers} data-testid="offer-progress">
        {facts.join(' · ')}
      </p>
      {progress?.note !== undefined && <p className={css.note}>{progress.note}</p>}
      {running !== null && (
        <p className={css.words}>
          {choosing ? `Close this and write on with ${running}` : `${running} stays usable`}{' '}
          meanwhile.
        </p>
      )}
    </Face>
  );
}

function Paused({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { storage } = useFacts((s) => ({ storage: s.kept.storage }));
  const bytes = bytesOf(offer);
  return (
    <Face
      actions={
        <>
          <button className={controls.primary} type="button" onClick={() => actions.fetchModel()}>
            {bytes === null || bytes.done >= bytes.total
              ? 'Continue'
              : `Continue: ${formatSize(bytes.total - bytes.done)} to go`}
          </button>
          <button className={controls.plain} type="button" onClick={() => actions.cancelModel()}>
            Cancel
          </button>
        </>
      }
    >
      <p className={css.title}>
        Paused: <Name offer={offer} />
      </p>
      {bytes !== null && (
        <>
          <progress
            className={css.bar}
            aria-label="How much of it is here"
            value={bytes.done}
            max={bytes.total}
          />
          <p className={css.numbers}>{formatOf(bytes.done, bytes.total)}</p>
        </>
      )}
      <p className={css.words}>
        {isKept(offer, storage)
          ? 'What came is kept here and need not come again. Cancel deletes it.'
          : 'This browser keeps nothing for this page: Continue fetches all of it.'}
      </p>
    </Face>
  );
}

/** Ways to load a model for which the GPU has no memory. */
function LessMemory({
  wish,
  onChoose,
}: {
  wish: Wish;
  onChoose: (change: Partial<Wish>) => void;
}): ReactNode {
  const { device, dtype } = useFacts((s) => ({
    device: wish.device ?? s.model.wish.device,
    dtype: wish.dtype ?? s.model.wish.dtype,
  }));
  return (
    <>
      {dtype !== 'q8' && (
        <button className={controls.button} type="button" onClick={() => onChoose({ dtype: 'q8' })}>
          Load it in 8 bit
        </button>
      )}
      {device !== 'cpu' && (
        <button
          className={controls.button}
          type="button"
          onClick={() => onChoose({ device: 'cpu' })}
        >
          Load it on the processor
        </button>
      )}
    </>
  );
}

function Failed({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { choosing } = useFacts((s) => ({ choosing: s.models.choosing }));
  const { plan, wish, error } = offer;
  // A drop that brought nothing, or could not be read, brings no more a second time.
  const isEmpty = wish.files?.length === 0;
  const began = plan !== null || wish.files !== undefined;
  const isRoom = error !== null && isAboutRoom(error.code) && wish.keep !== false;
  return (
    <Face
      actions={
        <>
          {error?.choice !== undefined && (
            <AskReading choice={error.choice} onChoose={(reading) => actions.fetchModel(reading)} />
          )}
          {!isEmpty && error?.choice === undefined && (
            <button
              className={controls.button}
              type="button"
              onClick={() => {
                if (began) actions.fetchModel();
                else actions.lookUpOffer();
              }}
            >
              Try again
            </button>
          )}
          {error?.code === 'device/out-of-memory' && (
            <LessMemory wish={wish} onChoose={actions.fetchModel} />
          )}
          {isRoom && (
            <button
              className={controls.button}
              type="button"
              onClick={() => actions.fetchModel({ keep: false })}
            >
              Load without keeping it
            </button>
          )}
          {!choosing && (
            <button className={controls.button} type="button" onClick={() => actions.chooseModel()}>
              Choose another model…
            </button>
          )}
          <button className={controls.plain} type="button" onClick={() => actions.cancelModel()}>
            Dismiss
          </button>
        </>
      }
    >
      <p className={css.title}>
        <strong>{nameOf(offer, document.baseURI).title}</strong> {titleOfFailure(error)}
      </p>
      <Failure offer={offer} />
    </Face>
  );
}

function titleOfFailure(error: ErrorInfo | null): string {
  if (error?.choice !== undefined) return 'has a question.';
  return error?.code === 'adapter/base'
    ? 'needs the model it was trained on.'
    : 'could not be loaded.';
}

/** What went wrong, what to do, and what to send to whoever can help. */
export function Failure({ offer, id }: { offer: Offer; id?: string }): ReactNode {
  const { error, wish, plan, progress } = offer;
  if (error === null) return null;
  const { words, code } = splitHint(error.hint);
  const { files, ...name } = wish;
  const details = (): string =>
    JSON.stringify(
      {
        ...error,
        ...name,
        ...(files === undefined ? {} : { files: files.map((file) => [file.name, file.size]) }),
        plan,
        progress,
        browser: navigator.userAgent,
      },
      null,
      1,
    );
  return (
    <div className={css.failure} id={id}>
      <p className={css.message}>{error.message}</p>
      {words !== '' && <p className={css.words}>{words}</p>}
      <LoadWithBase offer={offer} />
      {code !== '' && <CodeBlock code={code} label="Python that converts it" />}
      <details>
        <summary>Details ({error.code})</summary>
        <CodeBlock code={details()} label="Details of the error" />
      </details>
    </div>
  );
}

/** An adapter names the model that it changes; nobody is asked for it before a click. */
function LoadWithBase({ offer }: { offer: Offer }): ReactNode {
  const { actions } = useApp();
  const { error, wish } = offer;
  const model = error?.baseModel;
  if (model === undefined || !isOnHub(model)) return null;
  const { host } = wish;
  const where = hostOf(
    { source: model, ...(host === undefined ? {} : { host }) },
    document.baseURI,
  );
  return (
    <p>
      <button
        className={controls.button}
        type="button"
        onClick={() => actions.lookUpModel({ ...wish, base_model: model })}
      >
        Look up {model} on {where}
      </button>
    </p>
  );
}

function CodeBlock({ code, label }: { code: string; label: string }): ReactNode {
  return (
    <div className={css.code}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls sideways */}
      <section aria-label={label} tabIndex={0}>
        <pre>{code}</pre>
      </section>
      <CopyButton className={controls.button} text={() => code} />
    </div>
  );
}
