// The tokenizer alone, for those who need no model: a few kilobytes, ranks apart.
export { BytePairEncoder } from './text/bytePairEncoder.ts';
export type { EncodeOptions } from './text/bytePairEncoder.ts';
export { loadGpt2Tokenizer } from './text/gpt2Tokenizer.ts';
export { StreamingDecoder } from './text/streamingDecoder.ts';
export type { TokenizerFiles } from './text/vocabularyFiles.ts';
