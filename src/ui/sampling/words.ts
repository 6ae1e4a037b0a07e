// The sampler's steps in words.
import type { SamplerStage, SamplerSteps, SamplingOptions } from '../../api.ts';
import { formatCount, formatPercent, quoteToken } from '../format.ts';

export const STEP_NAMES: Readonly<Record<SamplerStage['step'], string>> = {
  model: 'Model',
  repetition_penalty: 'Penalty',
  temperature: 'Temperature',
  top_k: 'Top-k',
  top_p: 'Top-p',
  min_p: 'Min-p',
};

/** A step with its setting: `Top-k 40`. */
export function stepTitle(step: SamplerStage['step'], options: SamplingOptions): string {
  return step === 'model' ? STEP_NAMES.model : `${STEP_NAMES[step]} ${options[step]}`;
}

/** Whether a step is there to remove tokens. */
export function isCut(step: SamplerStage['step']): boolean {
  return step === 'top_k' || step === 'top_p' || step === 'min_p';
}

/** What a step did, for the line under its name. */
export function stepEffect({ step, kept, removed }: SamplerStage): string {
  if (step === 'model') return `${formatCount(kept)} tokens`;
  // The others move mass about; what they lose underflowed.
  if (!isCut(step)) return `${formatCount(kept)} left`;
  return removed > 0
    ? `keeps ${formatCount(kept)}, cuts ${formatPercent(removed)}`
    : `keeps ${formatCount(kept)}`;
}

export function stepsFinding(steps: SamplerSteps, options: SamplingOptions): string {
  if (!options.do_sample) {
    return `Greedy: the most probable token, ${quoteToken(steps.chosen)}, is taken; nothing is drawn.`;
  }
  const model = steps.stages[0];
  const parts: string[] = [];
  for (const stage of steps.stages.slice(1)) {
    if (!stage.active) continue;
    const title = stepTitle(stage.step, options).toLowerCase();
    if (isCut(stage.step) && stage.removed > 0) {
      parts.push(
        `${title} keeps ${formatCount(stage.kept)} and cuts ${formatPercent(stage.removed)}`,
      );
    } else if (stage.step === 'temperature') {
      const verb = options.temperature < 1 ? 'sharpens' : 'flattens';
      parts.push(`${title} ${verb}`);
    } else if (stage.step === 'repetition_penalty') {
      const verb = options.repetition_penalty < 1 ? 'strengthens' : 'weakens';
      parts.push(`${title} ${verb} what was said`);
    } else parts.push(`${title} cuts nothing here`);
  }
  const bits = model === undefined ? '' : `${model.entropyBits.toFixed(1)} bits`;
  const end = steps.stages.at(-1);
  const left =
    end === undefined
      ? ''
      : ` ${end.entropyBits.toFixed(1)} bits of uncertainty are left of ${bits}.`;
  if (parts.length === 0)
    return 'Every step is off: the draw is from the model’s own distribution.';
  const sentence = parts.join('; ');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.${left}`;
}

/** Settings in which a token was drawn that are not the present ones, in words; '' when all are alike. */
export function differenceWords(then: SamplingOptions, now: SamplingOptions): string {
  if (!then.do_sample && !now.do_sample) return '';
  if (!then.do_sample) return 'greedy';
  const steps = ['temperature', 'top_k', 'top_p', 'min_p', 'repetition_penalty'] as const;
  return steps
    .filter((step) => !now.do_sample || then[step] !== now[step])
    .map((step) => `${STEP_NAMES[step].toLowerCase()} ${then[step]}`)
    .join(', ');
}

export function drawWords(steps: SamplerSteps): string {
  const { draw, chosen } = steps;
  if (draw === null) return '';
  const hit = draw.intervals.find(({ piece }) => piece.id === chosen.id);
  const where = hit === undefined ? '' : `, from ${hit.from.toFixed(4)} to ${hit.to.toFixed(4)}`;
  return `Seed ${draw.seed} at place ${draw.position + 1} gives u = ${draw.uniform.toFixed(4)}: it falls into ${quoteToken(chosen)}${where}.`;
}
