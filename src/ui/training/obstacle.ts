// What keeps the draft from being trained, and the memory that it would take.
import type { RunMemory } from '../../api.ts';
import { problemsOf, whyNothing } from '../../state/training/draft.ts';
import type { TrainingState } from '../../state/training/facts.ts';
import { whyNotNow } from '../../state/training/live.ts';
import { isOfSource, type Measured } from '../../state/training/presets.ts';
import { isOfBase } from './words.ts';

export interface Obstacle {
  readonly words: string;
  /** Whether it goes by itself: nothing is wrong. */
  readonly passes: boolean;
}

/** Null where Train can be pressed. */
export function obstacleOf(
  state: Pick<TrainingState, 'draft' | 'text' | 'drawing' | 'cost' | 'watch' | 'live'>,
): Obstacle | null {
  const { draft, text, drawing } = state;
  const { read } = text;
  const wrong = (words: string): Obstacle => ({ words, passes: false });
  const waiting = (words: string): Obstacle => ({ words, passes: true });
  const [problem] = Object.values(problemsOf(draft));
  if (problem !== undefined) return wrong(problem);
  const now = whyNotNow(state);
  if (now !== null) return waiting(now);
  if (drawing.at === 'working') {
    return waiting('The notebook’s model is being drawn: wait until that is done.');
  }
  switch (read.at) {
    case 'none':
      return waiting('Put a text in first.');
    case 'coming':
      return waiting('Reading the text…');
    case 'failed': {
      const { base } = draft.settings;
      const what = base !== undefined && isOfBase(read.error) ? base.name : 'The text';
      return wrong(`${what} cannot be read yet.`);
    }
    case 'here': {
      const words = whyNothing(read.value, draft.settings) ?? draftMemory(state)?.problem ?? null;
      return words === null ? null : wrong(words);
    }
  }
}

/** As the measurement found it; what is too large for one was counted. Null before. */
export function draftMemory({
  cost: { estimate, planned },
  draft: { preset },
  drawing: { plan },
}: Pick<TrainingState, 'cost' | 'draft' | 'drawing'>): RunMemory | null {
  if (estimate.at === 'here') return estimate.value.estimate.memory;
  return isOfSource(preset) && plan.at === 'here' ? plan.value.training : planned;
}

/** What was measured of the draft itself; null where nothing was, or nothing could be for want of memory. */
export function measuredOf({ estimate }: TrainingState['cost']): Measured | null {
  return estimate.at === 'here' && estimate.value.estimate.steps > 0 ? estimate.value : null;
}
