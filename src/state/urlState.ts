// The address as state: sampler in the query, prompt in the fragment (which no server sees).
// Unknown parameters are ignored; bad values are clamped or dropped, and a note says so.
import type { DeviceRequest, Dtype } from '../api.ts';
import { isHere, MAX_NAME, type ModelName } from './modelName.ts';
import { LINK_VERSION, MAX_LINK, readRecording, writeRecording, type Recording } from './replay.ts';
import {
  clampSeed,
  cleanStops,
  DEFAULT_SETTINGS,
  MAX_SEED,
  NUMERIC_KEYS,
  takeNumber,
  type Settings,
} from './settings.ts';
import { FIRST_VIEW, readStep, WORKSPACES, type View } from './view.ts';

/** What an address asks for; a missing field was not mentioned. */
export interface UrlState {
  readonly settings: Partial<Settings>;
  readonly prompt?: string;
  readonly device?: DeviceRequest;
  readonly dtype?: Dtype;
  /** The device stands in a link: where it is not there, another one will do. */
  readonly deviceLinked?: boolean;
  /** A model other than the page's own; on this site its source is an absolute URL. */
  readonly wish?: ModelName;
  readonly localEngine: boolean;
  readonly workspace?: View['workspace'];
  /** The step of the lessons: `learn=3`. */
  readonly lesson?: number;
  /** A text that somebody recorded; its prompt and settings are those above. */
  readonly recording?: Recording;
  /** What was wrong in the address and what was done about it, in words. */
  readonly notes: readonly string[];
}

/** Parameters the page reads but never writes by itself; they stay in the address as they came. */
const KEPT = ['device', 'dtype', 'engine'];
const MODEL_KEYS = ['model', 'revision', 'host', 'base_model', 'base_revision'];

/** Longer prompts stay out of the address; browsers and chat programs cut such links. */
export const MAX_PROMPT_IN_URL = 8000;

