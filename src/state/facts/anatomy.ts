// What the page knows of the model's modules.
import type { ModelAnatomy } from '../../api.ts';

export interface AnatomyState {
  readonly tree: ModelAnatomy | null;
}

export const NO_ANATOMY: AnatomyState = { tree: null };
