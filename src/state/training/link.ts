// All settings of a run in an address, for runs whose text everybody has: whoever follows it finds them filled in, and
// nothing begins of itself. What comes back may have been written by anybody.
import type { RunBase, RunSettings, RunText, TaskName, TextEdit } from '../../api.ts';
import { isObject } from '../../json.ts';
import { readBase } from '../../runBase.ts';
import { saidDetails } from '../../runModel.ts';
import { FIRST_STEPS, firstPoints } from '../../runFiles.ts';
import { MAX_LINK } from '../replay.ts';
import { firstDraft } from './draft.ts';
import type { Curve } from './curve.ts';
import type { LinkedSettings, ShownRun } from './facts.ts';
import { FIELDS, refusal } from './fields.ts';
import { BUNDLED_TEXTS } from './presets.ts';

const VERSION = '1';
/** Of a model that more is said of than its sizes: a page that knows no more of it would train another one. */
const DETAILED = '2';
const TASK_NAMES: readonly TaskName[] = ['repeat', 'reverse', 'add'];
const EDITS = ['remove', 'double', 'replace'] as const;
/** Signs of a prompt, and of an edit's passage. */
const MOST_SIGNS = 4000;
const MOST_EDITS = 20;
/** Signs of what a note quotes. */
const QUOTED = 40;

/** Losses of the first steps of a run that a link holds, so that whoever follows it sees whether they are the same there. */
export function firstLosses(run: Pick<ShownRun, 'changes'>, curve: Curve): number[] {
  const points = Array.from({ length: Math.min(FIRST_STEPS, curve.length) }, (_, i) => curve.at(i));
  const losses = firstPoints(
    run,
    points.filter((point) => point !== null),
  ).map(({ loss }) => loss);
  const broken = losses.findIndex((loss) => !Number.isFinite(loss));
  return broken === -1 ? losses : losses.slice(0, broken);
}

/**
 * What an address holds of settings, and of the losses that they made; null for a text of somebody's own, or for more
 * than an address has room for.
 */
export function writeLink(settings: RunSettings, losses: readonly number[] = []): string | null {
  const { text, prompt, base, model, edits = [] } = settings;
  if (text.kind === 'own') return null;
  const isDetailed = base === undefined && saidDetails(model).length > 0;
  const version = isDetailed ? DETAILED : VERSION;
  const link = new URLSearchParams({ v: version, [text.kind]: text.name });
  for (const field of FIELDS) {
    const value = field.read(settings);
    const isOwn = base !== undefined && field.name === 'tokenizer';
    const isUsual = value === field.usual?.(settings);
    if (value !== '' && !isOwn && !isUsual) link.set(field.name, value);
  }
  if (base !== undefined) link.set('base', JSON.stringify(toLinked(base)));
  link.set('prompt', prompt);
  for (const edit of edits) link.append('edit', JSON.stringify(edit));
  if (losses.length > 0) link.set('losses', losses.map((loss) => loss.toPrecision(7)).join(' '));
  const whole = link.toString();
  // It is quoted once more where it stands in an address.
  return encodeURIComponent(whole).length > MAX_LINK ? null : whole;
}

/** Where the workspace opens with these settings (`writeLink`); null for none. */
export function linkHref(link: string | null): string {
  const hash = new URLSearchParams({ workspace: 'train', ...(link === null ? {} : { run: link }) });
  return `${location.origin}${location.pathname}#${hash.toString()}`;
}

/** The settings of an address; what it does not say, or says wrongly, is as it is for everybody. */
export function readLink(text: string): LinkedSettings {
  const notes: string[] = [];
  const link = new URLSearchParams(text.slice(0, MAX_LINK));
  let { settings } = firstDraft();
  if (![VERSION, DETAILED].includes(link.get('v') ?? '')) {
    notes.push('This page cannot read the settings of the link: another version of it wrote them.');
    return { settings, notes, losses: [] };
  }
  settings = { ...settings, text: readText(link, notes) ?? settings.text, prompt: '' };
  for (const field of FIELDS) {
    const value = link.get(field.name);
    // How large a vocabulary is says the link of a tokenizer that has pairs.
    const isOther = field.name === 'vocab_size' && settings.tokenizer.kind !== 'bpe';
    if (value === null || isOther) continue;
    const why = refusal(field, value);
    if (why === null) settings = field.write(settings, value);
    else notes.push(`${field.name}=${quoted(value)} was not taken: ${why}`);
  }
  const from = link.get('base');
  const base = from === null ? null : readBase(parsed(from));
  if (base !== null) settings = { ...settings, base, tokenizer: { kind: 'model' } };
  else if (from !== null) {
    notes.push('The model that it goes on training could not be read; a new one is chosen.');
  }
  const prompt = link.get('prompt') ?? '';
  if (prompt.length <= MOST_SIGNS) settings = { ...settings, prompt };
  else notes.push('The prompt was too long, and was not taken.');
  const edits = link
    .getAll('edit')
    .slice(0, MOST_EDITS)
    .flatMap((one) => readEdit(one, notes));
  if (edits.length > 0) settings = { ...settings, edits };
  return { settings, notes, losses: readLosses(link.get('losses'), notes) };
}

function readLosses(text: string | null, notes: string[]): number[] {
  if (text === null) return [];
  const losses = text.split(' ').map(Number);
  if (losses.length <= FIRST_STEPS && losses.every((loss) => loss > 0 && loss < 1e6)) return losses;
  notes.push('The losses of the link could not be read: nothing will be compared with them.');
  return [];
}

/** A step of a run is kept in this browser alone. */
function toLinked({ source, ...base }: RunBase): RunBase {
  return { ...base, source: source?.run === undefined ? source : null };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readText(link: URLSearchParams, notes: string[]): RunText | null {
  const [bundled, task] = [link.get('bundled'), link.get('task')];
  const name = BUNDLED_TEXTS.find((one) => one === bundled);
  if (name !== undefined) return { kind: 'bundled', name };
  const what = TASK_NAMES.find((one) => one === task);
  if (what !== undefined) return { kind: 'task', name: what };
  const named = quoted(bundled ?? task ?? '');
  notes.push(
    named === ''
      ? 'It names no text: one that comes with this page is chosen.'
      : `${named} is none of the texts that come with this page; another is chosen.`,
  );
  return null;
}

function readEdit(text: string, notes: string[]): TextEdit[] {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) {
      const { what, passage, by } = json;
      const kind = EDITS.find((one) => one === what);
      const isShort = [passage, by ?? ''].every(
        (one) => typeof one === 'string' && one.length <= MOST_SIGNS,
      );
      if (kind !== undefined && isShort && typeof passage === 'string' && passage !== '') {
        return [{ what: kind, passage, ...(typeof by === 'string' ? { by } : {}) }];
      }
    }
  } catch {
    // What is no JSON is no edit either.
  }
  notes.push('A change of the text could not be read, and was not taken.');
  return [];
}

function quoted(value: string): string {
  return value.length > QUOTED ? `${value.slice(0, QUOTED)}…` : value;
}
