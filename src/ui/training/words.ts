// A run, its curve and its text in words and numbers for people.
import type {
  DeviceSummary,
  ErrorInfo,
  RunFacts,
  RunMemory,
  RunModel,
  RunSettings,
  RunText,
  TaskName,
} from '../../api.ts';
import type { WatchAt } from '../../state/training/facts.ts';
import {
  isSameWork,
  sizeNamed,
  withPreset,
  type BUNDLED_TEXTS,
  type Cost,
  type PresetName,
} from '../../state/training/presets.ts';
import { WORD } from '../../words.ts';
import { formatCount } from '../format.ts';

/** Keeps a number and its unit on one line. */
const NB = '\u00A0';

/** A length of time, no more exactly than anybody can know: `40 s`, `2 min`, `1 h 20 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `under 1${NB}s`;
  if (seconds < 10) return `${Math.round(seconds)}${NB}s`;
  if (seconds < 100) return `${Math.round(seconds / 5) * 5}${NB}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}${NB}min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  const rest = Math.round((minutes % 60) / 10) * 10;
  return rest === 0 || rest === 60
    ? `${rest === 60 ? hours + 1 : hours}${NB}h`
    : `${hours}${NB}h ${rest}${NB}min`;
}

/** A learning rate: `2e-3` as `0.002`, small ones with an exponent. */
export function formatRate(rate: number): string {
  if (rate === 0) return '0';
  return rate >= 1e-3 ? String(Number(rate.toPrecision(3))) : rate.toExponential(2);
}

/** In nats a token; that of weights that ran away has many digits. */
export function formatLoss(loss: number): string {
  if (!Number.isFinite(loss)) return '–';
  if (loss >= 1e4) return loss.toExponential(2);
  return loss >= 0.1 ? loss.toFixed(2) : loss.toFixed(3);
}

/** The length of a gradient: of a run that runs away it has many digits. */
export function formatNorm(norm: number): string {
  return norm < 1e4 ? norm.toFixed(2) : norm.toExponential(2);
}

/**
 * A run has three losses. Each has one name wherever it stands: of one step, which leaps; that smoothed, which the line
 * shows; and on text that it does not learn from. This is the one that tells runs apart, or the first where nobody
 * measured it.
 */
export function tellingLoss({
  loss,
  evalLoss,
}: Pick<RunFacts, 'loss' | 'evalLoss'>): string | null {
  if (evalLoss !== null) return `loss on unseen text ${formatLoss(evalLoss)}`;
  return loss === null ? null : `loss of its last step ${formatLoss(loss)}`;
}

/** Whether it is about the model that a run goes on from, and not about its text. */
export function isOfBase({ code }: ErrorInfo): boolean {
  return code === 'training/base' || code === 'training/reads';
}

export interface TextWords {
  readonly title: string;
  readonly words: string;
}

export const BUNDLED: Readonly<Record<string, TextWords>> = {
  tales: {
    title: 'Tales',
    words: '22 tales of the Brothers Grimm: kings, frogs and woods. It learns to tell, a little.',
  },
  talk: {
    title: 'Talk',
    words: '3,888 things that people say in old children’s books, one a line.',
  },
  names: {
    title: 'Names',
    words: '3,876 names out of the same books, one a line. It makes up new ones.',
  },
} satisfies Record<(typeof BUNDLED_TEXTS)[number], TextWords>;

export const TASKS: Readonly<Record<TaskName, TextWords>> = {
  repeat: {
    title: 'Repeat',
    words:
      'Letters, and the same letters again. To do it, a head must find what came after last time.',
  },
  reverse: {
    title: 'Reverse',
    words: 'Letters, and the same letters backwards.',
  },
  add: {
    title: 'Add',
    words: 'Two numbers and their sum, digit by digit.',
  },
};

/** Whose model is constructed, and so in which order all is drawn. */
export const WHOSE: Readonly<Record<RunModel['kind'], string>> = {
  gpt2: 'nanoGPT’s',
  nanogpt: 'nanoGPT’s',
  mingpt: 'minGPT’s',
  notebook: 'the notebook’s',
};

