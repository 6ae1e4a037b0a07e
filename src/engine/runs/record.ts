// A run as it is kept: JSON, which is read as if a stranger had written it.
import type {
  Behaviour,
  ErrorInfo,
  HeadScores,
  RunArguments,
  RunChange,
  RunModel,
  RunPoint,
  RunRecord,
  RunSample,
  RunSettings,
  RunSnapshot,
  TextEdit,
  TextFacts,
  TokenPiece,
} from '../../api.ts';
import { type JsonValue, isObject } from '../../json.ts';
import { readBase } from '../../runBase.ts';
import { asKept, shortened } from '../../runFiles.ts';

/**
 * What is kept of a run; what follows from the rest, or is counted when it is asked for, is not. Whatever runs when a
 * page is closed is found as `running`: it was broken off.
 */
export type KeptRun = Omit<
  RunRecord,
  'sizeBytes' | 'loss' | 'evalLoss' | 'snapshotsId' | 'elsewhere' | 'kept' | 'unkept'
> & {
  /** What it was computed by last. */
  readonly device: string;
};

const VERSION = 1;
/** More points are thinned out: every second of them, as often as it takes. */
const MOST_POINTS = 20_000;
/** Samples, validations and the like: a page shows all of them. */
const MOST_TOLD = 5000;
const BEHAVIOURS: readonly Behaviour[] = [
  'previous',
  'first',
  'duplicate',
  'induction',
  'local',
  'broad',
];

/** Where a run's snapshots are kept: apart from the checkpoints that it goes on from. */
export function snapshotsOf(id: string): string {
  return `${id}.seen`;
}

/** What lies beside a record. */
export interface KeptFiles {
  /** Of all, the record and the text with them. */
  readonly sizeBytes: number;
  /** Steps of its checkpoints, and of its snapshots. */
  readonly checkpoints: readonly number[];
  readonly snapshots: readonly number[];
}

/** As the page is told of it. */
export function toRecord(
  { device: _device, ...run }: KeptRun,
  { sizeBytes, checkpoints, snapshots }: KeptFiles,
  runs: 'here' | 'elsewhere' | 'nowhere',
): RunRecord {
  const isBroken = runs === 'nowhere' && isUnderWay(run);
  const ranAway = run.error?.code === 'training/not-finite';
  const seen = ranAway ? undefined : run.evaluations.findLast(({ step }) => step > 0);
  return {
    ...run,
    state: isBroken ? 'interrupted' : run.state,
    // The record of one that was killed may be older than its last checkpoint.
    step: isBroken ? Math.max(run.step, checkpoints.at(-1) ?? 0) : run.step,
    elsewhere: runs === 'elsewhere',
    kept: checkpoints,
    loss: ranAway ? null : (run.points.at(-1)?.loss ?? null),
    evalLoss: seen?.loss ?? null,
    snapshots: run.snapshots.map((one) =>
      snapshots.includes(one.step) ? one : { ...one, sizeBytes: 0 },
    ),
    snapshotsId: snapshotsOf(run.id),
    sizeBytes,
  };
}

function isUnderWay({ state }: Pick<KeptRun, 'state'>): boolean {
  return state === 'running' || state === 'paused';
}

/** The state of a run that came from elsewhere, where it may run on. */
export function restingState(run: Pick<KeptRun, 'state'>): KeptRun['state'] {
  return isUnderWay(run) ? 'stopped' : run.state;
}

/** What is left of a run that goes on after so many steps. */
export function upTo(run: KeptRun, step: number): KeptRun {
  const until = <T extends { readonly step: number }>(list: readonly T[]): T[] =>
    list.filter((one) => one.step <= step);
  return {
    ...run,
    step,
    points: until(run.points),
    evaluations: until(run.evaluations),
    samples: until(run.samples),
    snapshots: until(run.snapshots),
    claimed: run.claimed && Math.min(run.claimed, step),
    error: null,
  };
}

