// The learner's answers in words, to take away.
import type { Answered } from '../../state/lessonNotes.ts';
import { LESSONS } from './lessons.ts';

const NOTHING: Answered = { said: '', answer: '', learned: '' };

/** The sheet as plain text. */
export function toWords(answers: Readonly<Record<string, Answered>>, model: string): string {
  const steps = LESSONS.map(({ id, title, question }, i) => {
    const { said, answer, learned } = answers[id] ?? NOTHING;
    return [
      `${i + 1}. ${title}`,
      question,
      `I said: ${said === '' ? '–' : said}`,
      `It is: ${answer === '' ? '–' : answer}`,
      ...(learned === '' ? [] : [learned]),
    ].join('\n');
  });
  return `Glass GPT: what I said, and what is so${model === '' ? '' : ` (model: ${model})`}\n\n${steps.join('\n\n')}\n`;
}
