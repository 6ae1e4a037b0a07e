// Whether this device computes the model rightly, in words, and how that is known.
import type { ReactNode } from 'react';
import type { Assumption, SelfCheck } from '../../api.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatPercent } from '../format.ts';
import { CopyReport } from './CopyReport.tsx';
import { modelOf } from '../../state/facts/model.ts';
import css from './ModelDetails.module.css';
import { LABELS, valueWords } from './readingWords.ts';
import { formatDay } from './words.ts';

export function CheckBadge(): ReactNode {
  const { actions } = useApp();
  const { model, check, checkedAt, checking, checkError, failedChecks } = useFacts((s) => ({
    model: modelOf(s),
    check: s.check.found,
    checkedAt: s.check.at,
    checking: s.busy.has('check'),
    checkError: s.check.error,
    failedChecks: s.check.failed,
  }));
  return (
    <div className={css.check} data-testid="self-check" data-passed={check?.passed ?? ''}>
      <p>
        {check === null
          ? checking
            ? 'Being checked: whether this device computes like the reference. What you ask goes first.'
            : checkError === null
              ? 'Not checked yet: that begins once the page is at rest, and the model can be used meanwhile.'
              : `Could not be checked: ${checkError.message}`
          : check.passed
            ? passedWords(model?.assumed ?? [])
            : 'Check failed: this device computes this model wrongly.'}{' '}
        {checkError !== null && !checking && (
          <button
            className={controls.link}
            type="button"
            disabled={checking}
            onClick={() => actions.checkModel()}
          >
            Check now
          </button>
        )}
      </p>
      {check !== null && (
        <details>
          <summary>How it was checked</summary>
          <p>
            {AGAINST[check.against]} {findings(check)}
          </p>
          {checkedAt !== null && (
            <p>
              On an earlier visit, {formatDay(checkedAt)}, with this browser, device and version.{' '}
              <button className={controls.link} type="button" onClick={() => actions.checkModel()}>
                Check again
              </button>
            </p>
          )}
          <CopyReport report={check.report} />
        </details>
      )}
      {failedChecks.map((failed) => (
        <p key={failed.report}>
          Failed before: {failed.dtype}, {failed.device.label}. {findings(failed)}{' '}
          <CopyReport report={failed.report} />
        </p>
      ))}
    </div>
  );
}

/** What a check says of a model whose files do not say all: its arithmetic is right, if it was read rightly. */
function passedWords(assumed: readonly Assumption[]): string {
  const isGuess = assumed.some(({ by }) => by !== 'measured');
  if (!isGuess) return 'Checked: computes like the reference on this device.';
  const values = assumed.map(({ key, value }) => `${LABELS[key]} ${valueWords(key, value, null)}`);
  return `This device computes rightly what was assumed: ${values.join('; ')}. The files do not say it, so no check can tell whether the model was meant so.`;
}

const AGAINST: Readonly<Record<SelfCheck['against'], string>> = {
  reference: 'Against logits that are shipped for this checkpoint, computed in float64.',
  published:
    'Against what is published of this checkpoint as PyTorch computes it, and the kernels’ plain meanings in float64.',
  meanings: 'Against the kernels’ plain meanings, computed in float64 from the same weights.',
};

function findings({ top1, klBits, maxDifference, ms }: SelfCheck): ReactNode {
  return (
    <>
      Same first choice {top1 === 1 ? 'everywhere' : `at ${formatPercent(top1)} of the places`},
      largest difference of two logits{' '}
      <span className={controls.number}>{formatSmall(maxDifference)}</span>, divergence{' '}
      <span className={controls.number}>{formatSmall(klBits)}</span> bits;{' '}
      <span className={controls.number}>{(ms / 1000).toFixed(1)}</span> s.
    </>
  );
}

function formatSmall(value: number): string {
  if (!Number.isFinite(value)) return 'no number';
  return value === 0 || value >= 0.001 ? value.toPrecision(2) : value.toExponential(1);
}
