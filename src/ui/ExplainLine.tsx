// Region D: one sentence on what there is to see now, and one gesture to try next.
import type { ReactNode } from 'react';
import type { AppState } from '../state/store.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import css from './ExplainLine.module.css';
import { CloseSign } from './icons.tsx';
import { tokenLabel } from './format.ts';

/** The first minute, a gesture a step. */
const GESTURES: readonly { readonly id: string; readonly words: string }[] = [
  { id: 'generate', words: 'press Generate and watch the tokens come.' },
  { id: 'select', words: 'click a word with a thick underline and see what else was likely.' },
  { id: 'choose', words: 'click another candidate: the text forks there, Undo brings it back.' },
  {
    id: 'temperature',
    words: 'move the temperature and watch the bars before anything is written.',
  },
  { id: 'heatmap', words: 'point at the attention map and see the words light up in the text.' },
  { id: 'attention', words: 'click another tile: each head looks for something else.' },
  { id: 'lens', words: 'open Lens and watch the guess take shape, layer by layer.' },
  { id: 'parts', words: 'open Switch off, turn a head off, and see whether it mattered.' },
];

export function ExplainLine(): ReactNode {
  const { text, actions } = useApp();
  const s = useFacts((state) => ({
    phase: state.model.at,
    generating: state.busy.has('run'),
    selected: state.view.selected,
    length: state.text.length,
    done: state.page.done,
    epoch: state.text.epoch,
  }));
  const gesture = GESTURES.find(({ id }) => !s.done.includes(id));
  // While it writes, the text is what there is to look at.
  const hidden = s.done.includes('tips') || s.phase !== 'here' || s.generating;
  const piece = s.selected === null ? undefined : text.pieces[s.selected];
  return (
    <aside className={css.line} aria-label="Explanation">
      <p className={css.now}>
        {nowWords(s, piece === undefined ? null : tokenLabel(piece))}{' '}
        {!hidden && gesture !== undefined && (
          <span className={css.try}>
            <b>Try this:</b> {gesture.words}
          </span>
        )}
      </p>
      {!hidden && gesture !== undefined && (
        <button
          className={controls.plain}
          type="button"
          aria-label="No more tips"
          onClick={() => actions.used('tips')}
        >
          <CloseSign />
        </button>
      )}
    </aside>
  );
}

function nowWords(
  s: {
    readonly phase: AppState['model']['at'];
    readonly generating: boolean;
    readonly length: number;
  },
  selected: string | null,
): string {
  if (s.phase === 'failed') return 'The model is not loaded; your text is kept.';
  if (s.phase !== 'here') return 'The model is on its way; write your opening meanwhile.';
  if (s.generating) {
    return 'For each token the model weighs its whole vocabulary, the sampler draws one, and it starts over.';
  }
  if (selected !== null) {
    return `The panels are about “${selected}”: what else could have stood there, and where it looks.`;
  }
  if (s.length === 0) return 'The model has nothing to go on yet.';
  return 'The bars show what could come next; the underlines show what the model did not expect.';
}
