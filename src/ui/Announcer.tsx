// What there is to hear of the page, for who cannot see it.
import { useEffect, useRef, type ReactNode } from 'react';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';

export function Announcer({ testId }: { testId?: string }): ReactNode {
  const { actions } = useApp();
  const { announcement } = useFacts((s) => ({ announcement: s.page.announcement }));
  const said = useRef<HTMLOutputElement>(null);
  useEffect(() => {
    if (announcement === '' || said.current === null) return;
    // The same words twice are no news to a browser; a space at their end, which nobody hears, is.
    const isAgain = said.current.textContent === announcement;
    said.current.textContent = isAgain ? `${announcement}\u00A0` : announcement;
    // Taken out, so that they can be said again.
    actions.announce('');
  }, [announcement, actions]);
  return <output className={controls.visuallyHidden} ref={said} data-testid={testId} />;
}
