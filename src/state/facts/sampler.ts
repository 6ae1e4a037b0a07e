// What the page knows of the sampler's steps.
import type { SamplerSteps, SamplingOptions } from '../../api.ts';
import type { RunRecord } from '../runs.ts';

export interface SamplerView {
  /** Index of the token that is drawn; the text's length is the next one. */
  readonly at: number;
  readonly steps: SamplerSteps;
  /** The settings of these steps. */
  readonly options: SamplingOptions;
  /** How the token at that place was written; null where a person put it, or nothing stands yet. */
  readonly run: RunRecord | null;
  /** Where the seed comes from: the run that wrote the token, the settings, or nowhere yet. */
  readonly seedOf: 'run' | 'settings' | 'none';
}

export interface SamplerState {
  readonly shown: SamplerView | null;
}

export const NO_SAMPLER: SamplerState = { shown: null };
