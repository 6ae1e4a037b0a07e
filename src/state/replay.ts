// A text in a link: which tokens, who wrote them and how, and what was open beside them. The ids are
// recorded, so another machine shows the same text; the recipes let it try to write it again.
//
// The fragment, beside `prompt`, `model` and the settings that urlState.ts reads:
//
//   v=1                         the version of all this; without `texts` the link has no tokens
//   texts=a-2k.1f.9*a-7.8-0-b   branches in the order they grew, by *: number of prompt tokens, ids by
//                               dots; where two more numbers follow, the text begins with so many
//                               tokens (the last number) of that earlier branch (the one before it)
//   here=1                      the branch that is shown; the first where it is not said
//   runs=a-14-7-0_1e-5-8-0-0    what the model wrote, by * for branches and _ for runs: first token,
//                               count, seed, number of the settings, number of the parts off if any
//   how=t0.8k40p1m0r1_t1k0p1m0r1g   those settings; g is greedy
//   gone=h4.1z_m3m*a0z          those parts: head 4.1 by zero with MLP 3 by mean; attention 0 by zero
//   off=h4.1z  pins=4.1_5.2  head=4.1  view=attention  at=12  …    what is looked at, as view.ts writes it
//   device=cpu  dtype=q8        where and how it was computed, if somebody chose that
//
// Whole numbers are in base 36 where they come in lists of tokens, decimal where they name a part.
// Only letters, digits and . - _ * are used, which no address escapes. Whatever comes in is checked:
// what cannot be read is left out, and a note says so.
import type { PartOff, SamplingOptions } from '../api.ts';
import { MAX_BRANCHES, parentsOf } from './branches.ts';
import { areRunsOf, type RunRecord } from './runs.ts';
import { clampSetting, MAX_SEED } from './settings.ts';
import { FIRST_VIEW, readParts, VIEW, writeParts, type View } from './view.ts';

/** Longer links are cut by chat programs and mail. */
export const MAX_LINK = 16_000;
/** What we read at most of a link that somebody else wrote. */
const MAX_READ = 64_000;
const MAX_TOKENS = 16_384;
/** All branches together, as what is kept between visits. */
const MAX_ALL_TOKENS = 200_000;

export const LINK_VERSION = '1';

export interface RecordedText {
  readonly ids: readonly number[];
  readonly promptCount: number;
  readonly runs: readonly RunRecord[];
}

export interface Recording {
  /** In the order in which they grew; never empty. */
  readonly texts: readonly RecordedText[];
  /** Index of the one that is shown. */
  readonly here: number;
  readonly view: View;
}

export function writeRecording(fragment: URLSearchParams, recording: Recording): void {
  const { texts, here, view } = recording;
  const how: string[] = [];
  const gone: string[] = [];
  const parents = parentsOf(texts.map(({ ids }) => ids.map((id) => ({ id }))));
  fragment.set(
    'texts',
    texts
      .map(({ ids, promptCount }, i) => {
        const { parent, at } = parents[i] ?? { parent: -1, at: 0 };
        const own = ids.slice(at).map(to36).join('.');
        const base = parent < 0 ? '' : `-${to36(parent)}-${to36(at)}`;
        return `${to36(promptCount)}-${own}${base}`;
      })
      .join('*'),
  );
  const runs = texts.map((text) =>
    text.runs
      .map((run) => {
        const fields = [run.start, run.end - run.start, run.seed, numberIn(how, writeHow(run))];
        if (run.off.length > 0) fields.push(numberIn(gone, writeParts(run.off)));
        return fields.map(to36).join('-');
      })
      .join('_'),
  );
  if (here > 0) fragment.set('here', to36(here));
  if (how.length > 0) {
    fragment.set('runs', runs.join('*'));
    fragment.set('how', how.join('_'));
  }
  if (gone.length > 0) fragment.set('gone', gone.join('*'));
  for (const [name, value] of Object.entries(VIEW.write(view))) fragment.set(name, value);
}

/** What a fragment holds of a recording; undefined where that is no text. Never throws. */
export function readRecording(fragment: URLSearchParams, notes: string[]): Recording | undefined {
  const version = fragment.get('v');
  if (version === null) return undefined;
  if (version !== LINK_VERSION) {
    notes.push(
      'This link was made by another version of the page; only its prompt and settings are used.',
    );
    return undefined;
  }
  if (!fragment.has('texts')) return undefined;
  if ([...fragment.values()].reduce((sum, value) => sum + value.length, 0) > MAX_READ) {
    notes.push('This link is far longer than any this page makes; its recorded text was not read.');
    return undefined;
  }
  const texts = readTexts(fragment.get('texts') ?? '', notes);
  const good = texts.filter((text) => text !== null);
  if (good.length === 0) {
    notes.push('The recorded tokens cannot be read; only the prompt and the settings are used.');
    return undefined;
  }
  if (good.length < texts.length) {
    const lost = texts.length - good.length;
    notes.push(
      `${lost} of ${texts.length} recorded branches cannot be read and ${lost === 1 ? 'was' : 'were'} left out.`,
    );
  }
  const wanted = readWhole(fragment.get('here') ?? '0', MAX_BRANCHES);
  const shown = wanted === undefined ? undefined : texts[wanted];
  return {
    texts: addRuns(texts, fragment, notes).filter((text) => text !== null),
    here: shown ? good.indexOf(shown) : 0,
    view: {
      ...FIRST_VIEW,
      panel: '',
      layer: 0,
      head: 0,
      ...VIEW.read(Object.fromEntries(fragment), notes),
    },
  };
}

