// The loss as a figure: the picture, its sentence, its table and its numbers.
import type { Curve } from '../../state/training/curve.ts';
import type { ShownRun, WatchFacts } from '../../state/training/facts.ts';
import type { Training } from '../../state/training/training.ts';
import type { Figure } from '../figure/figure.ts';
import type { Provenance } from '../figure/takeAway.ts';
import { drawCurve } from './drawing.ts';
import { layoutCurve, rangeOf } from './layout.ts';
import { curveFinding } from './words.ts';

const SAVED_HEIGHT = 360;
/** More rows than that are told by some of them; the numbers have all. */
const ROWS = 2000;
const NOTHING = { loss: Number.NaN, learning_rate: Number.NaN, grad_norm: Number.NaN };

function shown({ store }: Pick<Training, 'store'>): ShownRun {
  const { run } = store.getState().watch;
  if (run === null) throw new Error('There is no run to save yet.');
  return run;
}

/** Null before the first point. */
export function findingOf(run: ShownRun, curve: Curve): string | null {
  const { step } = run;
  const loss = curve.smoothAt(step);
  if (loss === null) return null;
  const { evenLoss, frequencyLoss } = run.text;
  const { max_steps, evaluations } = run;
  const goesOn = run.settings.base !== undefined;
  return curveFinding({ step, max_steps, loss, evenLoss, frequencyLoss, evaluations, goesOn });
}

export function lossFigure(training: Pick<Training, 'store' | 'curve'>): Figure {
  const run = shown(training);
  const { curve } = training;
  const { horizontal, chosen } = training.store.getState().watch;
  const every = Math.max(1, Math.ceil(curve.length / ROWS));
  const layout = (width: number) =>
    layoutCurve(width, SAVED_HEIGHT, rangeOf(run, curve, horizontal));
  return {
    name: `loss-${run.name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')}`,
    title: `Loss of ${run.name}`,
    finding: findingOf(run, curve) ?? 'Nothing has been measured yet.',
    table: () => ({
      caption: `Nats a token. Guessing evenly comes to ${run.text.evenLoss.toFixed(4)}, guessing by frequency to ${run.text.frequencyLoss.toFixed(4)}.${every > 1 ? ` Every ${every}th step.` : ''}${run.changes.map(({ step, words }) => ` After step ${step}: ${words}.`).join('')}`,
      columns: [
        'Step',
        'Loss of this step',
        'Smoothed loss',
        'Loss on unseen text',
        'Learning rate',
        'Gradient norm',
      ],
      rows: measuredOf(run, curve, every).map(({ step, values }) => [
        step,
        ...values.map((value) => (Number.isNaN(value) ? '' : value)),
      ]),
    }),
    data: () => {
      const measured = measuredOf(run, curve, 1);
      return {
        axes: [
          { name: 'step', labels: measured.map(({ step }) => step) },
          {
            name: 'series',
            labels: ['loss', 'smoothed loss', 'eval_loss', 'learning_rate', 'grad_norm'],
          },
        ],
        quantity: 'nats a token; rate; norm',
        values: measured.flatMap(({ values }) => values),
      };
    },
    size: (width) => ({ width, height: SAVED_HEIGHT }),
    paint: (painter, theme, width) => drawCurve(painter, theme, layout(width), run, curve, chosen),
  };
}

/**
 * What was measured at each step, in the order of the table's columns; NaN for what was not, as before the first step,
 * where only unseen text is. Of the points every so many and the last, and whatever stands beside unseen text.
 */
function measuredOf(
  { evaluations }: ShownRun,
  curve: Curve,
  every: number,
): readonly { readonly step: number; readonly values: readonly number[] }[] {
  const unseen = new Map(evaluations.map(({ step, loss }) => [step, loss] as const));
  const points = new Map(Array.from(curve.steps, (step, index) => [step, index] as const));
  const last = curve.length - 1;
  const steps = [...points]
    .filter(([step, index]) => index % every === 0 || index === last || unseen.has(step))
    .map(([step]) => step);
  return [...new Set([...steps, ...unseen.keys()])]
    .toSorted((a, b) => a - b)
    .map((step) => {
      const index = points.get(step) ?? -1;
      const { loss, learning_rate, grad_norm } = curve.at(index) ?? NOTHING;
      const smooth = index < 0 ? Number.NaN : curve.smoothOf(index);
      return {
        step,
        values: [loss, smooth, unseen.get(step) ?? Number.NaN, learning_rate, grad_norm],
      };
    });
}

/** A run as files name where they came from. */
export function runProvenance({ store }: Pick<Training, 'store'>): Provenance {
  const { run, device } = store.getState().watch;
  if (run === null) throw new Error('There is no run to save yet.');
  return provenanceOf(run, device);
}

export function provenanceOf(run: ShownRun, device: WatchFacts['device']): Provenance {
  const { settings, text } = run;
  const { base } = settings;
  return {
    program: 'Glass GPT',
    model: run.name,
    parameters: run.parameters,
    dtype: 'fp32',
    device: device?.label ?? '',
    prompt: settings.prompt,
    text: `SHA-256 ${text.sha256}`,
    ids: [],
    selected: null,
    settings: {
      model: settings.model,
      tokenizer: settings.tokenizer,
      ...(base === undefined ? {} : { base: { name: base.name, sha256: base.sha256 ?? null } }),
      generator: settings.generator,
      order: settings.order,
      validation: settings.validation,
      ...settings.arguments,
    },
    seed: Number(settings.arguments['seed'] ?? 0),
    off: [],
  };
}
