// Training on the page: what a run is, what the trainer's worker is asked, and what it tells.
import type { DeviceRequest, DeviceSummary } from './device.ts';
import type { ErrorInfo } from './errors.ts';
import type { DrawEvent, DrawRequest } from './fromSeed.ts';
import type { AttentionMap, HeadScores } from './looking.ts';
import type { ModelRequest, Reading, RunStep } from './models.ts';
import type { TokenPiece } from './tokens.ts';
import type { Candidate } from './writing.ts';

/** A task whose text is made: what comes next can be known, or learned. */
export type TaskName = 'repeat' | 'reverse' | 'add';

/** Where a run's text comes from. */
export type RunText =
  /** Pasted, or a file: .txt, .md, or a column of a .csv. */
  | {
      readonly kind: 'own';
      readonly name: string;
      readonly text: string | File;
      /** Of a .csv: the name of the column that is read; its first by default. */
      readonly column?: string;
    }
  /** One of the texts that come with the page, by its file's name without `.txt`. */
  | { readonly kind: 'bundled'; readonly name: string }
  | { readonly kind: 'task'; readonly name: TaskName };

export type RunTokenizer =
  | { readonly kind: 'characters' }
  | { readonly kind: 'bytes' }
  /** GPT-2's own 50,257 tokens. */
  | { readonly kind: 'gpt2' }
  /** Byte-level pairs that are found in the text. */
  | { readonly kind: 'bpe'; readonly vocab_size: number }
  /** That of the model that the run goes on from (`RunSettings.base`). */
  | { readonly kind: 'model' };

/** Where a model is read again that was loaded: what named it then, and how it was read. */
export interface BaseSource extends Omit<ModelRequest, 'base'>, Reading {
  /** A step of a run that is kept here; `source` is its title then. */
  readonly run?: RunStep;
}

/** The model that a run goes on training. */
export interface RunBase {
  readonly name: string;
  /** As `ModelSummary.fingerprint`: which weights are meant, whatever file or precision they are in. */
  readonly fingerprint: string;
  /** SHA-256 of its weights in 32 bits, as the `model.safetensors` that this page saves of it; absent until it was read. */
  readonly sha256?: string;
  /** Where it is read again; null where only whoever has its files can load it. */
  readonly source: BaseSource | null;
  /** An adapter of this shape learns beside it, by PEFT's names; absent where all of its parameters do. */
  readonly lora?: { readonly r: number; readonly lora_alpha: number };
}

/** A model that is loaded in the page, and may be what a run goes on from: the trainer reads it again, from there. */
export interface LoadedBase {
  readonly fingerprint: string;
  readonly source: BaseSource & { readonly files?: readonly File[] };
}

/** A model that begins with the run; its vocabulary is the tokenizer's. Of one that goes on, what it is like. */
export interface RunModel {
  /** Whose initial weights it has, and all else that is not said: activation, biases, LayerNorm, head. */
  readonly kind: 'gpt2' | 'nanogpt' | 'mingpt' | 'notebook';
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  readonly n_ctx: number;
  // From here on by GPT2Config's names, and those of this library's config.json; each is as its kind has it where it is
  // absent. What a stranger's file says of them is checked when a model is to be made (`runModel.ts`).
  /** Width of the MLP's hidden layer; 4 · n_embd by default. */
  readonly n_inner?: number;
  readonly activation_function?: 'gelu_new' | 'gelu' | 'quick_gelu' | 'relu' | 'silu' | 'tanh';
  readonly layer_norm_epsilon?: number;
  readonly layer_norm_denominator?: 'variance' | 'std';
  readonly qkv_bias?: boolean;
  readonly bias?: boolean;
  readonly layer_norm_bias?: boolean;
  readonly scale_attn_weights?: boolean;
  readonly scale_attn_by_inverse_layer_idx?: boolean;
  readonly tie_word_embeddings?: boolean;
  /** Standard deviation of first weights that are drawn as N(0, σ²); the notebook's are not. */
  readonly initializer_range?: number;
}

/** Options of `train` by their names (`TrainingArguments`): numbers, and words for `decay` and `lr_scheduler_type`. */
export type RunArguments = Readonly<Record<string, number | string>>;

/**
 * What is done to a text before a run learns from it, wherever the passage stands in it. Its tokenizer stays that of the
 * whole text, so that a run and its twin know the same tokens.
 */