export function textTitle(text: RunText): string {
  if (text.kind === 'own') return text.name;
  return (text.kind === 'task' ? TASKS[text.name] : BUNDLED[text.name])?.title ?? text.name;
}

export function deviceTitle({ kind, isSoftware }: DeviceSummary): string {
  if (kind === 'cpu') return 'this computer’s processor';
  return isSoftware ? 'a software adapter' : 'this computer’s GPU';
}

/** `about 1 min, 44 MB`; before anything was measured nothing is claimed. */
export function costWords(cost: Cost | null): string {
  if (cost === null) return '…';
  const about = cost.known === 'measured' ? '' : 'about ';
  return `${about}${formatDuration(cost.seconds)}`;
}

/** What of the times was measured. */
export function measuredWords(
  settings: RunSettings,
  preset: PresetName | null,
  isMeasured: boolean,
): string {
  if (!isMeasured) return 'all are reckoned from what was measured before';
  if (preset === 'narrow') return 'the chosen one is measured, the others were reckoned before';
  return `${measuredName(settings, preset)} measured, the others are reckoned from it`;
}

/** What the settings are of, as the cards above call it. */
function measuredName(settings: RunSettings, preset: PresetName | null): string {
  if (preset !== null || settings.base !== undefined) return 'the chosen one is';
  const named = sizeNamed(settings.model);
  if (named === undefined) return 'your own size is';
  return isSameWork(settings, withPreset(settings, named.name))
    ? `${named.title} is`
    : `${named.title} with your own settings is`;
}

/** Bytes of a plan that have no part of their own. */
export function logitsAndMasks({
  base = 0,
  weights,
  gradients,
  moments,
  activations,
  total,
}: RunMemory): number {
  return total - base - weights - gradients - moments - activations;
}

/** What the run that is shown does now. */
export function stateWords(at: WatchAt, run: Pick<RunFacts, 'state' | 'elsewhere'> | null): string {
  if (at === 'preparing') return 'getting ready';
  if (at === 'running' || at === 'paused') return at;
  if (run?.elsewhere === true) return `${run.state} in another tab`;
  return run?.state ?? 'stopped';
}

/** What was lost of a run that was broken off, and where it goes on. */
export function brokenWords({
  step,
  kept,
  settings,
}: Pick<RunFacts, 'step' | 'kept' | 'settings'>): string {
  const from = kept.at(-1) ?? 0;
  const steps = (name: string): number => Number(settings.arguments[name] ?? 0);
  const every = steps('save_steps');
  const most =
    every > 0 && every < steps('max_steps') && step - from <= every
      ? `at most ${formatCount(every)} steps (save_steps)`
      : `${formatCount(step - from)} steps or a few more`;
  const where =
    kept.length === 0
      ? 'Nothing of it was kept by then: it begins again at step 0'
      : `It goes on from step ${formatCount(from)}, the last that was kept`;
  return `It was broken off at step ${formatCount(step)} or soon behind it: its tab was closed, or broke. ${where}, and what came behind that, ${most}, is made again.`;
}

/** What was checked of a run that came as a file, and what only the file says. */
export function claimedWords(claimed: number, hasWeights: boolean): string {
  const steps = claimed === 1 ? 'its first step' : `its first ${formatCount(claimed)} steps`;
  const checked = hasWeights ? ', the weights by that of the receipt' : '';
  const came = hasWeights ? ' and came to these weights' : '';
  return `It came as a file. Checked here: the text by its SHA-256${checked}, and that record, receipt and curve say the same. Claimed, and not made again here: that ${steps} had these losses and samples${came}. “Check a receipt” makes its steps again.`;
}

/** `Small, 4 × 128`: layers and width say it as people do. */
export function sizeWords({ n_layer, n_embd }: { n_layer: number; n_embd: number }): string {
  return `${n_layer} × ${n_embd}`;
}

interface CurveFacts {
  readonly step: number;
  readonly max_steps: number;
  /** Smooth, in nats a token. */
  readonly loss: number;
  readonly evenLoss: number;
  readonly frequencyLoss: number;
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  /** Whether it began with a model that knew something: what that made of the unseen text is said. */
  readonly goesOn?: boolean;
}

