// Whether this device computes this model rightly: known numbers where the checkpoint is known, else the
// kernels' plain meanings.
import type { SelfCheck } from '../../api.ts';
import { createCpuDevice } from '../../gpu/cpu/device.ts';
import { type Background, readInBackground } from '../../model/background.ts';
import { readScores } from '../../model/reads.ts';
import { Session } from '../../model/session.ts';
import { checkAgainstMeanings } from '../../model/plainCheck.ts';
import { agreementOf, logSumExp, topOf } from './agreement.ts';
import { type GiveWay, GivingWay } from '../foreground.ts';
import type { GPT2 } from '../gpt2.ts';
import { readableIds } from '../reading/referenceText.ts';
import { type Reference, referenceOf, type ReferenceText } from './references.ts';

/**
 * How far logits may be from fp32's, as a part of the largest: f32 sums differ by less than 1e-4 over
 * 48 blocks; a half's rounding of 2⁻¹² and an int8's of about 2⁻⁷ a weight come out ten times smaller
 * or larger, by the model (`npm run verify -- --dtype` prints them). What is broken is off by more.
 */
const TOLERANCE = { fp32: 1e-4, fp16: 5e-3, q8: 6e-2 } as const;

/**
 * How far ln p of a token may be from what PyTorch published: a library's own two runs differ by 3e-5 in
 * fp32. And which share of a text that was written greedily need not be the most probable token.
 */
const PUBLISHED_TOLERANCE = {
  fp32: { logProb: 1e-3, others: 0 },
  fp16: { logProb: 0.1, others: 0.1 },
  q8: { logProb: 1, others: 0.4 },
} as const;

/** f32 arithmetic of one step with the same weights, as a part of the largest value. */
const STEP_TOLERANCE = 1e-4;

/** Against the meanings, no further block is begun after this. */
const BUDGET_MS = 3000;

const TEXT = 'The fox, the fox 🦊 said: the fox, the fox 🦊';
/** More rows than a register tile of eight has, and one for a single token. */
const MOST_TOKENS = 13;

interface Step {
  readonly what: string;
  readonly difference: number;
  readonly bound: number;
  /** What the difference is a part of, or of what. */
  readonly unit: string;
}

const OF_LARGEST = 'of the largest';

interface Finding {
  readonly against: SelfCheck['against'];
  readonly steps: readonly Step[];
  readonly top1: number;
  readonly klBits: number;
  readonly maxDifference: number;
}

/**
 * Reads a few prompts and compares: with the reference that is shipped for this checkpoint, or, a step
 * at a time, with the plain meanings in float64 from the same weights, read back. Between its steps it gives way.
 */
export async function selfCheck(
  model: GPT2,
  _: Record<string, never>,
  signal: AbortSignal | undefined,
  giveWay?: GiveWay,
): Promise<SelfCheck> {
  const background = new GivingWay(giveWay, signal);
  const reference = referenceOf(model.fingerprint, model.summary.origin?.sha256);
  const finding = await findingOf(model, reference, background);
  const { against, steps, top1, klBits, maxDifference } = finding;
  const facts = {
    // NaN is within no bound.
    passed: steps.every(({ difference, bound }) => difference <= bound),
    against,
    top1,
    klBits,
    maxDifference,
    dtype: model.summary.dtype,
    device: model.device,
    ms: background.ms,
  };
  return { ...facts, report: toReport(model, facts, steps) };
}

async function findingOf(
  model: GPT2,
  reference: Reference | null,
  background: Background,
): Promise<Finding> {
  if (reference?.texts) return againstPublished(model, reference.texts, background);
  if (reference) return againstReference(model, reference, background);
  return againstMeanings(model, background);
}

/**
 * With what is published: the probability of some tokens, and which were the most probable. That is less
 * than all logits, so the meanings are asked too.
 */
export async function againstPublished(
  model: GPT2,
  texts: readonly ReferenceText[],
  background: Background,
): Promise<Finding> {
  const tolerance = PUBLISHED_TOLERANCE[model.summary.dtype];
  const steps: Step[] = [];
  let [greedy, same] = [0, 0];
  for (const { what, ids, logProbs, greedy: count = 0 } of texts) {
    const { loss, rank } = await score(model, ids, background);
    if (logProbs) {
      // NaN must come out as NaN.
      const difference = Math.max(...logProbs.map((logProb, i) => Math.abs(loss[i] + logProb)));
      const bound = tolerance.logProb;
      steps.push({ what: `tokens of ${what}`, difference, bound, unit: 'in ln p' });
    }
    if (count > 0) {
      const first = rank.slice(-count).filter((r) => r === 1).length;
      const [difference, bound] = [1 - first / count, tolerance.others];
      steps.push({ what, difference, bound, unit: 'of the tokens' });
      greedy += count;
      same += first;
    }
  }
  const meanings = await againstMeanings(model, background);
  return {
    ...meanings,
    against: 'published',
    steps: [...steps, ...meanings.steps],
    top1: greedy > 0 ? same / greedy : meanings.top1,
  };
}

/** Loss and rank of each token but the first. */
async function score(
  model: GPT2,
  ids: readonly number[],
  background: Background,
): Promise<{ loss: Float32Array; rank: Uint32Array }> {
  const session = new Session(model.gpt, { capacity: ids.length });
  try {
    await readInBackground(session, ids.slice(0, -1), background);
    await background.pause();
    return await readScores(session, 0, 0, ids.slice(1));
  } finally {
    session.dispose();
  }
}

