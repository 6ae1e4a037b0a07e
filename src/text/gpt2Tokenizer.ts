// GPT-2's own vocabulary, for models without tokenizer files. Its ranks (232 kB compressed) are a
// chunk of their own that is fetched when they are needed.
import { BytePairEncoder } from './bytePairEncoder.ts';

let loading: Promise<BytePairEncoder> | undefined;

/** GPT-2's tokenizer (50257 ids), made once. Rejects when its chunk cannot be fetched; asking again tries again. */
export function loadGpt2Tokenizer(): Promise<BytePairEncoder> {
  loading ??= import('js-tiktoken/ranks/gpt2').then(
    ({ default: gpt2 }) =>
      BytePairEncoder.fromRanks(gpt2.bpe_ranks, new Map(Object.entries(gpt2.special_tokens))),
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}
