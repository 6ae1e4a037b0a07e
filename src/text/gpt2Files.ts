// GPT-2's vocabulary as the two files that transformers reads, made from the ranks.
import { byteAlphabet } from './byteStrings.ts';

interface Pair {
  readonly vocab: string;
  readonly merges: string;
}

let making: Promise<Pair> | undefined;

/**
 * `vocab.json` and `merges.txt` of GPT-2's own tokenizer, made once. Rejects when its chunk cannot be fetched; asking
 * again tries again.
 */
export function gpt2TokenizerFiles(): Promise<Pair> {
  making ??= make().catch((error: unknown) => {
    making = undefined;
    throw error;
  });
  return making;
}

async function make(): Promise<Pair> {
  const { default: gpt2 } = await import('js-tiktoken/ranks/gpt2');
  const tokens: string[] = [];
  for (const line of gpt2.bpe_ranks.split('\n')) {
    const [mark, first, ...encoded] = line.split(' ');
    if (mark !== '!') continue;
    encoded.forEach((base64, i) => (tokens[Number(first) + i] = atob(base64)));
  }
  const rankOf = new Map(tokens.map((token, rank) => [token, rank]));
  const printed = (token: string): string =>
    Array.from(token, (byte) => byteAlphabet[byte.charCodeAt(0)]).join('');
  // A token that is no byte came from a merge of the two that are left when all earlier merges are done.
  const merges = tokens
    .filter((token) => token.length > 1)
    .map((token) => mergeBelow(token, rankOf).map(printed).join(' '));
  const vocab = [
    ...tokens.map((token, id) => [printed(token), id] as const),
    ...Object.entries(gpt2.special_tokens),
  ];
  return {
    vocab: JSON.stringify(Object.fromEntries(vocab)),
    merges: `#version: 0.2\n${merges.join('\n')}\n`,
  };
}

/** A token's bytes merged by all ranks below its own. */
function mergeBelow(token: string, rankOf: ReadonlyMap<string, number>): string[] {
  const own = rankOf.get(token) ?? 0;
  const parts = [...token];
  for (;;) {
    let best = own;
    let at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = rankOf.get(parts[i] + parts[i + 1]) ?? own;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return parts;
    parts.splice(at, 2, parts[at] + parts[at + 1]);
  }
}
