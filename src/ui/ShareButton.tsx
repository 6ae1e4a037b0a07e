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

/** What is copied, and what it holds in a sentence or two. */
export interface MadeLink {
  readonly href: string;
  readonly words: string;
}

interface Copied extends MadeLink {
  readonly title: string;
  /** If not, it is to be copied by hand. */
  readonly isCopied: boolean;
}

/** A link to the text and the view. */
export function ShareText(): ReactNode {
  const { actions, store } = useApp();
  const make = (): MadeLink => {
    const link = actions.makeLink();
    const { off, pins, selected } = store.getState().view;
    const words = describe({
      ...link,
      model: modelOf(store.getState())?.name ?? '',
      pins: pins.length,
      off: off.length,
      isSelected: selected !== null,
    });
    return { href: location.origin + location.pathname + link.hash, words };
  };
  return (
    <ShareButton
      make={make}
      title="A link that shows this text, its branches and this view"
      label="Link to this text"
    />
  );
}

export function ShareButton({
  make,
  title,
  label,
}: {
  readonly make: () => MadeLink;
  readonly title: string;
  /** Of what shows the link. */
  readonly label: string;
}): ReactNode {
  const { actions } = useApp();
  const popover = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<Copied | null>(null);

  async function copy(): Promise<void> {
    // The link before this one is not shown in its place.
    setCopied(null);
    const { href, words } = make();
    const isCopied = await copyText(href);
    setCopied({ href, title: isCopied ? 'Link copied.' : howToCopy(), words, isCopied });
    popover.current?.showPopover();
    if (isCopied) actions.announce(`The link is on the clipboard. ${words}`);
  }

  useLayoutEffect(() => {
    if (copied !== null && !copied.isCopied) field.current?.focus();
  }, [copied]);

  return (
    <div className={css.anchor}>
      <button className={controls.button} type="button" title={title} onClick={() => void copy()}>
        <LinkSign /> <span className={css.text}>Copy link</span>
      </button>
      <div className={css.popover} ref={popover} popover="auto" aria-label={label}>
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
