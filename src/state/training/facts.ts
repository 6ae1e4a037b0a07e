// What the workspace that trains knows: what was chosen, what it comes to here, the run that is shown, and all runs.
import type {
  DeviceSummary,
  DrawEvent,
  DrawRequest,
  ErrorInfo,
  PassageFacts,
  RunExportRequest,
  RunFacts,
  RunMemory,
  RunPlan,
  RunPoint,
  RunReceipt,
  RunRecord,
  RunSettings,
  RunText,
  StepReading,
  TextEdit,
  TextFacts,
  TextHits,
} from '../../api.ts';
import type { GoOnFacts } from './base.ts';
import type { Measured, PresetName } from './presets.ts';

/** Something that is asked for: not yet, on its way, here, or refused. */
export type Asked<T> =
  | { readonly at: 'none' }
  | { readonly at: 'coming' }
  | { readonly at: 'here'; readonly value: T }
  | { readonly at: 'failed'; readonly error: ErrorInfo };

export type OwnText = Extract<RunText, { kind: 'own' }>;

/**
 * Characters of a text in the field that is kept, in a store of five million that what the page writes is in as well. What
 * is longer is a file.
 */
export const MOST_KEPT = 500_000;

export interface DraftFacts {
  readonly settings: RunSettings;
  /** Whose sizes the settings have; null where somebody changed one. */
  readonly preset: PresetName | null;
  /** The size that was chosen last, whatever was changed since. */
  readonly chosen: PresetName;
  /** What was typed into a field and cannot be taken, with why; by the field's name. */
  readonly refused: Readonly<Record<string, { readonly typed: string; readonly why: string }>>;
  /** Why samples cannot begin with the prompt; null where they can, or nobody knows yet. */
  readonly promptRefused: string | null;
  /** Whether the tokenizer was chosen by hand, and no longer follows the text. */
  readonly ownTokenizer: boolean;
  /** A text of somebody's own: it stays while they look at others. */
  readonly own: OwnText;
  /** Whether a reload finds it again, which of a file's it does not. */
  readonly isOwnKept: boolean;
  /** Why a file was not taken; what was there before it is there. Null where nothing was refused. */
  readonly refusedFile: ErrorInfo | null;
  /** Columns of a .csv that was dropped. */
  readonly columns: readonly string[];
  /** Where the settings came with a link: what in it was not taken, in words. Null where they did not. */
  readonly link: readonly string[] | null;
}

export interface LinkedSettings {
  readonly settings: RunSettings;
  /** What in it was not taken, and why, in words. */
  readonly notes: readonly string[];
  /** Of the first steps of the run that it was copied from; none where that had made none. */
  readonly losses: readonly number[];
}

/** A run's curve apart from its points, which are too many to copy (`Curve`). */
export type ShownRun = Omit<RunRecord, 'points'>;

/** `resting`: a run that is shown and does not run. */
export type WatchAt = 'nothing' | 'preparing' | 'running' | 'paused' | 'resting';

export interface WatchFacts {
  readonly at: WatchAt;
  readonly preparing: { readonly what: string; readonly share: number | null };
  readonly run: ShownRun | null;
  /** The newest point; null before the first. */
  readonly last: RunPoint | null;
  /** Losses of its first steps by the link that its settings came with, to be compared; none where it holds none. */
  readonly linked: readonly number[];
  readonly tokensPerSecond: number;
  /** With evaluations, samples and checkpoints; null before a whole round of them was made. */
  readonly secondsAStep: number | null;
  /** Grows with the curve. */
  readonly revision: number;
  readonly device: DeviceSummary | null;
  readonly memory: RunMemory | null;
  /** The step whose sample was chosen; null follows the newest. */
  readonly chosen: number | null;
  readonly horizontal: 'linear' | 'log';
  /** What ended it, or could not be done. */
  readonly error: ErrorInfo | null;
  readonly notice: ErrorInfo | null;
}

export const WATCH_NOTHING: WatchFacts = {
  at: 'nothing',
  preparing: { what: '', share: null },
  run: null,
  last: null,
  linked: [],
  tokensPerSecond: 0,
  secondsAStep: null,
  revision: 0,
  device: null,
  memory: null,
  chosen: null,
  horizontal: 'linear',
  error: null,
  notice: null,
};

export interface LiveFacts {
  /** The run that runs, or has just ended, while something else is shown; null where it is what is shown, or none runs. */
  readonly away: WatchFacts | null;
}

export interface RunsFacts {
  /** The one that made the last step first; null until they are known. */
  readonly all: readonly RunFacts[] | null;
  /** Whether the choices wait for them: one of them may have been broken off, and is shown then. */
  readonly isAwaited: boolean;
  /** How many there were when this browser was here last, and which none are left of; 0 where nothing is missed. */
  readonly missed: number;
  readonly error: ErrorInfo | null;
}

/** What is to be taken out of a run's schooling, or changed in it. */
export interface SchoolingFacts {
  /** The run that is meant; null for none. */
  readonly of: string | null;
  readonly what: TextEdit['what'] | 'nothing';
  readonly passage: string;
  readonly by: string;
  /** What is looked for in the text, how many places are to be shown, and those that were found last. */
  readonly find: string;
  readonly most: number;
  readonly hits: Asked<TextHits & { readonly find: string }>;
  /** The passage in its text: of what stood in the field when it was last looked up. */
  readonly found: Asked<PassageFacts>;
}

