// What survives a reload, as one JSON value of this tab's storage. Reading trusts nothing: a value of any
// other shape counts as absent.
import type { PartOff, TokenPiece } from '../api.ts';
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
import type { RunTexts, Wish } from './facts/models.ts';
import type { Writer } from './facts/run.ts';
import { MAX_NAME, type ModelName } from './modelName.ts';
import {
  parseCount,
  parsePiece,
  readIds,
  readScores,
  readWords,
  writeScores,
  writeWords,
} from './storedTokens.ts';
import { createTabStorage, type Kept } from './tabStorage.ts';
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
/** A step of a run, in this tab alone. */
const LOOKED_KEY = 'glass-gpt.looked';
const VERSION = 1;

const tab = createTabStorage(KEY, [KEY, TREE_KEY, BEFORE_KEY, BEFORE_TREE_KEY]);
/** Calls back when another tab has left its text, which new tabs start from. */
export const { onOther: onOtherText } = tab;

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
            words: writeWords(text.pieces),
            ...writeScores(text),
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
  return parseSaved(tab.read(KEY));
}

/** Keeps what is stored apart, before a link's text takes its place; an older one that is kept stays. */
export function keepBefore(): void {
  if (tab.read(BEFORE_KEY) !== null) return;
  for (const [from, to] of [
    [KEY, BEFORE_KEY],
    [TREE_KEY, BEFORE_TREE_KEY],
  ] as const) {
    const value = tab.read(from);
    // Where it finds no room, undo has it until the page is closed.
    if (value !== null) tab.write(to, value);
  }
}

/** What a link replaced, also on an earlier visit. */
export function readBefore(): { snapshot: Snapshot; tree: Tree | null } | null {
  const saved = parseSaved(tab.read(BEFORE_KEY));
  if (saved === null || saved.text === null) return null;
  const tree = parseTree(tab.read(BEFORE_TREE_KEY), saved.text, saved.tree);
  return { snapshot: saved.text, tree };
}

export function dropBefore(): void {
  tab.remove(BEFORE_KEY);
  tab.remove(BEFORE_TREE_KEY);
}

/** Where it is not `kept`, what was stored before stays. */
export function writeSaved(saved: Saved): Kept {
  const kept = tab.write(KEY, formatSaved(saved));
  const { text } = saved;
  if (kept !== 'full' || text === null || text.pieces.length > text.promptCount) return kept;
  // A prompt alone says it all: its tokens are read again.
  return tab.write(KEY, formatSaved({ ...saved, text: { ...NO_TEXT, prompt: text.prompt } }));
}

/** The branches that are not shown; the one that is comes from `text`. */
export function formatTree(tree: Tree): string {
  const others = tree.branches.filter(({ id }) => id !== tree.current);
  const parents = parentsOf(others.map(({ snapshot }) => snapshot.pieces));
  const owns = others.map(({ snapshot }, i) => snapshot.pieces.slice(parents[i]?.at ?? 0));
  const branches = others.map(({ id, snapshot, runStart }, i) => {
    const { parent, at } = parents[i] ?? { parent: -1, at: 0 };
    return {
      id,
      base: parent,
      at,
      promptCount: snapshot.promptCount,
      runStart,
      ids: (owns[i] ?? []).map((piece) => piece.id),
      ...writeScores(snapshot),
      runs: snapshot.runs,
    };
  });
  const { id, current } = tree;
  return JSON.stringify({
    version: VERSION,
    id,
    current,
    pieces: writeWords(owns.flat()),
    branches,
  });
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
  const pieces = readWords(value.pieces);
  if (pieces === null || !Array.isArray(value.branches)) return null;
  const current = parseCount(value.current);
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
  const { ids } = value;
  if (!Array.isArray(ids)) return null;
  const trunk = typeof value.base === 'number' ? before[value.base]?.snapshot.pieces : undefined;
  const own = readIds(ids, known);
  if (own === null) return null;
  const pieces = [...(trunk ?? []).slice(0, parseCount(value.at)), ...own];
  const { length } = pieces;
  const promptCount = parseCount(value.promptCount);
  const scores = readScores(value, length);
  if (scores === null || promptCount > length) return null;
  const snapshot: Snapshot = {
    prompt: toPlainText(pieces.slice(0, promptCount)),
    promptCount,
    pieces,
    ...scores,
    runs: parseRuns(value.runs, length),
    owner,
  };
  const runStart = value.runStart === null ? null : Math.min(length, parseCount(value.runStart));
  return { id: parseCount(value.id), snapshot, runStart };
}

