// What anybody needs to make a run again, and to see at which step theirs parts from it.
import type {
  LoadedBase,
  ReceiptEvent,
  ReceiptRequest,
  RunChange,
  RunReceipt,
  RunText,
} from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { FACTORS } from '../training/adapterFiles.ts';
import { isObject } from '../../json.ts';
import type { TrainOptions } from '../training/begin.ts';
import { lastCheckpoint } from '../training/checkpointStore.ts';
import { WEIGHTS } from '../training/checkpoints.ts';
import { SHA256 } from '../../runBase.ts';
import { type Changed, unmade } from '../../runChanges.ts';
import { FIRST_STEPS, SAME_LOSS } from '../../runFiles.ts';
import { train } from '../training/train.ts';
import type { Bases, Beginning } from './bases.ts';
import { hashOf } from './hash.ts';
import { prepareText } from './prepare.ts';
import { Queue } from './queue.ts';
import { type KeptRun, isCount, readArguments, readChange, readSettings } from './record.ts';
import type { RunStore } from './runStore.ts';
import { optionsOf } from './settings.ts';
import { readRunText } from './texts.ts';

/** Behind the first steps, each so-many-th loss stands there. */
const EVERY = 50;
/** In nats a token: no run that comes to anything has more. */
export const MOST_LOSS = 1e6;
/** A receipt is some kB. */
const MOST_BYTES = 4 << 20;

/** What a receipt says that the record says. */
export function receiptFacts(run: KeptRun): Omit<RunReceipt, 'weights' | 'device'> {
  const { text, points, step, settings, changes } = run;
  return {
    version: 1,
    settings: { ...settings, arguments: changes[0]?.before ?? settings.arguments },
    changes: changes.map(({ step: after, words }, i) => {
      const next = changes[i + 1];
      // An earlier version did not keep what held until the next.
      const now = next ? next.before : settings.arguments;
      return { step: after, words, ...(now && { arguments: now }) };
    }),
    text: text.sha256,
    losses: points
      .filter(
        (point) => point.step <= FIRST_STEPS || point.step % EVERY === 0 || point.step === step,
      )
      .map((point) => ({ step: point.step, loss: point.loss })),
    step,
  };
}

export async function receiptOf(run: KeptRun, store: RunStore): Promise<RunReceipt> {
  const last = await lastCheckpoint(store.checkpoints(run.id));
  // Of an adapter's run, what learned.
  const file = (await last?.open(WEIGHTS)) ?? (await last?.open(FACTORS));
  let weights: RunReceipt['weights'] = null;
  if (last && file) {
    try {
      weights = { step: last.step, sha256: await hashOf(await file.read(0, file.size)) };
    } finally {
      await file.close();
    }
  }
  return { ...receiptFacts(run), weights, device: run.device };
}

/** Reads what somebody brought; nothing in it is believed. Throws `training/receipt`. */
export async function readReceipt(file: Blob): Promise<RunReceipt> {
  if (file.size > MOST_BYTES) throw noReceipt(`it is larger than ${MOST_BYTES >> 20} MB`);
  let json: unknown;
  try {
    json = JSON.parse(await file.text());
  } catch (cause) {
    throw noReceipt('it is no JSON', cause);
  }
  if (!isObject(json) || json['version'] !== 1) throw noReceipt('it does not say "version": 1');
  const settings = readSettings(json['settings']);
  const { text, losses, changes, step, weights, device } = json;
  if (!settings) throw noReceipt('its settings are not those of a run');
  if (typeof text !== 'string' || !SHA256.test(text)) throw noReceipt('its text has no SHA-256');
  if (!Array.isArray(losses) || !losses.every(isLoss)) throw noReceipt('its losses are none');
  return {
    version: 1,
    settings,
    changes: (Array.isArray(changes) ? changes : []).flatMap((one: unknown) => {
      const change = isObject(one) ? readChange(one) : null;
      if (!isObject(one) || !change) return [];
      const { step: after, words } = change;
      const { arguments: args } = one;
      return [{ step: after, words, ...(isObject(args) && { arguments: readArguments(args) }) }];
    }),
    text,
    losses: losses.map((one) => ({ step: one.step, loss: one.loss })),
    step: isCount(step) ? step : 0,
    weights: isWeights(weights) ? { step: weights.step, sha256: weights.sha256 } : null,
    device: typeof device === 'string' ? device.slice(0, 200) : '',
  };
}