/** A run and its twin. */
export interface RunPair {
  readonly first: RunRecord;
  readonly twin: RunRecord;
}

/** What the weights of both make of a text at the same step. */
export interface PairReading {
  readonly prompt: string;
  readonly first: StepReading;
  readonly twin: StepReading;
  /** Of the control, where there is one that has this step. */
  readonly control: StepReading | null;
}

export interface ComparisonFacts {
  /** Whether somebody asked for it, and waits at it; it comes by itself when a twin is done. */
  readonly isAsked: boolean;
  readonly pair: Asked<RunPair>;
  /** Another twin of the same run, whose passage is about as long: what any passage makes; null for none. */
  readonly control: RunRecord | null;
  /** Why there can be none. */
  readonly noControl: ErrorInfo | null;
  /** Whether the last weights of both are the same, to the bit; null where nobody looked, or they are of other steps. */
  readonly sameWeights: { readonly step: number; readonly sha256: string } | null;
  /** Of the snapshots that both have; null for none. */
  readonly step: number | null;
  readonly prompt: string;
  /** The last answer stays until the next is here. */
  readonly reading: PairReading | null;
  readonly isReading: boolean;
  /** Why the prompt cannot be read. */
  readonly refused: ErrorInfo | null;
}

/** The run that the page looks into, where it is not the one that is watched; null where it is not known. */
export interface LookedFacts {
  readonly run: RunRecord | null;
  readonly error: ErrorInfo | null;
  /** What two steps make of a text; the last answer stays until the next is here. */
  readonly beside: readonly [StepReading, StepReading] | null;
  /** Why they could not be read. */
  readonly refused: ErrorInfo | null;
}

/** What is taken away of a run. */
export interface OutFacts {
  /** What is being written now. */
  readonly now: {
    readonly what: RunExportRequest['what'];
    readonly file: string;
    readonly done: number;
    readonly total: number;
  } | null;
  /** What was written last, of which run. */
  readonly last: {
    readonly id: string;
    readonly what: RunExportRequest['what'];
    readonly to: 'folder' | 'zip';
    readonly name: string;
    readonly bytes: number;
    readonly step: number | null;
  } | null;
  readonly error: ErrorInfo | null;
}

/** A file that somebody brought: a run, to be gone on with here, or the receipt of one, to be checked. */
export interface BroughtFacts {
  /** `text`: it waits for a text that is not in it. */
  readonly at: 'nothing' | 'working' | 'text' | 'failed' | 'done';
  readonly kind: 'run' | 'receipt';
  /** Of the file. */
  readonly name: string;
  /** What is being done. */
  readonly doing: string;
  readonly error: ErrorInfo | null;
  readonly receipt: RunReceipt | null;
  /** Steps that can be made again from it. */
  readonly until: number;
  readonly steps: readonly {
    readonly step: number;
    readonly there: number;
    readonly here: number;
  }[];
  /** The first step that parts; null for none. */
  readonly parts: number | null;
}

/** The notebook's model drawn from its seed. */
export interface DrawingFacts {
  /** What the chosen one takes. */
  readonly plan: Asked<RunPlan>;
  readonly at: 'nothing' | 'working' | 'done' | 'failed';
  readonly which: DrawRequest['which'];
  readonly doing: { readonly what: string; readonly share: number | null };
  readonly weights: { readonly tensors: number; readonly same: number } | null;
  readonly logits: Pick<Extract<DrawEvent, { type: 'logits' }>, 'columns' | 'rows'> | null;
  readonly steps: readonly {
    readonly step: number;
    readonly there: number;
    readonly here: number;
  }[];
  readonly done: { readonly seconds: number; readonly device: DeviceSummary } | null;
  readonly error: ErrorInfo | null;
}

export interface TrainingState {
  /** What the page has loaded, as a model that a run goes on from; null where it has none. */
  readonly loaded: { readonly now: GoOnFacts | null };
  readonly draft: DraftFacts;
  /** What the draft's text comes to. */
  readonly text: { readonly read: Asked<TextFacts> };
  /**
   * What a step takes: of the draft, and of what was measured last; and what the browser says that it still keeps for this
   * page, in bytes, null where it does not say.
   */
  readonly cost: {
    readonly estimate: Asked<Measured>;
    readonly last: Measured | null;
    /** The memory of a draft that is too large to be measured; null for others, and before it is known. */
    readonly planned: RunMemory | null;
    readonly freeBytes: number | null;
  };
  /** What is shown: a run, whether it runs or rests, or none. */
  readonly watch: WatchFacts;
  readonly live: LiveFacts;
  readonly runs: RunsFacts;
  readonly schooling: SchoolingFacts;
  readonly out: OutFacts;
  readonly brought: BroughtFacts;
  readonly comparison: ComparisonFacts;
  readonly looked: LookedFacts;
  readonly drawing: DrawingFacts;
}
