// What is looked for in the text that a run learned from: passages, and starts for a prompt.
import type { PassageFacts, RunSettings, TextFacts, TextHit, TextHits } from '../../api.ts';
import { END_OF_TEXT } from '../../text/tokenizer.ts';
import { philoxDraws } from '../training/draws.ts';

/** Characters (UTF-16) of a text's beginning that are shown. */
const SHOWN = 600;

/** How often a passage stands in a text. */
export function passageIn(text: string, passage: string): PassageFacts {
  return { passage, times: countOf(text, passage), beginning: wholeSigns(text.slice(0, SHOWN)) };
}

function countOf(text: string, passage: string): number {
  let times = 0;
  if (passage === '') return times;
  for (let at = text.indexOf(passage); at >= 0; at = text.indexOf(passage, at + passage.length)) {
    times++;
  }
  return times;
}

/** No half of an emoji at the end. */
function wholeSigns(text: string): string {
  return text.replace(/[\uD800-\uDBFF]$/u, '');
}

// ── search ───────────────────────────────────────────────────────────────────────────────────────

/** Characters (UTF-16) on either side of what was found. */
const SEEN = 70;

const SEPARATOR = String.raw`<\|endoftext\|>\s*`;
/** Behind each of them begins something: how far on either side of a place it is looked for. */
const BOUNDARIES = [
  { what: 'sentence', reach: 1000, at: `[.!?…]["'”’»)\\]]*\\s+|[。！？]["'”’»)\\]]*|\\n\\s*\\n` },
  { what: 'line', reach: 4000, at: '\\n' },
  { what: 'paragraph', reach: 20_000, at: '\\n[^\\S\\n]*\\n\\s*' },
  { what: 'document', reach: 1e6, at: SEPARATOR },
] as const;

/** Where something stands in a text: capitals and kinds of white space play no part. */
export function findIn(text: string, find: string, most: number): TextHits {
  const words = find.trim();
  if (words === '') return { count: 0, hits: [] };
  const literal = words.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&').replaceAll(/\s+/gu, '\\s+');
  const hits: TextHit[] = [];
  let count = 0;
  for (const { 0: match, index } of text.matchAll(new RegExp(literal, 'giu'))) {
    count++;
    if (hits.length < most) hits.push(hitAt(text, index, match));
  }
  return { count, hits };
}

function hitAt(text: string, at: number, match: string): TextHit {
  const end = at + match.length;
  const within: TextHit['within'][number][] = [];
  for (const boundary of BOUNDARIES) {
    const around = rangeAround(text, at, end, boundary);
    const range = around && boundary.what === 'sentence' ? bareRange(text, around) : around;
    const last = within.at(-1);
    // Each is larger than the one before it, and none is the whole text.
    const isLarger = range && (!last || range.to - range.from > last.to - last.from);
    if (isLarger && range.to - range.from < text.length)
      within.push({ what: boundary.what, ...range });
  }
  return {
    before: text.slice(Math.max(0, at - SEEN), at).replace(/^[\uDC00-\uDFFF]/u, ''),
    match,
    after: wholeSigns(text.slice(end, end + SEEN)),
    within,
  };
}

/** Without white space around it: a sentence is the same at a line's end. Taken out, what stood around it stays. */
function bareRange(text: string, { from, to }: { readonly from: number; readonly to: number }) {
  const end = from + text.slice(from, to).trimEnd().length;
  return { from: end - text.slice(from, end).trimStart().length, to: end };
}

/** From the last boundary before a place to the first behind it; null where either is too far away. */
function rangeAround(
  text: string,
  at: number,
  end: number,
  { what, reach, at: sign }: (typeof BOUNDARIES)[number],
): { readonly from: number; readonly to: number } | null {
  const begin = Math.max(0, at - reach);
  const until = Math.min(text.length, end + reach);
  let from = begin === 0 ? 0 : -1;
  let to = until === text.length ? until : -1;
  const boundary = new RegExp(`${SEPARATOR}|${sign}`, 'gu');
  for (const { 0: found, index } of text.slice(begin, until).matchAll(boundary)) {
    const start = begin + index;
    const next = start + found.length;
    if (next <= at) from = next;
    else if (next >= end) {
      // What ends it belongs to it: without it two would run into one. A document's end is no part of what is smaller.
      to = what !== 'document' && found.startsWith(END_OF_TEXT) ? start : next;
      break;
    }
  }
  return from < 0 || to < 0 ? null : { from, to };
}

// ── another passage ──────────────────────────────────────────────────────────────────────────────

/** Places that are tried, and how far from each the next word may begin. */
const TRIES = 100;
const NEXT_WORD = 100;
/** The same passage for everybody. */
const SEED = 20_26;
/** By so much of the characters of all places another passage may be off. */
const OFF = 0.25;
/** Characters (UTF-16) of a passage's beginning whose words are looked at: each is looked for in the whole text. */
const WORDS_OF = 1000;

