// What anybody needs to make a run again, and to see at which step theirs parts from it.
import type { RunReceipt } from '../../api.ts';
import { lastCheckpoints } from '../training/checkpointStore.ts';
import { WEIGHTS } from '../training/checkpoints.ts';
import { hashOf } from './prepare.ts';
import type { KeptRun } from './record.ts';
import type { RunStore } from './runStore.ts';

/** Losses of these steps stand there one by one, then each so-many-th. */
const FIRST = 20;
const EVERY = 50;

export async function receiptOf(run: KeptRun, store: RunStore): Promise<RunReceipt> {
  const { settings, text, points, step, device } = run;
  const [last] = await lastCheckpoints(store.checkpoints(run.id));
  const file = await last?.open(WEIGHTS);
  let weights: RunReceipt['weights'] = null;
  if (last && file) {
    try {
      weights = { step: last.step, sha256: await hashOf(await file.read(0, file.size)) };
    } finally {
      await file.close();
    }
  }
  return {
    version: 1,
    settings,
    text: text.sha256,
    losses: points
      .filter((point) => point.step <= FIRST || point.step % EVERY === 0 || point.step === step)
      .map((point) => ({ step: point.step, loss: point.loss })),
    step,
    weights,
    device,
  };
}
