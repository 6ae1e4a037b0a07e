// What somebody looks at, and how it is drawn: one value, and one way to write it down. Storage, links and
// undo keep it, each as a record of short strings that any address may hold as they are. What cannot be
// read is left out; where a person wrote it, a note says so.
import { HABITS } from '../habits.ts';
import type { ModelSummary, PartOff } from '../api.ts';
import {
  isSameHead,
  MOST_PINS,
  type AtlasFilter,
  type AtlasMode,
  type AtlasSort,
  type HeadRef,
} from './facts/attention.ts';
import { isSamePart, sortParts } from './facts/parts.ts';

export const WORKSPACES = ['write', 'train'] as const;

/** How the text stands on the page: as it is read, with its tokens' edges and surprise, or with their numbers. */
export const READINGS = ['plain', 'pieces', 'ids'] as const;

/** Where a window on a map begins, counted in the map's own tokens; columns never begin after rows. */
export interface Corner {
  readonly row: number;
  readonly column: number;
}

export interface View {
  /** What the page is for now: a text is written, or a model trained. */
  readonly workspace: (typeof WORKSPACES)[number];
  /** The step of the lessons that is open, from 1; 0 while nobody learns. */
  readonly lesson: number;
  /** Id of the open view of the inside; '' when all are closed, and nothing is computed for them. */
  readonly panel: string;
  /** The token the panels talk about; null is the end of the text. */
  readonly selected: number | null;
  readonly reading: (typeof READINGS)[number];
  /** The focused head: a pinned one, or another, which then stands beside them. */
  readonly layer: number;
  readonly head: number;
  /** Heads that stay side by side, whichever is in focus; at most `MOST_PINS`. */
  readonly pins: readonly HeadRef[];
  /** How the heads in focus are drawn. */
  readonly form: 'matrix' | 'arcs';
  /** The weakest link that the arcs show, 0 … 0.9. */
  readonly least: number;
  /** Whether a long text's map shows all of it, pooled, and not a window of single tokens. */
  readonly whole: boolean;
  /** Where that window was moved to by hand; null follows the selected token. */
  readonly corner: Corner | null;
  readonly mode: AtlasMode;
  readonly sort: AtlasSort;
  readonly filter: AtlasFilter;
  /** The token that the filter `key` is about; null takes the one that is looked at most. */
  readonly keyToken: number | null;
  /** Draws the first token pale: many heads rest there, and hide where others look. */
  readonly dim: boolean;
  /** Names of control words in the prompt are tokens, where the model has such; else they are text. */
  readonly controlWords: boolean;
  readonly scale: 'sqrt' | 'linear';
  /** Sorted by layer, kind and head; the same part is there once. */
  readonly off: readonly PartOff[];
}

/** Of a first visit. In the story model head 4.1 finds the noun that `who` stands for: a good first sight. */
export const FIRST_VIEW: View = {
  workspace: 'write',
  lesson: 0,
  panel: 'attention',
  selected: null,
  reading: 'pieces',
  layer: 4,
  head: 1,
  pins: [],
  form: 'matrix',
  least: 0.1,
  whole: false,
  corner: null,
  mode: 'rows',
  sort: 'position',
  filter: null,
  keyToken: null,
  dim: true,
  controlWords: true,
  scale: 'sqrt',
  off: [],
};

/** A view in short strings, by the names that links use. */
export type WrittenView = Readonly<Record<string, string>>;

const MAX_PARTS = 2000;
const MAX_TOKEN = 200_000;
const FORMS = ['matrix', 'arcs'] as const;
const MODES = ['rows', 'patterns', 'effect'] as const;
const SORTS = ['position', 'label', 'entropy', 'effect'] as const;
const SCALES = ['sqrt', 'linear'] as const;
const FILTERS = [...HABITS, 'mixed', 'key'] as const;

interface Field {
  readonly name: string;
  /** Undefined where it is as on a first visit. */
  readonly write: (view: View) => string | undefined;
  /** Undefined where the text is none of ours. */
  readonly read: (text: string) => Partial<View> | undefined;
  /** What a note says of such a text. */
  readonly unread: string;
}

