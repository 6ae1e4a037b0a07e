// The cross that closes a notice.
import type { ReactNode } from 'react';
import { CloseSign } from './icons.tsx';
import css from './Notices.module.css';

export function Dismiss({ onClick }: { onClick: () => void }): ReactNode {
  return (
    <button className={css.close} type="button" aria-label="Dismiss" onClick={onClick}>
      <CloseSign />
    </button>
  );
}