/** How much better than its best a validation loss has to be to count as better. */
const BETTER = 0.005;

/** A loss so many times that of guessing evenly is that of weights that ran away: nothing learned is so wrong. */
const AWAY = 10;

/** What there is to see in a curve, in one or two sentences. */
export function curveFinding({
  step,
  max_steps,
  loss,
  evenLoss,
  frequencyLoss,
  evaluations,
  goesOn = false,
}: CurveFacts): string {
  const done =
    step >= max_steps
      ? `After all ${formatCount(step)} steps`
      : `After ${formatCount(step)} of ${formatCount(max_steps)} steps`;
  if (loss > AWAY * evenLoss) {
    return `${done} the smoothed loss is ${formatLoss(loss)}: it ran away, and guessing evenly comes to ${formatLoss(evenLoss)}.`;
  }
  const among = Math.exp(loss);
  const unsure =
    among < 1.05
      ? 'almost certain of each token'
      : `as unsure as among ${among < 10 ? among.toFixed(1) : formatCount(Math.round(among))} tokens`;
  const against =
    loss < frequencyLoss
      ? `${formatLoss(frequencyLoss - loss)} better than guessing by frequency`
      : loss < evenLoss
        ? 'better than guessing evenly, not yet than guessing by frequency'
        : 'no better than guessing evenly yet';
  return `${done} the smoothed loss is ${formatLoss(loss)}: ${unsure}, ${against}.${unseenWords(evaluations)}${goesOn ? firstWords(evaluations) : ''}`;
}

function firstWords(evaluations: CurveFacts['evaluations']): string {
  const [first] = evaluations;
  return first?.step !== 0 || evaluations.length === 1
    ? ''
    : ` Before the first step it was ${formatLoss(first.loss)}.`;
}

function unseenWords(evaluations: CurveFacts['evaluations']): string {
  const last = evaluations.at(-1);
  if (last === undefined) return '';
  if (last.step === 0) {
    return ` The loss on unseen text was ${formatLoss(last.loss)} before the first step.`;
  }
  const now = ` The loss on unseen text is ${formatLoss(last.loss)}`;
  const best = evaluations.reduce((a, b) => (b.loss < a.loss - BETTER ? b : a));
  const [first, second] = evaluations;
  // A run that was stopped is measured at its last step, which may be the next one: that says nothing.
  const soon = ((second?.step ?? 0) - (first?.step ?? 0)) / 2;
  if (evaluations.length < 3 || last.step - best.step <= soon) return `${now}.`;
  const gain = last.loss - best.loss;
  return gain < BETTER * 4
    ? `${now}, which has not fallen since step ${formatCount(best.step)}.`
    : `${now}, which was lowest at step ${formatCount(best.step)} (${formatLoss(best.loss)}): it learns by heart.`;
}

/** `84 % of its words are in the text`; null where nobody knows, or there are no words. */
export function wordShare(
  text: string,
  strange: readonly (readonly [number, number])[] | undefined,
): number | null {
  if (strange === undefined) return null;
  // What the end cuts off may be any word: it counts on neither side.
  const words = [...text.matchAll(WORD)].filter(
    ({ 0: word, index }) => index + word.length < text.length,
  ).length;
  return words === 0 ? null : Math.max(0, 1 - strange.length / words);
}

/** A sample in pieces: words that the text has not stand apart. */
export function markStrange(
  text: string,
  strange: readonly (readonly [from: number, to: number])[] = [],
): readonly { readonly text: string; readonly from: number; readonly strange: boolean }[] {
  const pieces: { text: string; from: number; strange: boolean }[] = [];
  let at = 0;
  const add = (to: number, isStrange: boolean): void => {
    if (to > at) pieces.push({ text: text.slice(at, to), from: at, strange: isStrange });
    at = Math.max(at, to);
  };
  for (const [from, to] of strange) {
    add(from, false);
    add(to, true);
  }
  add(text.length, false);
  return pieces;
}