const FIELDS: readonly Field[] = [
  choice('workspace', 'workspace', WORKSPACES),
  {
    name: 'learn',
    write: ({ lesson }) => (lesson === 0 ? undefined : String(lesson)),
    read: (text) => some(readStep(text), (lesson) => ({ lesson })),
    unread: 'is no step of the lessons; ignored.',
  },
  {
    name: 'off',
    write: ({ off }) => (off.length === 0 ? undefined : writeParts(off)),
    read: (text) => some(readParts(text), (off) => ({ off })),
    unread: 'names no parts; all are on.',
  },
  {
    name: 'pins',
    write: ({ pins }) => (pins.length === 0 ? undefined : pins.map(writeHead).join('_')),
    read: (text) => some(readHeads(text), (pins) => ({ pins })),
    unread: 'names no heads; ignored.',
  },
  {
    name: 'head',
    write: (view) => writeHead(view),
    read: readHead,
    unread: 'names no head; ignored.',
  },
  {
    name: 'view',
    write: ({ panel }) => (panel === '' ? '-' : panel),
    read: (text) => {
      if (text === '-') return { panel: '' };
      return /^[a-z]{1,20}$/u.test(text) ? { panel: text } : undefined;
    },
    unread: 'names no view; ignored.',
  },
  {
    name: 'at',
    write: ({ selected }) => (selected === null ? undefined : String(selected)),
    read: (text) => some(readWhole(text), (selected) => ({ selected })),
    unread: 'is no token; ignored.',
  },
  choice('reading', 'reading', READINGS),
  choice('draw', 'form', FORMS),
  choice('mode', 'mode', MODES),
  choice('sort', 'sort', SORTS),
  choice('filter', 'filter', FILTERS),
  {
    name: 'key',
    write: ({ keyToken }) => (keyToken === null ? undefined : String(keyToken)),
    read: (text) => some(readWhole(text), (keyToken) => ({ keyToken })),
    unread: 'is no token; ignored.',
  },
  flag('dim', 'dim'),
  flag('words', 'controlWords'),
  flag('whole', 'whole'),
  {
    name: 'window',
    write: ({ corner }) =>
      corner === null ? undefined : `${Math.round(corner.row)}.${Math.round(corner.column)}`,
    read: (text) => {
      const [row, column, ...more] = text.split('.').map(readWhole);
      if (row === undefined || column === undefined || more.length > 0) return undefined;
      return { corner: { row, column } };
    },
    unread: 'is no place on the map; ignored.',
  },
  choice('scale', 'scale', SCALES),
  {
    name: 'least',
    write: ({ least }) => (least === FIRST_VIEW.least ? undefined : String(least)),
    read: (text) => {
      const least = /^[\d.]{1,20}$/u.test(text) ? Number(text) : Number.NaN;
      return least >= 0 && least <= 0.9 ? { least } : undefined;
    },
    unread: 'is no share from 0 to 0.9; ignored.',
  },
];

export const VIEW = {
  /** What a record says of a view; `notes` hears of what it does not say rightly. Never throws. */
  read(value: unknown, notes: string[]): Partial<View> {
    if (typeof value !== 'object' || value === null) return {};
    const written: Readonly<Record<string, unknown>> = { ...value };
    let view: Partial<View> = {};
    for (const { name, read, unread } of FIELDS) {
      const text = written[name];
      if (typeof text !== 'string' || text === '') continue;
      const found = read(text);
      if (found === undefined) notes.push(`${name}=${short(text)} ${unread}`);
      else view = { ...view, ...found };
    }
    return view;
  },

  /** The focused head and the open panel always, the rest where it is not as on a first visit. */
  write(view: View): WrittenView {
    const written: Record<string, string> = {};
    for (const { name, write } of FIELDS) {
      const text = write(view);
      if (text !== undefined) written[name] = text;
    }
    return written;
  },

  /** As far as a model has such heads and parts. */
  fit(view: View, model: ModelSummary): View {
    const isThere = ({ layer, head = 0 }: { layer: number; head?: number }): boolean =>
      layer < model.nLayer && head < model.nHead;
    // What stays as it is stays the same: whoever has asked with it need not ask again, nor draw.
    const kept = <T extends { layer: number; head?: number }>(all: readonly T[]): readonly T[] =>
      all.every(isThere) ? all : all.filter(isThere);
    const pins = kept(view.pins);
    const front = isThere(view) ? view : pins.at(-1);
    return {
      ...view,
      pins,
      off: kept(view.off),
      layer: front?.layer ?? Math.min(view.layer, model.nLayer - 1),
      head: front?.head ?? Math.min(view.head, model.nHead - 1),
    };
  },
};

