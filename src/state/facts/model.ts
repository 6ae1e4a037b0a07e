// What the page knows of the model: a machine of four states. What was here last stays in sight until the
// next one is there.
import type { DeviceRequest, GpuVerdict, LoadedModel, ModelSummary } from '../../api.ts';
import { titleOf, type ModelName } from '../modelName.ts';
import type { Wish } from './models.ts';

/** A wish with all that decides how it is loaded. */
export interface Asked extends Wish {
  readonly device: DeviceRequest;
  /** The page took this device by itself; nobody chose it. */
  readonly byItself?: boolean;
  /** A link asks for this device: where it is not there, another one will do. */
  readonly linked?: boolean;
}

/** A loaded model. */
export interface Here {
  /** How it was loaded. */
  readonly wish: Asked;
  /** Its turn says which load brought it: what it answers is of this load, and of no other. */
  readonly summary: LoadedModel;
  /** Its name as the address says it; null for the page's own, and for what no address can name. */
  readonly place: ModelName | null;
}

export interface Progress {
  readonly what: string;
  readonly loaded: number;
  readonly total: number;
}

interface Always {
  /** What is asked for: in `here`, what is here. */
  readonly wish: Asked;
  /** What is here, or was here last. */
  readonly here: Here | null;
  /** When devices were lost within the last minute, in milliseconds since 1970. */
  readonly losses: readonly number[];
}

export type ModelFacts = Always &
  (
    | { readonly at: 'none' }
    | {
        readonly at: 'coming';
        /** Whether `here` still runs, to go back to where this fails. */
        readonly goesOn: boolean;
        /** Why it is loaded again, in words. */
        readonly why: string | null;
        readonly progress: Progress;
      }
    | {
        readonly at: 'here';
        readonly here: Here;
        /** A change that failed while this one went on, for another try. */
        readonly refused: Asked | null;
      }
    | { readonly at: 'failed' }
  );

interface HasModel {
  readonly model: ModelFacts;
}

/** The model that is here, or was here last. */
export function modelOf({ model }: HasModel): ModelSummary | null {
  return model.here?.summary ?? null;
}

export function placeOf({ model }: HasModel): ModelName | null {
  return model.here?.place ?? null;
}

export function progressOf({ model }: HasModel): Progress | null {
  return model.at === 'coming' ? model.progress : null;
}

/** Why the model is being loaded again, in words, while that lasts. */
export function whyOf({ model }: HasModel): string | null {
  return model.at === 'coming' ? model.why : null;
}

/**
 * Why the processor computes in place of a GPU that was lost: it is `gone`, or it went away too often to be
 * trusted. Null where the processor was asked for, or is all there is.
 */
export function standInOf({
  model,
  page,
}: HasModel & { readonly page: { readonly verdict: GpuVerdict | null } }): 'gone' | 'often' | null {
  if (model.at !== 'here') return null;
  const { wish, summary } = model.here;
  if (summary.device.standsIn === true) return 'gone';
  // Where there never was a usable GPU, the verdict says so.
  const wasThere = page.verdict?.code === 'ok' || page.verdict?.code === 'software';
  return wish.device === 'cpu' && wish.byItself === true && wasThere ? 'often' : null;
}

/** Name of the model that was asked for, for people. */
export function wantedOf({ model }: HasModel): string {
  return titleOf(model.wish.source);
}
