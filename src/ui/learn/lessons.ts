// The lessons in their order. What each says of the model it measures first; the tests hold every sentence to the
// model that comes with the page.
import type { SamplingOptions } from '../../api.ts';
import { formatCount, formatPercent, quoteToken, toBits, tokenLabel } from '../format.ts';
import { choicesOf, idsOf, piecesOf, surpriseOf, type Ask, type Lesson } from './lesson.ts';

/** Words that many models have as one piece. */
const COMMON = ['castle', 'king', 'house', 'the'];

const PIECES: Lesson = {
  id: 'pieces',
  title: 'Pieces',
  prompt: 'Rumpelstiltskin',
  words: 'The model reads no letters. It cuts a text into pieces that it knows, often whole words.',
  question: 'Into how many pieces does it cut “Rumpelstiltskin”?',
  shows: ['composer', 'text'],
  covers: ['text'],
  about: 'text',
  gesture: 'Now write your own name as the prompt, and see how it is cut.',
  isDone: ({ text }, then) => text.tokenised && text.length > 0 && text.prompt !== then.text.prompt,
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
        `The model reads neither letters nor words, but ${formatCount(vocabSize)} pieces. “${whole}” is one, ` +
        `“${this.prompt}” is ${pieces.length}: ${pieces.map(tokenLabel).join(' · ')}.`,
    };
  },
};

const GUESS: Lesson = {
  id: 'guess',
  title: 'Guess',
  prompt: 'There was once a king who had three',
  words: 'A model like this does one thing: it guesses what comes next. Do the same first.',
  question: 'Which word would you write next?',
  shows: ['composer', 'text', 'next'],
  covers: ['next'],
  about: 'next',
  gesture: 'Now click a candidate in the list: it becomes part of the text.',
  isDone: ({ text }, then) => text.length > then.text.length,
  async measure(ask) {
    const { top, vocabSize } = await distributionAfter(ask, this.prompt);
    const [first, second] = top;
    if (first === undefined || second === undefined) return null;
    // Who finds nothing likelier than anything else does not guess.
    if (first.rawProbability < 10 / vocabSize) return null;
    return {
      choices: [],
      answer: `${quoteToken(first.piece)}, ${formatPercent(first.rawProbability)}`,
      sentence:
        `The model does what you just did, for all ${formatCount(vocabSize)} pieces at once: ` +
        `${quoteToken(first.piece)} ${formatPercent(first.rawProbability)}, ${quoteToken(second.piece)} ${formatPercent(second.rawProbability)}, and so on down.`,
      ofWritten: async (written) => {
        const word = written.trim().split(/\s+/u)[0] ?? '';
        if (word === '') return '';
        const pieces = await piecesOf(ask, word);
        const bits = await surpriseOf(ask, this.prompt, ` ${word}`);
        const cut = pieces.length === 1 ? '' : ` (${pieces.length} pieces)`;
        return `Your “${word}”${cut} gets ${formatPercent(2 ** -bits)}.`;
      },
    };
  },
};

const YES = 'It has the whole sentence ready';
const SOME = 'It has the next few words ready';
const NO = 'It has the next piece alone';

const ONE: Lesson = {
  id: 'one',
  title: 'One at a time',
  prompt: 'The wolf came to the door and',
  words:
    'From guesses to a text: one piece is drawn, put behind the others, and the guessing begins anew.',
  question: 'When it draws a piece, how much of the sentence does it hand out?',
  shows: ['composer', 'text', 'next'],
  covers: ['next'],
  about: 'composer',
  gesture: 'Now press “1 token” five times, and watch the list change each time.',
  isDone: ({ text }, then) => text.length >= then.text.length + 5,
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
        `Only the next piece, each time. What follows hangs on the draw: behind ${quoteToken(first.piece)} ` +
        `${quoteToken(one.piece)} is likeliest, behind ${quoteToken(second.piece)} it is ${quoteToken(other.piece)}.`,
    };
  },
};

const COLD = 0.2;
const HOT = 2;

