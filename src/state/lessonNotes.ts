// What a learner has answered, and where the lessons were left: of this tab, and what a new one starts from.
import { isObject } from '../json.ts';
import { createTabStorage } from './tabStorage.ts';

const KEY = 'glass-gpt.lessons';
const tab = createTabStorage(KEY, [KEY]);
/** Nobody's answer is longer. */
export const MOST_WRITTEN = 200;
const MOST_ANSWERS = 50;

/** An answer as it was given, and what was so with the model of that time. */
export interface Answered {
  /** What the learner said; '' where the question was skipped. */
  readonly said: string;
  readonly answer: string;
  /** The lesson's sentence, with the numbers of that model; '' until its gesture was made. */
  readonly learned: string;
}

export interface LessonNotes {
  /** The step that was open last, from 1. */
  readonly step: number;
  /** By the lesson's id. */
  readonly answers: Readonly<Record<string, Answered>>;
}

export function readNotes(): LessonNotes {
  let value: unknown = null;
  try {
    value = JSON.parse(tab.read(KEY) ?? 'null');
  } catch {
    // As if there were nothing.
  }
  if (!isObject(value)) return { step: 1, answers: {} };
  const { step, answers } = value;
  const isStep = typeof step === 'number' && Number.isInteger(step) && step >= 1 && step < 100;
  const read: [string, Answered][] = [];
  for (const [id, one] of Object.entries(isObject(answers) ? answers : {}).slice(0, MOST_ANSWERS)) {
    if (!isObject(one)) continue;
    const { said, answer, learned } = one;
    if (typeof said !== 'string' || typeof answer !== 'string' || typeof learned !== 'string')
      continue;
    read.push([id, { said: said.slice(0, MOST_WRITTEN), answer, learned }]);
  }
  return { step: isStep ? step : 1, answers: Object.fromEntries(read) };
}

export function writeNotes(notes: LessonNotes): void {
  tab.write(KEY, JSON.stringify(notes));
}

/** The step at which somebody goes on. */
export function readLesson(): number {
  return readNotes().step;
}
