// What nine rounds say, in words: medians with their range, and how many times as fast one is as the other.
// @ts-check

/** Below this ratio, and above its inverse, two times are told apart by chance. */
const TIE = 1.1;

/** The times of one contender at one task, a round each. @typedef {{ name: string, task: string, ms: number[] }} Timed */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string} model
 * @property {string} dtype
 * @property {boolean} ours
 * @property {string} adapter what computes
 * @property {string} description how, in its own words
 */
/**
 * How far logits are from the reference's, as a part of its largest one.
 * @typedef {{ name: string, bound: number, largest: number }} Agreement
 */
/**
 * One page load.
 * @typedef {object} Run
 * @property {number} threads
 * @property {boolean} isIsolated
 * @property {Contender[]} contenders the reference first
 * @property {Agreement[]} agreements
 * @property {Timed[]} times
 */

/**
 * @typedef {object} Learner
 * @property {string} name
 * @property {string} description how it computes, in its own words
 * @property {number[]} ms of each step that was timed
 * @property {number[]} losses before each step, the untimed first one included
 */
/**
 * @typedef {object} TrainingRun
 * @property {string} device what they train on
 * @property {number} tokensAStep
 * @property {Learner[]} learners ours first
 * @property {number[] | null} forwardMs of the same rows by ours, without a step; null where nobody looked
 */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * How many times as fast `ours` is as `theirs`: by medians, and the least and the most of any round, in which both
 * had their turn.
 * @param {readonly number[]} theirs milliseconds a round @param {readonly number[]} ours
 */
export function compare(theirs, ours) {
  const ratio = median(theirs) / median(ours);
  const rounds = theirs.map((ms, i) => ms / ours[i]);
  const isTie = ratio < TIE && ratio > 1 / TIE;
  return { ratio, least: Math.min(...rounds), most: Math.max(...rounds), isTie };
}

/** Threads that a description speaks of; plain TypeScript, which speaks of none, has one. @param {string} description */
export function threadsIn(description) {
  return Number(/(\d+) threads?\b/.exec(description)?.[1] ?? 1);
}

/** The ratios that a run is for, in the order of its tasks. @param {Run} run */
export function ratiosOf({ contenders, times }) {
  const [reference] = contenders;
  const sameModel = contenders.filter(({ model }) => model === reference.model);
  /** @param {string} name @param {string} task */
  const of = (name, task) => times.find((one) => one.name === name && one.task === task);
  return times
    .filter(({ name }) => sameModel.some((one) => one.ours && one.name === name))
    .map(({ name, task, ms }) => {
      const dtype = contenders.find((one) => one.name === name)?.dtype;
      // Fewer bits are worth what they gain over the best that there is without.
      const others = sameModel
        .filter((one) => one.dtype === 'fp32' && (dtype !== 'fp32' || !one.ours))
        .flatMap((one) => of(one.name, task) ?? []);
      const best = others.toSorted((a, b) => median(a.ms) - median(b.ms))[0];
      return { task, name, against: best.name, ...compare(best.ms, ms) };
    });
}

/** The lines for one page load. @param {Run} run @returns {string[]} */
export function describeRun(run) {
  const { threads, isIsolated, contenders, agreements, times } = run;
  const page = isIsolated ? 'isolated' : 'not isolated';
  const lines = [`${threads} thread${threads === 1 ? '' : 's'}, the page ${page}`];
  for (const { name, description } of contenders) {
    const near = agreements.find((one) => one.name === name);
    const agreed = near ? `; logits within ${near.largest.toExponential(1)} of the largest` : '';
    lines.push(`  ${name.padEnd(24)}${description}${agreed}`);
  }
  const others = contenders.filter(({ description }) => threadsIn(description) !== threads);
  if (others.length > 0) {
    const said = others.map(({ name, description }) => `${name} has ${threadsIn(description)}`);
    lines.push(`  Not like with like: of ${threads} threads, ${said.join('; ')}.`);
  }
  const [reference] = contenders;
  const shown = contenders.filter(({ model }) => model === reference.model);
  lines.push('', `  ${'milliseconds'.padEnd(18)}${shown.map(({ name }) => cell(name)).join('')}`);
  for (const task of new Set(times.map((one) => one.task))) {
    const cells = shown.map(({ name }) => {
      const timed = times.find((one) => one.name === name && one.task === task);
      return cell(timed ? spread(timed.ms) : '');
    });
    lines.push(`  ${task.padEnd(18)}${cells.join('')}`.trimEnd());
  }
  lines.push('');
  for (const { task, name, against, ratio, least, most, isTie } of ratiosOf(run)) {
    const verdict = isTie ? 'a tie with' : `${ratio.toFixed(2)} times as fast as`;
    const rounds = `${least.toFixed(2)}–${most.toFixed(2)}`;
    const range = isTie ? `${ratio.toFixed(2)}; rounds ${rounds}` : `rounds ${rounds}`;
    lines.push(`  ${task}: ${name} is ${verdict} ${against} (${range})`);
  }
  for (const { name, model } of contenders) {
    if (model === reference.model) continue;
    for (const { ms } of times.filter((one) => one.name === name)) {
      const rates = ms.map((one) => 1000 / one);
      lines.push(`  ${name}: ${spread(rates)} tokens a second`);
    }
  }
  return lines;
}

/** What training on one device says, line by line. @param {TrainingRun} run @returns {string[]} */
export function describeTraining({ device, tokensAStep, learners, forwardMs }) {
  const [ours, ...others] = learners;
  const lines = [`Training on ${device}, ${tokensAStep} tokens a step`];
  for (const { name, description, ms, losses } of learners) {
    const rates = ms.map((one) => (1000 * tokensAStep) / one);
    const learned = `loss ${losses[0].toFixed(3)}, ${losses.at(-1)?.toFixed(3)} after ${losses.length - 1} steps`;
    lines.push(
      `  ${name.padEnd(24)}${cell(spread(rates))} tokens a second; ${description}; ${learned}`,
    );
  }
  for (const { name, ms } of others) {
    const ratio = median(ms) / median(ours.ms);
    lines.push(
      `  ${ours.name} trains ${ratio.toFixed(ratio < 10 ? 2 : 1)} times as fast as ${name}`,
    );
  }
  if (forwardMs) {
    const [step, forward] = [median(ours.ms), median(forwardMs)];
    lines.push(
      `  a step takes ${(step / forward).toFixed(2)} times the way forward of the same rows ` +
        `(${step.toFixed(0)} ms, ${forward.toFixed(0)} ms)`,
    );
  }
  return lines;
}

/** `36.1 (33.0–40.2)`: the median, the least and the most. @param {readonly number[]} values */
function spread(values) {
  const digits = median(values) < 100 ? 1 : 0;
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(
    (value) => value.toFixed(digits),
  );
  return `${middle} (${least}–${most})`;
}

/** @param {string} text */
function cell(text) {
  return text.padStart(24);
}