/**
 * Another passage, of which as many characters (UTF-16, all places together, up to a quarter) stand in the text as of this
 * one: one as long that stands there about as often, else a stretch as long as all places of this one. No place of this one
 * reaches into it, and it has no word that is this one's own, where there is such a place. Null where none is found.
 */
export function otherPassage(text: string, passage: string): string | null {
  const times = countOf(text, passage);
  if (times === 0) return null;
  const size = passage.length;
  const words = ownWords(text, passage, times);
  let best: { readonly other: string; readonly off: number } | null = null;
  for (const length of new Set([size, times * size])) {
    if (text.length < length + size) break;
    for (const place of philoxDraws(SEED, 0).randint(text.length - length, TRIES)) {
      const word = place + text.slice(place, place + NEXT_WORD).search(/(?<=\s)\S/u);
      const start = Math.max(place, word);
      const other = text.slice(start, start + length);
      const around = text.slice(Math.max(0, start - size + 1), start + length + size - 1);
      const isWhole = other.length === length && other.isWellFormed() && other.trim() !== '';
      if (!isWhole || around.includes(passage) || other.includes(END_OF_TEXT)) continue;
      const changed = countOf(text, other) * length;
      const off = Math.abs(changed / (times * size) - 1);
      if (off > OFF) continue;
      const worse = off + (words.some((one) => other.includes(one)) ? 1 : 0);
      if (best === null || worse < best.off) best = { other, off: worse };
      if (worse === 0) return other;
    }
  }
  return best?.other ?? null;
}

/** Words of a passage that stand in the text at most twice as often as it does: they are what it is about. */
function ownWords(text: string, passage: string, times: number): readonly string[] {
  const words = new Set(passage.slice(0, WORDS_OF).match(/[\p{L}\p{N}]+/gu));
  return [...words].filter((word) => {
    let at = text.indexOf(word);
    for (let i = 0; i < 2 * times && at >= 0; i++) at = text.indexOf(word, at + word.length);
    return at < 0;
  });
}

// ── starts ───────────────────────────────────────────────────────────────────────────────────────

/** Characters (UTF-16) that a start has at most: one line, also on a narrow screen. */
const LONGEST_START = 44;
/** A shorter line says too little. */
const SHORTEST_START = 5;
/** Where a start is looked for, from a place on: a line, a sentence, a word. */
const BEGINNINGS = [
  { reach: 4000, at: /\n\s*/gu },
  { reach: 400, at: /[.!?…]["'”’»)\]]*\s+|[。！？]/gu },
  { reach: 80, at: /\s+/gu },
] as const;
/** What a line of a task asks with. */
const ASKS = /[|=]/u;

/**
 * Prompts that the model of a run has something to say to, the best first: what its samples begin with, a line of the text
 * that was kept unseen, and lines from all over the rest. None is longer than half of what the model sees at once.
 */
export function startsOf(
  text: string,
  { prompt, validation, model, text: { kind } }: RunSettings,
  { characters, tokens }: Pick<TextFacts, 'characters' | 'tokens'>,
): string[] {
  const room = Math.floor(((model.n_ctx / 2) * characters) / Math.max(1, tokens));
  const most = Math.max(1, Math.min(LONGEST_START, room));
  const places = [...(validation > 0 ? [1 - validation / 2] : []), 0, 0.35, 0.7];
  const isTask = kind === 'task';
  const lines = places.map((place) => {
    const line = lineAt(text, Math.floor(place * text.length));
    return shortened(isTask ? withoutEnd(line) : line, most);
  });
  // A task is seen at work in a line of its own; a prompt of one is whatever somebody thought of.
  const all = isTask ? [...lines, prompt] : [prompt, ...lines];
  return [...new Set(all)].filter((one) => one.trim() !== '').slice(0, 4);
}

/** The first line behind a place that says enough; where there are no lines, a sentence, or words. */
function lineAt(text: string, place: number): string {
  for (const { reach, at } of BEGINNINGS) {
    const found = [...text.slice(place, place + reach).matchAll(at)];
    const ends = found.map((match) => place + match.index + match[0].length);
    // The text itself begins a line.
    for (const begin of place === 0 ? [0, ...ends] : ends) {
      const [line = ''] = text.slice(begin, begin + 2 * LONGEST_START).split('\n', 1);
      if (line.trim().length >= SHORTEST_START && !line.includes(END_OF_TEXT)) return line.trim();
    }
  }
  return text.slice(place, place + LONGEST_START).trim();
}

/** With half of what it answers: there is something to go on from. */
function withoutEnd(line: string): string {
  const asks = line.search(ASKS) + 1;
  return line.slice(0, asks + Math.ceil((line.length - asks) / 2));
}

function shortened(line: string, most: number): string {
  if (line.length <= most) return line;
  const part = wholeSigns(line.slice(0, most));
  // Half a word is a hard prompt.
  return (part.replace(/\s+\S*$/u, '') || part).trimEnd();
}
