// What the GPU's verdict means, where it is not simply that there is one.
import type { ReactNode } from 'react';
import type { GpuVerdict } from '../api.ts';
import { adviseOn } from './advice.ts';
import { useApp } from './context.ts';
import { Dismiss } from './Dismiss.tsx';
import css from './Notices.module.css';

export function GpuAdvice({ verdict }: { verdict: GpuVerdict }): ReactNode {
  const { actions } = useApp();
  const advice = adviseOn(verdict, navigator.userAgent);
  if (advice === null) return null;
  return (
    <section className={css.notice} aria-label="GPU" data-testid="gpu-verdict">
      <div className={css.body}>
        <p>
          <strong>{advice.title}</strong> {advice.text}
        </p>
        {advice.steps.length > 0 && (
          <details>
            <summary>What to do</summary>
            <ul>
              {advice.steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
      <Dismiss onClick={() => actions.used(`gpu-${verdict.code}`)} />
    </section>
  );
}
