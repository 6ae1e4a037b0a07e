// The text itself as the chart, where the text stage is out of sight: touch a word, and what it looks at
// is tinted. Drawn straight into the DOM like the stage, as words and not as a second list of tokens.
import { useEffect, useRef, type ReactNode } from 'react';
import type { AppState } from '../../state/store.ts';
import { useApp } from '../context.ts';
import { tokenLabel } from '../format.ts';
import { lookOf } from './look.ts';
import css from './attention.module.css';

/** Words before the selected one that are shown, and after it. */
const BEFORE = 90;
const AFTER = 20;

export function Reading(): ReactNode {
  const { store, text, actions } = useApp();
  const list = useRef<HTMLParagraphElement>(null);

  useEffect(() => {
    const host = list.current;
    if (host === null) return;
    let first = -1;
    let epoch = -1;
    let words: HTMLButtonElement[] = [];

    function update(state: AppState): void {
      // Wide windows have the text above; there this is not displayed.
      if (host === null || host.offsetParent === null) return;
      const query = state.view.selected ?? state.text.length - 1;
      const from = Math.max(0, query - BEFORE);
      const end = Math.min(state.text.length, query + AFTER + 1);
      if (from !== first || epoch !== state.text.epoch || words.length > end - from) {
        host.replaceChildren();
        words = [];
        first = from;
        ({ epoch } = state.text);
      }
      for (let i = from + words.length; i < end; i++) {
        const piece = text.pieces[i];
        if (piece === undefined) break;
        const word = document.createElement('button');
        word.type = 'button';
        // The stage's list of tokens is the one for the keyboard.
        word.tabIndex = -1;
        word.className = css.word ?? '';
        word.textContent = tokenLabel(piece);
        word.dataset.token = String(i);
        if (piece.text.startsWith(' ')) host.append(' ');
        words.push(word);
        host.append(word);
      }
      const looks = lookOf(state, query);
      words.forEach((word, i) => {
        const look = looks.get(from + i) ?? 0;
        word.style.setProperty('--look', look.toFixed(2));
        word.setAttribute('aria-pressed', String(from + i === query));
      });
    }

    function onClick(event: MouseEvent): void {
      const word = event.target instanceof Element ? event.target.closest('button') : null;
      if (word === null) return;
      actions.select(Number(word.dataset.token));
      actions.used('select');
    }

    host.addEventListener('click', onClick);
    let frame = 0;
    const soon = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => update(store.getState()));
    };
    const unsubscribe = store.subscribe((now, before) => {
      if (
        now.text.length !== before.text.length ||
        now.text.epoch !== before.text.epoch ||
        now.view.selected !== before.view.selected ||
        now.attention.front !== before.attention.front ||
        now.attention.rows !== before.attention.rows ||
        now.view.dim !== before.view.dim ||
        now.view.layer !== before.view.layer ||
        now.view.head !== before.view.head
      ) {
        soon();
      }
    });
    addEventListener('resize', soon);
    update(store.getState());
    return () => {
      unsubscribe();
      cancelAnimationFrame(frame);
      removeEventListener('resize', soon);
      host.removeEventListener('click', onClick);
      host.replaceChildren();
    };
  }, [store, text, actions]);

  return (
    <section className={css.reading} aria-label="What a word looks at" data-testid="reading">
      <p className={css.hint}>Tap a word: the darker another word, the more it is looked at.</p>
      <p className={css.wordsLine} ref={list} />
    </section>
  );
}
