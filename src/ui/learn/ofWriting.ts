// Lessons about writing: pieces, guesses, dice, and what a text costs in surprise.
import { formatCount, formatPercent, quoteToken, toBits, tokenLabel } from '../format.ts';
import type { Deed, Lesson } from './lesson.ts';
import {
  chanceBits,
  choicesOf,
  distributionAfter,
  firstWhole,
  idsOf,
  LIKELY,
  piecesOf,
  PLAIN,
  rounded,
  surpriseOf,
} from './measures.ts';

export const PIECES: Lesson = {
  id: 'pieces',
  title: 'Pieces',
  prompt: 'Rumpelstiltskin',
  words:
    'The model reads no letters. It cuts a text into pieces that it knows, often whole words. They are called tokens.',
  question: 'Into how many pieces does it cut “Rumpelstiltskin”?',
  shows: ['composer', 'text'],
  covers: ['text'],
  about: 'text',
  gesture: 'Now write your own name as the prompt, and see how it is cut.',
  deeds: [
    ({ text }, then) => text.tokenised && text.length > 0 && text.prompt !== then.text.prompt,
  ],
  async measure(ask) {
    const pieces = await ask('tokenize', { text: this.prompt });
    const { vocabSize } = await distributionAfter(ask, this.prompt);
    const whole = await firstWhole(ask);
    const letters = this.prompt.length;
    if (pieces.length < 2 || pieces.length >= letters || whole === null) return null;
    const numbers = [1, pieces.length, letters, pieces.length === 2 ? 4 : 2];
    return {
      choices: choicesOf(numbers, String),
      answer: String(pieces.length),
      sentence:
        `The model reads neither letters nor words, but pieces, of which it knows ${formatCount(vocabSize)}. “${whole}” is one, ` +
        `“${this.prompt}” is ${pieces.length}: ${pieces.map(tokenLabel).join(' · ')}.`,
    };
  },
};

export const GUESS: Lesson = {
  id: 'guess',
  title: 'Guess',
  prompt: 'There was once a king who had three',
  settings: PLAIN,
  words: 'A model like this does one thing: it guesses what comes next. Do the same first.',
  question: 'Which word would you write next?',
  isOwn: true,
  shows: ['composer', 'text', 'next'],
  covers: ['next'],
  about: 'next',
  gesture: 'Now click a candidate in the list: it becomes part of the text.',
  deeds: [({ text }, then) => text.length > then.text.length],
  async measure(ask) {
    const { top, vocabSize } = await distributionAfter(ask, this.prompt);
    const [first, second] = top;
    if (first === undefined || second === undefined) return null;
    if (first.rawProbability < LIKELY) return null;
    return {
      choices: [],
      answer: `${quoteToken(first.piece)}, ${formatPercent(first.rawProbability)}`,
      sentence:
        `The model does what you just did, for all ${formatCount(vocabSize)} pieces at once: ` +
        `${quoteToken(first.piece)} ${formatPercent(first.rawProbability)}, ${quoteToken(second.piece)} ${formatPercent(second.rawProbability)}, and so on down. ` +
        `Now that a piece was taken, the list is its guess at what comes after that one.`,
      ofWritten: async (written) => {
        const word = written.trim().split(/\s+/u)[0] ?? '';
        // What everybody writes stands there already.
        if (word === '' || word === first.piece.text.trim()) return '';
        const pieces = await piecesOf(ask, word);
        const bits = await surpriseOf(ask, this.prompt, ` ${word}`);
        const cut = pieces.length === 1 ? '' : ` (${pieces.length} pieces)`;
        return `Your “${word}”${cut} gets ${formatPercent(2 ** -bits)}.`;
      },
    };
  },
};

export const YES = 'It has the whole sentence ready';
export const SOME = 'It has the next few words ready';
export const NO = 'It has the next piece alone';

export const ONE: Lesson = {
  id: 'one',
  title: 'One at a time',
  prompt: 'The wolf came to the door and',
  settings: PLAIN,
  words:
    'A guess is not a text yet. How does the model get from one to the other? Here it is about to go on after “and”.',
  question: 'As it goes on, how much of what comes does it have ready?',
  shows: ['composer', 'text', 'next'],
  covers: ['next'],
  about: 'composer',
  gesture: 'Now press “1 token” five times, and watch the list change each time.',
  deeds: [1, 2, 3, 4, 5].map(
    (times): Deed =>
      ({ text }, then) =>
        text.length >= then.text.length + times,
  ),
  async measure(ask) {
    const { top } = await distributionAfter(ask, this.prompt);
    const [first, second] = top;
    if (first === undefined || second === undefined) return null;
    const ids = await idsOf(ask, this.prompt);
    const [afterFirst, afterSecond] = await Promise.all(
      [first, second].map(async ({ piece }) =>
        ask('distribution', { ids: [...ids, piece.id], options: PLAIN, top: 1 }),
      ),
    );
    const [one, other] = [afterFirst?.top[0], afterSecond?.top[0]];
    // What follows has to hang on what was drawn.
    if (one === undefined || other === undefined || one.piece.id === other.piece.id) return null;
    return {
      choices: [YES, SOME, NO],
      answer: NO,
      sentence:
        `Only the next piece, each time: one is drawn from the list, and then it guesses anew. Had it drawn ${quoteToken(first.piece)} after “and”, ` +
        `${quoteToken(one.piece)} would have been likeliest to come next; had it drawn ${quoteToken(second.piece)}, ${quoteToken(other.piece)}.`,
    };
  },
};

