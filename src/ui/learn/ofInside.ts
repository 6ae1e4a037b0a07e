// Lessons about what happens inside: where heads look, how a guess grows, and what hangs on a part.
import type { PartOff } from '../../api.ts';
import { headName, isSameHead, type HeadRef } from '../../state/facts/attention.ts';
import { isOfProbability, partsOfAll } from '../../state/facts/parts.ts';
import type { AppState } from '../../state/store.ts';
import { formatPercent, quoteToken } from '../format.ts';
import type { Ask, Deed, Lesson, Sweep } from './lesson.ts';
import {
  choicesOf,
  LIKELY,
  distributionAfter,
  headThatFinds,
  idsOf,
  looksAt,
  type Find,
} from './measures.ts';

const inFront =
  (head: HeadRef): Deed =>
  ({ view }) =>
    view.panel === 'attention' && isSameHead(view, head);

/** None of a text that the page begins with: what its view shows of those would be the answer. */
const ASKED = { text: 'The queen had a ring, and she', word: 'queen' };
/** Here something else is named first. */
const LATER = { text: 'In the wood lived a bear who', word: 'bear' };
/** Someone is named, and the last word stands for them; at several distances. */
const NAMED: readonly Find[] = [
  ASKED,
  LATER,
  { text: 'There was a king in the land who', word: 'king' },
  { text: 'There was once a poor man, who', word: 'man' },
  { text: 'Once upon a time there was a little girl who', word: 'girl' },
];

export const LOOKS: Lesson = {
  id: 'looks',
  title: 'Where it looks',
  prompt: ASKED.text,
  words:
    'To go on, the model looks back at the pieces before. It has many heads for that, each with a way of its own. Here is one: a row for each piece, and the darker a square, the more it looks there.',
  question: 'From “she”, this head looks at one word above all. At which, do you think?',
  shows: ['composer', 'text', 'inside'],
  covers: ['text', 'inside'],
  about: 'inside',
  panel: 'attention',
  gesture: `Does it just look at the first noun? Write “${LATER.text}” as the prompt, where that is “wood”. Where does it look then?`,
  deeds: [
    ({ text }, then) => {
      const isLater = /\bwood lived a .+ who$/u.test(text.prompt.trim());
      return text.tokenised && isLater && text.prompt !== then.text.prompt;
    },
  ],
  async measure(ask) {
    const found = await headThatFinds(ask, NAMED);
    if (found === null) return null;
    const [asked, later] = found.shares.map(formatPercent);
    return {
      head: found.head,
      choices: [ASKED.word, 'had', 'ring', 'and'],
      answer: ASKED.word,
      sentence:
        `Head ${headName(found.head)} looks from “she” at “${ASKED.word}” with ${asked ?? ''} of its attention, past “ring”; ` +
        `from “who” in “${LATER.text}” at “${LATER.word}” with ${later ?? ''}, not at “wood”. In such sentences it finds who is spoken of; nobody told it what a noun is.`,
    };
  },
};

const SPEECH = 'The king said to his daughter, "My child, you';
/** The verb of the sentence, at several distances. */
const VERBS: readonly Find[] = [
  { text: SPEECH, word: 'said' },
  { text: 'There lived a king who', word: 'lived' },
  { text: 'He gave the ring to a girl who', word: 'gave' },
  { text: 'Then came a little old man who', word: 'came' },
  { text: 'In the house sat a cat who', word: 'sat' },
];
/** Where what is being said began. */
const QUOTES: readonly Find[] = [
  { text: SPEECH, word: '"' },
  { text: 'The bear asked, "Who', word: '"' },
  { text: '"I am so cold," said the child. "Let us', word: '"' },
  { text: 'The old man said, "I have a little house in the wood, and', word: '"' },
  { text: 'Then she cried, "Dear mother', word: '"' },
];

export const LOOKERS: Lesson = {
  id: 'lookers',
  title: 'Many lookers',
  prompt: SPEECH,
  words:
    'The model is a stack of layers, each with its heads. Each tile below is a head, and shows where it looks from the last piece, “you”; each row of tiles is a layer, and reads what the rows above have made.',
  question: 'How many of all heads look above all at the verb, “said”?',
  shows: ['composer', 'text', 'inside'],
  covers: ['text', 'inside'],
  about: 'inside',
  panel: 'attention',
  gesture: 'Now click tiles.',
  deeds: [],
  async measure(ask) {
    const verb = await headThatFinds(ask, VERBS);
    const quote = await headThatFinds(ask, QUOTES);
    if (verb === null || quote === null || isSameHead(verb.head, quote.head)) return null;
    const [noun, { weights, rows }] = [
      await headThatFinds(ask, NAMED),
      await looksAt(ask, { text: SPEECH, word: 'said' }),
    ];
    const all = rows.nLayer * rows.nHead;
    const count = weights.filter((weight) => weight > 0.5).length;
    if (count > all / 4) return null;
    const [v, q] = [headName(verb.head), headName(quote.head)];
    return {
      ...(noun !== null && { head: noun.head }),
      choices: choicesOf([count, 2 * rows.nHead, all / 2, all], String),
      answer: String(count),
      gesture: `Now click two tiles: head ${v} (row ${verb.head.layer}, column ${verb.head.head}), then head ${q} (row ${quote.head.layer}, column ${quote.head.head}). Read what each looks at.`,
      deeds: [inFront(verb.head), inFront(quote.head)],
      sentence:
        `${count} of ${all}. Head ${v} finds the verb of the sentence (“said”, ${formatPercent(verb.shares[0] ?? 0)}), head ${q} the place where the speech began ` +
        `(the quotation mark, ${formatPercent(quote.shares[0] ?? 0)}). Each looks for something of its own, all at once.`,
    };
  },
};