export function writeRun(run: KeptRun): Uint8Array<ArrayBuffer> {
  const points = thinned(run.points).map(asKept);
  const column = (name: keyof RunPoint): number[] => points.map((point) => point[name]);
  const json = {
    version: VERSION,
    ...run,
    // A column each: a run of ten thousand steps is read and written in one go.
    points: {
      step: column('step'),
      loss: column('loss'),
      learning_rate: column('learning_rate'),
      grad_norm: column('grad_norm'),
    },
    snapshots: run.snapshots.map(({ scores, ...rest }) => ({
      ...rest,
      scores: scores && writeScores(scores),
    })),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** Null for what is no run, or one of a page that is newer. */
export function readRun(bytes: Uint8Array): KeptRun | null {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (!isObject(json) || json['version'] !== VERSION) return null;
  const { id, name, state, settings, text, twinOf, device, claimed } = json;
  const facts = readFacts(text);
  const asked = readSettings(settings);
  if (typeof id !== 'string' || typeof name !== 'string' || !facts || !asked) return null;
  const list = <T>(value: unknown, read: (one: Record<string, unknown>) => T | null): T[] =>
    Array.isArray(value)
      ? value.slice(-MOST_TOLD).flatMap((one: unknown) => {
          const found = isObject(one) ? read(one) : null;
          return found === null ? [] : [found];
        })
      : [];
  return {
    id,
    name: name.slice(0, 200),
    settings: asked,
    twinOf: typeof twinOf === 'string' ? twinOf : null,
    claimed: isCount(claimed) ? claimed : null,
    device: typeof device === 'string' ? device : '',
    state: STATES.find((one) => one === state) ?? 'stopped',
    step: toCount(json['step']),
    max_steps: toCount(json['max_steps']),
    parameters: toCount(json['parameters']),
    begun: toNumber(json['begun']) ?? 0,
    // Records of an earlier version do not say.
    lastStep: toNumber(json['lastStep']) ?? toNumber(json['begun']) ?? 0,
    text: facts,
    points: readPoints(json['points']),
    evaluations: list(json['evaluations'], ({ step, loss }) => {
      const found = toNumber(loss);
      return found === null ? null : { step: toCount(step), loss: found };
    }),
    samples: list(json['samples'], readSample),
    snapshots: list(json['snapshots'], ({ step, sizeBytes, scores }): RunSnapshot => ({
      step: toCount(step),
      sizeBytes: toCount(sizeBytes),
      scores: readScores(scores),
    })),
    changes: list(json['changes'], readChange),
    error: readError(json['error']),
  };
}

const STATES = ['running', 'paused', 'stopped', 'done', 'failed'] as const;
const KINDS = ['gpt2', 'nanogpt', 'mingpt', 'notebook'] as const;
const TASKS = ['repeat', 'reverse', 'add'] as const;
const ORDERS = ['random', 'shuffled', 'sequential'] as const;

/** Null for what are none. The text of somebody's own is ''. */
export function readSettings(value: unknown): RunSettings | null {
  if (!isObject(value)) return null;
  const { text, tokenizer, model, arguments: args, validation, prompt } = value;
  if (!isObject(text) || !isObject(tokenizer) || !isObject(model) || !isObject(args)) return null;
  const from = readText(text);
  const shape = readModel(model);
  const base = readBase(value['base']);
  const made = readTokenizer(tokenizer);
  if (!from || !shape || !made || (made.kind === 'model') !== (base !== null)) return null;
  return {
    text: from,
    tokenizer: made,
    model: shape,
    ...(base && { base }),
    arguments: readArguments(args),
    generator: value['generator'] === 'torch' ? 'torch' : 'philox',
    order: ORDERS.find((one) => one === value['order']) ?? 'random',
    validation: toNumber(validation) ?? 0,
    prompt: typeof prompt === 'string' ? prompt : '',
    ...(Array.isArray(value['edits']) && { edits: value['edits'].flatMap(readEdit) }),
  };
}

/** What is said of it beside its sizes is refused by name when a model is to be made: nobody trains another one unawares. */
function readModel(model: Record<string, unknown>): RunModel | null {
  const kind = KINDS.find((one) => one === model['kind']);
  if (!kind) return null;
  const size = (name: string): number => toCount(model[name]);
  const said = Object.entries(model).filter(
    ([, one]) => typeof one === 'string' || typeof one === 'boolean' || toNumber(one) !== null,
  );
  return {
    ...(Object.fromEntries(said) as Partial<RunModel>),
    kind,
    n_layer: size('n_layer'),
    n_head: size('n_head'),
    n_embd: size('n_embd'),
    n_ctx: size('n_ctx'),
  };
}

export function readArguments(value: Record<string, unknown>): RunArguments {
  return Object.fromEntries(
    Object.entries(value).filter(
      ([, one]) => typeof one === 'string' || (typeof one === 'number' && Number.isFinite(one)),
    ),
  ) as RunArguments;
}

export function readChange({ step, words, before }: Record<string, unknown>): RunChange | null {
  if (typeof words !== 'string') return null;
  return { step: toCount(step), words, ...(isObject(before) && { before: readArguments(before) }) };
}

const EDITS = ['remove', 'double', 'replace'] as const;

function readEdit(value: unknown): TextEdit[] {
  if (!isObject(value)) return [];
  const { what, passage, by } = value;
  const kind = EDITS.find((one) => one === what);
  if (!kind || typeof passage !== 'string') return [];
  return [{ what: kind, passage, ...(typeof by === 'string' && { by }) }];
}

function readText({ kind, name, column }: Record<string, unknown>): RunSettings['text'] | null {
  if (typeof name !== 'string') return null;
  const task = TASKS.find((one) => one === name);
  if (kind === 'task') return task ? { kind, name: task } : null;
  if (kind === 'bundled') return { kind, name };
  // The text itself lies beside the record.
  const own = { kind: 'own', name, text: '' } as const;
  if (kind !== 'own') return null;
  return typeof column === 'string' ? { ...own, column } : own;
}

function readTokenizer({ kind, vocab_size }: Record<string, unknown>) {
  if (kind === 'characters' || kind === 'bytes' || kind === 'gpt2' || kind === 'model') {
    return { kind } as const;
  }
  return kind === 'bpe' ? ({ kind, vocab_size: toCount(vocab_size) } as const) : null;
}

function readFacts(value: unknown): TextFacts | null {
  if (!isObject(value)) return null;
  const { sha256, beginning, evenLoss, frequencyLoss } = value;
  const [even, frequency] = [toNumber(evenLoss), toNumber(frequencyLoss)];
  if (typeof sha256 !== 'string' || even === null || frequency === null) return null;
  return {
    characters: toCount(value['characters']),
    tokens: toCount(value['tokens']),
    vocabSize: toCount(value['vocabSize']),
    documents: toCount(value['documents']),
    evenLoss: even,
    frequencyLoss: frequency,
    beginning: Array.isArray(beginning) ? beginning.slice(0, MOST_TOLD).filter(isPiece) : [],
    sha256,
  };
}

function isPiece(value: unknown): value is TokenPiece {
  if (!isObject(value)) return false;
  const { id, bytes, text, special } = value;
  const isBytes =
    Array.isArray(bytes) &&
    bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256);
  return (
    typeof id === 'number' && typeof text === 'string' && typeof special === 'boolean' && isBytes
  );
}

function readPoints(value: unknown): RunPoint[] {
  if (!isObject(value)) return [];
  const { step, loss, learning_rate, grad_norm } = value;
  if (![step, loss, learning_rate, grad_norm].every(Array.isArray)) return [];
  const at = (list: unknown, i: number): number => toNumber((list as unknown[])[i]) ?? NaN;
  return (step as unknown[]).flatMap((_, i) => {
    const point = {
      step: at(step, i),
      loss: at(loss, i),
      learning_rate: at(learning_rate, i),
      grad_norm: at(grad_norm, i),
    };
    return Object.values(point).every(Number.isFinite) ? [point] : [];
  });
}

function readSample({ step, prompt, text, strange }: Record<string, unknown>): RunSample | null {
  if (typeof prompt !== 'string' || typeof text !== 'string') return null;
  const sample = { step: toCount(step), prompt, text };
  return areMarks(strange, text.length) ? { ...sample, strange } : sample;
}

/** Whether they are places in a text of this length, one behind the other. */
function areMarks(value: unknown, length: number): value is NonNullable<RunSample['strange']> {
  let at = 0;
  return (
    Array.isArray(value) &&
    value.every((mark: unknown) => {
      if (!Array.isArray(mark) || !mark.every(isCount)) return false;
      const [from = -1, to = -1] = mark;
      const isNext = mark.length === 2 && at <= from && from <= to && to <= length;
      at = to;
      return isNext;
    })
  );
}

function readError(value: unknown): ErrorInfo | null {
  if (!isObject(value)) return null;
  const { code, message, hint } = value;
  if (typeof code !== 'string' || typeof message !== 'string') return null;
  return { code, message, hint: typeof hint === 'string' ? hint : '' };
}

function writeScores({ scores, entropyBits, ...sizes }: HeadScores): JsonValue {
  const list = (values: Float32Array): JsonValue =>
    Array.from(values, (value) => (Number.isNaN(value) ? null : shortened(value)));
  return {
    ...sizes,
    scores: Object.fromEntries(BEHAVIOURS.map((name) => [name, list(scores[name])])),
    entropyBits: list(entropyBits),
  };
}

function readScores(value: unknown): HeadScores | null {
  if (!isObject(value) || !isObject(value['scores'])) return null;
  const [nLayer, nHead] = [toCount(value['nLayer']), toCount(value['nHead'])];
  const all = value['scores'];
  const list = (found: unknown): Float32Array | null =>
    Array.isArray(found) && found.length === nLayer * nHead
      ? Float32Array.from(found, (one: unknown) => toNumber(one) ?? NaN)
      : null;
  const entropyBits = list(value['entropyBits']);
  const scores = BEHAVIOURS.map((name) => [name, list(all[name])] as const);
  if (!entropyBits || scores.some(([, found]) => found === null)) return null;
  return {
    nLayer,
    nHead,
    size: toCount(value['size']),
    ...(typeof value['on'] === 'string' && { on: value['on'] }),
    scores: Object.fromEntries(scores) as HeadScores['scores'],
    entropyBits,
  };
}

function thinned(points: readonly RunPoint[]): readonly RunPoint[] {
  let left = points;
  while (left.length > MOST_POINTS) left = left.filter((_, i) => i % 2 === 1);
  return left;
}

function toNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function toCount(value: unknown): number {
  return isCount(value) ? value : 0;
}