/** Tokens that are read at a glance. */
const SHORT = 12;
const COLD = 0.2;
const HOT = 2;
const FEW = 3;
const SHARE = 0.9;

export const DICE: Lesson = {
  id: 'dice',
  title: 'Dice',
  prompt: 'Once upon a time there was a little fox who',
  settings: { ...PLAIN, max_new_tokens: SHORT },
  words:
    'The model gives odds, dice decide. Temperature bends the odds before the dice are thrown.',
  question: `At a low temperature, ${COLD}: what becomes of the longest bar in the list?`,
  shows: ['composer', 'sampler', 'text', 'next'],
  covers: ['next'],
  about: 'sampler',
  gesture: `Now set the temperature to ${COLD}, watch the bars, and press Generate; then to ${HOT}, and Generate again. Then set top-k to ${FEW}: who is left?`,
  deeds: [
    ({ run }) => run.settings.temperature <= 1.5 * COLD,
    ({ run }) => run.settings.temperature >= 0.9 * HOT,
    // Both times.
    ({ text, busy }, then) => text.length > then.text.length + SHORT && !busy.has('run'),
    ({ run }) => run.settings.top_k === FEW,
  ],
  async measure(ask, sampling) {
    const at = async (temperature: number) =>
      distributionAfter(ask, this.prompt, { ...sampling, do_sample: true, temperature });
    const [cold, hot] = [await at(COLD), await at(HOT)];
    const first = cold.top[0];
    const then = hot.top.find(({ piece }) => piece.id === first?.piece.id);
    if (first === undefined || then === undefined) return null;
    const [low, plain, high] = [first.probability, first.rawProbability, then.probability];
    const { kept } = await distributionAfter(ask, this.prompt, { ...PLAIN, top_p: SHARE });
    if (!(low > plain && plain > high) || kept <= FEW) return null;
    return {
      choices: ['It gets longer', 'It gets shorter', 'It stays as it is'],
      answer: 'It gets longer',
      sentence:
        `The model gives ${quoteToken(first.piece)} ${formatPercent(plain)}; cold, at ${COLD}, the dice give it ${formatPercent(low)}, and the text plays safe; hot, at ${HOT}, only ${formatPercent(high)}, and it runs wild. ` +
        `Top-k and top-p cut the list before the dice are thrown: a k of ${FEW} leaves the ${FEW} likeliest, a p of ${SHARE} the likeliest that have ${100 * SHARE} % together, here ${formatCount(kept)}.`,
    };
  },
};

export const SURPRISE: Lesson = {
  id: 'surprise',
  title: 'Surprise',
  prompt: 'Once upon a time there was an old woman who lived in a kettle',
  words:
    'The model has an opinion on each piece of a text, on yours as well: how likely was it, after what stands before?',
  question: 'Which word of this text did it expect least?',
  shows: ['composer', 'text', 'next'],
  covers: ['text', 'next'],
  about: 'text',
  gesture:
    'The thicker its line, the less a piece was expected. Now click the word with the thickest, then take another candidate from the list.',
  deeds: [({ text }, then) => text.prompt !== then.text.prompt && text.tokenised],
  async measure(ask) {
    const pieces = await ask('tokenize', { text: this.prompt });
    const words = this.prompt.split(' ');
    const { logprobs } = await ask('score', { ids: pieces.map(({ id }) => id) });
    // A word has the surprise of all its pieces.
    const bits = words.map(() => 0);
    let word = 0;
    for (const [i, { text }] of pieces.entries()) {
      if (i > 0 && text.startsWith(' ')) word += 1;
      if (i > 0) bits[word] = (bits[word] ?? 0) + toBits(logprobs[i] ?? 0);
    }
    if (word !== words.length - 1) return null;
    const ranked = words
      .map((name, i) => ({ name, i, bits: i === 0 ? 0 : (bits[i] ?? 0) }))
      .toSorted((a, b) => b.bits - a.bits);
    const [most, second] = ranked;
    const least = ranked.filter(({ i, name }) => i > 0 && name.length > 2).at(-1);
    if (most === undefined || second === undefined || least === undefined) return null;
    // A word of several pieces surprises also who expects nothing; such a model has no word that it expects.
    if (most.bits < second.bits + 1 || least.bits > (await chanceBits(ask)) / 2) return null;
    const among = [most, second, ranked[4], least].filter((one) => one !== undefined);
    return {
      choices: among.toSorted((a, b) => a.i - b.i).map(({ name }) => name),
      answer: most.name,
      sentence:
        `A thick line is a word that it did not expect: “${most.name}” has ${most.bits.toFixed(1)} bits, as surprising as one case in ` +
        `${formatCount(rounded(2 ** most.bits))}; “${least.name}” has ${least.bits.toFixed(1)}. With another word in its place, what comes after it is guessed anew.`,
    };
  },
};