export interface TextEdit {
  readonly what: 'remove' | 'double' | 'replace';
  readonly passage: string;
  /** Of `replace`: what stands there. */
  readonly by?: string;
}

/** All that makes a run: the same settings and the same text give the same run. */
export interface RunSettings {
  readonly text: RunText;
  readonly tokenizer: RunTokenizer;
  readonly model: RunModel;
  /** The model whose weights it begins with; absent where they are drawn. */
  readonly base?: RunBase;
  readonly arguments: RunArguments;
  /** Philox, or as PyTorch draws. */
  readonly generator: 'philox' | 'torch';
  readonly order: 'random' | 'shuffled' | 'sequential';
  /** Share of the text, from its end, that is kept for validation: 0 to 0.5. */
  readonly validation: number;
  /** What samples begin with; '' begins a text. */
  readonly prompt: string;
  /** What was taken out of its schooling, or changed in it; in this order. */
  readonly edits?: readonly TextEdit[];
}

/** What a text comes to with a tokenizer. */
export interface TextFacts {
  readonly characters: number;
  readonly tokens: number;
  readonly vocabSize: number;
  readonly documents: number;
  /** Loss of guessing evenly, and of guessing by how often each token comes, in nats a token. */
  readonly evenLoss: number;
  readonly frequencyLoss: number;
  /** The text's beginning, as the model sees it. */
  readonly beginning: readonly TokenPiece[];
  /** SHA-256 of the text's UTF-8, 64 hex digits. */
  readonly sha256: string;
}

/** A passage in the text that a run learned from. */
export interface PassageFacts {
  readonly passage: string;
  /** How often it stands there, as `TextEdit` finds it: no place within another. */
  readonly times: number;
  /** The text's beginning, to copy from. */
  readonly beginning: string;
}

/** A place where something stands in a text, in its surroundings. */
export interface TextHit {
  readonly before: string;
  readonly match: string;
  readonly after: string;
  /** What it stands in, the smallest first: characters (UTF-16) of the text, `to` excluded. */
  readonly within: readonly {
    readonly what: 'sentence' | 'line' | 'paragraph' | 'document';
    readonly from: number;
    readonly to: number;
  }[];
}

export interface TextHits {
  /** Of all places. */
  readonly count: number;
  readonly hits: readonly TextHit[];
}

/** Bytes by part, as the engine's `MemoryPlan`. */
export interface RunMemory {
  /** Of the model beside which an adapter learns; 0 for none. */
  readonly base?: number;
  readonly weights: number;
  readonly gradients: number;
  readonly moments: number;
  readonly activations: number;
  readonly total: number;
  /** What there is; null where nobody says. */
  readonly limit: number | null;
  /** Why it does not fit; null where it does. */
  readonly problem: string | null;
  /** A smaller micro-batch that fits. */
  readonly suggestion: { readonly batch: number; readonly accumulation: number } | null;
}

/** What a run of these settings takes here: measured, not looked up. */
export interface RunEstimate {
  readonly device: DeviceSummary;
  readonly parameters: number;
  /** Mean of the steps that were made; validation and samples not counted. */
  readonly secondsAStep: number;
  readonly steps: number;
  readonly memory: RunMemory;
}

/** What a model takes, counted and not measured: nothing of it is made. */
export interface RunPlan {
  readonly device: DeviceSummary;
  readonly parameters: number;
  /** Those of its head not counted. */
  readonly withoutHead: number;
  /** To draw its first weights and to read two short texts. */
  readonly drawing: RunMemory;
  /** To train it with the settings that were asked about. */
  readonly training: RunMemory;
  /** The memory of this machine as the browser tells it, which rounds it down; null where it does not tell. */
  readonly machineBytes: number | null;
}

export interface PlanRequest {
  readonly settings: RunSettings;
  readonly vocabSize: number;
  readonly device?: DeviceRequest;
}

/** A point of a run's curve. */
export interface RunPoint {
  /** Steps done. */
  readonly step: number;
  /** Nats a token. */
  readonly loss: number;
  readonly learning_rate: number;
  readonly grad_norm: number;
}

export interface RunSample {
  readonly step: number;
  readonly prompt: string;
  readonly text: string;
  /** Words of `text` that the run's text does not have: where each begins and ends. Absent for a task. */
  readonly strange?: readonly (readonly [from: number, to: number])[];
}

