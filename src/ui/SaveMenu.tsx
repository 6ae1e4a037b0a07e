// Files and table of something that has no room for them beside it.
import { useId, useState, type ReactNode } from 'react';
import css from './SaveMenu.module.css';

export function SaveMenu({
  label,
  children,
}: {
  /** What is saved: `Next token`. */
  readonly label: string;
  /** The tools, which are drawn when it is opened. */
  readonly children: ReactNode;
}): ReactNode {
  const id = useId();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button className={css.open} type="button" popoverTarget={id}>
        Save
      </button>
      <div
        className={css.popover}
        id={id}
        popover="auto"
        aria-label={`${label}: table and files`}
        onToggle={(event) => setOpen(event.newState === 'open')}
      >
        <p className={css.title}>{label}</p>
        {open && children}
      </div>
    </>
  );
}