const DICE: Lesson = {
  id: 'dice',
  title: 'Dice',
  prompt: 'Once upon a time there was a little fox who',
  words:
    'The model gives odds, dice decide. Temperature bends the odds before the dice are thrown.',
  question: `At a low temperature, ${COLD}: what becomes of the first bar?`,
  shows: ['composer', 'sampler', 'text', 'next'],
  covers: ['next'],
  about: 'sampler',
  gesture: `Now move the temperature down to ${COLD}, then up to ${HOT}, and watch the bars.`,
  isDone: ({ run }, then) =>
    run.settings.temperature !== then.run.settings.temperature && run.settings.temperature >= 1.8,
  async measure(ask, sampling) {
    const at = async (temperature: number) =>
      distributionAfter(ask, this.prompt, { ...sampling, do_sample: true, temperature });
    const [cold, hot] = [await at(COLD), await at(HOT)];
    const first = cold.top[0];
    const then = hot.top.find(({ piece }) => piece.id === first?.piece.id);
    if (first === undefined || then === undefined) return null;
    const [low, plain, high] = [first.probability, first.rawProbability, then.probability];
    if (!(low > plain && plain > high)) return null;
    return {
      choices: ['It gets longer', 'It gets shorter', 'It stays as it is'],
      answer: 'It gets longer',
      sentence:
        `The model gives ${quoteToken(first.piece)} ${formatPercent(plain)}. Cold, at ${COLD}, the likeliest wins more often: ` +
        `${formatPercent(low)}. Hot, at ${HOT}, the others come up as well: ${formatPercent(high)}.`,
    };
  },
};

const SURPRISE: Lesson = {
  id: 'surprise',
  title: 'Surprise',
  prompt: 'Once upon a time there was an old woman who lived in a kettle',
  words:
    'The model has an opinion on each piece of a text, on yours as well: how likely was it, after what stands before?',
  question: 'Which word of this text did it expect least?',
  shows: ['composer', 'text', 'next'],
  covers: ['text', 'next'],
  about: 'text',
  gesture: 'Now click the word with the thickest line, then take another candidate from the list.',
  isDone: ({ text }, then) => text.prompt !== then.text.prompt && text.tokenised,
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
        `${formatCount(rounded(2 ** most.bits))}; “${least.name}” has ${least.bits.toFixed(1)}. Change one word, and the text goes another way.`,
    };
  },
};

const LAYERS: Lesson = {
  id: 'layers',
  title: 'Layer by layer',
  prompt: 'The king said to his daughter,',
  words:
    'The guess is not there at once: each layer of the model adds something to it. The lens shows what it would say after each.',
  question: 'After which of its layers does it first say what it says in the end?',
  shows: ['composer', 'inside'],
  covers: ['inside'],
  about: 'inside',
  panel: 'lens',
  gesture: 'Now open cells of the last column: by a click, or by the arrow keys and Enter.',
  isDone: ({ lens }, then) => lens.at !== null && lens.at !== then.lens.at,
  async measure(ask) {
    const ids = await idsOf(ask, this.prompt);
    const from = ids.length - 1;
    const { depths, tokens, logprobs, pieces } = await ask('lens', { ids, from, count: 1 });
    const last = tokens[depths - 1] ?? 0;
    let settled = depths - 1;
    while (settled > 0 && tokens[settled - 1] === last) settled -= 1;
    // Depth 0 is before all layers, which are counted from 0.
    const first = settled - 1;
    const layers = depths - 1;
    if (first < 1 || layers < 4) return null;
    const name = (id: number | undefined): string => {
      const piece = pieces.find((one) => one.id === id);
      return piece === undefined ? '' : quoteToken(piece);
    };
    const others = [0, Math.floor(layers / 4), Math.floor(layers / 2), layers - 1];
    const among = others.filter((layer) => Math.abs(layer - first) > 1).slice(0, 3);
    return {
      choices: choicesOf([...among, first], (layer) => `layer ${layer}`),
      answer: `layer ${first}`,
      sentence:
        `After layer ${first - 1} it still says ${name(tokens[settled - 1])}. From layer ${first} on it is ${name(last)}, ` +
        `${formatPercent(Math.exp(logprobs[depths - 1] ?? 0))} in the end. A guess grows; the first layers know little of it.`,
    };
  },
};

