// The library: GPT-2 in WebGPU, without the page. No React in it.
export { GPT2 } from './engine/gpt2.ts';
export type { GenerateOptionsInput, GeneratedToken } from './engine/gpt2.ts';
export type { FromPretrainedOptions } from './engine/load/options.ts';
export type { ForwardOptions, ForwardOutput, OutputTensor } from './engine/reading/forward.ts';
export type { SaveOptions, SavedFile, SavedModel } from './engine/save.ts';
export type {
  DeviceRequest,
  DeviceSummary,
  Dtype,
  GenerationOptions,
  ModelSummary,
  ProgressInfo,
  SamplingOptions,
  TokenPiece,
} from './api.ts';
export { EngineError } from './errors.ts';
export { PRESETS, checkConfig, headSizeOf, toMegabytes } from './model/config.ts';
export type { GptConfig } from './model/config.ts';
export { parameterBytes, parameterCount } from './model/parameters.ts';
