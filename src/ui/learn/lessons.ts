// The lessons in their order, and what is asked before the first and after the last. What each says of the model it
// measures first; the tests hold every sentence to the model that comes with the page.
import type { Lesson } from './lesson.ts';
import { BREAK, LAYERS, LOOKERS, LOOKS, OFF } from './ofInside.ts';
import { OTHERS, YEAR } from './ofTraining.ts';
import { DICE, GUESS, NO, ONE, PIECES, SOME, SURPRISE, YES } from './ofWriting.ts';

export const LESSONS: readonly Lesson[] = [
  PIECES,
  GUESS,
  ONE,
  DICE,
  SURPRISE,
  LOOKS,
  LOOKERS,
  LAYERS,
  OFF,
  BREAK,
  YEAR,
  OTHERS,
];

/** A question that is asked twice, so that whoever teaches sees what was learned; its answer is one of any model. */
export interface Twice {
  readonly id: string;
  readonly question: string;
  readonly choices: readonly string[];
  readonly answer: string;
}

const CANNOT = 'It may or may not: looking does not tell';
/** Neither right nor not. */
export const UNSURE = 'I do not know';

export const TWICE: readonly Twice[] = [
  {
    id: ONE.id,
    question:
      'A language model has written the first word of a sentence. How much of the rest does it have ready?',
    choices: [YES, SOME, NO, UNSURE],
    answer: NO,
  },
  {
    id: OFF.id,
    question:
      'To guess the next word, a model looks back at those before. A part of it looks almost only at one of them. Does the guess hang on that one?',
    choices: ['Yes, or it would look elsewhere', 'No, looking changes nothing', CANNOT, UNSURE],
    answer: CANNOT,
  },
];

/** Answers are kept by it. */
export function idOf({ id }: Twice, when: 'before' | 'after'): string {
  return `${when}.${id}`;
}
