// How the weights are stored: what each precision takes, and what it costs this model.
import type { ReactNode } from 'react';
import type { Dtype, PrecisionCost } from '../../api.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatBytes } from '../format.ts';
import type { Busy } from './busy.ts';
import css from './ModelDetails.module.css';
import { modelOf } from '../../state/facts/model.ts';

/** Bytes of a parameter: int8 has a scale for every 32 beside them. */
const ROWS: readonly { readonly dtype: Dtype; readonly title: string; readonly bytes: number }[] = [
  { dtype: 'q8', title: '8 bit', bytes: 1.125 },
  { dtype: 'fp16', title: '16 bit', bytes: 2 },
  { dtype: 'fp32', title: '32 bit', bytes: 4 },
];

export function Precision({ busy, why }: Busy): ReactNode {
  const { actions } = useApp();
  const { model, costs, measuringCosts, costsError } = useFacts((s) => ({
    model: modelOf(s),
    costs: s.measured.costs,
    measuringCosts: s.busy.has('costs'),
    costsError: s.measured.error,
  }));
  const onProcessor = model?.device.kind === 'cpu';
  const unpacks = model?.device.unpacks === true;
  const done = ROWS.filter(({ dtype }) => costs[dtype] !== undefined).length;
  return (
    <section className={css.part}>
      <h3 id="choose-precision">Precision</h3>
      <table
        className={css.table}
        aria-labelledby="choose-precision"
        aria-describedby={why === '' ? undefined : 'model-blocked'}
      >
        <thead>
          <tr>
            <th scope="col">Weights in</th>
            <th scope="col">Memory</th>
            <th scope="col">Cost, against 32 bit</th>
          </tr>
        </thead>
        <tbody>
          {ROWS.map(({ dtype, title, bytes }) => {
            const isLoaded = model?.dtype === dtype;
            return (
              <tr key={dtype}>
                <th scope="row">
                  <button
                    className={controls.button}
                    type="button"
                    disabled={busy || measuringCosts}
                    aria-pressed={isLoaded}
                    onClick={() => {
                      if (!isLoaded) actions.takeDtype(dtype);
                    }}
                  >
                    {title}
                  </button>
                </th>
                <td>
                  {model === null
                    ? ''
                    : isLoaded
                      ? formatBytes(model.memoryBytes)
                      : `≈ ${formatBytes(model.parameterCount * (unpacks ? 4 : bytes))}`}
                </td>
                <td className={css.cost}>
                  {costWords(dtype, costs[dtype], measuringCosts && isNext(dtype, costs))}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className={css.note}>
        Changing it loads the model again. By default: 16 bit on a graphics card, 32 bit where the
        processor computes, 8 bit where those are too large.
        {onProcessor &&
          (unpacks
            ? ' The processor unpacks them all here, so fewer bits save it nothing.'
            : ' The processor writes about twice as fast in 8 bit; 16 bit only takes less memory.')}
      </p>
      {done < ROWS.length && (
        <div className={css.choice}>
          <button
            className={controls.button}
            type="button"
            disabled={busy || measuringCosts || model === null}
            onClick={() => actions.measureCosts()}
          >
            {measuringCosts ? `Measuring… ${done} of ${ROWS.length}` : 'Measure what it costs'}
          </button>
          <span className={controls.quiet}>
            Reads 64 tokens in each; other precisions are loaded beside it for that.
          </span>
        </div>
      )}
      {costsError?.code === 'precision/memory' && model !== null ? (
        <p className={css.failed} role="alert">
          <strong>
            {model.name} would be loaded once more in 32 bit for that:{' '}
            {formatBytes(model.parameterCount * 4)} beside what is here.
          </strong>{' '}
          Save it and measure elsewhere, or{' '}
          <button
            className={controls.link}
            type="button"
            disabled={busy || measuringCosts}
            onClick={() => actions.measureCosts(Number.MAX_SAFE_INTEGER)}
          >
            measure all the same
          </button>
          .
        </p>
      ) : (
        costsError !== null && (
          <p className={css.failed} role="alert">
            <strong>{costsError.message}</strong> {costsError.hint}
          </p>
        )
      )}
    </section>
  );
}

/** They are measured in the order of the rows. */
function isNext(dtype: Dtype, costs: Readonly<Partial<Record<Dtype, PrecisionCost>>>): boolean {
  return ROWS.find((row) => costs[row.dtype] === undefined)?.dtype === dtype;
}

function costWords(dtype: Dtype, cost: PrecisionCost | undefined, isMeasuring: boolean): string {
  if (dtype === 'fp32') return 'lossless';
  if (isMeasuring) return 'measuring…';
  if (cost === undefined) return 'not measured yet';
  if (cost.maxDifference === 0) return 'nothing: this model has no more digits';
  const same = Math.round(cost.top1 * cost.tokens);
  return `same first choice at ${same} of ${cost.tokens} places, KL ${formatBits(cost.klBits)} bits`;
}

/** Two digits that mean something; never an exponent. */
function formatBits(bits: number): string {
  if (bits === 0) return '0';
  if (bits < 1e-7) return '< 0.0000001';
  return bits.toFixed(Math.max(0, Math.min(9, 1 - Math.floor(Math.log10(bits)))));
}
