// Files that are dragged over the page: a model may be dropped anywhere. Text that is dragged goes where it
// always went.
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useApp } from '../context.ts';
import css from './DropAnywhere.module.css';
import type { Dropped } from './dropped.ts';
import { unreadable, whyTaken } from './offer.ts';

/** Browsers say at least this often that something is still over the page. */
const STILL_MS = 600;
/** Why nothing can be dropped stays this long after a drop, so that it can be read. */
const SAID_MS = 5000;

const hasFiles = (event: DragEvent): boolean =>
  event.dataTransfer?.types.includes('Files') ?? false;

export function DropAnywhere(): ReactNode {
  const { actions, store } = useApp();
  const [taken, setTaken] = useState('');
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hide = (): void => {
      clearTimeout(timer);
      if (sheet.current?.matches(':popover-open') === true) sheet.current.hidePopover();
    };
    const whyNot = (): string => {
      const { offer } = store.getState().models;
      const { storage } = store.getState().kept;
      return whyTaken(offer, storage);
    };
    /** Says it where the files were dropped, and does nothing else. */
    const refuse = (why: string): void => {
      setTaken(why);
      actions.announce(why);
      if (sheet.current?.matches(':popover-open') === false) sheet.current.showPopover();
      clearTimeout(timer);
      timer = setTimeout(hide, SAID_MS);
    };
    const fail = (error: unknown): void => {
      const { offer } = store.getState().models;
      // Nobody goes on with what the drop was to replace; a paused download keeps what came.
      if (offer?.status === 'looking' || offer?.status === 'arriving') actions.cancelModel();
      actions.refuseFiles(unreadable(error));
    };
    const open = async (dropped: readonly Dropped[]): Promise<void> => {
      try {
        const { readDropped } = await import('./dropped.ts');
        const { files, title } = await readDropped(dropped);
        const why = whyNot();
        if (why === '') actions.openFiles(files, title);
        else refuse(why);
      } catch (error) {
        const why = whyNot();
        if (why === '') fail(error);
        else refuse(why);
      }
    };
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
      setTaken(whyNot());
      // A popover stands above an open dialog too.
      if (sheet.current?.matches(':popover-open') === false) sheet.current.showPopover();
      clearTimeout(timer);
      timer = setTimeout(hide, STILL_MS);
    };
    const drop = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      const why = whyNot();
      if (why !== '') {
        refuse(why);
        return;
      }
      hide();
      const dropped: Dropped[] = [...(event.dataTransfer?.items ?? [])]
        .filter(({ kind }) => kind === 'file')
        .map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
        .filter((entry) => entry !== null);
      void open(dropped);
    };
    addEventListener('dragover', over);
    addEventListener('drop', drop);
    addEventListener('pointerdown', hide);
    return () => {
      clearTimeout(timer);
      removeEventListener('dragover', over);
      removeEventListener('drop', drop);
      removeEventListener('pointerdown', hide);
    };
  }, [actions, store]);
  return (
    <div className={css.sheet} ref={sheet} popover="manual">
      {taken === '' ? (
        <>
          <p>Drop a model here</p>
          <p>A folder, or files: model.safetensors and what lies beside it</p>
        </>
      ) : (
        <>
          <p>Not now</p>
          <p>{taken}</p>
        </>
      )}
    </div>
  );
}