export const LAYERS: Lesson = {
  id: 'layers',
  title: 'Layer by layer',
  prompt: 'The king said to his daughter,',
  words:
    'The guess is not there at once: each layer, with its heads, adds something to it. The lens shows what the model would say after each.',
  question: 'After which of its layers does it first say what it says in the end?',
  shows: ['composer', 'inside'],
  covers: ['inside'],
  about: 'inside',
  panel: 'lens',
  gesture: 'Now click a cell of the last column, and read what it thought of there.',
  keys: 'By the keyboard: the arrow keys, then Enter.',
  opens: '[aria-label="The open cell"]',
  deeds: [({ lens }, then) => lens.at !== null && lens.at !== then.lens.at],
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
    if (first < 1 || layers < 4 || Math.exp(logprobs[depths - 1] ?? 0) < LIKELY) return null;
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
        `${formatPercent(Math.exp(logprobs[depths - 1] ?? 0))} in the end. A guess is built layer by layer, and may be thrown over; the first ones know little of it.`,
    };
  },
};

/** A head that is off takes so much from ln p that anybody sees it, and one that hardly changes it not a fifth of that. */
const TELLS = 0.5;

export const OFF: Lesson = {
  id: 'off',
  title: 'Switch off',
  prompt: 'Once upon a',
  words:
    'That a head looks hard at a word does not say that the guess hangs on it. Here a head can be switched off, and the guess made again.',
  question: 'Without which of these heads does the likeliest word lose the most?',
  shows: ['composer', 'inside'],
  covers: ['inside'],
  about: 'inside',
  panel: 'parts',
  gesture: 'Now switch each part off in turn.',
  presses: '[data-sweep]',
  opens: '[data-tells]',
  deeds: [],
  async measure(ask, _, sweep) {
    const ids = await idsOf(ask, this.prompt);
    const { top } = await distributionAfter(ask, this.prompt);
    const [first] = top;
    if (first === undefined || first.rawProbability < LIKELY) return null;
    const { base, heads } = await sweepHeads(sweep, ids, first.piece.id);
    const looks = await hardestLooks(ask, ids);
    const [strongest] = heads.toSorted((a, b) => a.delta - b.delta);
    if (strongest === undefined || strongest.delta > -TELLS) return null;
    const idle = heads.filter(({ delta }) => Math.abs(delta) < -strongest.delta / 5);
    const lookOf = ({ head }: { head: HeadRef }): Look => looks.get(headName(head)) ?? NOWHERE;
    const [sharpest] = idle.toSorted((a, b) => lookOf(b).weight - lookOf(a).weight);
    if (sharpest === undefined || lookOf(sharpest).weight < 0.5) return null;
    const pieces = await ask('pieces', { ids: [...ids] });
    const named = (one: { head: HeadRef }): string => {
      const { at, weight } = lookOf(one);
      const piece = pieces[at];
      const word = piece === undefined ? '' : quoteToken(piece);
      return `head ${headName(one.head)}, ${formatPercent(weight)} on ${word}`;
    };
    const left = (delta: number): string => formatPercent(Math.exp(base + delta));
    const two = [strongest, sharpest].toSorted(
      (a, b) => a.head.layer - b.head.layer || a.head.head - b.head.head,
    );
    const [s, i] = [headName(strongest.head), headName(sharpest.head)];
    return {
      choices: [...two.map(named), 'Both matter alike'],
      answer: named(strongest),
      gesture: `Now press “Switch each part off in turn”. When it is through, switch off the head that it names, ${s}, and read what the guess becomes; then that one on again, and ${i} off.`,
      deeds: [
        ({ parts: { sweep: now } }) =>
          isOfProbability(now) &&
          !now.running &&
          now.done === now.deltas.length + now.wholes.length,
        isAloneOff(strongest.head),
        isAloneOff(sharpest.head),
      ],
      sentence:
        `${quoteToken(first.piece)} has ${formatPercent(Math.exp(base))}. Without head ${i} it has ${left(sharpest.delta)}, without head ${s} only ${left(strongest.delta)}; ` +
        `and both look hard. Looking is not mattering: only switching off tells.`,
    };
  },
};

