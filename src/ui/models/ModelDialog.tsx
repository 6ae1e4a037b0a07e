// Chooses a model: the one that comes with the page, published ones, any other by its name, files of this
// computer; and what is kept in this browser.
import { useEffect, useId, useRef, useState, type ReactNode, type RefObject } from 'react';
import type { Offer, Wish } from '../../state/facts/models.ts';
import { isSameName, KNOWN_MODELS } from '../../state/modelName.ts';
import { Announcer } from '../Announcer.tsx';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { CloseSign } from '../icons.tsx';
import css from './ModelDialog.module.css';
import { Card, Failure } from './OfferCard.tsx';
import { fromFolder, titleOfFiles } from './dropped.ts';
import { unreadable, whyTaken } from './offer.ts';
import { StoragePanel } from './StoragePanel.tsx';
import { formatSize } from './words.ts';
import { modelOf, placeOf } from '../../state/facts/model.ts';

/** The line that says why nothing else can be asked for. */
const TAKEN = 'models-taken';
const describedBy = (isTaken: boolean): string | undefined => (isTaken ? TAKEN : undefined);

export function ModelDialog(): ReactNode {
  const { actions } = useApp();
  const { choosing, offer, taken } = useFacts((s) => ({
    choosing: s.models.choosing,
    offer: s.models.offer,
    taken: whyTaken(s.models.offer, s.kept.storage),
  }));
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [fields, setFields] = useState<Fields>({ source: '', revision: '', host: '' });
  /** What the field asked for last. */
  const [typed, setTyped] = useState<Wish | null>(null);

  // What was typed is answered where it was typed, until there is something to agree to.
  const isOfField =
    offer !== null &&
    typed !== null &&
    isSameName(offer.wish, typed) &&
    offer.plan === null &&
    (offer.status === 'looking' || offer.status === 'failed');
  const isOnTop = offer !== null && !isOfField;
  const status = isOnTop ? offer.status : null;
  useEffect(() => {
    // What was there before the dialog leaves the focus to the field.
    if (dialog.current?.open !== true) return;
    // Not onto the button: a second Enter must not agree to a download.
    if (status === 'known' || status === 'failed' || (status !== null && isNowhere())) {
      card.current?.focus();
    } else if (status !== null) card.current?.scrollIntoView({ block: 'nearest' });
    else if (isNowhere()) heading.current?.focus();
  }, [status]);

  useEffect(() => {
    const shown = dialog.current;
    if (!choosing || shown === null || shown.open) return;
    const opener = openerOf(document.activeElement);
    shown.showModal();
    field.current?.focus();
    return () => {
      shown.close();
      opener?.focus();
    };
  }, [choosing]);

  return (
    <dialog
      className={css.dialog}
      ref={dialog}
      aria-labelledby="models-title"
      onClose={() => actions.closeModels()}
    >
      {choosing && (
        <>
          <div className={css.head}>
            <h2 id="models-title" ref={heading} tabIndex={-1}>
              Models
            </h2>
            <button
              className={controls.square}
              type="button"
              aria-label="Close"
              onClick={() => actions.closeModels()}
            >
              <CloseSign />
            </button>
          </div>
          {isOnTop && (
            <div className={css.offer} ref={card} tabIndex={-1}>
              <Card offer={offer} />
              {taken !== '' && (
                <p className={css.taken} id={TAKEN}>
                  {taken}
                </p>
              )}
            </div>
          )}
          <ReadyToUse isTaken={taken !== ''} />
          <AnotherModel
            {...{ field, fields, setFields }}
            isTaken={taken !== ''}
            offer={isOfField ? offer : null}
            onAsk={setTyped}
          />
          <FromHere isTaken={taken !== ''} />
          <StoragePanel taken={taken === '' ? undefined : TAKEN} />
          {/* The page behind a modal dialog is silent. */}
          <Announcer />
        </>
      )}
    </dialog>
  );
}

/** What had the focus is gone, or can no longer be pressed. */
function isNowhere(): boolean {
  const { activeElement } = document;
  return activeElement === document.body || activeElement?.matches(':disabled') === true;
}

