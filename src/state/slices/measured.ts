// What is measured of the loaded model: how fast the devices are, and what precisions cost.
import type { Dtype } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { NOTHING_MEASURED } from '../facts/models.ts';
import type { SliceContext } from './slice.ts';

const DTYPES: readonly Dtype[] = ['q8', 'fp16', 'fp32'];

interface MeasuredOptions extends SliceContext<'measured'> {
  /** The run that writes ends, and nobody waits for an answer any more. */
  readonly interrupt: () => void;
}

export function createMeasured(options: MeasuredOptions) {
  const { engine, get, set, work } = options;
  /** Ends the measuring of devices that is going on. */
  let measuring = new AbortController();

  async function measure(): Promise<void> {
    if (get().busy.has('measure') || get().model.at !== 'here') return;
    options.interrupt();
    work('measure', true);
    measuring = new AbortController();
    const { signal } = measuring;
    try {
      set({ speeds: await engine.ask('measureDevices', {}, signal) });
    } catch (error) {
      if (!signal.aborted) options.report(error, 'measure');
    } finally {
      work('measure', false);
      options.refreshAll();
    }
  }

  /** At most `mostBytes` are loaded beside the model for it; the engine has a limit of its own. */
  async function measureCosts(mostBytes?: number): Promise<void> {
    const { here } = get().model;
    if (here === null || get().busy.has('costs')) return;
    set({ error: null });
    work('costs', true);
    try {
      for (const dtype of DTYPES) {
        if (get().measured.costs[dtype] !== undefined) continue;
        const input = mostBytes === undefined ? { dtype } : { dtype, mostBytes };
        const cost = await engine.ask('precisionCost', input);
        if (get().model.here !== here) return;
        set({ costs: { ...get().measured.costs, [dtype]: cost } });
      }
      options.say('What the precisions cost is measured.');
    } catch (error) {
      // What replaced the model took the question with it; nothing went wrong.
      if (get().model.here === here) set({ error: toErrorInfo(error) });
    } finally {
      work('costs', false);
    }
  }

  return {
    measure,
    /** A run takes the devices for itself; either would spoil the other's figures. */
    stop: () => measuring.abort(),
    /** Another model. */
    forget: () => set(NOTHING_MEASURED),
    actions: {
      measure: () => void measure(),
      measureCosts: (mostBytes?: number) => void measureCosts(mostBytes),
    },
  };
}
