// The other continuations, in one line under the text: each branch is a button that shows it.
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react';
import type { BranchFacts } from '../state/branches.ts';
import css from './BranchStrip.module.css';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { formatCount, quoteAxisToken, tokenAxisLabel } from './format.ts';
import { CloseSign, ForkSign } from './icons.tsx';

export function BranchStrip(): ReactNode {
  const { actions } = useApp();
  const { branches, note, stored } = useFacts((s) => ({
    branches: s.text.branches,
    note: s.text.branchNote,
    stored: s.page.treeStored,
  }));
  const list = useRef<HTMLUListElement>(null);

  useEffect(() => {
    // Sideways alone: `scrollIntoView` would move the page as well.
    const line = list.current;
    const shown = line?.children[branches.findIndex(({ current }) => current)];
    if (!line || !(shown instanceof HTMLElement)) return;
    const { offsetLeft: left, offsetWidth: width } = shown;
    if (left < line.scrollLeft) line.scrollLeft = left;
    else if (left + width > line.scrollLeft + line.clientWidth) {
      line.scrollLeft = left + width - line.clientWidth;
    }
  }, [branches]);

  if (branches.length < 2 && note === '') return null;

  function onKeyDown(event: KeyboardEvent<HTMLUListElement>): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-branch]')];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (at < 0) return;
    const goal = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: buttons.length - 1,
    }[event.key];
    if (goal !== undefined) {
      event.preventDefault();
      buttons[Math.max(0, Math.min(buttons.length - 1, goal))]?.focus();
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      const facts = branches[at];
      if (facts === undefined || facts.current) return;
      event.preventDefault();
      // Its neighbour, which has the focus then, stays.
      (buttons[at + 1] ?? buttons[at - 1])?.focus();
      actions.deleteBranch(facts.id);
    }
  }

  return (
    <nav className={css.strip} aria-label="Branches of the text" data-testid="branches">
      {branches.length > 1 && (
        <>
          <span
            className={css.title}
            title="Every other choice you made is kept. Pick one to go on there."
          >
            <ForkSign /> Branches
          </span>
          {/* One stop for Tab: arrow keys move from branch to branch. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
          <ul className={css.list} ref={list} onKeyDown={onKeyDown}>
            {branches.map((facts) => (
              <Branch key={facts.id} facts={facts} />
            ))}
          </ul>
        </>
      )}
      {note !== '' && <span className={css.note}>{note}</span>}
      {!stored && (
        <span className={css.note} data-warns="">
          The branches are too large to be stored: after a reload they are gone.
        </span>
      )}
    </nav>
  );
}

function Branch({ facts }: { facts: BranchFacts }): ReactNode {
  const { actions } = useApp();
  const { id, level, from, to, at, current, words } = facts;
  const label = labelOf(facts);
  const spoken =
    level === 1
      ? 'First text'
      : `Branch at token ${at + 1}: ${to === null ? 'ends there' : quoteAxisToken(to)}${from === null ? '' : ` instead of ${quoteAxisToken(from)}`}, level ${level}`;
  return (
    <li className={css.branch}>
      {level > 1 && (
        <span className={css.level} aria-hidden="true">
          {'›'.repeat(Math.min(4, level - 1))}
        </span>
      )}
      <span className={css.pill} data-current={current || undefined}>
        <button
          className={css.show}
          type="button"
          data-branch={id}
          tabIndex={current ? 0 : -1}
          aria-current={current ? 'true' : undefined}
          title={`${words.trim().replaceAll(/\s+/gu, ' ')}…`}
          onClick={() => actions.switchBranch(id)}
        >
          <span className={controls.visuallyHidden}>{spoken}, </span>
          <span aria-hidden="true">{label}</span>
          <span className={css.length}>
            {current ? <CurrentLength /> : formatCount(facts.length)}
            <span className={controls.visuallyHidden}> tokens</span>
          </span>
        </button>
        {!current && (
          <button
            className={css.remove}
            type="button"
            tabIndex={-1}
            aria-label={`Delete: ${spoken}`}
            title="Delete this branch (Delete key). Undo brings it back."
            onClick={() => actions.deleteBranch(id)}
          >
            <CloseSign />
          </button>
        )}
      </span>
    </li>
  );
}

/** Apart, so that a new token draws a number and not the whole strip. */
function CurrentLength(): ReactNode {
  const { length } = useFacts((s) => ({ length: s.text.length }));
  return formatCount(length);
}

function labelOf({ level, from, to }: BranchFacts): string {
  if (level === 1) return 'first text';
  const own = to === null ? '…' : tokenAxisLabel(to);
  return from === null ? `→ ${own}` : `${tokenAxisLabel(from)} → ${own}`;
}
