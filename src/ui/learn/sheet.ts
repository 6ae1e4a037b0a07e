// The learner's answers in words, to take away.
import type { Answered } from '../../state/lessonNotes.ts';
import { idOf, LESSONS, TWICE } from './lessons.ts';

const NOTHING: Answered = { said: '', answer: '', learned: '' };
const orDash = (words: string): string => (words === '' ? '–' : words);

/** The sheet as plain text. */
export function toWords(answers: Readonly<Record<string, Answered>>, model: string): string {
  const steps = LESSONS.map(({ id, title, question }, i) => {
    const { said, answer, learned } = answers[id] ?? NOTHING;
    return [
      `${i + 1}. ${title}`,
      question,
      `I said: ${orDash(said)}`,
      `It is: ${orDash(answer)}`,
      ...(learned === '' ? [] : [learned]),
    ].join('\n');
  });
  const twice = TWICE.map((one) => {
    const saidAt = (when: 'before' | 'after'): string =>
      orDash(answers[idOf(one, when)]?.said ?? '');
    return [
      one.question,
      `I said before: ${saidAt('before')}`,
      `I said after: ${saidAt('after')}`,
      `It is: ${one.answer}`,
    ].join('\n');
  });
  const title = `Glass GPT: what I said, and what is so${model === '' ? '' : ` (model: ${model})`}`;
  const parts = [title, ...steps, 'Asked before the first step, and after the last', ...twice];
  return `${parts.join('\n\n')}\n`;
}