export function parseUrl(search: string, hash: string, base: string): UrlState {
  const query = new URLSearchParams(search);
  const fragment = new URLSearchParams(hash.replace(/^#/, ''));
  const notes: string[] = [];
  const recording = readRecording(fragment, notes);
  // A recorded text brings all of its settings; what it leaves out is the default, not the visitor's.
  const recorded = fragment.has('v');
  const source = recorded ? fragment : query;
  const settings: { -readonly [K in keyof Settings]?: Settings[K] } = recorded
    ? { ...DEFAULT_SETTINGS }
    : {};

  for (const key of NUMERIC_KEYS) {
    const text = source.get(key);
    if (text === null) continue;
    const number = text.trim() === '' ? Number.NaN : Number(text);
    takeNumber(settings, key, number, `${key}=${short(text)}`, notes);
  }

  const seedText = source.get('seed');
  if (seedText === 'random') settings.seed = null;
  else if (seedText !== null) {
    const number = seedText.trim() === '' ? Number.NaN : Number(seedText);
    const seed = clampSeed(number);
    if (seed === undefined) notes.push(`seed=${short(seedText)} is no number and was ignored.`);
    else {
      settings.seed = seed;
      if (seed !== number) {
        notes.push(
          `seed=${short(seedText)} is no whole number from 0 to ${MAX_SEED}; ${seed} is used.`,
        );
      }
    }
  }

  const greedy = source.get('greedy');
  if (greedy === '1' || greedy === 'true') settings.do_sample = false;
  else if (greedy === '0' || greedy === 'false') settings.do_sample = true;
  else if (greedy !== null) notes.push(`greedy=${short(greedy)} is neither 1 nor 0; ignored.`);

  if (source.has('stop')) settings.stop = cleanStops(source.getAll('stop'));

  const deviceLinked = recorded && fragment.has('device');
  const device = oneOf(
    deviceLinked ? fragment : query,
    'device',
    ['auto', 'webgpu', 'cpu'] as const,
    notes,
  );
  const dtypeFrom = recorded && fragment.has('dtype') ? fragment : query;
  const dtype = oneOf(dtypeFrom, 'dtype', ['fp32', 'fp16', 'q8'] as const, notes);
  const engine = oneOf(query, 'engine', ['worker', 'local'] as const, notes);

  const workspace = oneOf(fragment, 'workspace', WORKSPACES, notes);
  const step = fragment.get('learn') ?? '';
  const lesson = readStep(step);
  // Of a recorded text, the view says it.
  if (step !== '' && lesson === undefined && recording === undefined) {
    notes.push(`learn=${short(step)} is no step of the lessons; ignored.`);
  }

  const wish = readWish(fragment.has('model') ? fragment : query, base, notes);
  const prompt = fragment.get('prompt') ?? query.get('prompt');
  return {
    settings,
    ...(prompt === null ? {} : { prompt }),
    ...(device === undefined ? {} : { device }),
    ...(dtype === undefined ? {} : { dtype }),
    ...(deviceLinked && device !== undefined ? { deviceLinked } : {}),
    ...(wish === undefined ? {} : { wish }),
    localEngine: engine === 'local',
    ...(workspace === undefined ? {} : { workspace }),
    ...(lesson === undefined ? {} : { lesson }),
    ...(recording === undefined ? {} : { recording }),
    notes,
  };
}

/** The model an address names; whether it exists, and what its name means exactly, the engine says. */
function readWish(from: URLSearchParams, base: string, notes: string[]): ModelName | undefined {
  const source = from.get('model')?.trim() ?? '';
  if (source === '') return undefined;
  const [revision, host] = [from.get('revision') ?? '', from.get('host') ?? ''];
  const [adapted, at] = [from.get('base_model')?.trim() ?? '', from.get('base_revision') ?? ''];
  const scheme = /^([a-z][a-z0-9+.-]*):/iu.exec(source)?.[1]?.toLowerCase();
  const isOther = scheme !== undefined && scheme !== 'http' && scheme !== 'https';
  if (isOther || [source, revision, host, adapted, at].join('').length > MAX_NAME) {
    notes.push(`model=${short(source)} names no model; the story model is used instead.`);
    return undefined;
  }
  const name = {
    source,
    ...(revision === '' ? {} : { revision }),
    ...(host === '' ? {} : { host }),
    ...(adapted === '' ? {} : { base_model: adapted }),
    ...(adapted === '' || at === '' ? {} : { base_revision: at }),
  };
  if (!isHere(name, base) || host !== '' || adapted !== '') return name;
  const { origin, pathname } = new URL(source, base);
  return { source: origin + pathname.replace(/\/+$/, '') };
}

/** Query and fragment for a state; only what differs from the defaults is written. */
export function formatUrl(
  settings: Settings,
  prompt: string,
  {
    model,
    workspace = FIRST_VIEW.workspace,
    lesson = FIRST_VIEW.lesson,
    oldSearch = '',
    oldHash = '',
  }: {
    /** Null for the page's own; undefined leaves what the old address names. */
    readonly model?: ModelName | null | undefined;
    readonly workspace?: View['workspace'];
    readonly lesson?: number;
    readonly oldSearch?: string;
    readonly oldHash?: string;
  } = {},
): { search: string; hash: string } {
  const old = new URLSearchParams(oldSearch);
  const link = new URLSearchParams(oldHash.replace(/^#/, ''));
  const query = new URLSearchParams();
  for (const key of KEPT) {
    // A link only wishes for a device; in the address it would be an order, which fails where it is not.
    const value = (key === 'dtype' ? link.get(key) : null) ?? old.get(key);
    if (value !== null) query.set(key, value);
  }
  if (model === undefined) {
    const from = link.has('model') ? link : old;
    for (const key of MODEL_KEYS) {
      const value = from.get(key);
      if (value !== null) query.set(key, value);
    }
  } else writeModel(query, model);
  writeSettings(query, settings);
  const text = query.toString();
  const fits = prompt !== '' && prompt.length <= MAX_PROMPT_IN_URL;
  // Settings of a run: what trains reads them, when it is opened.
  const run = workspace === 'train' ? link.get('run') : null;
  const hash = new URLSearchParams({
    ...(fits ? { prompt } : {}),
    ...(workspace === FIRST_VIEW.workspace ? {} : { workspace }),
    ...(lesson === 0 ? {} : { learn: String(lesson) }),
    ...(run === null ? {} : { run }),
  }).toString();
  return { search: text === '' ? '' : `?${text}`, hash: hash === '' ? '' : `#${hash}` };
}

export interface Link {
  /** With the `#`. */
  readonly hash: string;
  /** What found room in it. */
  readonly holds: 'everything' | 'this branch' | 'the prompt' | 'the settings';
}

/**
 * A fragment that shows a text as it is now: all branches if they fit, else the one that is shown,
 * else the prompt alone. `model` is null for the page's own; device and precision where they were chosen.
 */
export function formatLink(
  settings: Settings,
  prompt: string,
  model: ModelName | null,
  recording: Recording | null,
  { device, dtype }: Pick<UrlState, 'device' | 'dtype'> = {},
): Link {
  /** Null where it finds no room; what cannot, as of a million characters, is not even tried. */
  const write = (recorded: Recording | null, words: string): string | null => {
    const tokens = Math.max(0, ...(recorded?.texts ?? []).map(({ ids }) => ids.length));
    if (words.length + tokens > MAX_LINK) return null;
    const fragment = new URLSearchParams({ v: LINK_VERSION });
    if (recorded !== null) writeRecording(fragment, recorded);
    writeModel(fragment, model);
    if (device !== undefined) fragment.set('device', device);
    if (dtype !== undefined) fragment.set('dtype', dtype);
    writeSettings(fragment, settings);
    fragment.set('prompt', words);
    const hash = `#${fragment.toString()}`;
    return hash.length <= MAX_LINK || (recorded === null && words === '') ? hash : null;
  };
  if (recording !== null) {
    const whole = write(recording, prompt);
    if (whole !== null) return { hash: whole, holds: 'everything' };
    const shown = recording.texts.slice(recording.here, recording.here + 1);
    const one = write({ ...recording, texts: shown, here: 0 }, prompt);
    if (one !== null) return { hash: one, holds: 'this branch' };
  }
  const words = write(null, prompt);
  if (words !== null) return { hash: words, holds: 'the prompt' };
  return { hash: write(null, '') ?? '', holds: 'the settings' };
}

function writeModel(query: URLSearchParams, model: ModelName | null): void {
  if (model === null) return;
  query.set('model', model.source);
  if (model.revision !== undefined) query.set('revision', model.revision);
  if (model.host !== undefined) query.set('host', model.host);
  if (model.base_model !== undefined) query.set('base_model', model.base_model);
  if (model.base_revision !== undefined) query.set('base_revision', model.base_revision);
}

function writeSettings(query: URLSearchParams, settings: Settings): void {
  for (const key of NUMERIC_KEYS) {
    if (settings[key] !== DEFAULT_SETTINGS[key]) query.set(key, String(settings[key]));
  }
  if (settings.seed !== null) query.set('seed', String(settings.seed));
  if (!settings.do_sample) query.set('greedy', '1');
  for (const stop of settings.stop) query.append('stop', stop);
}

function oneOf<const T extends string>(
  query: URLSearchParams,
  name: string,
  allowed: readonly T[],
  notes: string[],
): T | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const found = allowed.find((a) => a === value);
  if (found === undefined) {
    notes.push(`${name}=${short(value)} is not known here (${allowed.join(', ')}); ignored.`);
  }
  return found;
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
