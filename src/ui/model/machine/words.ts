// The machine in words: what each part is, what it does to the token that is followed, and all of it as a table.
import type { Table } from '../../figure/figure.ts';
import {
  formatCount,
  formatPercent,
  quoteToken,
  tokenAxisLabel,
  tokenLabel,
} from '../../format.ts';
import { formatNorm, guessAt, lensFinding, settledDepth } from '../../lens/words.ts';
import type { Adds, MachineFacts } from './facts.ts';

/** A station on the token's way, in the order of the way. */
export type Station =
  | { readonly part: 'words' | 'pieces' | 'numbers' | 'odds' | 'dice' }
  | { readonly part: 'attention' | 'mlp' | 'guess'; readonly layer: number };

/** What a box is called by the buttons and the table; a guess of layer −1 is that of the embedding. */
export function stationName(station: Station): string {
  switch (station.part) {
    case 'attention':
      return `Attention of layer ${station.layer}`;
    case 'mlp':
      return `MLP of layer ${station.layer}`;
    case 'guess':
      return station.layer < 0 ? 'Guess before layer 0' : `Guess after layer ${station.layer}`;
    default:
      return { words: 'Words', pieces: 'Pieces', numbers: 'Numbers', odds: 'Odds', dice: 'Dice' }[
        station.part
      ];
  }
}

/** All stations in their order; the guess stands behind the layer that makes it. */
export function stationsOf(nLayer: number): readonly Station[] {
  const layers = Array.from({ length: nLayer }, (_, layer): Station[] => [
    { part: 'attention', layer },
    { part: 'mlp', layer },
    { part: 'guess', layer },
  ]);
  return [
    { part: 'words' },
    { part: 'pieces' },
    { part: 'numbers' },
    { part: 'guess', layer: -1 },
    ...layers.flat(),
    { part: 'odds' },
    { part: 'dice' },
  ];
}

/** What happens there to this token, in a sentence or two. */
export function stationWords(facts: MachineFacts, station: Station): string {
  const { token, word, inWord, model, lens, position, layers } = facts;
  switch (station.part) {
    case 'words':
      return `You read words. The last one here is “${wordText(facts)}”.`;
    case 'pieces':
      return word.length === 1
        ? `The model reads pieces of a text. ${quoteToken(token)} is one piece.`
        : `The model reads pieces: ${word.map((one) => tokenLabel(one)).join('·')} are ${word.length}, and ${quoteToken(token)} is number ${inWord + 1}.`;
    case 'numbers':
      return `The piece is number ${formatCount(token.id)} of ${formatCount(model.vocabSize)}. In its place goes a row of ${formatCount(model.nEmbd)} numbers, learned in training.`;
    case 'attention':
      return `${stationName(station)} looks back at what came before. ${addsWords(layers[station.layer]?.attention, facts.stream[station.layer])}`;
    case 'mlp':
      return `${stationName(station)} works on this place alone. ${addsWords(layers[station.layer]?.mlp, facts.stream[station.layer])}`;
    case 'guess': {
      const guess = guessAt(lens, position, station.layer + 1);
      if (guess === null) return '';
      const name = guess.piece === undefined ? `“${guess.id}”` : quoteToken(guess.piece);
      const where =
        station.layer < 0
          ? 'If it ended before layer 0'
          : `If it ended after layer ${station.layer}`;
      return `${where}, it would say ${name}, with ${formatPercent(guess.probability)}.`;
    }
    case 'odds':
      return `Each of ${formatCount(model.vocabSize)} pieces has its odds: ${facts.odds
        .slice(0, 3)
        .map(({ piece, probability }) => `${quoteToken(piece)} ${formatPercent(probability)}`)
        .join(', ')}, and so on down.`;
    case 'dice':
      return diceWords(facts);
  }
}

function addsWords(adds: Adds | undefined, stream: number | undefined): string {
  if (adds === undefined || stream === undefined) return '';
  const { norm, off } = adds;
  const sizes = `adds ${formatNorm(norm)}, ${formatTimes(adds.times)} what flows into the layer (${formatNorm(stream)})`;
  if (off.words === '') return `It ${sizes}.`;
  if (off.share === 1 && norm === 0) return `It is switched off and adds nothing.`;
  return `Switched off: ${off.words}. What is left ${sizes}.`;
}