/** Something of the tales, and something that nobody had told of then. */
const OLD = 'horses';
const NEW = 'robots';

const YEAR: Lesson = {
  id: 'year',
  title: 'In the year 2050',
  prompt: `In the year 2050, the king had two ${NEW}`,
  words:
    'All that a model knows comes from the texts it was trained on. The story model read tales from before 1929.',
  question: `After “In the year 2050, the king had two”: which word does it find likelier, “${NEW}” or “${OLD}”?`,
  shows: ['composer', 'text', 'next'],
  covers: ['text', 'next'],
  about: 'text',
  gesture: 'Now press Generate, and see what becomes of the year 2050.',
  isDone: ({ text, busy }, then) => text.length > then.text.length + 1 && !busy.has('run'),
  async measure(ask) {
    const before = 'In the year 2050, the king had two';
    const fresh = await surpriseOf(ask, before, ` ${NEW}`);
    const old = await surpriseOf(ask, before, ` ${OLD}`);
    const pieces = await piecesOf(ask, NEW);
    // What is as rare as chance has not been read either.
    if (fresh < old + 3 || old > (await chanceBits(ask)) - 1) return null;
    const cut =
      pieces.length === 1
        ? ''
        : `, which it has to spell in ${pieces.length} pieces (${pieces.map(tokenLabel).join(' · ')})`;
    return {
      choices: [NEW, OLD, 'Both about the same'],
      answer: OLD,
      sentence:
        `“${OLD}”, ${formatCount(rounded(2 ** (fresh - old)))} times likelier than “${NEW}”${cut}. The year says 2050; what it has read ` +
        `decides. It has no word for what it never met, and does not know that.`,
    };
  },
};

/** The same three words. */
const TONGUES = [
  { name: 'English', words: 'the old king' },
  { name: 'German', words: 'der alte König' },
  { name: 'Russian', words: 'старый король' },
];

const OTHERS: Lesson = {
  id: 'languages',
  title: 'Other languages',
  prompt: TONGUES.map(({ words }) => words).join(', '),
  words:
    'The pieces were chosen once, before training, so that the texts of that time need few of them.',
  question: 'The old king in English, German and Russian: which takes the most pieces?',
  shows: ['composer', 'text'],
  covers: ['text'],
  about: 'text',
  gesture: 'Now write a word of another language as the prompt, and see how it is cut.',
  isDone: ({ text }, then) => text.tokenised && text.length > 0 && text.prompt !== then.text.prompt,
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
        `${home.name} ${home.pieces} pieces, ${near.name} ${near.pieces}, ${far.name} ${far.pieces}. The pieces were learned from ${home.name}: ` +
        `what is rare there is cut small, ${far.pieces > far.letters ? 'down to single bytes, more than one a letter' : 'letter by letter'}. Such texts cost more, and are understood less.`,
    };
  },
};

export const LESSONS: readonly Lesson[] = [
  PIECES,
  GUESS,
  ONE,
  DICE,
  SURPRISE,
  LAYERS,
  YEAR,
  OTHERS,
];

// ── what several of them ask ────────────────────────────────────────────────────────────────────

/** The model's own odds. */
const PLAIN = {
  do_sample: true,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
};
const TOP = 20;

async function distributionAfter(ask: Ask, prompt: string, options: SamplingOptions = PLAIN) {
  return ask('distribution', { ids: await idsOf(ask, prompt), options, top: TOP });
}

async function firstWhole(ask: Ask): Promise<string | null> {
  for (const word of COMMON) if ((await piecesOf(ask, word)).length === 1) return word;
  return null;
}

/** To two digits: nobody needs more of “one in 641”. */
function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

/** The surprise of any piece to who knows nothing. */
async function chanceBits(ask: Ask): Promise<number> {
  return Math.log2((await distributionAfter(ask, 'the')).vocabSize);
}
