// Training, apart from the rest of the library: whoever only reads with a model loads none of it.
export { train } from './engine/training/train.ts';
export type { NewModel, TrainOptions } from './engine/training/begin.ts';
export type {
  CheckpointEvent,
  DoneEvent,
  EvaluationEvent,
  NoticeEvent,
  PlanEvent,
  SampleEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from './engine/training/events.ts';
export { DEFAULTS } from './engine/training/options.ts';
export type { TrainingArguments } from './engine/training/options.ts';
export { readCorpus } from './engine/training/corpus.ts';
export type { Corpus, CorpusOptions } from './engine/training/corpus.ts';
export { splitCorpus } from './engine/training/split.ts';
export type { Split, SplitOptions } from './engine/training/split.ts';
export { TokenIds } from './engine/training/tokenIds.ts';
export type { Ids } from './engine/training/tokenIds.ts';
export { createBytes, trainBytePairs } from './text/training/bytePairTrainer.ts';
export { trainCharacters } from './text/training/characterTrainer.ts';
export type { TrainedTokenizer } from './text/training/trained.ts';
export { openCheckpointFolder } from './engine/training/checkpointFolder.ts';
export { openKeptCheckpoints } from './engine/training/keptCheckpoints.ts';
export type { CheckpointStore, KeepLimits } from './engine/training/checkpointStore.ts';
export { LORA_DEFAULTS } from './model/training/lora/loraConfig.ts';
export type { LoraConfig } from './model/training/lora/loraConfig.ts';
export type { MemoryPlan } from './model/training/plan.ts';
