// What is switched off, above the text: nobody shall take this text for the whole model's.
import { useLayoutEffect, useRef, type ReactNode } from 'react';
import type { PartOff } from '../../api.ts';
import { isStillOff, partWords } from '../../state/facts/parts.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { focusText } from '../focusText.ts';
import css from './OffChips.module.css';

/** More parts than these are counted. */
const MOST = 8;

export function OffChips(): ReactNode {
  const { actions } = useApp();
  const { off, stillOff } = useFacts((s) => ({ off: s.view.off, stillOff: s.page.stillOff }));
  const list = useRef<HTMLUListElement>(null);
  /** Place of the chip that was taken away; what has come into its place gets the focus. */
  const gone = useRef<number | null>(null);

  useLayoutEffect(() => {
    const at = gone.current;
    gone.current = null;
    if (at === null) return;
    const buttons = list.current?.querySelectorAll('button') ?? [];
    const next = buttons[Math.min(at, buttons.length - 1)];
    if (next === undefined) focusText();
    else next.focus();
  });

  function switchOn(part: PartOff, at: number): void {
    gone.current = at;
    actions.togglePart(part);
    const name = partWords(part);
    const words = `${name.charAt(0).toUpperCase()}${name.slice(1)} is on again.`;
    actions.announce(words);
  }

  function switchAllOn(): void {
    gone.current = 0;
    actions.everythingOn();
    actions.announce('Every part is on again.');
  }

  if (off.length === 0) return null;
  const more = off.length - MOST;
  const isLeft = isStillOff(stillOff, off);
  return (
    <div className={css.line} data-testid="off-chips">
      <p className={css.words}>
        {isLeft
          ? 'Still off since your last visit'
          : `The model runs with ${off.length} ${off.length === 1 ? 'part' : 'parts'} off`}
      </p>
      <ul className={css.chips} ref={list}>
        {off.slice(0, MOST).map((part, at) => (
          <li key={partWords(part)} className={css.chip}>
            {partWords(part)}
            <button
              type="button"
              aria-label={`Switch ${partWords(part)} on`}
              title="Switch on"
              onClick={() => switchOn(part, at)}
            >
              ×
            </button>
          </li>
        ))}
        {more > 0 && (
          <li>
            <button
              className={controls.link}
              type="button"
              onClick={() => actions.openPanel('parts')}
            >
              and {more} more
            </button>
          </li>
        )}
      </ul>
      <button className={css.all} type="button" onClick={switchAllOn}>
        All on
      </button>
    </div>
  );
}
