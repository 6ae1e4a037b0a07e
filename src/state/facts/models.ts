// What the page knows of models: the one that is asked for, those that are kept here, and what was measured.
import type {
  DeviceRequest,
  Dtype,
  ErrorInfo,
  ModelPlan,
  PrecisionCost,
  ProgressInfo,
  Reading,
  RunStep,
  SaveEvent,
  SelfCheck,
  StorageFacts,
  StoredModelFacts,
} from '../../api.ts';
import type { ModelName } from '../modelName.ts';

/** What a run's own text has for those who look at a step of it. */
export interface RunTexts {
  /** What its heads are measured on; absent for random tokens. */
  readonly probe?: string;
  /** Prompts that its model has something to say to, the best first. */
  readonly starts: readonly string[];
}

/** A model somebody wants: by its name, or as files that were dropped. */
export interface Wish extends ModelName, Reading {
  readonly files?: readonly File[];
  /** A step of a run that is kept in this browser; `source` is its title then. */
  readonly run?: RunStep;
  /** Of that run; absent for any other model. */
  readonly texts?: RunTexts;
  /** Where it is to be computed and how it is to be stored, if not as the page says. */
  readonly device?: DeviceRequest;
  readonly dtype?: Dtype;
  /** What the revision meant when its size was shown: that is what a click agrees to. */
  readonly commit?: string;
  /** False loads it without keeping it. */
  readonly keep?: boolean;
}

/** Whether no address names it: it lies in this browser, or on this computer. */
export function isNameless({ files, run }: Wish): boolean {
  return files !== undefined || run !== undefined;
}

/** A model that was asked for and is not here yet; the running one goes on meanwhile. */
export interface Offer {
  readonly wish: Wish;
  /**
   * `asked`: an address names it, and nobody was contacted yet. `looking`: its size is being looked up.
   * `known`: the plan is there, and waits for a click. `arriving`, `paused`, `failed`: on its way.
   */
  readonly status: 'asked' | 'looking' | 'known' | 'arriving' | 'paused' | 'failed';
  /** Came with the address: a link, or a reload in the middle. */
  readonly fromAddress: boolean;
  readonly plan: ModelPlan | null;
  /** What is kept of it, where an earlier visit began it. */
  readonly stored: StoredModelFacts | null;
  readonly progress: ProgressInfo | null;
  readonly error: ErrorInfo | null;
}

/** How the loaded model is to be saved. */
export interface SaveWish {
  readonly to: 'folder' | 'zip';
  /** As it is, and as `fp32` for `q8`, by default. */
  readonly dtype?: 'fp32' | 'fp16';
}

export interface ModelsState {
  readonly offer: Offer | null;
  /** Whether the dialog that chooses models is open. */
  readonly choosing: boolean;
}

export interface KeptState {
  /** What is kept in this browser; null until somebody looked. */
  readonly stored: readonly StoredModelFacts[] | null;
  readonly storage: StorageFacts | null;
  /** What went wrong with them. */
  readonly error: ErrorInfo | null;
}

/** What was measured of the loaded model. */
export interface MeasuredState {
  /** Tokens a second on the devices; null where it was not asked for. */
  readonly speeds: { readonly webgpu: number | null; readonly cpu: number } | null;
  /** What precisions cost this model, as far as it was measured. */
  readonly costs: Readonly<Partial<Record<Dtype, PrecisionCost>>>;
  /** Why they could not be measured. */
  readonly error: ErrorInfo | null;
}

/** Whether this device computes the loaded model rightly. */
export interface CheckState {
  /** Null until it was checked. */
  readonly found: SelfCheck | null;
  /** When an earlier visit made it, in milliseconds since 1970; null for one of this visit. */
  readonly at: number | null;
  /** Checks that failed before something simpler was loaded. */
  readonly failed: readonly SelfCheck[];
  /** Why it could not be checked; that is no failed check. */
  readonly error: ErrorInfo | null;
}

/** The loaded model on its way into files. */
export interface SavingState {
  readonly now: {
    readonly to: 'folder' | 'zip';
    readonly file: string;
    /** Bytes written, of all files. */
    readonly done: number;
    readonly total: number;
  } | null;
  /** What the last save wrote. */
  readonly last: {
    readonly to: 'folder' | 'zip';
    /** Of the folder or the archive. */
    readonly name: string;
    readonly bytes: number;
    readonly dtype: 'fp32' | 'fp16';
    readonly weights: Extract<SaveEvent, { type: 'start' }>['weights'];
    readonly layout: Extract<SaveEvent, { type: 'start' }>['layout'];
  } | null;
  readonly error: ErrorInfo | null;
}

export const NO_MODELS: ModelsState = { offer: null, choosing: false };
export const NOTHING_KEPT: KeptState = { stored: null, storage: null, error: null };
export const NOTHING_MEASURED: MeasuredState = { speeds: null, costs: {}, error: null };
export const NOT_CHECKED: CheckState = { found: null, at: null, failed: [], error: null };
export const NOT_SAVED: SavingState = { now: null, last: null, error: null };
