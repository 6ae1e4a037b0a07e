// The notebook's GPTModel: what it counts and takes, and its logits from the seed beside those that PyTorch printed.
import { useEffect, type ReactNode } from 'react';
import type { LogitsRow, NumberPair } from '../../api.ts';
import { plannedVocabulary, verdictOf } from '../../state/training/drawing.ts';
import { isOfSource, type SourcePreset } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import segments from '../segments.module.css';
import css from './FromSeed.module.css';
import { Problem } from './Problem.tsx';
import { largestDifference, ThereAndHere } from './ThereAndHere.tsx';
import training from './training.module.css';
import { deviceTitle, formatDuration, logitsAndMasks, sizeWords } from './words.ts';

const WIDTHS: readonly { readonly name: SourcePreset; readonly title: string }[] = [
  { name: 'notebook', title: 'Whole' },
  { name: 'narrow', title: 'Narrow' },
];

export function FromSeed(): ReactNode {
  const { actions } = useTraining();
  const { preset, model, vocabSize } = useTrainingFacts((s) => ({
    preset: s.draft.preset,
    model: s.draft.settings.model,
    vocabSize: plannedVocabulary(s),
  }));
  useEffect(() => {
    // Each of the two has its own tokens, so that their number changes with the choice.
    void actions.planDrawing(vocabSize);
  }, [actions, vocabSize]);
  // Whoever turns to something else waits for no drawing.
  useEffect(() => () => actions.leaveDrawing(), [actions]);
  if (!isOfSource(preset)) return null;
  return (
    <section className={css.pane} aria-labelledby="from-seed" data-testid="from-seed">
      <div className={css.head}>
        <h2 className={css.title} id="from-seed">
          The notebook’s GPTModel
        </h2>
        <fieldset className={segments.segments} aria-label="How wide">
          {WIDTHS.map(({ name, title }) => (
            <label key={name} className={segments.segment}>
              <input
                type="radio"
                name="from-seed-width"
                checked={preset === name}
                onChange={() => actions.choosePreset(name)}
              />
              <span>{title}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <div className={css.facts}>
        <div className={css.column}>
          <p className={css.words}>
            {preset === 'notebook'
              ? `GPT_CONFIG_124M of the notebook: ${sizeWords(model)}, ${model.n_head} heads, a context of ${formatCount(model.n_ctx)}, dropout 0.1, no bias on queries, keys and values, a head of its own, and a LayerNorm that divides by the root of the standard deviation.`
              : `The same class in ${sizeWords(model)} with ${model.n_head} heads, for any device. It trains on any text; PyTorch’s numbers of it are kept here for 19 letters.`}
          </p>
          <Counts preset={preset} />
          <Draw preset={preset} />
        </div>
        <Memory />
      </div>
      <Outcome preset={preset} />
    </section>
  );
}

/** As the notebook prints them. */
function Counts({ preset }: { readonly preset: SourcePreset }): ReactNode {
  const { plan } = useTrainingFacts((s) => ({ plan: s.drawing.plan }));
  if (plan.at !== 'here') return null;
  const { parameters, withoutHead } = plan.value;
  return (
    <dl className={css.counts}>
      <div>
        <dt>Parameters</dt>
        <dd>{formatCount(parameters)}</dd>
      </div>
      <div>
        <dt>without the output head{preset === 'notebook' ? ', as GPT-2 counts' : ''}</dt>
        <dd>{formatCount(withoutHead)}</dd>
      </div>
      <div>
        <dt>in 32 bit, of 1,048,576 bytes</dt>
        <dd>{((4 * parameters) / 2 ** 20).toFixed(2)} MB</dd>
      </div>
    </dl>
  );
}

const PARTS = [
  { part: 'weights', title: 'weights' },
  { part: 'gradients', title: 'gradients' },
  { part: 'moments', title: 'moments' },
  { part: 'activations', title: 'activations' },
] as const;

function Memory(): ReactNode {
  const { plan, last } = useTrainingFacts((s) => ({
    plan: s.drawing.plan,
    last: s.draft.settings.arguments,
  }));
  if (plan.at === 'failed') return <Problem error={plan.error} />;
  if (plan.at !== 'here') return <p className={controls.quiet}>Counting what it takes…</p>;
  const { drawing, training: learning, machineBytes, device, parameters } = plan.value;
  const row = (title: string, cells: readonly number[], isTotal = false): ReactNode => (
    <tr key={title} data-total={isTotal}>
      <th scope="row">{title}</th>
      {cells.map((bytes, i) => (
        // oxlint-disable-next-line react/no-array-index-key -- one for drawing, one for training
        <td key={i}>{bytes === 0 ? '–' : formatSize(bytes)}</td>
      ))}
    </tr>
  );
  const limits = [
    drawing.limit === null
      ? 'WebGPU does not say how much memory the GPU has'
      : `WebAssembly may have ${formatSize(drawing.limit)} in a tab`,
    machineBytes === null
      ? 'this browser does not say how much the machine has'
      : `the machine has ${formatSize(machineBytes)} or more, as the browser says`,
  ];
  return (
    <div className={css.column}>
      <table className={css.memory}>
        <caption>Memory on {deviceTitle(device)}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className={controls.visuallyHidden}>part</span>
            </th>
            <th scope="col">to draw it</th>
            <th scope="col">to train it</th>
          </tr>
        </thead>
        <tbody>
          {PARTS.map(({ part, title }) => row(title, [drawing[part], learning[part]]))}
          {row('logits and masks', [logitsAndMasks(drawing), logitsAndMasks(learning)])}
          {row('together', [drawing.total, learning.total], true)}
        </tbody>
      </table>
      <p className={css.words}>
        {limits.join('; ')}. Trained, it reads {String(last['per_device_train_batch_size'])} ×{' '}
        {String(last['block_size'])} tokens a step, and keeps {formatSize(2 * parameters)} of each
        step that can be looked at, and {formatSize(12 * parameters)} to go on from.
      </p>
      {learning.problem !== null && <p className={css.wrong}>{learning.problem}</p>}
    </div>
  );
}

/** Draws it, where there is room; what is being done, and its end. */
function Draw({ preset }: { readonly preset: SourcePreset }): ReactNode {
  const { actions } = useTraining();
  const { plan, at, doing, error } = useTrainingFacts((s) => ({
    plan: s.drawing.plan,
    at: s.drawing.at,
    doing: s.drawing.doing,
    error: s.drawing.error,
  }));
  const problem = plan.at === 'here' ? plan.value.drawing.problem : null;
  const isWhole = preset === 'notebook';
  if (at === 'working') {
    return (
      <div className={css.progress}>
        <progress
          className={training.bar}
          aria-label={doing.what}
          {...(doing.share === null ? {} : { value: doing.share })}
        />
        <span className={controls.quiet}>{doing.what}…</span>
        <button className={controls.button} type="button" onClick={() => actions.cancelDrawing()}>
          Cancel
        </button>
      </div>
    );
  }
  return (
    <>
      {problem === null ? (
        <div className={css.draw}>
          <button
            className={controls.primary}
            type="button"
            onClick={() => actions.draw(isWhole ? 'whole' : 'narrow')}
          >
            Draw it from seed 123 and compare
          </button>
          <span className={controls.quiet}>
            {isWhole
              ? 'Its weights, dropout on, the notebook’s two prompts. Some seconds to some minutes; nothing of it stays.'
              : 'Its weights, a first batch with dropout on, and twelve steps. A moment.'}
          </span>
        </div>
      ) : (
        <div className={css.draw}>
          <p className={css.wrong}>{problem}</p>
          <button
            className={controls.button}
            type="button"
            onClick={() => actions.choosePreset('narrow')}
          >
            Take the narrow one
          </button>
        </div>
      )}
      {error !== null && <Problem error={error} />}
    </>
  );
}

function Outcome({ preset }: { readonly preset: SourcePreset }): ReactNode {
  const { which, logits, steps, weights, done } = useTrainingFacts((s) => s.drawing);
  const isWhole = preset === 'notebook';
  if (logits === null || (which === 'whole') !== isWhole) return null;
  const { words, others, isRight } = verdictOf(logits);
  return (
    <div className={css.outcome} data-testid="drawn">
      <div className={css.verdict}>
        <p>
          {weights !== null && <Weights {...weights} />} <b>{words}</b>{' '}
          {others.map((pair) => (
            <Other key={pair.there} pair={pair} />
          ))}
          {!isRight &&
            'That is more than sums in another order explain: this device computes something else. Open the page with ?device=cpu in its address, and draw it again.'}
        </p>
        {done !== null && (
          <p className={controls.quiet}>
            {formatDuration(done.seconds)} on {deviceTitle(done.device)}.
          </p>
        )}
      </div>
      <div className={css.tables}>
        <Logits columns={logits.columns} rows={logits.rows} isWhole={isWhole} />
        {steps.length > 0 && (
          <ThereAndHere
            className={css.steps}
            there="PyTorch"
            steps={steps}
            digits={6}
            caption={`Loss of ${steps.length} steps of AdamW, dropout on. The largest difference is ${minus(largestDifference(steps).toExponential(0))}.`}
          />
        )}
      </div>
      {isWhole && (
        <p className={css.note}>
          The last digits of the smallest, −1.2084e−03, are beyond what float32 tells: with the same
          weights and masks it is −1.2082e−03 in float64. A GPU that takes sums in another order
          differs there first.
        </p>
      )}
    </div>
  );
}

function Weights({ tensors, same }: { readonly tensors: number; readonly same: number }): string {
  return same === tensors
    ? `All ${tensors} tensors of its first weights are PyTorch’s, bit for bit.`
    : `Of the ${tensors} tensors of its first weights ${same} are PyTorch’s, bit for bit.`;
}

function Other({ pair: { there, here, off, difference, isUntold } }: { pair: NumberPair }): string {
  const all = minus(difference.toExponential(0));
  return `${minus(there)} is ${minus(here)} here, ${off} off in the last digit, ${all} in all${isUntold ? ': float32 tells no more of a logit' : ''}. `;
}

function minus(number: string): string {
  return number.replaceAll('-', '−');
}

function Logits({
  columns,
  rows,
  isWhole,
}: {
  readonly columns: readonly number[];
  readonly rows: readonly (readonly LogitsRow[])[];
  readonly isWhole: boolean;
}): ReactNode {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
    <section className={css.scroll} tabIndex={0} aria-label="Logits there and here">
      <table className={css.logits}>
        <caption>
          Logits of the vocabulary’s first and last three tokens. Above, what{' '}
          {isWhole ? 'the notebook printed' : 'PyTorch gave'}; below it, what was computed here.
          Digits that differ are marked.
        </caption>
        <thead>
          <tr>
            <th scope="col">after</th>
            {columns.map((column) => (
              <th key={column} scope="col">
                {formatCount(column)}
              </th>
            ))}
          </tr>
        </thead>
        {rows.map((each, b) => (
          // oxlint-disable-next-line react/no-array-index-key -- a text has no other name
          <tbody key={b}>
            {each.map(({ token, logits }, t) => (
              // oxlint-disable-next-line react/no-array-index-key -- a token has no other name than its place
              <tr key={t}>
                <th scope="row">{token === ' ' ? '␣' : token.replace(/^ /u, '·')}</th>
                {logits.map((pair, i) => (
                  <td key={columns[i]}>
                    <span className={css.there}>{minus(pair.there)}</span>
                    <Here pair={pair} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </section>
  );
}

/** A number digit by digit: from the first that differs on it is marked, up to the exponent. */
function Here({ pair: { there, here, off } }: { readonly pair: NumberPair }): ReactNode {
  if (off === 0) return <span>{minus(here)}</span>;
  let same = 0;
  while (same < here.length && here[same] === there[same]) same++;
  const end = Math.max(same, here.indexOf('e'));
  return (
    <span>
      {minus(here.slice(0, same))}
      <mark>{minus(here.slice(same, end))}</mark>
      {minus(here.slice(end))}
      <span className={controls.visuallyHidden}>, {off} off in the last digit</span>
    </span>
  );
}
