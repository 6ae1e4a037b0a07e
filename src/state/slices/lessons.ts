// What the lessons change of the page is lent to them: text, settings, view and parts stand again as they were when
// somebody leaves. Until then it is what stood there before that is kept for a reload, and that the address names.
import { modelOf } from '../facts/model.ts';
import { ALL_PARTS_ON, type PartsState } from '../facts/parts.ts';
import type { RunState } from '../facts/run.ts';
import type { Settings } from '../settings.ts';
import { FIRST_VIEW, VIEW, type View } from '../view.ts';
import type { createParts } from './parts.ts';
import type { createRun } from './run.ts';
import type { PageContext } from './slice.ts';
import type { Stood } from './text/history.ts';
import type { TextSlice } from './text/text.ts';

interface LessonOptions extends PageContext {
  readonly writing: TextSlice;
  readonly run: ReturnType<typeof createRun>;
  readonly parts: ReturnType<typeof createParts>;
}

/** The page before the lessons. */
export interface Own {
  readonly text: Stood;
  readonly view: View;
  readonly run: Pick<RunState, 'settings' | 'chosen' | 'by'>;
  readonly parts: Pick<PartsState, 'by' | 'next'>;
}

export function createLessons({ get, look, refreshAll, writing, run, parts }: LessonOptions) {
  let own: Own | null = null;

  /** All on, and what is switched off next as it was; which are off is of the view. */
  function recallParts({ by, next }: Own['parts']): void {
    parts.actions.everythingOn();
    parts.actions.replaceBy(by);
    parts.actions.setNextSweep(next);
  }

  return {
    /** Null while nobody learns. */
    own: () => own,
    /**
     * A step begins: with everything as it was before the lessons and every part on, but a text of its own, and knobs
     * where it has such; a prompt of null leaves all as it stands.
     */
    begin(prompt: string | null, view: Partial<View>, settings?: Partial<Settings>): void {
      own ??= {
        text: writing.stands(),
        view: get().view,
        run: get().run,
        parts: get().parts,
      };
      if (prompt === null) return;
      recallParts(ALL_PARTS_ON);
      run.recall(own.run);
      if (settings !== undefined) run.change(settings);
      look({ ...FIRST_VIEW, lesson: get().view.lesson, ...view });
      writing.actions.takePrompt(prompt, true);
      refreshAll();
    },
    /** Gives back what was lent. */
    leave(): void {
      if (own === null) return;
      const { text, view, run: before, parts: switches } = own;
      own = null;
      recallParts(switches);
      run.recall(before);
      const model = modelOf(get());
      const seen = model === null ? view : VIEW.fit(view, model);
      writing.standsAgain(text, { ...seen, lesson: 0 });
    },
  };
}
