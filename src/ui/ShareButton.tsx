// A link that shows this very text to somebody else; copied, and said in words what it holds.
import { useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { useApp } from './context.ts';
import controls from './controls.module.css';
import { copyText, howToCopy } from './CopyButton.tsx';
import { formatCount } from './format.ts';
import { LinkSign } from './icons.tsx';
import css from './ShareButton.module.css';
import { modelOf } from '../state/facts/model.ts';
import { listed } from '../words.ts';

interface Copied {
  readonly href: string;
  readonly title: string;
  readonly words: string;
  /** If not, it is to be copied by hand. */
  readonly isCopied: boolean;
}

export function ShareButton(): ReactNode {
  const { actions, store } = useApp();
  const popover = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<Copied | null>(null);

  async function copy(): Promise<void> {
    // The link before this one is not shown in its place.
    setCopied(null);
    const link = actions.makeLink();
    const href = location.origin + location.pathname + link.hash;
    const isCopied = await copyText(href);
    const title = isCopied ? 'Link copied.' : howToCopy();
    const { off, pins, selected } = store.getState().view;
    const model = modelOf(store.getState());
    const words = describe({
      ...link,
      model: model?.name ?? '',
      pins: pins.length,
      off: off.length,
      isSelected: selected !== null,
    });
    setCopied({ href, title, words, isCopied });
    popover.current?.showPopover();
    if (isCopied) actions.announce(`The link is on the clipboard. ${words}`);
  }

  useLayoutEffect(() => {
    if (copied !== null && !copied.isCopied) field.current?.focus();
  }, [copied]);

  return (
    <div className={css.anchor}>
      <button
        className={controls.button}
        type="button"
        title="A link that shows this text, its branches and this view"
        onClick={() => void copy()}
      >
        <LinkSign /> <span className={css.text}>Copy link</span>
      </button>
      <div className={css.popover} ref={popover} popover="auto" aria-label="Link to this text">
        <p className={css.title}>{copied?.title}</p>
        <p className={css.words}>{copied?.words}</p>
        <input
          className={css.link}
          ref={field}
          type="text"
          readOnly
          aria-label="The link"
          value={copied?.href ?? ''}
          onFocus={(event) => event.currentTarget.select()}
        />
      </div>
    </div>
  );
}

function describe({
  holds,
  written,
  branches,
  model,
  pins,
  off,
  isSelected,
}: ReturnType<ReturnType<typeof useApp>['actions']['makeLink']> & {
  readonly model: string;
  readonly pins: number;
  readonly off: number;
  readonly isSelected: boolean;
}): string {
  const count = (n: number, one: string, many: string): string =>
    `${formatCount(n)} ${n === 1 ? one : many}`;
  if (holds === 'the settings') {
    return 'This text is too long for a link: it holds only the settings.';
  }
  const extras = [
    ...(pins > 0 ? [count(pins, 'pinned head', 'pinned heads')] : []),
    ...(off > 0 ? [count(off, 'part off', 'parts off')] : []),
  ];
  if (holds === 'the prompt') {
    return written > 0
      ? 'This text is too long for a link: it holds only the prompt and the settings.'
      : 'It holds the prompt and the settings.';
  }
  const parts = [
    written > 0 ? `${count(written, 'token', 'tokens')} as ${model} wrote them` : 'the text',
    ...(holds === 'everything' && branches > 1 ? [count(branches, 'branch', 'branches')] : []),
    ...extras,
    ...(isSelected ? ['the selected token'] : []),
    'the settings',
    'the open view',
  ];
  const rest =
    holds === 'this branch' ? ' The other branches found no room: it holds the one shown.' : '';
  return `It holds ${listed(parts)}.${rest}`;
}
