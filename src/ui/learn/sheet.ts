// The learner's answers in words, to take away.
import type { Answered } from '../../state/lessonNotes.ts';
import { idOf, LESSONS, TWICE, UNSURE } from './lessons.ts';

const NOTHING: Answered = { said: '', answer: '', learned: '' };
const orDash = (words: string): string => (words === '' ? '–' : words);

/** Whether what was said is right, in words; nothing where nothing was said, or where no answer is right. */
function verdictOf(answered: Answered | undefined, isOwn = false): '' | 'right' | 'not right' {
  if (isOwn || answered === undefined || answered.answer === '') return '';
  if (['', UNSURE].includes(answered.said)) return '';
  return answered.said === answered.answer ? 'right' : 'not right';
}

/** What was said, and whether it is right. */
export function saidIn(answered: Answered | undefined, isOwn = false): string {
  const verdict = verdictOf(answered, isOwn);
  return `${orDash(answered?.said ?? '')}${verdict === '' ? '' : ` (${verdict})`}`;
}

/** The sheet as plain text. */
export function toWords(answers: Readonly<Record<string, Answered>>, model: string): string {
  const steps = LESSONS.map(({ id, title, question, isOwn }, i) => {
    const { answer, learned } = answers[id] ?? NOTHING;
    return [
      `${i + 1}. ${title}`,
      question,
      `I said: ${saidIn(answers[id], isOwn)}`,
      `It is: ${orDash(answer)}`,
      ...(learned === '' ? [] : [learned]),
    ].join('\n');
  });
  const twice = TWICE.map((one) => {
    const saidAt = (when: 'before' | 'after'): string => saidIn(answers[idOf(one, when)]);
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
