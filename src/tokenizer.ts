// The tokenizer alone, for those who need no model: a few kilobytes, ranks apart.
export { BytePairEncoder } from './text/bytePairEncoder.ts';
export type { DecodeOptions, EncodeOptions, Tokenizer } from './text/tokenizer.ts';
export { loadGpt2Tokenizer } from './text/gpt2Tokenizer.ts';
export { StreamingDecoder } from './text/streamingDecoder.ts';
export type { TokenizerFiles } from './text/vocabularyFiles.ts';
