// What is kept in this browser: how much, of which models, how safely, and how to be rid of it.
import { useEffect, useRef, useState, type ReactNode, type RefObject } from 'react';
import { flushSync } from 'react-dom';
import type { StorageFacts, StoredModelFacts } from '../../api.ts';
import { removeLeftovers } from '../../kept/spool.ts';
import { nameOfHost } from '../../state/modelName.ts';
import { Confirm } from '../Confirm.tsx';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { useNow } from '../useNow.ts';
import css from './ModelDialog.module.css';
import { formatAgo, formatOf, formatSize, shortCommit } from './words.ts';

export function StoragePanel({
  taken,
}: {
  /** Id of the words that say why nothing else can be asked for now. */
  readonly taken: string | undefined;
}): ReactNode {
  const { stored, storage, error } = useFacts((s) => ({
    stored: s.kept.stored,
    storage: s.kept.storage,
    error: s.kept.error,
  }));
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => void removeLeftovers(), []);
  return (
    <section className={css.section} aria-labelledby="models-kept" data-testid="storage">
      <h3 id="models-kept" ref={heading} tabIndex={-1}>
        Kept in this browser
      </h3>
      {error !== null && (
        <p className={css.warn} role="alert">
          {error.message} {error.hint}
        </p>
      )}
      {storage === null || stored === null ? (
        <p className={controls.quiet}>Looking…</p>
      ) : storage.available ? (
        <>
          {stored.length === 0 ? (
            <p className={controls.quiet}>
              Nothing yet. A model that is downloaded stays here and loads offline from then on.
              Runs that were trained here have a list of their own.
            </p>
          ) : (
            <Stored {...{ stored, taken, heading }} />
          )}
          <Usage storage={storage} stored={stored} />
        </>
      ) : (
        <p className={controls.quiet}>
          This browser keeps no files for this page here: a private window, or a page that was
          opened from disk. Models load all the same, and are fetched again at the next start.
        </p>
      )}
    </section>
  );
}

function Stored({
  stored,
  taken,
  heading,
}: {
  readonly stored: readonly StoredModelFacts[];
  readonly taken: string | undefined;
  readonly heading: RefObject<HTMLElement | null>;
}): ReactNode {
  const { actions } = useApp();
  const { arriving } = useFacts((s) => ({ arriving: s.models.offer?.status === 'arriving' }));
  /** The key of the model whose deletion is asked about; '' for all of them. */
  const [asked, setAsked] = useState<string | null>(null);
  const buttons = useRef(new Map<string, HTMLElement>());
  /** The question is gone, and the button that asked it, or the next one, gets the focus; else the heading. */
  const close = (to: string | undefined): void => {
    flushSync(() => setAsked(null));
    const button = to === undefined ? undefined : buttons.current.get(to);
    (button ?? heading.current)?.focus();
  };
  const keep = (key: string) => (button: HTMLElement | null) => {
    if (button !== null) buttons.current.set(key, button);
    else buttons.current.delete(key);
  };
  const now = useNow();
  const all = stored.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">Size</th>
            <th scope="col">Last used</th>
            <th scope="col">
              <span className={controls.visuallyHidden}>What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {stored.map((model, i) => {
            const { key, id, commit, host, bytes, totalBytes, complete, lastUsed } = model;
            const verb = complete ? 'Open' : 'Continue';
            return (
              <tr key={key}>
                <th scope="row">
                  <span className={css.id}>{id}</span>
                  <span className={css.origin}>
                    {commit === null ? 'no commit' : shortCommit(commit)}
                    {host !== null && host !== 'https://huggingface.co' && ` · ${nameOfHost(host)}`}
                  </span>
                </th>
                <td className={controls.number}>
                  {complete ? formatSize(bytes) : formatOf(bytes, totalBytes)}
                </td>
                <td>{lastUsed === null ? '' : formatAgo(lastUsed, now)}</td>
                <td>
                  {asked === key ? (
                    <Confirm
                      question={`Delete ${formatSize(bytes)}?`}
                      label={`Delete ${id}`}
                      onYes={() => {
                        close(stored[i + 1]?.key);
                        actions.deleteStored(key);
                      }}
                      onNo={() => close(key)}
                    />
                  ) : (
                    <span className={css.buttons}>
                      <button
                        className={controls.button}
                        type="button"
                        aria-label={`${verb} ${id}`}
                        aria-describedby={taken}
                        disabled={arriving}
                        onClick={() => actions.openStored(key)}
                      >
                        {verb}
                      </button>
                      <button
                        className={controls.plain}
                        ref={keep(key)}
                        type="button"
                        aria-label={`Delete ${id}`}
                        onClick={() => setAsked(key)}
                      >
                        Delete
                      </button>
                    </span>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {stored.length > 1 &&
        (asked === '' ? (
          <Confirm
            question={`Delete all ${stored.length} models, ${formatSize(all)}?`}
            label="Delete all"
            onYes={() => {
              close(undefined);
              void removeLeftovers(0).then(() => actions.deleteAllStored());
            }}
            onNo={() => close('')}
          />
        ) : (
          <button
            className={controls.link}
            ref={keep('')}
            type="button"
            onClick={() => setAsked('')}
          >
            Delete all
          </button>
        ))}
    </>
  );
}

function Usage({
  storage,
  stored,
}: {
  readonly storage: StorageFacts;
  readonly stored: readonly StoredModelFacts[];
}): ReactNode {
  const { actions } = useApp();
  const { usage, quota, persistent } = storage;
  return (
    <>
      {usage !== null && quota !== null && (
        <p className={controls.quiet}>
          This page uses {formatSize(usage)} of the {formatSize(quota)} that the browser says it
          allows.
        </p>
      )}
      {stored.length > 0 && (
        <p className={controls.quiet}>
          {persistent ? (
            'The browser promised to keep it until you delete it.'
          ) : (
            <>
              The browser may clear it when the disk runs full.{' '}
              <button
                className={controls.link}
                type="button"
                onClick={() => actions.persistStorage()}
              >
                Ask the browser to keep it
              </button>
            </>
          )}
        </p>
      )}
    </>
  );
}
