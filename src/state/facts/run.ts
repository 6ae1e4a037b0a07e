// What the page knows of its runs: how tokens are written, and what the last run was like.
import type { DeviceSummary, Distribution, Dtype, PartOff } from '../../api.ts';
import type { Settings } from '../settings.ts';

/** Why a run is over; `lost`: the device went away under it, `replaced`: another model came. */
export type RunEnd = 'length' | 'eos' | 'stop' | 'aborted' | 'lost' | 'replaced' | 'failed';

export interface RunFacts {
  readonly seed: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly promptMs: number;
  /** Null while it writes. */
  readonly reason: RunEnd | null;
  readonly stop?: string;
}

/** What decides a run's numbers beside its recipe. */
export interface Writer {
  readonly device: DeviceSummary['kind'];
  readonly dtype: Dtype;
}

export interface RunState {
  readonly settings: Settings;
  /** Whether anybody chose them; if not, each model's own defaults apply. */
  readonly chosen: boolean;
  /** Generate was asked for before the model was there. */
  readonly queued: boolean;
  readonly last: RunFacts | null;
  /** What wrote it, or the one before, on an earlier visit too; null where nobody knows. */
  readonly by: Writer | null;
  /** Parts that are off in the run that writes now, whatever is switched meanwhile. */
  readonly off: readonly PartOff[] | null;
}

/** The bars. */
export interface NextFacts {
  readonly distribution: Distribution | null;
  /** Index of the token that `distribution` is about; the text's length is the next one. */
  readonly at: number;
  /** The text's epoch when they were worked out: of another text they may be shown, not chosen. */
  readonly epoch: number;
}