export function readTree(shown: Snapshot, id: string): Tree | null {
  return parseTree(tab.read(TREE_KEY), shown, id);
}

/** False where the branches are too large to be stored: then none of them is. */
export function writeTree(tree: Tree): boolean {
  const json = tree.branches.length < 2 ? '' : formatTree(tree);
  const isWritten = json !== '' && json.length <= MAX_TREE && tab.write(TREE_KEY, json) === 'kept';
  // What is there belongs to an older text.
  if (!isWritten) tab.remove(TREE_KEY);
  return isWritten || json === '';
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
  const { source, revision, host, base_model, base_revision, commit, at } = value;
  if (typeof source !== 'string' || source === '' || source.length > MAX_NAME) return null;
  return {
    source,
    ...(typeof revision === 'string' ? { revision } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof base_model === 'string' ? { base_model } : {}),
    ...(typeof base_revision === 'string' ? { base_revision } : {}),
    ...(typeof commit === 'string' && /^[0-9a-f]{40}$/u.test(commit) ? { commit } : {}),
    paused: value.paused !== false,
    at: typeof at === 'number' && Number.isFinite(at) ? at : 0,
  };
}

export function readDownload(): Download | null {
  try {
    return parseDownload(localStorage.getItem(DOWNLOAD_KEY));
  } catch {
    return null;
  }
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

/** The step of a run that this tab looks at, and the prompt that gave way to the run's own text. */
export interface Looked {
  readonly wish: Wish;
  readonly own: string | null;
}

/** No address names it. */
export function readLooked(): Looked | null {
  try {
    const value = parseJson(sessionStorage.getItem(LOOKED_KEY));
    if (!isObject(value) || !isObject(value.run)) return null;
    const { source, run, own } = value;
    const { id, step } = run;
    const isStep = typeof id === 'string' && Number.isSafeInteger(step);
    if (typeof source !== 'string' || !isStep) return null;
    const texts = parseTexts(value.texts);
    const wish = { source, run: { id, step: Number(step) }, ...(texts && { texts }) };
    return { wish, own: typeof own === 'string' ? own : null };
  } catch {
    return null;
  }
}

function parseTexts(value: unknown): RunTexts | null {
  if (!isObject(value) || !Array.isArray(value.starts)) return null;
  const starts = (value.starts as unknown[]).filter((one) => typeof one === 'string');
  return { starts, ...(typeof value.probe === 'string' && { probe: value.probe }) };
}

/** Files are gone with the page. */
export function writeLooked({ source, run, files, texts }: Wish, own: string | null): void {
  try {
    if (run === undefined || files !== undefined) sessionStorage.removeItem(LOOKED_KEY);
    else sessionStorage.setItem(LOOKED_KEY, JSON.stringify({ source, run, texts, own }));
  } catch {
    // Without it a reload shows the page's own model.
  }
}

function parseText(value: unknown, owner: string): Snapshot | null {
  if (!isObject(value) || typeof value.prompt !== 'string') return null;
  const { prompt } = value;
  const empty = { ...NO_TEXT, prompt };
  const pieces = parsePieces(value);
  const count = pieces?.length ?? 0;
  const scores = readScores(value, count);
  const promptCount = parseCount(value.promptCount);
  if (pieces === null || scores === null || promptCount > count) return empty;
  return { prompt, promptCount, pieces, ...scores, runs: parseRuns(value.runs, count), owner };
}

/** An older version stored the bytes of every token, and no words. */
function parsePieces({ ids, words, bytes }: Record<string, unknown>): TokenPiece[] | null {
  if (!Array.isArray(ids)) return null;
  if (Array.isArray(bytes)) {
    const pieces = ids.map((id, i) => parsePiece(id, bytes[i])).filter((piece) => piece !== null);
    return pieces.length === ids.length ? pieces : null;
  }
  const known = readWords(words);
  return known === null ? null : readIds(ids, known);
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

function parseJson(json: string | null): unknown {
  if (json === null) return null;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return null;
  }
}