/** Weights of a moment, kept to be looked at, or what was measured of them alone. */
export interface RunSnapshot {
  readonly step: number;
  /** 0 where the weights are not kept, found no room, or are gone: the scores are all that there is. */
  readonly sizeBytes: number;
  /**
   * What heads do on random tokens that come twice, or on a line of the run's task where that is to repeat; null where the
   * model is too small for it.
   */
  readonly scores: HeadScores | null;
}

/** Where a run stands. `interrupted`: its page was closed, or broke, while it ran or was held. */
export type RunState = 'running' | 'paused' | 'stopped' | 'done' | 'failed' | 'interrupted';

/** A run in the list. */
export interface RunFacts {
  readonly id: string;
  readonly name: string;
  readonly settings: RunSettings;
  readonly state: RunState;
  /** Whether another tab runs it: nobody here can hold it, go on with it or delete it. */
  readonly elsewhere: boolean;
  /** Steps that it can go on from, ascending; empty for a run that would begin anew. */
  readonly kept: readonly number[];
  /** Steps done, and of how many; of an interrupted one, those that are known of. */
  readonly step: number;
  readonly max_steps: number;
  readonly parameters: number;
  /**
   * Of the last point, and of the last validation behind step 0, which tells what the run has learned; null before the
   * first, and where the weights ran away.
   */
  readonly loss: number | null;
  readonly evalLoss: number | null;
  /** The run whose twin this is: the same but for its edits. Null for none. */
  readonly twinOf: string | null;
  /** Of a run that came as a file: the steps up to this one were made elsewhere, and are claimed. Null for one of this browser. */
  readonly claimed: number | null;
  /** Milliseconds since 1970. */
  readonly begun: number;
  /** The same of its last step; of a run without one, of its beginning. */
  readonly lastStep: number;
  /** Stands in this tab's memory alone: there was no room for it when it ended. `keepRun` keeps it. */
  readonly unkept?: true;
  /** Bytes of all that is kept of it. */
  readonly sizeBytes: number;
  /** What `LoadOptions.run` calls it where it means one of its snapshots: `{ id: snapshotsId, step }`. */
  readonly snapshotsId: string;
}

/** A run went on with other settings. */
export interface RunChange {
  /** After this step. */
  readonly step: number;
  readonly words: string;
  /** The arguments until then; absent in records of an earlier version. */
  readonly before?: RunArguments;
}

/** All of a run but its weights. */
export interface RunRecord extends RunFacts {
  readonly text: TextFacts;
  readonly points: readonly RunPoint[];
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly RunSample[];
  readonly snapshots: readonly RunSnapshot[];
  /** Steps after which it went on with other settings, in order; of a twin also those that are still to come. */
  readonly changes: readonly RunChange[];
  /** What ended it; null where nothing did. */
  readonly error: ErrorInfo | null;
}

/** What a run tells, in order. Points come together, at most eight times a second. */
export type RunEvent =
  /** What is being done before the first step, in words, and how much of it: 0 to 1, or null. */
  | { readonly type: 'preparing'; readonly what: string; readonly share: number | null }
  /** The run has its text, its memory and its name. */
  | {
      readonly type: 'begun';
      readonly run: RunRecord;
      readonly memory: RunMemory;
      readonly device: DeviceSummary;
      /** Targets that a step learns from. */
      readonly tokensAStep: number;
    }
  | {
      readonly type: 'points';
      readonly points: readonly RunPoint[];
      readonly tokensPerSecond: number;
    }
  | { readonly type: 'evaluation'; readonly step: number; readonly loss: number }
  | { readonly type: 'sample'; readonly sample: RunSample }
  | { readonly type: 'snapshot'; readonly snapshot: RunSnapshot }
  /** From here it can go on after a reload; `kept` has all steps that it can go on from. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly kept: readonly number[] }
  /** What was kept of it was deleted from outside; what there is now, by steps. */
  | {
      readonly type: 'cleared';
      readonly kept: readonly number[];
      readonly snapshots: readonly number[];
    }
  | { readonly type: 'paused'; readonly step: number }
  | { readonly type: 'going' }
  | { readonly type: 'notice'; readonly info: ErrorInfo }
  | { readonly type: 'ended'; readonly state: 'stopped' | 'done'; readonly step: number };

