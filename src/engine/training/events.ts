// What a training run tells, in the order in which it happens.
import type { MemoryPlan } from '../../model/training/plan.ts';
import type { GPT2 } from '../gpt2.ts';
import type { SavedFile } from '../save.ts';

/** Before any memory is taken. */
export interface PlanEvent {
  readonly type: 'plan';
  readonly plan: MemoryPlan;
}

export interface StartEvent {
  readonly type: 'start';
  /** Steps done already, of a run that goes on. */
  readonly step: number;
  readonly max_steps: number;
  /** Of the model, and how many of them (or of an adapter's) learn. */
  readonly parameters: number;
  readonly trainable: number;
  /** Targets that a step learns from. */
  readonly tokensAStep: number;
  /** The checkpoint that it goes on from; null for a run from the beginning. */
  readonly checkpoint: string | null;
}

/** After every `logging_steps` steps. */
export interface StepEvent {
  readonly type: 'step';
  /** Steps done. */
  readonly step: number;
  /** Mean cross-entropy, in nats, of the steps since this was told last; each measured before its step. */
  readonly loss: number;
  /** Of the last step, as is the gradient's norm before clipping. */
  readonly learning_rate: number;
  readonly grad_norm: number;
  /** Of the steps alone: what is read, kept or written between them does not count. */
  readonly tokensPerSecond: number;
  /** Targets seen so far, and what share of the text's that is: 2.5 is two and a half times. */
  readonly tokens: number;
  readonly epoch: number;
}

export interface EvaluationEvent {
  readonly type: 'evaluation';
  readonly step: number;
  /** Mean cross-entropy, in nats, without dropout. */
  readonly eval_loss: number;
  /** Targets that it was measured on. */
  readonly targets: number;
}

/** Something that the model wrote. */
export interface SampleEvent {
  readonly type: 'sample';
  readonly step: number;
  readonly prompt: string;
  /** What comes after the prompt; ids where there is no tokenizer. */
  readonly text: string;
}

/** A checkpoint is kept. */
export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly step: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** Steps whose checkpoints gave way. */
  readonly removed: readonly number[];
}

/** Something went wrong, and the run goes on. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly step: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** The last one. The model is the listener's from here on: to read with, to save, to dispose of. */
export interface DoneEvent {
  readonly type: 'done';
  readonly reason: 'max_steps' | 'stopped';
  readonly step: number;
  readonly model: GPT2;
  /** Files of the PEFT adapter, where a LoRA was trained, which `model` has merged; null where it was not. */
  readonly adapter: readonly SavedFile[] | null;
}

export type TrainEvent =
  | PlanEvent
  | StartEvent
  | StepEvent
  | EvaluationEvent
  | SampleEvent
  | CheckpointEvent
  | NoticeEvent
  | DoneEvent;
