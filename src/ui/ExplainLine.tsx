// Beside the text: one sentence on what there is to see now, and one gesture to try next.
import type { ReactNode } from 'react';
import type { AppState } from '../state/store.ts';
import { readLesson } from '../state/lessonNotes.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import css from './ExplainLine.module.css';
import { CloseSign } from './icons.tsx';
import { inHand } from './inHand.ts';
import { quoteToken } from './format.ts';
import { nextTip } from './tips.ts';

export function ExplainLine(): ReactNode {
  const { text, actions } = useApp();
  const s = useFacts((state) => ({
    phase: state.model.at,
    generating: state.busy.has('run'),
    selected: state.view.selected,
    length: state.text.length,
    done: state.page.done,
    panel: state.view.panel,
    epoch: state.text.epoch,
    isMarked: state.view.reading === 'pieces',
    story: state.page.story && !state.page.done.includes('story'),
  }));
  const tip = nextTip(s.done, s.panel);
  // While it writes, the text is what there is to look at.
  const hidden = s.done.includes('tips') || s.phase !== 'here' || s.generating;
  // Once, before the first tip: whoever declines is not asked again.
  const isOffer = !s.done.includes('learn');
  const piece = s.selected === null ? undefined : text.pieces[s.selected];
  return (
    <aside className={css.line} aria-label="Explanation" data-story={s.story || undefined}>
      <p className={css.now}>
        {s.story ? STORY : nowWords(s, piece === undefined ? null : quoteToken(piece))}{' '}
        {(s.story || !hidden) && isOffer ? (
          <span className={css.try}>
            <b>New here?</b>{' '}
            <button
              className={controls.link}
              type="button"
              onClick={() => actions.learn(readLesson())}
            >
              Start the lessons
            </button>
            : twelve short steps from pieces of text to layers, ten minutes in all.
          </span>
        ) : (
          !hidden &&
          tip !== undefined && (
            <span className={css.try}>
              <b>Try this:</b> {inHand(s.isMarked ? tip.words : (tip.unmarked ?? tip.words))}
            </span>
          )
        )}
      </p>
      {(s.story || (!hidden && (isOffer || tip !== undefined))) && (
        <button
          className={css.close}
          type="button"
          aria-label={
            s.story ? 'Close the explanation' : isOffer ? 'No lessons: show tips' : 'No more tips'
          }
          onClick={() => actions.used(s.story ? 'story' : isOffer ? 'learn' : 'tips')}
        >
          <CloseSign />
        </button>
      )}
    </aside>
  );
}

const STORY =
  'The green words were written by tales-7m, the tiny story model that comes with this page (recorded, seed 4). Touch a word to see how likely it was, and what else could have stood there. Generate writes on from here. Nothing you type leaves your machine.';

function nowWords(
  s: {
    readonly phase: AppState['model']['at'];
    readonly generating: boolean;
    readonly length: number;
    readonly isMarked: boolean;
  },
  selected: string | null,
): string {
  if (s.phase === 'failed') return 'The model is not loaded; your text is kept.';
  if (s.phase !== 'here') return 'The model is on its way; write your opening meanwhile.';
  if (s.generating) {
    return 'For each token the model weighs its whole vocabulary, the sampler draws one, and it starts over.';
  }
  if (selected !== null) {
    return `The panels are about ${selected}: what else could have stood there, and where it looks.`;
  }
  if (s.length === 0) return 'The model has nothing to go on yet.';
  const marks = s.isMarked ? '; the underlines show what the model did not expect' : '';
  return `The bars show what could come next${marks}.`;
}