export function diceWords({ dice, next, model }: MachineFacts): string {
  const kept =
    dice.kept >= model.vocabSize
      ? 'Every piece is in the draw'
      : `${formatCount(dice.kept)} of ${formatCount(model.vocabSize)} ${dice.kept === 1 ? 'piece stays' : 'pieces stay'} in the draw`;
  if (dice.chosen === null) {
    return next === null
      ? `${kept}. The dice have not been thrown yet: Generate throws them.`
      : `${kept}. No dice were thrown here: ${quoteToken(next)} was given.`;
  }
  const drawn =
    dice.fell === null
      ? `The likeliest is taken, ${quoteToken(dice.chosen)}`
      : `The dice fall on ${dice.fell.toFixed(3)}, which is ${quoteToken(dice.chosen)}`;
  return `${kept}. ${drawn}.`;
}

/** `0.27×`: a part's addition as a multiple of what flows into its layer. */
export function formatTimes(times: number): string {
  if (times >= 1000) return '>999×';
  return `${times.toFixed(times >= 10 ? 0 : times >= 1 ? 1 : 2)}×`;
}

/** The word as far as it is known, on one line. */
export function wordText({ word, token }: MachineFacts): string {
  const text = word
    .map((piece) => piece.text)
    .join('')
    .trim();
  return text === '' ? tokenLabel(token) : text;
}

/** What there is to see, in two sentences. */
export function machineFinding(facts: MachineFacts): string {
  const { lens, position, token, next, layers } = facts;
  let most: { adds: Adds; words: string } | null = null;
  layers.forEach(({ attention, mlp }, l) => {
    for (const [adds, words] of [
      [attention, `attention of layer ${l}`],
      [mlp, `MLP of layer ${l}`],
    ] as const) {
      if (most === null || adds.times > most.adds.times) most = { adds, words };
    }
  });
  const found = most as { adds: Adds; words: string } | null;
  const finding = lensFinding(lens, position, token, next ?? undefined);
  if (found === null || found.adds.norm === 0) return finding;
  return `${finding} Beside what flows into its layer, the ${found.words} adds most, ${formatTimes(found.adds.times)} as much.`;
}

/** The depth from which on the guess is the answer; the picture marks it. */
export function settledAt({ lens, position }: MachineFacts): number | null {
  return settledDepth(lens, position);
}

export function machineTable(facts: MachineFacts): Table {
  const { token, layers, stream, lens, position, odds } = facts;
  const guess = (depth: number): readonly [string, string] => {
    const found = guessAt(lens, position, depth);
    if (found === null) return ['–', '–'];
    const name = found.piece === undefined ? String(found.id) : tokenAxisLabel(found.piece);
    return [name, formatPercent(found.probability)];
  };
  const none = Number.NaN;
  return {
    caption: `The way of ${quoteToken(token)} through the model: what each part adds (Euclidean norms), the stream behind it, and the guess there.`,
    columns: [
      'Part',
      'Switched off',
      'Adds',
      'Times the stream before',
      'Stream',
      'Guess',
      'Probability',
    ],
    rows: [
      ['Words', '', none, none, none, wordText(facts), ''],
      ['Pieces', '', none, none, none, facts.word.map((one) => tokenAxisLabel(one)).join(' '), ''],
      [`Numbers: piece ${token.id}`, '', none, none, stream[0] ?? none, ...guess(0)],
      ...layers.flatMap(({ attention, mlp }, layer) => [
        [
          stationName({ part: 'attention', layer }),
          attention.off.words,
          attention.norm,
          attention.times,
          none,
          '',
          '',
        ],
        [
          stationName({ part: 'mlp', layer }),
          mlp.off.words,
          mlp.norm,
          mlp.times,
          stream[layer + 1] ?? none,
          ...guess(layer + 1),
        ],
      ]),
      ...odds.map(({ piece, probability }, i) => [
        `Odds, ${i + 1}`,
        '',
        none,
        none,
        none,
        tokenAxisLabel(piece),
        formatPercent(probability),
      ]),
      ['Dice', '', none, none, none, diceWords(facts), ''],
    ],
  };
}
