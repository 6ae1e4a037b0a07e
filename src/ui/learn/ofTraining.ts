// Lessons about where all of it comes from: the texts that a model has read.
import { formatCount, tokenLabel } from '../format.ts';
import type { Lesson } from './lesson.ts';
import { chanceBits, distributionAfter, idsOf, piecesOf, rounded, surpriseOf } from './measures.ts';

/** Something of the tales, and something that nobody had told of then. */
const OLD = 'horses';
const NEW = 'robots';
/** Either would do, and the old one is among the likeliest that the list shows. */
const BEFORE = 'In the year 2050, the king came in a carriage with two';

export const YEAR: Lesson = {
  id: 'year',
  title: 'In the year 2050',
  prompt: `${BEFORE} ${NEW}`,
  // What was to be looked at stays in sight.
  settings: { max_new_tokens: 30 },
  words:
    'All that a model knows comes from the texts it was trained on. The story model read tales from before 1929.',
  question: `After “${BEFORE}”: which word does it find likelier, “${NEW}” or “${OLD}”?`,
  shows: ['composer', 'text', 'next'],
  covers: ['text', 'next'],
  about: 'text',
  gesture: 'Now press Generate, and see what becomes of the year 2050.',
  deeds: [({ text, busy }, then) => text.length > then.text.length + 1 && !busy.has('run')],
  async measure(ask) {
    const fresh = await surpriseOf(ask, BEFORE, ` ${NEW}`);
    const old = await surpriseOf(ask, BEFORE, ` ${OLD}`);
    const pieces = await piecesOf(ask, NEW);
    // What is as rare as chance has not been read either.
    if (fresh < old + 3 || old > (await chanceBits(ask)) - 3) return null;
    const { top } = await distributionAfter(ask, BEFORE);
    const placeOf = (word: string) => top.findIndex(({ piece }) => piece.text === ` ${word}`) + 1;
    const place = placeOf(pieces[0]?.text.trim() ?? '') > 0 ? 0 : placeOf(OLD);
    const cut =
      pieces.length === 1
        ? ''
        : `, which it has to spell in ${pieces.length} pieces (${pieces.map(tokenLabel).join(' · ')})`;
    return {
      choices: [NEW, OLD, 'Both about the same'],
      answer: OLD,
      selected: (await idsOf(ask, BEFORE)).length,
      ...(place > 0 && {
        gesture: `In the list of what it expects after “two”, “${OLD}” is number ${place}, and “${NEW}” is not in it. ${this.gesture}`,
      }),
      sentence:
        `“${OLD}”, ${formatCount(rounded(2 ** (fresh - old)))} times likelier than “${NEW}”${cut}. The year says 2050; what it has read ` +
        `decides. A word that it hardly met it can still spell, but does not expect.`,
    };
  },
};

/** The same three words. */
const TONGUES = [
  { name: 'English', words: 'the old king' },
  { name: 'German', words: 'der alte König' },
  { name: 'Russian', words: 'старый король' },
];

export const OTHERS: Lesson = {
  id: 'languages',
  title: 'Other languages',
  prompt: TONGUES.map(({ words }) => words).join(', '),
  words:
    'The pieces were chosen once, before training, so that the texts it was to learn from need few of them.',
  question: 'The old king in English, German and Russian: which takes the most pieces?',
  shows: ['composer', 'text'],
  covers: ['text'],
  about: 'text',
  gesture: 'Now write a word of another language as the prompt, and see how it is cut.',
  deeds: [
    ({ text }, then) => text.tokenised && text.length > 0 && text.prompt !== then.text.prompt,
  ],
  async measure(ask) {
    const counts = await Promise.all(
      TONGUES.map(async ({ name, words }) => ({
        name,
        letters: words.replaceAll(' ', '').length,
        pieces: (await ask('tokenize', { text: ` ${words}`, isWithin: true })).length,
      })),
    );
    const [home, near, far] = counts;
    if (home === undefined || near === undefined || far === undefined) return null;
    if (!(home.pieces < near.pieces && near.pieces < far.pieces)) return null;
    return {
      choices: TONGUES.map(({ name }) => name),
      answer: far.name,
      sentence:
        `${home.name} ${home.pieces} pieces for ${home.letters} letters, ${near.name} ${near.pieces} for ${near.letters}, ` +
        `${far.name} ${far.pieces} for ${far.letters}. The pieces were learned from ${home.name}: ` +
        `what is rare there is cut small, ${far.pieces > far.letters ? 'down to single bytes, more than one a letter' : 'letter by letter'}. Such texts cost more, and are understood less.`,
    };
  },
};