function readTexts(value: string, notes: string[]): (RecordedText | null)[] {
  const texts: (RecordedText | null)[] = [];
  let tokens = 0;
  for (const part of value.split('*').slice(0, MAX_BRANCHES)) {
    const text = readText(part, texts);
    // Branches share what they begin with: a short link could mean millions of tokens.
    tokens += text?.ids.length ?? 0;
    if (tokens > MAX_ALL_TOKENS) {
      notes.push('The recorded branches are too long together; the last ones were left out.');
      break;
    }
    texts.push(text);
  }
  return texts;
}

function readText(value: string, before: readonly (RecordedText | null)[]): RecordedText | null {
  const fields = value.split('-');
  if (fields.length !== 2 && fields.length !== 4) return null;
  const [count, own, base, at] = fields;
  let ids: number[] = [];
  if (base !== undefined) {
    const number = readWhole(base, before.length - 1);
    const trunk = number === undefined ? null : before[number];
    const length = readWhole(at, trunk?.ids.length ?? 0);
    if (!trunk || length === undefined) return null;
    ids = trunk.ids.slice(0, length);
  }
  for (const field of own === '' || own === undefined ? [] : own.split('.')) {
    const id = readWhole(field, 0xff_ffff);
    if (id === undefined || ids.length >= MAX_TOKENS) return null;
    ids.push(id);
  }
  const promptCount = readWhole(count, ids.length);
  return promptCount === undefined ? null : { ids, promptCount, runs: [] };
}

function addRuns(
  texts: readonly (RecordedText | null)[],
  fragment: URLSearchParams,
  notes: string[],
): (RecordedText | null)[] {
  const how = (fragment.get('how') ?? '').split('_').map(readHow);
  const gone = (fragment.get('gone') ?? '').split('*').map(readParts);
  const lists = (fragment.get('runs') ?? '').split('*');
  let broken = false;
  const read = texts.map((text, i) => {
    const list = lists[i] ?? '';
    if (text === null || list === '') return text;
    const runs = list.split('_').map((run) => readRun(run, how, gone));
    const good = runs.filter((run) => run !== undefined);
    if (good.length === runs.length && areRunsOf(text.ids.length, good)) {
      return { ...text, runs: good };
    }
    broken = true;
    return text;
  });
  if (broken) {
    notes.push(
      'How some of the recorded tokens were written cannot be read; they cannot run live.',
    );
  }
  return read;
}

function readRun(
  value: string,
  how: readonly (SamplingOptions | undefined)[],
  gone: readonly (readonly PartOff[] | undefined)[],
): RunRecord | undefined {
  const fields = value.split('-');
  if (fields.length !== 4 && fields.length !== 5) return undefined;
  const start = readWhole(fields[0], MAX_TOKENS);
  const count = readWhole(fields[1], MAX_TOKENS);
  const seed = readWhole(fields[2], MAX_SEED);
  const settings = how[readWhole(fields[3], how.length) ?? -1];
  const off = fields.length === 5 ? gone[readWhole(fields[4], gone.length) ?? -1] : [];
  if (start === undefined || count === undefined || seed === undefined) return undefined;
  if (settings === undefined || off === undefined) return undefined;
  return { start, end: start + count, seed, settings, off };
}

// ── small things ──────────────────────────────────────────────────────────────────────────────

function to36(value: number): string {
  return value.toString(36);
}

/** A whole number in base 36 up to `max`. */
function readWhole(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^[0-9a-z]{1,8}$/u.test(text)) return undefined;
  const value = Number.parseInt(text, 36);
  return value <= max ? value : undefined;
}

/** Its index in the list, where it is added if it is new. */
function numberIn(list: string[], value: string): number {
  const found = list.indexOf(value);
  return found < 0 ? list.push(value) - 1 : found;
}

const HOW = ['temperature', 'top_k', 'top_p', 'min_p', 'repetition_penalty'] as const;

function writeHow({ settings: s }: RunRecord): string {
  const numbers = `t${s.temperature}k${s.top_k}p${s.top_p}m${s.min_p}r${s.repetition_penalty}`;
  return s.do_sample ? numbers : `${numbers}g`;
}

function readHow(text: string): SamplingOptions | undefined {
  const found = /^t([\d.e-]+)k([\d.e-]+)p([\d.e-]+)m([\d.e-]+)r([\d.e-]+)(g?)$/u.exec(text);
  if (found === null) return undefined;
  const values = HOW.map((key, i) => {
    const value = Number(found[i + 1]);
    return clampSetting(key, value) === value ? value : undefined;
  });
  const [temperature, top_k, top_p, min_p, repetition_penalty] = values;
  if (temperature === undefined || top_k === undefined || top_p === undefined) return undefined;
  if (min_p === undefined || repetition_penalty === undefined) return undefined;
  const do_sample = found[6] !== 'g';
  return { do_sample, temperature, top_k, top_p, min_p, repetition_penalty };
}
