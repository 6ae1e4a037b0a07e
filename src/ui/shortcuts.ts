// The one list of keys: what they do, and what the help says about them.
import type { Actions } from '../state/page.ts';
import type { AppStore } from '../state/store.ts';
import { isMac } from './format.ts';

export interface Shortcut {
  /** As it is shown; ⌘ stands for Ctrl outside of Apple's systems. */
  readonly keys: string;
  readonly words: string;
  readonly matches?: (event: KeyboardEvent) => boolean;
  readonly run?: (context: ShortcutContext) => void;
  /** Whether it also works while somebody types; not on a Mac where the key has its own meaning there. */
  readonly whileTyping?: boolean | 'not on a Mac';
}

export interface ShortcutContext {
  readonly actions: Actions;
  readonly store: AppStore;
  readonly openHelp: () => void;
}

const command = (e: KeyboardEvent): boolean => e.ctrlKey || e.metaKey;
/** A character, however this keyboard writes it: brackets may take AltGr, which is Ctrl and Alt to some systems. */
const typed = (e: KeyboardEvent): boolean => !e.metaKey && (!e.ctrlKey || e.altKey);

export const SHORTCUTS: readonly Shortcut[] = [
  {
    keys: '⌘ Enter',
    words: 'Generate',
    matches: (e) => command(e) && e.key === 'Enter',
    run: ({ actions }) => actions.generate(),
    whileTyping: true,
  },
  {
    keys: 'Esc',
    words: 'Stop; otherwise back to the end of the text',
    matches: (e) => e.key === 'Escape',
    run: ({ actions, store }) => {
      const { queued } = store.getState().run;
      const generating = store.getState().busy.has('run');
      if (generating || queued) actions.stop();
      else actions.select(null);
    },
    whileTyping: true,
  },
  {
    keys: 'Alt →',
    words: 'One token more',
    matches: (e) => e.altKey && !e.shiftKey && !command(e) && e.key === 'ArrowRight',
    run: ({ actions }) => actions.step(),
    // There it goes to the next word.
    whileTyping: 'not on a Mac',
  },
  {
    keys: 'Alt R',
    words: 'Write the last run again, as another branch',
    matches: (e) => e.altKey && !command(e) && e.code === 'KeyR',
    run: ({ actions, store }) => {
      const { length, promptCount } = store.getState().text;
      if (length > promptCount) actions.regenerate();
    },
    whileTyping: true,
  },
  {
    keys: 'Alt Z',
    words: 'Undo the last run, step, choice, switch or edit',
    matches: (e) => e.altKey && !e.shiftKey && !command(e) && e.code === 'KeyZ',
    run: ({ actions }) => actions.undo(),
    whileTyping: true,
  },
  {
    keys: 'Alt Shift Z',
    words: 'Do again what was undone',
    matches: (e) => e.altKey && e.shiftKey && !command(e) && e.code === 'KeyZ',
    run: ({ actions }) => actions.redo(),
    whileTyping: true,
  },
  {
    keys: '[  ]',
    words: 'Previous, next attention head',
    matches: (e) => typed(e) && (e.key === '[' || e.key === ']'),
    run: ({ actions }) => actions.moveHead(1),
  },
  {
    keys: '{  }',
    words: 'Previous, next layer',
    matches: (e) => typed(e) && (e.key === '{' || e.key === '}'),
    run: ({ actions }) => actions.moveLayer(1),
  },
  {
    keys: '?',
    words: 'This help',
    matches: (e) => typed(e) && e.key === '?',
    run: ({ openHelp }) => openHelp(),
  },
];

/** Keys that mean something where the keyboard stands; each place answers its own. */
export const PLACE_KEYS: readonly Pick<Shortcut, 'keys' | 'words'>[] = [
  {
    keys: '← → ↑ ↓',
    words: 'From token to token in the text; from cell to cell, from tile to tile in a map or grid',
  },
  { keys: 'Home  End', words: 'To the first, to the last of them' },
  {
    keys: 'F2',
    words:
      'On a token of the text: write there. So do Enter, a letter, and a double click. Esc leaves the text as it was',
  },
  { keys: 'PgUp  PgDn', words: 'In the lens: as many tokens back, on, as there are in sight' },
  {
    keys: 'Enter',
    words:
      'On a head’s tile: pin it, or let it go. On a cell of the map: choose its tokens. On a cell of the lens: open it. On a switch: off, or on again',
  },
  { keys: 'Space', words: 'The same on a tile, a cell of the lens and a switch' },
  { keys: 'x', words: 'On a head’s tile: switch the head off, or on again' },
  { keys: 'Shift click', words: 'The same with the pointer' },
  { keys: 'Delete', words: 'On a branch of the text: remove it. Backspace does the same' },
];

export function startShortcuts(context: ShortcutContext): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing) return;
    if (document.querySelector('dialog[open]') !== null) return;
    const shortcut = shortcutOf(event, { typing: isTyping(event.target), mac: isMac() });
    if (shortcut === undefined) return;
    // What they do is done to the text that is written.
    const isWriting = context.store.getState().view.workspace === 'write';
    if (!isWriting && shortcut.keys !== '?') return;
    // An open popover closes by itself first.
    if (event.key === 'Escape' && document.querySelector(':popover-open') !== null) return;
    if (event.key !== 'Escape') event.preventDefault();
    if (event.key === '[') context.actions.moveHead(-1);
    else if (event.key === '{') context.actions.moveLayer(-1);
    else shortcut.run?.(context);
  };
  addEventListener('keydown', onKeyDown);
  return () => removeEventListener('keydown', onKeyDown);
}

/** What a key means here. */
export function shortcutOf(
  event: KeyboardEvent,
  { typing, mac }: { readonly typing: boolean; readonly mac: boolean },
): Shortcut | undefined {
  const isOn = ({ whileTyping = false }: Shortcut): boolean =>
    !typing || whileTyping === true || (whileTyping === 'not on a Mac' && !mac);
  return SHORTCUTS.find((one) => isOn(one) && one.matches?.(event) === true);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) {
    return target.type !== 'range' && target.type !== 'checkbox' && target.type !== 'radio';
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