const ALL = 'All words, but not their order';
const LAST = 'The last piece, and nothing before it';
const FIRST = 'How the text began, but not its end';

export const BREAK: Lesson = {
  id: 'break',
  title: 'Break it',
  prompt: 'The king said to his daughter,',
  words:
    'What if all heads are off at once? Then there is no attention, and what is left of each layer is its MLP, the part behind the heads.',
  question: 'Without attention, what does it still know of this text?',
  shows: ['composer', 'inside'],
  covers: ['inside'],
  about: 'inside',
  panel: 'parts',
  gesture: 'Now press “All attention”, and read what it writes without.',
  deeds: [
    ({ view: { off }, parts: { comparison } }, then) =>
      comparison !== null && isWholeOff(off, then),
  ],
  async measure(ask) {
    const ids = await idsOf(ask, this.prompt);
    const layers = (await ask('attentionRows', { ids, query: ids.length - 1 })).nLayer;
    const off = (part: 'attention' | 'mlp'): PartOff[] =>
      partsOfAll(part, layers).map((one) => ({ ...one, by: 'zero' }));
    const without = await ask('compare', { ids, off: off('attention'), top: 3 });
    const by = (side: 'before' | 'after') =>
      without.candidates.toSorted((a, b) => b[side] - a[side])[0];
    const [before, after] = [by('before'), by('after')];
    if (before === undefined || after === undefined || without.klBits < 1) return null;
    if (before.piece.id === after.piece.id || before.before < LIKELY) return null;
    // The same pieces the other way round, and the same last one: no word before it may count.
    const [last = 0] = ids.slice(-1);
    const turned = [...ids.slice(0, -1).toReversed(), last];
    const again = await ask('compare', { ids: turned, off: off('attention'), top: 3 });
    const same = again.candidates.find(({ piece }) => piece.id === after.piece.id);
    if (Math.abs((same?.after ?? 0) - after.after) > 0.001) return null;
    const bits: number[] = [];
    for (const one of off('mlp'))
      bits.push((await ask('compare', { ids, off: [one], top: 1 })).klBits);
    const [most = 0, next = 0] = bits.toSorted((a, b) => b - a);
    const mlp =
      most < without.klBits || next > most / 10
        ? ''
        : ` (The MLP of layer ${bits.indexOf(most)}, off alone, changes the guess still more: both are needed.)`;
    return {
      choices: [ALL, LAST, FIRST],
      answer: LAST,
      sentence:
        `The last piece alone. After a comma it says ${quoteToken(after.piece)}, ${formatPercent(after.after)}, whatever stands before; ` +
        `with attention it is ${quoteToken(before.piece)}, ${formatPercent(before.before)}. ` +
        `Attention fetches from other pieces; an MLP then works out, at each piece alone, what to make of it.${mlp}`,
    };
  },
};

// ── what they ask ───────────────────────────────────────────────────────────────────────────────

interface Look {
  readonly at: number;
  readonly weight: number;
}
const NOWHERE: Look = { at: 0, weight: 0 };

const isHead = ({ layer, head = 0 }: PartOff, one: HeadRef): boolean =>
  isSameHead({ layer, head }, one);

const isAloneOff =
  (head: HeadRef): Deed =>
  ({ view: { off } }) =>
    off.length === 1 && off.every((part) => part.part === 'head' && isHead(part, head));

/** All attention is off, and nothing else. */
function isWholeOff(off: readonly PartOff[], { model }: AppState): boolean {
  const layers = model.here?.summary.nLayer ?? 0;
  return off.length === layers && layers > 0 && off.every(({ part }) => part === 'attention');
}

/** What each head, off alone, does to ln p of the target; `base` is ln p with all on. */
async function sweepHeads(sweep: Sweep, ids: readonly number[], target: number) {
  const heads: { readonly head: HeadRef; readonly delta: number }[] = [];
  let base = 0;
  for await (const event of sweep({ ids, target, by: 'zero' })) {
    if (event.type === 'base') base = event.value;
    else if (event.part === 'head') {
      const { layer, head = 0, delta } = event;
      heads.push({ head: { layer, head }, delta });
    }
  }
  return { base, heads };
}

/** Each head's strongest look from the last piece at another, by the head's name. */
async function hardestLooks(ask: Ask, ids: readonly number[]): Promise<Map<string, Look>> {
  const query = ids.length - 1;
  const { nLayer, nHead, size, weights } = await ask('attentionRows', { ids, query });
  const looks = new Map<string, Look>();
  for (let layer = 0; layer < nLayer; layer++) {
    for (let head = 0; head < nHead; head++) {
      const row = weights.subarray((layer * nHead + head) * size).subarray(0, size - 1);
      const weight = Math.max(...row);
      looks.set(headName({ layer, head }), { at: row.indexOf(weight), weight });
    }
  }
  return looks;
}