/** How far a receipt's run can be made again, and with which arguments: a run goes on with others at its changes. */
export function madeAgain({
  settings,
  changes,
  step,
}: Pick<RunReceipt, 'settings' | 'changes' | 'step'>): Changed & {
  /** Steps that can be made. */
  readonly until: number;
} {
  const known: RunChange[] = [];
  let now = settings.arguments;
  for (const change of changes) {
    if (change.arguments === undefined) {
      return { settings: { arguments: now }, changes: known, until: Math.min(step, change.step) };
    }
    known.push({ step: change.step, words: change.words, before: now });
    now = change.arguments;
  }
  const run = { settings: { arguments: now }, changes: known };
  return { ...run, until: Math.min(step, unmade(run)?.step ?? step) };
}

interface CheckOptions {
  readonly base: string;
  readonly bases: () => Promise<Bases>;
  readonly loaded: LoadedBase | null;
  readonly where: Pick<TrainOptions, 'device' | 'processor'>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes the first steps of a receipt's run again, or all of them, and tells both losses of each. Throws `training/receipt`,
 * `training/text-needed`, `training/text-other`, and what `train` throws.
 */
export async function* checkReceipt(
  { file, text, all = false }: Pick<ReceiptRequest, 'file' | 'text' | 'all'>,
  { base, bases, loaded, where, signal }: CheckOptions,
): AsyncGenerator<ReceiptEvent, void, undefined> {
  const receipt = await readReceipt(file);
  const { settings } = receipt;
  const { until: most } = madeAgain(receipt);
  yield { type: 'receipt', receipt, until: most };
  if (most === 0 && receipt.step > 0) throw unsaid(receipt);
  const until = all ? most : Math.min(FIRST_STEPS, most);
  const there = new Map(receipt.losses.map((one) => [one.step, one.loss]));
  const last = Math.max(0, ...[...there.keys()].filter((step) => step <= until));
  if (last === 0) throw noReceipt('it has no loss of a step that can be made again');

  const source = text ?? settings.text;
  if (settings.text.kind === 'own' && !text) throw textNeeded(settings.text.name, receipt.text);
  const bytes = await readRunText(source, base, signal);
  let begins: Beginning | null = null;
  if (settings.base) {
    yield { type: 'preparing', what: `Reading ${settings.base.name}`, share: null };
    begins = await (await bases()).begin(settings.base, { loaded, where, signal });
  }
  try {
    yield* firstSteps({ receipt, there, last, bytes, begins, where, signal });
  } finally {
    await begins?.dispose();
  }
}

/** The steps of a receipt until the last that is compared. */
async function* firstSteps({
  receipt,
  there,
  last,
  bytes,
  begins,
  where,
  signal,
}: {
  readonly receipt: RunReceipt;
  /** Losses by step, as the receipt says. */
  readonly there: ReadonlyMap<number, number>;
  readonly last: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly begins: Beginning | null;
} & Pick<CheckOptions, 'where' | 'signal'>): AsyncGenerator<ReceiptEvent, void, undefined> {
  const news = new Queue<ReceiptEvent>();
  const { settings, text } = receipt;
  const { tokenizer, edits } = settings;
  const preparing = prepareText(bytes, tokenizer, {
    ...(edits && { edits }),
    base: begins?.base ?? null,
    tell: (what, share) => news.push({ type: 'preparing', what, share }),
    signal,
  });
  preparing.then(
    () => news.end(),
    (error: unknown) => news.end({ error }),
  );
  yield* news.read();
  const prepared = await preparing;
  if (prepared.facts.sha256 !== text) throw otherText(settings.text, text);

  yield { type: 'preparing', what: 'Taking memory', share: null };
  let parts: number | null = null;
  const run = madeAgain(receipt);
  const events = train({
    ...optionsOf({ ...settings, ...run.settings }, prepared, begins, where),
    changes: run.changes.flatMap(({ step, before }) => (before ? [{ step, before }] : [])),
    // The losses alone: nothing else draws from what they come from.
    eval_steps: 0,
    sample_steps: 0,
    save_steps: 0,
    checkpoints: null,
    signal,
  });
  // Leaving the loop frees what it took.
  for await (const event of events) {
    if (event.type === 'done') {
      await event.model.dispose();
      break;
    }
    if (event.type !== 'step') continue;
    signal?.throwIfAborted();
    const { step, loss: here } = event;
    const loss = there.get(step);
    if (loss !== undefined) {
      yield { type: 'step', step, there: loss, here };
      if (parts === null && !(Math.abs(here - loss) <= SAME_LOSS)) parts = step;
    }
    if (step >= last) break;
  }
  signal?.throwIfAborted();
  yield { type: 'done', steps: last, parts };
}

/** Throws `training/text-needed`: what the text of somebody's own was called, and how its hash begins. */
export function textNeeded(name: string, sha256: string): EngineError {
  return new EngineError(
    `It learned ${JSON.stringify(name.slice(0, 80))}, which is not in the file: a text of somebody’s own stays with them.`,
    {
      code: 'training/text-needed',
      hint: `Give the text itself; it is the right one where its SHA-256 begins with ${sha256.slice(0, 12)}.`,
    },
  );
}

/** Throws `training/text-other`. */
export function otherText({ kind, name }: RunText, sha256: string): EngineError {
  const wanted = `its SHA-256 begins with ${sha256.slice(0, 12)}`;
  return kind === 'own'
    ? new EngineError(`This is not the text that it learned: ${wanted}.`, {
        code: 'training/text-other',
        hint: 'Give the text as it was, to the last letter: a blank line more is another text.',
      })
    : new EngineError(
        `The text ${JSON.stringify(name)} of this page is not the one that it learned: ${wanted}.`,
        {
          code: 'training/text-other',
          hint: 'Another version of the page had another text: give that text itself.',
        },
      );
}

/** Throws `training/options` for changes that no run can make on its way. */
export function checkChanges(run: Changed): void {
  const change = unmade(run);
  if (!change) return;
  throw new EngineError(`After step ${change.step} more than the rate would change.`, {
    code: 'training/options',
    hint: 'Change learning_rate, lr_scheduler_type, warmup_steps, max_steps or min_lr on the way, and nothing else.',
  });
}

/** A receipt of an earlier version, of a run that began anew with other settings. */
function unsaid({ changes: [first] }: RunReceipt): EngineError {
  return new EngineError(
    `Before its first step it was changed (${first?.words ?? ''}), and the receipt does not say all of what it began with then.`,
    {
      code: 'training/receipt',
      hint: 'Have the receipt written anew by this version of the page: at the run, under “Receipt”.',
    },
  );
}

function noReceipt(why: string, cause?: unknown): EngineError {
  return new EngineError(`This is no receipt of a run: ${why}.`, {
    code: 'training/receipt',
    hint: 'Choose the .json that “Receipt” at a run gives.',
    cause,
  });
}

function isLoss(value: unknown): value is RunReceipt['losses'][number] {
  return isObject(value) && isCount(value['step']) && isSize(value['loss']);
}

function isSize(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= MOST_LOSS;
}

function isWeights(value: unknown): value is NonNullable<RunReceipt['weights']> {
  if (!isObject(value)) return false;
  const { step, sha256 } = value;
  return isCount(step) && typeof sha256 === 'string' && SHA256.test(sha256);
}
