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
  const evaluated = new Map(run.evaluations.map(({ step, loss }) => [step, loss] as const));
  const every = Math.max(1, Math.ceil(curve.length / ROWS));
  const layout = (width: number) =>
    layoutCurve(width, SAVED_HEIGHT, rangeOf(run, curve, horizontal));
  return {
    name: `loss-${run.name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')}`,
    title: `Loss of ${run.name}`,
    finding: findingOf(run, curve) ?? 'Nothing has been measured yet.',
    table: () => ({
      caption: `Nats a token. Guessing evenly comes to ${run.text.evenLoss.toFixed(4)}, guessing by frequency to ${run.text.frequencyLoss.toFixed(4)}.${every > 1 ? ` Every ${every}th step.` : ''}`,
      columns: ['Step', 'Loss', 'Smooth', 'Unseen text', 'Learning rate', 'Gradient norm'],
      rows: rowsOf(curve, every).map((index) => {
        const point = curve.at(index);
        const step = point?.step ?? 0;
        return [
          step,
          point?.loss ?? Number.NaN,
          curve.smoothOf(index),
          evaluated.get(step) ?? '',
          point?.learning_rate ?? Number.NaN,
          point?.grad_norm ?? Number.NaN,
        ];
      }),
    }),
    data: () => ({
      axes: [
        { name: 'step', labels: [...curve.steps] },
        { name: 'series', labels: ['loss', 'smooth', 'learning_rate', 'grad_norm'] },
      ],
      quantity: 'nats a token; rate; norm',
      values: Array.from({ length: curve.length }, (_, i) => {
        const point = curve.at(i);
        return [
          point?.loss ?? Number.NaN,
          curve.smoothOf(i),
          point?.learning_rate ?? Number.NaN,
          point?.grad_norm ?? Number.NaN,
        ];
      }).flat(),
    }),
    size: (width) => ({ width, height: SAVED_HEIGHT }),
    paint: (painter, theme, width) => drawCurve(painter, theme, layout(width), run, curve, chosen),
  };
}

/** Every so many points, and always the last. */
function rowsOf(curve: Curve, every: number): readonly number[] {
  const rows: number[] = [];
  for (let i = 0; i < curve.length; i += every) rows.push(i);
  const last = curve.length - 1;
  if (last >= 0 && rows.at(-1) !== last) rows.push(last);
  return rows;
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
