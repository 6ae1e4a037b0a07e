// Told where a self-check failed: what was wrong, and what computes now.
import { useState, type ReactNode } from 'react';
import type { Dtype, ModelSummary, SelfCheck } from '../../api.ts';
import { useFacts } from '../context.ts';
import { deviceWords } from '../format.ts';
import { Dismiss } from '../Dismiss.tsx';
import css from '../Notices.module.css';
import { CopyReport } from './CopyReport.tsx';
import { modelOf } from '../../state/facts/model.ts';

const BITS: Readonly<Record<Dtype, string>> = { q8: '8 bit', fp16: '16 bit', fp32: '32 bit' };

export function CheckNotice(): ReactNode {
  const { model, phase, check, failedChecks } = useFacts((s) => ({
    model: modelOf(s),
    phase: s.model.at,
    check: s.check.found,
    failedChecks: s.check.failed,
  }));
  const [closed, setClosed] = useState<SelfCheck | null>(null);
  const failed = check?.passed === false ? [...failedChecks, check] : failedChecks;
  const last = failed.at(-1);
  // While something simpler is being loaded, that is said, and the rest is not known.
  if (model === null || phase !== 'here' || last === undefined || last === closed) return null;
  return (
    <section className={css.problem} aria-label="Self-check" data-testid="check-notice">
      <div className={css.body}>
        <p>
          <strong>This device did not compute {model.name} rightly.</strong>{' '}
          {failed.map(failureWords).join(' ')}
        </p>
        <p className={css.hint}>{nowWords(model, check, last)}</p>
        <div className={css.actions}>
          <CopyReport report={failed.map(({ report }) => report).join('\n\n')} />
        </div>
      </div>
      <Dismiss onClick={() => setClosed(last)} />
    </section>
  );
}

/** What a check found wrong: `In 16 bit on NVIDIA …, off by more than allowed: block 3, head.` */
function failureWords({ dtype, device, report }: SelfCheck): string {
  const steps = [...report.matchAll(/^\s*FAIL (.*?):/gmu)].map(([, what]) => what);
  const shown = steps.slice(0, 3).join(', ');
  const more = steps.length > 3 ? ` and ${steps.length - 3} more` : '';
  const where = device.kind === 'cpu' ? 'the processor' : device.label;
  return `In ${BITS[dtype]} on ${where}, off by more than rounding explains: ${shown}${more}.`;
}

function nowWords(model: ModelSummary, check: SelfCheck | null, last: SelfCheck): string {
  if (check?.passed === false) {
    return 'Nothing simpler could be loaded, so what this page shows may be wrong here. A newer browser or graphics driver often helps; the report says what to tell its makers.';
  }
  const isSame = model.dtype === last.dtype && model.device.kind === last.device.kind;
  const isPlainer = [last, check].map((one) => one?.report.includes('plain kernels'));
  const how = !isSame
    ? ''
    : isPlainer[1] === true && isPlainer[0] === false
      ? ', by plainer kernels'
      : ', loaded once more';
  const found = check === null ? '' : model.assumed ? '; computed rightly' : '; checked, and right';
  return `Now: ${BITS[model.dtype]}, ${deviceWords(model)}${how}${found}. Your text is kept.`;
}