/** What gets the focus back: what had it, or what opened the popover in which that stands. */
function openerOf(element: Element | null): HTMLElement | null {
  if (!(element instanceof HTMLElement) || element === document.body) return null;
  const popover = element.closest('[popover]');
  if (popover === null) return element;
  return document.querySelector<HTMLElement>(`[popovertarget="${popover.id}"]`) ?? element;
}

function ReadyToUse({ isTaken }: { readonly isTaken: boolean }): ReactNode {
  const { actions } = useApp();
  const { stored, place, running, busy } = useFacts((s) => ({
    stored: s.kept.stored,
    place: placeOf(s),
    running: modelOf(s)?.origin ?? null,
    busy: s.model.at === 'coming',
  }));
  const isOwn = place === null && running !== null && running.kind === 'folder';
  const isHere = (id: string): boolean =>
    stored?.some(
      (model) => model.id === id && model.complete && model.host === 'https://huggingface.co',
    ) ?? false;
  return (
    <section className={css.section} aria-labelledby="models-ready">
      <h3 id="models-ready">Ready to use</h3>
      <ul className={css.list}>
        <li>
          <button
            className={css.model}
            type="button"
            aria-current={isOwn ? 'true' : undefined}
            aria-describedby={describedBy(isTaken)}
            disabled={busy || isOwn || isTaken}
            onClick={() => {
              actions.closeModels();
              actions.takeOwnModel();
            }}
          >
            <b>The story model</b>
            <span className={css.size}>7 M · 14 MB</span>
            <span className={css.about}>
              comes with this page and works offline; a small model of fairy tales, not GPT-2
            </span>
            <span className={css.state}>{isOwn ? 'in use' : 'here'}</span>
          </button>
        </li>
        {KNOWN_MODELS.map(({ source, title, parameters, bytes, words }) => {
          const inUse = running?.kind === 'hub' && running.id === source;
          return (
            <li key={source}>
              <button
                className={css.model}
                type="button"
                aria-current={inUse ? 'true' : undefined}
                aria-describedby={describedBy(isTaken)}
                disabled={inUse || isTaken}
                title={`${source} from huggingface.co`}
                onClick={() => actions.lookUpModel({ source })}
              >
                <b>{title}</b>
                <span className={css.size}>
                  {parameters} · {formatSize(bytes)}
                </span>
                <span className={css.about}>{words}</span>
                <span className={css.state}>
                  {inUse ? 'in use' : isHere(source) ? 'kept here' : ''}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What stands in the fields; it stays when the dialog is closed. */
type Fields = Readonly<Record<'source' | 'revision' | 'host', string>>;

function AnotherModel({
  field,
  fields,
  setFields,
  offer,
  isTaken,
  onAsk,
}: {
  readonly field: RefObject<HTMLInputElement | null>;
  readonly fields: Fields;
  readonly setFields: (fields: Fields) => void;
  /** What the field asked for, while it is looked up or when that failed. */
  readonly offer: Offer | null;
  readonly isTaken: boolean;
  readonly onAsk: (wish: Wish) => void;
}): ReactNode {
  const { actions } = useApp();
  const id = useId();
  const { source, revision, host } = fields;
  const [isOpen] = useState(revision !== '' || host !== '');
  const failure = offer?.status === 'failed' ? offer : null;
  function ask(): void {
    const wish: Wish = {
      source: source.trim(),
      ...(revision.trim() === '' ? {} : { revision: revision.trim() }),
      ...(host.trim() === '' ? {} : { host: host.trim() }),
    };
    if (wish.source === '') {
      field.current?.focus();
      return;
    }
    onAsk(wish);
    actions.lookUpModel(wish);
  }
  return (
    <section className={css.section} aria-labelledby={`${id}-title`}>
      <h3 id={`${id}-title`}>Another model</h3>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <label htmlFor={`${id}-source`}>Hugging Face id, address, or folder of this site</label>
        <div className={css.row}>
          <input
            ref={field}
            id={`${id}-source`}
            className={css.field}
            value={source}
            placeholder="openai-community/gpt2"
            autoCapitalize="off"
            autoComplete="off"
            autoCorrect="off"
            enterKeyHint="search"
            spellCheck={false}
            aria-invalid={failure !== null}
            aria-describedby={failure === null ? `${id}-help` : `${id}-failure`}
            onChange={(event) => setFields({ ...fields, source: event.target.value })}
          />
          {offer?.status === 'looking' ? (
            <button className={controls.button} type="button" onClick={() => actions.cancelModel()}>
              Cancel
            </button>
          ) : (
            <button
              className={controls.primary}
              type="submit"
              aria-describedby={describedBy(isTaken)}
              disabled={isTaken}
            >
              Look it up
            </button>
          )}
        </div>
        {failure === null ? (
          <p className={controls.quiet} id={`${id}-help`} data-testid="field-answer">
            {offer?.status === 'looking'
              ? 'Looking it up…'
              : 'Any GPT-2, in any size. Looking it up fetches a few kilobytes; the download waits for your click.'}
          </p>
        ) : (
          <div data-testid="field-answer">
            <Failure offer={failure} id={`${id}-failure`} />
          </div>
        )}
        <details className={css.more} open={isOpen}>
          <summary>Revision, host</summary>
          <div className={css.pair}>
            <label htmlFor={`${id}-revision`}>Revision</label>
            <input
              id={`${id}-revision`}
              className={css.field}
              value={revision}
              placeholder="main"
              autoCapitalize="off"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setFields({ ...fields, revision: event.target.value })}
            />
            <label htmlFor={`${id}-host`}>Host</label>
            <input
              id={`${id}-host`}
              className={css.field}
              value={host}
              placeholder="huggingface.co"
              autoCapitalize="off"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setFields({ ...fields, host: event.target.value })}
            />
          </div>
          <p className={controls.quiet}>
            A revision is a branch, a tag or a commit. A host is a mirror of the Hub, or a server of
            yours that has models under the same addresses: localhost:8000.
          </p>
        </details>
      </form>
    </section>
  );
}

/** React's types do not know it. */
const FOLDERS = { webkitdirectory: '' };

function FromHere({ isTaken }: { readonly isTaken: boolean }): ReactNode {
  const { actions } = useApp();
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  function take(list: FileList | null, input: HTMLInputElement): void {
    const all = [...(list ?? [])];
    // The same file may be chosen again.
    input.value = '';
    if (all.length === 0) return;
    try {
      const chosen = fromFolder(all);
      actions.openFiles(chosen, titleOfFiles(all, chosen));
    } catch (error) {
      actions.refuseFiles(unreadable(error));
    }
  }
  return (
    <section className={css.section} aria-labelledby="models-files">
      <h3 id="models-files">From this computer</h3>
      <div className={css.zone}>
        <p>
          Drop a folder or files here, or anywhere on the page. They are read where they lie;
          nothing is uploaded.
        </p>
        <p className={controls.quiet}>
          Safetensors as Hugging Face, nanoGPT, minGPT or the notebook name them, with or without
          config.json; tokenizer files where there are any.
        </p>
        <div className={css.row}>
          <button
            className={controls.button}
            type="button"
            aria-describedby={describedBy(isTaken)}
            disabled={isTaken}
            onClick={() => files.current?.click()}
          >
            Choose files…
          </button>
          <button
            className={controls.button}
            type="button"
            aria-describedby={describedBy(isTaken)}
            disabled={isTaken}
            onClick={() => folder.current?.click()}
          >
            Choose a folder…
          </button>
        </div>
        <input
          ref={files}
          type="file"
          multiple
          hidden
          disabled={isTaken}
          data-testid="choose-files"
          onChange={(event) => take(event.target.files, event.target)}
        />
        <input
          ref={folder}
          type="file"
          {...FOLDERS}
          hidden
          disabled={isTaken}
          data-testid="choose-folder"
          onChange={(event) => take(event.target.files, event.target)}
        />
      </div>
    </section>
  );
}
