// Whether this device computes the model rightly, in words, and how that is known.
import type { ReactNode } from 'react';
import type { SelfCheck } from '../../api.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatPercent } from '../format.ts';
import { CopyReport } from './CopyReport.tsx';
import css from './ModelDetails.module.css';

export function CheckBadge(): ReactNode {
  const { actions } = useApp();
  const { check, checking, checkError, failedChecks } = useFacts((s) => ({
    check: s.check.found,
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
            ? 'Checked: computes like the reference on this device.'
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