function choice<K extends 'workspace' | 'reading' | 'form' | 'mode' | 'sort' | 'filter' | 'scale'>(
  name: string,
  key: K,
  among: readonly NonNullable<View[K]>[],
): Field {
  return {
    name,
    write: (view) => (view[key] === FIRST_VIEW[key] ? undefined : (view[key] ?? undefined)),
    read: (text) =>
      some(
        among.find((one) => one === text),
        (found) => ({ [key]: found }),
      ),
    unread: `is not known here (${among.join(', ')}); ignored.`,
  };
}

function flag(name: string, key: 'dim' | 'whole' | 'controlWords'): Field {
  return {
    name,
    write: (view) => (view[key] === FIRST_VIEW[key] ? undefined : view[key] ? '1' : '0'),
    read: (text) => (text === '1' || text === '0' ? { [key]: text === '1' } : undefined),
    unread: 'is neither 1 nor 0; ignored.',
  };
}

function some<A, B>(value: A | undefined, then: (value: A) => B): B | undefined {
  return value === undefined ? undefined : then(value);
}

// ── heads and parts in letters ──────────────────────────────────────────────────────────────────

/** `h4.1z_m3m`: head 4.1 by zero with MLP 3 by mean. */
export function writeParts(parts: readonly PartOff[]): string {
  return parts
    .map(({ part, layer, head, by }) => {
      const name = part === 'head' ? `h${layer}.${head ?? 0}` : `${part.charAt(0)}${layer}`;
      return name + by.charAt(0);
    })
    .join('_');
}

export function readParts(text: string): readonly PartOff[] | undefined {
  if (text === '') return [];
  const parts: PartOff[] = [];
  for (const name of text.split('_').slice(0, MAX_PARTS)) {
    const found = /^(?:h(\d{1,3})\.(\d{1,3})|([am])(\d{1,3}))([zm])$/u.exec(name);
    if (found === null) return undefined;
    const [, ofHead, head, kind, layer] = found;
    const by = found[5] === 'z' ? 'zero' : 'mean';
    const part: PartOff =
      kind === undefined
        ? { part: 'head', layer: Number(ofHead), head: Number(head), by }
        : { part: kind === 'a' ? 'attention' : 'mlp', layer: Number(layer), by };
    if (!parts.some((other) => isSamePart(other, part))) parts.push(part);
  }
  // Whoever wrote them down, recipes are compared part by part.
  return sortParts(parts);
}

function writeHead({ layer, head }: HeadRef): string {
  return `${layer}.${head}`;
}

function readHead(text: string): HeadRef | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})$/u.exec(text);
  return found === null ? undefined : { layer: Number(found[1]), head: Number(found[2]) };
}

function readHeads(text: string): readonly HeadRef[] | undefined {
  const heads = text.split('_').slice(0, MOST_PINS).map(readHead);
  const good = heads.filter((head) => head !== undefined);
  if (good.length < heads.length) return undefined;
  return good.filter((head, i) => good.findIndex((one) => isSameHead(one, head)) === i);
}

/** Which steps there are, the lessons say: a later one than the last is the last. */
export function readStep(text: string): number | undefined {
  return /^[1-9]\d?$/u.test(text) ? Number(text) : undefined;
}

function readWhole(text: string): number | undefined {
  const value = /^\d{1,7}$/u.test(text) ? Number(text) : Infinity;
  return value <= MAX_TOKEN ? value : undefined;
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