async function againstReference(
  model: GPT2,
  { prompts }: Reference,
  background: Background,
): Promise<Finding> {
  const steps: Step[] = [];
  let same = 0;
  let klBits = 0;
  let maxDifference = 0;
  for (const { what, ids, topIds, topLogits, logSum, largest } of prompts) {
    const logits = await read(model, ids, background);
    const worst = Math.max(...topIds.map((id, i) => Math.abs(logits[id] - topLogits[i])));
    // NaN stays NaN.
    maxDifference = Math.max(maxDifference, worst);
    if (topOf(logits) === topIds[0]) same++;
    klBits += knownDivergence(topIds, topLogits, logSum, logits) / prompts.length;
    const bound = TOLERANCE[model.summary.dtype];
    const difference = worst / largest;
    steps.push({ what: `logits after ${what}`, difference, bound, unit: OF_LARGEST });
  }
  if (model.summary.dtype !== 'fp32') {
    // Rounded weights leave room for errors of another kind, which the same weights do not.
    steps.push(...(await againstMeanings(model, background)).steps);
  }
  return { against: 'reference', steps, top1: same / prompts.length, klBits, maxDifference };
}

/** KL in bits where only some tokens' logits are known: all others count as one. */
function knownDivergence(
  ids: readonly number[],
  logits: readonly number[],
  logSum: number,
  found: Float32Array,
): number {
  const norm = logSumExp(found);
  let [sum, restP, restQ] = [0, 1, 1];
  ids.forEach((id, i) => {
    const p = Math.exp(logits[i] - logSum);
    sum += p * (logits[i] - logSum - (found[id] - norm));
    restP -= p;
    restQ -= Math.exp(found[id] - norm);
  });
  if (restP > 0) sum += restP * Math.log(restP / Math.max(restQ, 1e-30));
  return sum < 0 ? 0 : sum / Math.LN2;
}

/** Logits after the last token, which is read alone. */
async function read(
  model: GPT2,
  ids: readonly number[],
  background: Background,
): Promise<Float32Array> {
  const session = new Session(model.gpt, { capacity: ids.length });
  try {
    await readInBackground(session, ids.slice(0, -1), background);
    const last = { lastLogits: true };
    const [logits] = await readInBackground(session, ids.slice(-1), background, last);
    return logits;
  } finally {
    session.dispose();
  }
}

async function againstMeanings(model: GPT2, background: Background): Promise<Finding> {
  const oracle = createCpuDevice('f64');
  try {
    const { results, logits, plainLogits } = await checkAgainstMeanings(
      model.gpt,
      readableIds(TEXT, MOST_TOKENS, model.tokenizer, model.config),
      { oracle, budgetMs: BUDGET_MS, background },
    );
    const { top1, klBits, maxDifference } = agreementOf(
      plainLogits,
      logits,
      model.config.vocabSize,
    );
    const steps = results.map(({ what, relative }) => ({
      what,
      difference: relative,
      bound: STEP_TOLERANCE,
      unit: OF_LARGEST,
    }));
    return { against: 'meanings', steps, top1, klBits, maxDifference };
  } finally {
    oracle.dispose();
  }
}

export const AGAINST: Readonly<Record<SelfCheck['against'], string>> = {
  reference: 'logits shipped for this checkpoint',
  published: "what is published of this checkpoint, and the kernels' plain meanings in float64",
  meanings: "the kernels' plain meanings in float64, from the same weights",
};

function toReport(model: GPT2, check: Omit<SelfCheck, 'report'>, steps: readonly Step[]): string {
  const { name, layout, nLayer, nHead, nEmbd, vocabSize } = model.summary;
  const { device } = check;
  const { lanes } = model.gpt.device.traits;
  const isWasm = device.kind === 'cpu' && device.unpacks !== true;
  const kernels = isWasm
    ? 'WebAssembly kernels'
    : lanes === 'imitated'
      ? 'plain kernels'
      : 'workgroup kernels';
  const agent = typeof navigator === 'object' ? navigator.userAgent : '';
  const lines = [
    `Glass GPT self-check: ${check.passed ? 'passed' : 'FAILED'}`,
    `model: ${name} (${layout}, ${nLayer} × ${nHead} heads, width ${nEmbd}, vocabulary ${vocabSize}), ${check.dtype}, fingerprint ${model.fingerprint}`,
    ...(model.summary.assumed ?? []).map(
      ({ key, value, by }) => `assumed, for no file says it: ${key} ${value} (${by})`,
    ),
    `device: ${device.label} (${[device.kind, device.vendor, device.architecture, device.description].filter(Boolean).join(', ')}), ${kernels}`,
    `features: ${device.features.join(', ') || 'none'}`,
    `limits: ${Object.entries(device.limits)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}`,
    ...(agent ? [`browser: ${agent}`] : []),
    `against: ${AGAINST[check.against]}`,
    ...steps.map(
      ({ what, difference, bound, unit }) =>
        `  ${difference <= bound ? 'ok  ' : 'FAIL'} ${what}: off by ${difference.toExponential(2)} ${unit}, bound ${bound}`,
    ),
    `most probable token the same: ${Math.round(check.top1 * 100)} %; KL ${check.klBits.toExponential(2)} bits; largest logit difference ${check.maxDifference.toExponential(2)}; ${Math.round(check.ms)} ms`,
  ];
  return lines.join('\n');
}
