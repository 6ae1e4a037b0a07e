// What survives a reload, as one JSON value in localStorage. Reading trusts nothing: a value of any
// other shape counts as absent.
import type { PartOff, TokenPiece } from '../api.ts';
import { visibleText } from '../visibleText.ts';
import { MAX_BRANCHES, parentsOf, type Branch, type Tree } from './branches.ts';
import { areRunsOf, type RunRecord } from './runs.ts';
import {
  clampSeed,
  DEFAULT_SETTINGS,
  readSettings,
  toSamplingOptions,
  type Settings,
} from './settings.ts';
import type { Theme } from './facts/page.ts';
import type { Writer } from './facts/run.ts';
import { MAX_NAME, type ModelName } from './modelName.ts';
import { NO_TEXT, toPlainText, type Snapshot } from './tokenText.ts';
import { FIRST_VIEW, VIEW, type View, type WrittenView } from './view.ts';
import { isObject } from '../json.ts';

const KEY = 'glass-gpt';
/** Apart from the text, which is written far more often. */
const TREE_KEY = 'glass-gpt.branches';
/** What a link replaced, until the person writes again. */
const BEFORE_KEY = 'glass-gpt.before';
const BEFORE_TREE_KEY = 'glass-gpt.before.branches';
/** A download that was agreed to and is not complete. */
const DOWNLOAD_KEY = 'glass-gpt.download';
const VERSION = 1;
/** Browsers give a page about five million characters. */
const MAX_TREE = 1_500_000;
const MAX_TOKENS = 200_000;

export interface Saved {
  readonly text: Snapshot | null;
  /** Of the tree that the text is shown in. */
  readonly tree: string;
  readonly settings: Partial<Settings>;
  /** What wrote the last run; null where nobody knows. */
  readonly by: Writer | null;
  readonly theme: Theme;
  readonly view: View;
  /** Hints that were used or waved away. */
  readonly done: readonly string[];
}

export function formatSaved(saved: Saved): string {
  const { text, view, ...rest } = saved;
  return JSON.stringify({
    version: VERSION,
    ...rest,
    view: VIEW.write(view),
    text:
      text === null
        ? null
        : {
            prompt: text.prompt,
            promptCount: text.promptCount,
            ids: text.pieces.map((p) => p.id),
            bytes: text.pieces.map((p) => (p.special ? p.text : p.bytes)),
            logprobs: text.logprobs.map(toStored),
            ranks: text.ranks,
            runs: text.runs,
          },
    source: text?.owner ?? '',
  });
}

export function parseSaved(json: string | null): Saved | null {
  const value = parseJson(json);
  if (!isObject(value) || value.version !== VERSION) return null;
  return {
    text: parseText(value.text, typeof value.source === 'string' ? value.source : ''),
    tree: typeof value.tree === 'string' ? value.tree : '',
    settings: readSettings(value.settings),
    by: parseWriter(value.by),
    theme: value.theme === 'light' || value.theme === 'dark' ? value.theme : 'auto',
    view: { ...FIRST_VIEW, ...VIEW.read(isObject(value.view) ? value.view : olderView(value), []) },
    done: Array.isArray(value.done)
      ? value.done.filter((d): d is string => typeof d === 'string').slice(0, 50)
      : [],
  };
}

/** A view as it was stored before it had a record of its own. */
function olderView(value: Record<string, unknown>): WrittenView {
  const { layer, head, scale, pins, atlasMode, atlasSort, dimSink, panel } = value;
  const refs = (Array.isArray(pins) ? (pins as unknown[]) : []).filter(isObject);
  // A closed view had no name.
  const view = panel === '' ? '-' : panel;
  const inWords = Object.entries({ scale, mode: atlasMode, sort: atlasSort, view });
  return {
    ...Object.fromEntries(inWords.flatMap(([k, v]) => (typeof v === 'string' ? [[k, v]] : []))),
    head: `${parseCount(layer)}.${parseCount(head)}`,
    pins: refs.map((pin) => `${parseCount(pin.layer)}.${parseCount(pin.head)}`).join('_'),
    dim: dimSink === false ? '0' : '1',
  };
}