/** What the weights of a step make of a text. */
export interface StepReading {
  readonly step: number;
  readonly tokens: readonly TokenPiece[];
  /** ln p of each token after those before it; NaN for the first. */
  readonly logprobs: Float32Array;
  /** The token, from 0, after which candidates were asked for. */
  readonly at: number;
  /** What may come after it, as the model has it (temperature 1), the most probable first. */
  readonly top: readonly Candidate[];
  /** Of the head that was asked for. */
  readonly attention: AttentionMap | null;
}

/** What somebody else needs to make the same run, and to see whether it is. */
export interface RunReceipt {
  readonly version: 1;
  /** As it began. */
  readonly settings: RunSettings;
  /** Steps after which it went on with other arguments, and which: absent in receipts of an earlier version. */
  readonly changes: readonly (Omit<RunChange, 'before'> & { readonly arguments?: RunArguments })[];
  /** SHA-256 of the text that it learned from, edits included. */
  readonly text: string;
  /** Losses of its first steps and of every so many behind them. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly step: number;
  /** Of the weights as its last checkpoint has them (model.safetensors): 64 hex digits; null where none is kept. */
  readonly weights: { readonly step: number; readonly sha256: string } | null;
  /** Where it was computed: bits are the same on one device and module alone. */
  readonly device: string;
}

/** A receipt that somebody brought, and what a text of their own is, which no receipt holds. */
export interface ReceiptRequest {
  /** JSON. */
  readonly file: Blob;
  /** Whether all steps are made again, and not the first alone. */
  readonly all?: boolean;
  readonly text?: RunText;
  readonly loaded?: LoadedBase | null;
  readonly device?: DeviceRequest;
}

/** What its steps come to here. */
export type ReceiptEvent =
  /** `until`: steps that can be made again from it. */
  | { readonly type: 'receipt'; readonly receipt: RunReceipt; readonly until: number }
  | { readonly type: 'preparing'; readonly what: string; readonly share: number | null }
  /** Losses of a step, in nats a token: as the receipt says, and as it is here. */
  | { readonly type: 'step'; readonly step: number; readonly there: number; readonly here: number }
  /** `parts`: the first step whose losses differ by more than 1e-4; null where none does. */
  | { readonly type: 'done'; readonly steps: number; readonly parts: number | null };

/** What is taken away of a run: its model, as a Hugging Face folder; or all that another machine goes on with. */
export interface RunExportRequest {
  readonly id: string;
  readonly what: 'model' | 'run';
  /** Whether its text goes along with the run. */
  readonly text?: boolean;
}

/** Files, one after the other. Names may have a folder. */
export type RunFileEvent =
  | {
      readonly type: 'start';
      readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
      /** Of the weights; null where none are kept. */
      readonly step: number | null;
    }
  | { readonly type: 'file'; readonly name: string }
  /** The next bytes of the file that was named last. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> };

export interface RunRequest {
  /**
   * A new one, or the id of one that is kept and goes on. A twin has the text of the run that it is a twin of, whatever its
   * settings say of where that came from.
   */
  readonly run:
    | {
        readonly settings: RunSettings;
        readonly name?: string;
        readonly twinOf?: string;
        /** Steps at which its rate changes to what its settings say, as another run's did. */
        readonly changes?: readonly RunChange[];
      }
    | { readonly id: string };
  /** Of a run that goes on: what is to be different from here on. */
  readonly change?: RunArguments;
  /** Of a run that goes on: a kept step to go back to; what is kept of later ones goes. 0 begins anew. */
  readonly from?: number;
  /** What the page has loaded: where that is what the run goes on from, it is read from there. */
  readonly loaded?: LoadedBase | null;
  readonly device?: DeviceRequest;
}

