// Whose generator a run draws from.
import type { ReactNode } from 'react';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';
import { WHOSE } from './words.ts';

export function TorchSwitch(): ReactNode {
  const { actions } = useTraining();
  const { generator, kind, seed } = useTrainingFacts((s) => ({
    generator: s.draft.settings.generator,
    kind: s.draft.settings.model.kind,
    seed: s.draft.settings.arguments['seed'],
  }));
  return (
    <label className={css.torch}>
      <input
        type="checkbox"
        checked={generator === 'torch'}
        aria-describedby="torch-words"
        onChange={(event) => actions.drawAs(event.target.checked ? 'torch' : 'philox')}
      />
      <b>As PyTorch draws</b>
      <span id="torch-words">
        Weights, batches and dropout as on a CPU after{' '}
        <code>torch.manual_seed({String(seed ?? 42)})</code>, in {WHOSE[kind]} order.
      </span>
    </label>
  );
}
