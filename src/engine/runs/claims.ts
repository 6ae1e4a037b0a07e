// What a run's file claims: refused where no run writes such a thing, and where its parts do not say the same. That its
// losses came of its text nobody knows before the steps are made again.
import type { RunReceipt } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { isObject, show } from '../../json.ts';
import { curveCsv } from '../../runFiles.ts';
import { MOST_LOSS, receiptFacts } from './receipt.ts';
import { type KeptRun, writeRun } from './record.ts';
import { MOST_NAME, UNSEEN } from './settings.ts';

/** Of gradients: float32 has hardly more. */
const MOST_NORM = 1e30;
const MOST_RATE = 1e6;
/** What JavaScript takes for a time. */
const MOST_TIME = 8.64e15;
/** Numbers are kept with seven digits. */
const SAME = 1e-6;
/** A record against the bytes that it was read from, and against itself. Throws `training/file`. */
export function checkRecord(bytes: Uint8Array, run: KeptRun): void {
  // What was read and written again is what stands there, or it was no number, no count, no word of a record.
  const found = difference(parsed(bytes), parsed(writeRun(run)), '', true);
  if (found) throw claims(`${found.path} of ${show(found.there)}, which no run has`);
  const { text, step, max_steps } = run;
  for (const [name, words] of Object.entries({
    name: run.name,
    device: run.device,
    'settings.text.name': run.settings.text.name,
    'settings.base.name': run.settings.base?.name ?? '',
  })) {
    if (words.length > MOST_NAME) throw claims(`a ${name} of ${words.length} letters`);
    if (UNSEEN.test(words)) throw claims(`a ${name} with signs that nobody sees, ${show(words)}`);
  }
  if (run.name.trim() === '') throw claims('no name');
  for (const name of ['begun', 'lastStep'] as const) {
    const time = run[name];
    if (!(time > 0 && time <= MOST_TIME)) throw claims(`${name} of ${show(time)}`);
  }
  if (step > max_steps) throw claims(`${step} steps of ${max_steps}`);
  if (!(Math.abs(text.evenLoss - Math.log(text.vocabSize)) < SAME)) {
    throw claims(`a loss of guessing evenly of ${text.evenLoss} among ${text.vocabSize} tokens`);
  }
  if (!(text.frequencyLoss >= 0 && text.frequencyLoss <= text.evenLoss + SAME)) {
    throw claims(`a loss of guessing by frequency of ${text.frequencyLoss}`);
  }
  checkSteps('points', run.points, { from: 1, to: step });
  checkSteps('evaluations', run.evaluations, { from: 0, to: step });
  checkSteps('samples', run.samples, { from: 0, to: step });
  checkSteps('snapshots', run.snapshots, { from: 0, to: step });
  for (const point of run.points) {
    checkSize('loss', point.step, point.loss, MOST_LOSS);
    checkSize('learning_rate', point.step, point.learning_rate, MOST_RATE);
    checkSize('grad_norm', point.step, point.grad_norm, MOST_NORM);
  }
  for (const one of run.evaluations) checkSize('eval_loss', one.step, one.loss, MOST_LOSS);
  for (const change of run.changes) {
    // A twin's may be still to come.
    if (change.step > max_steps) throw claims(`a change after step ${change.step} of ${max_steps}`);
  }
}

/** Its record says what the receipt says that lies beside it. Throws `training/file`. */
export function checkReceiptOf(
  run: KeptRun,
  { weights: _weights, device: _device, ...receipt }: RunReceipt,
): void {
  const facts = receiptFacts(run);
  // What an earlier version did not write is nobody's claim.
  const changes = facts.changes.map((change, i) =>
    receipt.changes[i]?.arguments ? change : { step: change.step, words: change.words },
  );
  const found = difference(receipt, { ...facts, changes }, '');
  if (!found) return;
  const { path, there, read } = found;
  throw claims(`${path} of ${show(there)} in its receipt, and ${show(read)} in its record`);
}

/** The curve for people has the points of the record. Throws `training/file`. */
export function checkCurveOf({ points, evaluations }: KeptRun, csv: Uint8Array): void {
  const lines = new TextDecoder().decode(csv).split('\r\n');
  const wanted = curveCsv(points, evaluations).split('\r\n');
  if (lines.length !== wanted.length) {
    throw claims(`${lines.length} lines in its curve, and ${wanted.length} in its record`);
  }
  lines.forEach((line, i) => {
    const cells = line.split(',');
    const own = (wanted[i] ?? '').split(',');
    const isSame =
      cells.length === own.length &&
      cells.every((cell, c) => cell === own[c] || isNear(Number(cell), Number(own[c])));
    if (!isSame) throw claims(`${show(line)} in its curve, and ${show(wanted[i])} in its record`);
  });
}

/** Ascending, none of them twice. */
function checkSteps(
  name: string,
  list: readonly { readonly step: number }[],
  { from, to }: { readonly from: number; readonly to: number },
): void {
  let last = from - 1;
  for (const { step } of list) {
    if (step <= last) throw claims(`${name} of step ${step} behind those of step ${last}`);
    if (step > to) throw claims(`${name} of step ${step}, and made ${to}`);
    last = step;
  }
}

function checkSize(name: string, step: number, value: number, most: number): void {
  if (!(value >= 0 && value <= most)) {
    throw claims(`a ${name} of ${value} at step ${step}; from 0 to ${most} is what a run has`);
  }
}

interface Difference {
  readonly path: string;
  readonly there: unknown;
  readonly read: unknown;
}

/**
 * The first place at which both have something that is not the same; null for none. Of bytes that were read, what only
 * one of them has was passed over, or is what an older page did not write, and where a base lies is nobody's claim.
 */
function difference(
  there: unknown,
  read: unknown,
  path: string,
  isRead = false,
): Difference | null {
  if (Array.isArray(there) && Array.isArray(read) && there.length === read.length) {
    for (const [i, one] of there.entries()) {
      const found = difference(one, read[i], `${path}[${i}]`, isRead);
      if (found) return found;
    }
    return null;
  }
  if (isObject(there) && isObject(read)) {
    for (const key of new Set([...Object.keys(there), ...Object.keys(read)])) {
      const isBoth = Object.hasOwn(there, key) && Object.hasOwn(read, key);
      if (isRead && (key === 'base' || !isBoth)) continue;
      const found = difference(there[key], read[key], path === '' ? key : `${path}.${key}`, isRead);
      if (found) return found;
    }
    return null;
  }
  return there === read || isNear(there, read) ? null : { path, there, read };
}

function isNear(a: unknown, b: unknown): boolean {
  return (
    typeof a === 'number' &&
    typeof b === 'number' &&
    Math.abs(a - b) <= SAME * Math.max(Math.abs(a), Math.abs(b))
  );
}

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function claims(what: string): EngineError {
  return new EngineError(`The run’s file has ${what}.`, {
    code: 'training/file',
    hint: 'Nothing of it was kept. Export the run again on the machine that it comes from.',
  });
}
