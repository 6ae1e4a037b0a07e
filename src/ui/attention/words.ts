// What the drawings say, in sentences. Pure.
import type { AttentionRows, TokenPiece } from '../../api.ts';
import { formatPercent, quoteAxisToken, quoteToken, tokenAxisLabel } from '../format.ts';
import { rowOf, type Scene } from './scene.ts';

export type NameOf = (index: number) => string;

/** Names tokens: in sentences and on axes, where a leading space counts, each with quotation marks or bare. */
export function namesOf(
  pieces: readonly TokenPiece[],
): Readonly<Record<'quoted' | 'quotedAxis' | 'axis', NameOf>> {
  const by =
    (label: (piece: TokenPiece) => string): NameOf =>
    (index) => {
      const piece = pieces[index];
      return piece === undefined ? '?' : label(piece);
    };
  return { quoted: by(quoteToken), quotedAxis: by(quoteAxisToken), axis: by(tokenAxisLabel) };
}

/** The first token of the window, to which so many heads return. */
export interface Sink {
  /** Mean over all heads of the weight on the first token. */
  readonly mean: number;
  /** Heads that give it more than half. */
  readonly heads: number;
}

function sinkOf(rows: AttentionRows): Sink {
  const count = rows.nLayer * rows.nHead;
  let sum = 0;
  let heads = 0;
  for (let i = 0; i < count; i++) {
    const weight = rowOf(rows, i)[0] ?? 0;
    sum += weight;
    if (weight > 0.5) heads += 1;
  }
  return { mean: sum / Math.max(1, count), heads };
}

export interface Look {
  readonly head: number;
  readonly key: number;
  readonly weight: number;
}

/** The strongest look at anything but the first token and the token itself; null where there is none. */
function sharpestLook(rows: AttentionRows): Look | null {
  let best: Look | null = null;
  for (let head = 0; head < rows.nLayer * rows.nHead; head++) {
    const row = rowOf(rows, head);
    for (let k = 1; k < row.length - 1; k++) {
      const weight = row[k] ?? 0;
      if (weight > (best?.weight ?? 0)) best = { head, key: k + rows.firstIndex, weight };
    }
  }
  return best;
}

export function topKey(rows: AttentionRows, head: number): Look {
  const row = rowOf(rows, head);
  let at = 0;
  row.forEach((weight, k) => {
    if (weight > (row[at] ?? 0)) at = k;
  });
  return { head, key: at + rows.firstIndex, weight: row[at] ?? 0 };
}

/** What there is to see in the atlas, in at most two sentences. */
export function atlasFinding(scene: Scene, rows: AttentionRows | null, quoted: NameOf): string {
  const nameOf = (head: number): string =>
    `${Math.floor(head / scene.nHead)}.${head % scene.nHead}`;
  if (scene.mode === 'effect' && scene.deltas !== null) return effectFinding(scene.deltas, nameOf);
  if (rows === null) return 'The heads appear as soon as the model has read the text.';
  const count = rows.nLayer * rows.nHead;
  const who = quoted(rows.query);
  // The window may have moved on from the text's beginning.
  const first = rows.firstIndex === 0 ? 'the first token' : 'the first token it sees';
  if (rows.size === 1) return `${who} is ${first}: it can only look at itself.`;
  const sink = sinkOf(rows);
  const look = sharpestLook(rows);
  const most = sink.heads === 0 ? '' : `, and ${sink.heads} of ${count} heads more than half`;
  const rest = `${who} gives ${first}, ${quoted(rows.firstIndex)}, ${formatPercent(sink.mean)} of its attention on average${most}.`;
  if (look === null) return rest;
  return `${rest} The sharpest look elsewhere: head ${nameOf(look.head)}, ${formatPercent(look.weight)} on ${quoted(look.key)}.`;
}

function effectFinding(deltas: Float32Array, nameOf: (head: number) => string): string {
  let worst = -1;
  let best = -1;
  deltas.forEach((delta, i) => {
    if (Number.isNaN(delta)) return;
    if (worst < 0 || delta < (deltas[worst] ?? 0)) worst = i;
    if (best < 0 || delta > (deltas[best] ?? 0)) best = i;
  });
  if (worst < 0) return 'No head has been measured yet.';
  const signed = (delta: number): string => `${delta < 0 ? '−' : '+'}${Math.abs(delta).toFixed(2)}`;
  return `Without head ${nameOf(worst)} the chosen token loses most (${signed(deltas[worst] ?? 0)} in log-probability); without head ${nameOf(best)} it gains most (${signed(deltas[best] ?? 0)}). Full colour is ±1.`;
}