/** What can be asked of the trainer, by name. */
export interface TrainerQuestions {
  /**
   * Reads a text and makes its tokenizer, or takes that of the model that a run goes on from. Throws `training/text`,
   * `training/csv`, `training/base`, `tokenizer/…`, `tokens/vocabulary`.
   */
  readText: {
    input: Pick<RunSettings, 'text' | 'tokenizer' | 'base'> & { loaded?: LoadedBase | null };
    answer: TextFacts;
  };
  /** Why the tokenizer of the text that was read last cannot write a prompt; null where it can, and before any text. */
  checkPrompt: { input: { prompt: string }; answer: ErrorInfo | null };
  /** Makes steps of these settings on random tokens, for about a second. Throws what `train` throws. */
  estimate: {
    input: {
      settings: RunSettings;
      vocabSize: number;
      loaded?: LoadedBase | null;
      device?: DeviceRequest;
    };
    answer: RunEstimate;
  };
  /** Counts what a run of these settings takes, and makes nothing of it. Throws `training/options`. */
  planRun: { input: PlanRequest; answer: RunPlan };
  /** Of the run that runs. A `step` is made of a paused one, which stays paused. */
  control: { input: { what: 'pause' | 'go' | 'step' | 'stop' }; answer: null };
  /** Keeps the weights of the run that runs as they are between two steps, to be looked at. */
  keepNow: { input: Record<string, never>; answer: RunSnapshot };
  /** All that are kept, the newest first. */
  runs: { input: Record<string, never>; answer: readonly RunFacts[] };
  run: { input: { id: string }; answer: RunRecord };
  /** Keeps a run that found no room when it ended. Throws `training/storage-full` where it still finds none. */
  keepRun: { input: { id: string }; answer: RunRecord };
  /** Answered when nobody runs that run any more, in whatever tab, also where that was killed. */
  untilEnded: { input: { id: string }; answer: null };
  /**
   * Reads a text with a snapshot, beside whatever the page and the run do. Of a text that the run's tokenizer cannot write
   * it throws `tokenizer/…`; `inspect/…` for a head that is not there, `training/run` for a step that is not kept.
   */
  readAt: {
    input: {
      id: string;
      step: number;
      text: string;
      /** Candidates; 10 by default. */
      top?: number;
      /** The token, from 0, after which they are asked for; the last by default, and where the text has fewer. */
      at?: number;
      head?: { layer: number; head: number };
    };
    answer: StepReading;
  };
  /** Throws `training/edit` where the run's own edits fit its text no more, `training/text` where that is gone. */
  passage: {
    /** The passage, or where it begins and ends in the text. */
    input: { id: string; passage: string | readonly [from: number, to: number] };
    answer: PassageFacts;
  };
  /**
   * Where something stands in the text of a run, in capitals or not, with any white space for any: the first `most` places.
   * Throws as `passage`.
   */
  findText: { input: { id: string; find: string; most: number }; answer: TextHits };
  /**
   * Another passage from elsewhere in the text, of which about as many characters stand there in all: as long and about as
   * frequent, or one stretch as long as all places of this one. Null for none.
   */
  otherPassage: { input: { id: string; passage: string }; answer: string | null };
  /** Prompts out of the run's own text, the best first. Throws as `passage`. */
  starts: { input: { id: string }; answer: readonly string[] };
  receipt: { input: { id: string }; answer: RunReceipt };
  /** The text that it learns from, before its edits, as UTF-8. Throws `training/text` where that is gone. */
  textOf: { input: { id: string }; answer: Blob };
  /**
   * Keeps a run that was taken away (`exportRun`), under an id of its own. Throws `training/file` for what is no such file,
   * `training/text-needed` where its text is somebody's own and is not in it, `training/text-other` for another text.
   */
  importRun: { input: { file: Blob; text?: RunText }; answer: { id: string } };
  renameRun: { input: { id: string; name: string }; answer: null };
  /** Throws `storage/busy` for one that runs, here or in another tab. */
  removeRun: { input: { id: string }; answer: { freedBytes: number } };
}

export type TrainerQuestion = keyof TrainerQuestions;

/** What trains, in a worker of its own. */
export interface Trainer {
  ask<Q extends TrainerQuestion>(
    question: Q,
    input: TrainerQuestions[Q]['input'],
    signal?: AbortSignal,
  ): Promise<TrainerQuestions[Q]['answer']>;
  /** One run at a time. Leaving the loop stops it after the step in hand; errors reject. */
  train(request: RunRequest, signal?: AbortSignal): AsyncIterable<RunEvent>;
  /** Reads the files of a run that does not run. Throws `training/no-checkpoint` for a model that is not there. */
  exportRun(request: RunExportRequest, signal?: AbortSignal): AsyncIterable<RunFileEvent>;
  /** Makes a receipt's first steps again; nothing is kept of them. Throws `training/receipt`, and what `train` throws. */
  checkReceipt(request: ReceiptRequest, signal?: AbortSignal): AsyncIterable<ReceiptEvent>;
  /** Draws the notebook's model from its seed, and nothing of it stays. Throws `device/…`, `training/busy`. */
  draw(request: DrawRequest, signal?: AbortSignal): AsyncIterable<DrawEvent>;
  dispose(): void;
}