export function readSaved(): Saved | null {
  return parseSaved(read(KEY));
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps what is stored apart, before a link's text takes its place; an older one that is kept stays. */
export function keepBefore(): void {
  try {
    if (localStorage.getItem(BEFORE_KEY) !== null) return;
    for (const [from, to] of [
      [KEY, BEFORE_KEY],
      [TREE_KEY, BEFORE_TREE_KEY],
    ] as const) {
      const value = localStorage.getItem(from);
      if (value !== null) localStorage.setItem(to, value);
    }
  } catch {
    // Undo has it until the page is closed.
  }
}

/** What a link replaced, also on an earlier visit. */
export function readBefore(): { snapshot: Snapshot; tree: Tree | null } | null {
  const saved = parseSaved(read(BEFORE_KEY));
  if (saved === null || saved.text === null) return null;
  return { snapshot: saved.text, tree: parseTree(read(BEFORE_TREE_KEY), saved.text, saved.tree) };
}

export function dropBefore(): void {
  try {
    localStorage.removeItem(BEFORE_KEY);
    localStorage.removeItem(BEFORE_TREE_KEY);
  } catch {
    // Where nothing can be stored, nothing is.
  }
}

/** False where the browser refuses (private window, full storage). */
export function writeSaved(saved: Saved): boolean {
  try {
    localStorage.setItem(KEY, formatSaved(saved));
    return true;
  } catch {
    return false;
  }
}

/** The branches that are not shown; the one that is comes from `text`. */
export function formatTree(tree: Tree): string {
  const others = tree.branches.filter(({ id }) => id !== tree.current);
  const parents = parentsOf(others.map(({ snapshot }) => snapshot.pieces));
  const pieces = new Map<number, TokenPiece>();
  const branches = others.map(({ id, snapshot, runStart }, i) => {
    const { parent, at } = parents[i] ?? { parent: -1, at: 0 };
    const own = snapshot.pieces.slice(at);
    for (const piece of own) pieces.set(piece.id, piece);
    return {
      id,
      base: parent,
      at,
      promptCount: snapshot.promptCount,
      runStart,
      ids: own.map((piece) => piece.id),
      logprobs: snapshot.logprobs.map(toStored),
      ranks: snapshot.ranks,
      runs: snapshot.runs,
    };
  });
  const words = [...pieces.values()].map((p) => [p.id, p.special ? p.text : p.bytes]);
  const { id, current } = tree;
  return JSON.stringify({ version: VERSION, id, current, pieces: words, branches });
}

/**
 * All branches with `shown` as the current one; null where anything about them is not as it must be,
 * and where they are not those that `shown` was stored with, in the tree `id`.
 */
export function parseTree(json: string | null, shown: Snapshot, id: string): Tree | null {
  const value = parseJson(json);
  if (!isObject(value) || value.version !== VERSION) return null;
  // What an older version stored has no id.
  if ((value.id ?? '') !== id) return null;
  if (!Array.isArray(value.pieces) || !Array.isArray(value.branches)) return null;
  const current = parseCount(value.current);
  const pieces = new Map<number, TokenPiece>();
  for (const entry of value.pieces as unknown[]) {
    const piece = Array.isArray(entry) ? parsePiece(entry[0], entry[1]) : null;
    if (piece === null) return null;
    pieces.set(piece.id, piece);
  }
  const branches: Branch[] = [];
  let tokens = 0;
  for (const entry of (value.branches as unknown[]).slice(0, MAX_BRANCHES - 1)) {
    const branch = isObject(entry) ? parseBranch(entry, branches, pieces, shown.owner) : null;
    if (branch === null || branch.id === current) return null;
    if (branch.id <= (branches.at(-1)?.id ?? 0)) return null;
    tokens += branch.snapshot.pieces.length;
    if (tokens > MAX_TOKENS) return null;
    branches.push(branch);
  }
  if (branches.length === 0 || current === 0) return null;
  const all = [...branches, { id: current, snapshot: shown, runStart: null }];
  return { id, branches: all.toSorted((a, b) => a.id - b.id), current };
}

function parseBranch(
  value: Record<string, unknown>,
  before: readonly Branch[],
  known: ReadonlyMap<number, TokenPiece>,
  owner: string,
): Branch | null {
  const { ids, logprobs, ranks } = value;
  if (!Array.isArray(ids) || !Array.isArray(logprobs) || !Array.isArray(ranks)) return null;
  const trunk = typeof value.base === 'number' ? before[value.base]?.snapshot.pieces : undefined;
  const own = (ids as unknown[]).map((id) => (typeof id === 'number' ? known.get(id) : undefined));
  const pieces = [...(trunk ?? []).slice(0, parseCount(value.at)), ...own].filter(
    (piece) => piece !== undefined,
  );
  const { length } = pieces;
  if (own.includes(undefined)) return null;
  const promptCount = parseCount(value.promptCount);
  if (logprobs.length !== length || ranks.length !== length || promptCount > length) return null;
  const snapshot: Snapshot = {
    prompt: toPlainText(pieces.slice(0, promptCount)),
    promptCount,
    pieces,
    logprobs: logprobs.map(parseLogprob),
    ranks: ranks.map(parseCount),
    runs: parseRuns(value.runs, length),
    owner,
  };
  const runStart = value.runStart === null ? null : Math.min(length, parseCount(value.runStart));
  return { id: parseCount(value.id), snapshot, runStart };
}

export function readTree(shown: Snapshot, id: string): Tree | null {
  return parseTree(read(TREE_KEY), shown, id);
}

/** False where the branches are too large to be stored: then none of them is. */
export function writeTree(tree: Tree): boolean {
  try {
    const json = tree.branches.length < 2 ? '' : formatTree(tree);
    const fits = json.length <= MAX_TREE;
    if (json !== '' && fits) localStorage.setItem(TREE_KEY, json);
    else localStorage.removeItem(TREE_KEY);
    return fits;
  } catch {
    try {
      // What is there belongs to an older text.
      localStorage.removeItem(TREE_KEY);
    } catch {
      // The store says elsewhere that nothing can be stored.
    }
    return false;
  }
}

/** A download that was agreed to. */
export interface Download extends ModelName {
  /** Of the revision, when it was agreed to. */
  readonly commit?: string;
  readonly paused: boolean;
  /** When it was last begun or paused, in milliseconds since 1970. */
  readonly at: number;
}

function parseDownload(json: string | null): Download | null {
  const value = parseJson(json);
  if (!isObject(value) || value.version !== VERSION) return null;
  const { source, revision, host, commit, at } = value;
  if (typeof source !== 'string' || source === '' || source.length > MAX_NAME) return null;
  return {
    source,
    ...(typeof revision === 'string' ? { revision } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof commit === 'string' && /^[0-9a-f]{40}$/u.test(commit) ? { commit } : {}),
    paused: value.paused !== false,
    at: typeof at === 'number' && Number.isFinite(at) ? at : 0,
  };
}

export function readDownload(): Download | null {
  return parseDownload(read(DOWNLOAD_KEY));
}

/** Null when it is complete, or given up. */
export function writeDownload(download: Download | null): void {
  try {
    if (download === null) localStorage.removeItem(DOWNLOAD_KEY);
    else localStorage.setItem(DOWNLOAD_KEY, JSON.stringify({ version: VERSION, ...download }));
  } catch {
    // Without it a reload asks once more.
  }
}

function parseText(value: unknown, owner: string): Snapshot | null {
  if (!isObject(value) || typeof value.prompt !== 'string') return null;
  const { ids, bytes, logprobs, ranks } = value;
  const empty = { ...NO_TEXT, prompt: value.prompt };
  if (!Array.isArray(ids) || !Array.isArray(bytes)) return empty;
  if (!Array.isArray(logprobs) || !Array.isArray(ranks)) return empty;
  const count = ids.length;
  if (bytes.length !== count || logprobs.length !== count || ranks.length !== count) return empty;
  const pieces: TokenPiece[] = [];
  for (let i = 0; i < count; i++) {
    const piece = parsePiece(ids[i], bytes[i]);
    if (piece === null) return empty;
    pieces.push(piece);
  }
  const promptCount = parseCount(value.promptCount);
  if (promptCount > count) return empty;
  return {
    prompt: value.prompt,
    promptCount,
    pieces,
    logprobs: logprobs.map(parseLogprob),
    ranks: ranks.map(parseCount),
    runs: parseRuns(value.runs, count),
    owner,
  };
}

/** JSON has no NaN; four digits are more than the page shows. */
function toStored(logprob: number): number | null {
  return Number.isNaN(logprob) ? null : Number(logprob.toFixed(4));
}

function parseLogprob(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value <= 0 ? value : Number.NaN;
}

/** No runs at all where one of them is not as it must be. */
function parseRuns(value: unknown, length: number): readonly RunRecord[] {
  if (!Array.isArray(value)) return [];
  const runs: RunRecord[] = [];
  for (const entry of value as unknown[]) {
    if (!isObject(entry) || !Array.isArray(entry.off)) return [];
    const seed = clampSeed(entry.seed);
    const off = (entry.off as unknown[]).map(parsePart).filter((part) => part !== null);
    if (seed === undefined || off.length < entry.off.length) return [];
    const settings = toSamplingOptions({ ...DEFAULT_SETTINGS, ...readSettings(entry.settings) });
    runs.push({ start: parseCount(entry.start), end: parseCount(entry.end), seed, settings, off });
  }
  return areRunsOf(length, runs) ? runs : [];
}

function parseWriter(value: unknown): Writer | null {
  if (!isObject(value)) return null;
  const device = (['webgpu', 'cpu'] as const).find((one) => one === value.device);
  const dtype = (['fp32', 'fp16', 'q8'] as const).find((one) => one === value.dtype);
  return device === undefined || dtype === undefined ? null : { device, dtype };
}

function parsePart(value: unknown): PartOff | null {
  if (!isObject(value)) return null;
  const { part } = value;
  const by = value.by === 'mean' ? 'mean' : 'zero';
  const layer = parseCount(value.layer);
  if (part === 'head') return { part, layer, head: parseCount(value.head), by };
  return part === 'attention' || part === 'mlp' ? { part, layer, by } : null;
}

function parsePiece(id: unknown, bytes: unknown): TokenPiece | null {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return null;
  if (typeof bytes === 'string') return { id, bytes: [], text: bytes.slice(0, 100), special: true };
  if (!Array.isArray(bytes)) return null;
  const numbers: number[] = [];
  for (const byte of bytes as unknown[]) {
    if (typeof byte !== 'number' || !Number.isInteger(byte) || byte < 0 || byte > 255) return null;
    numbers.push(byte);
  }
  return { id, bytes: numbers, text: visibleText(Uint8Array.from(numbers)), special: false };
}

function parseCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function parseJson(json: string | null): unknown {
  if (json === null) return null;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return null;
  }
}
