// The mark, and the few signs the page needs, drawn for it.
import type { ReactNode } from 'react';

/** Three panes behind one another: layers one can look through. */
export function Mark({ small = false }: { readonly small?: boolean }): ReactNode {
  const size = small ? 17 : 26;
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <g fill="currentColor" stroke="currentColor" strokeWidth="1.4" strokeLinejoin="round">
        <path d="M4 10.5 15 4v17.5L4 28z" fillOpacity=".12" />
        <path d="M10.5 10.5 21.5 4v17.5l-11 6.5z" fillOpacity=".24" />
        <path d="M17 10.5 28 4v17.5L17 28z" fillOpacity=".42" />
      </g>
    </svg>
  );
}

function Sign({ children }: { children: ReactNode }): ReactNode {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export const PlaySign = (): ReactNode => (
  <Sign>
    <path d="M4.5 2.8v10.4l8.6-5.2z" fill="currentColor" />
  </Sign>
);
export const StopSign = (): ReactNode => (
  <Sign>
    <rect x="3.5" y="3.5" width="9" height="9" rx="1.2" fill="currentColor" />
  </Sign>
);
export const StepSign = (): ReactNode => (
  <Sign>
    <path d="M3.5 3.2v9.6L10 8zM12.5 3v10" />
  </Sign>
);
export const AgainSign = (): ReactNode => (
  <Sign>
    <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3" />
  </Sign>
);
export const UndoSign = (): ReactNode => (
  <Sign>
    <path d="M5.5 2.5 2.5 5.5l3 3M3 5.5h6.2a3.8 3.8 0 0 1 0 7.6H6" />
  </Sign>
);
export const RedoSign = (): ReactNode => (
  <Sign>
    <path d="m10.5 2.5 3 3-3 3M13 5.5H6.8a3.8 3.8 0 0 0 0 7.6H10" />
  </Sign>
);
export const ForkSign = (): ReactNode => (
  <Sign>
    <circle cx="4" cy="3.5" r="1.6" />
    <circle cx="4" cy="12.5" r="1.6" />
    <circle cx="12" cy="6" r="1.6" />
    <path d="M4 5.1v5.8M4 9.5c0-2 3-1.2 6.4-2.8" />
  </Sign>
);
export const LinkSign = (): ReactNode => (
  <Sign>
    <path d="M6.7 9.3a2.7 2.7 0 0 0 3.9 0l2.3-2.3a2.7 2.7 0 0 0-3.9-3.9l-.8.8" />
    <path d="M9.3 6.7a2.7 2.7 0 0 0-3.9 0L3.1 9a2.7 2.7 0 0 0 3.9 3.9l.8-.8" />
  </Sign>
);
export const DownSign = (): ReactNode => (
  <Sign>
    <path d="M8 3v10M4 9l4 4 4-4" />
  </Sign>
);
export const CloseSign = (): ReactNode => (
  <Sign>
    <path d="m4 4 8 8M12 4l-8 8" />
  </Sign>
);
export const HalfSign = (): ReactNode => (
  <Sign>
    <circle cx="8" cy="8" r="5.5" />
    <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
  </Sign>
);
