// Which tokenizer a folder's model has: its own, GPT-2's, or none.
import { EngineError } from '../../errors.ts';
import { type ModelFolder, toText } from '../../hub/modelFolder.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { loadGpt2Tokenizer } from '../../text/gpt2Tokenizer.ts';
import type { TokenizerFiles } from '../../text/vocabularyFiles.ts';

/** Each file's text; null where there is none. */
export interface TokenizerTexts {
  readonly vocab: string | null;
  readonly merges: string | null;
  readonly added: string | null;
  readonly json: string | null;
}

/** What the folder has of a tokenizer. */
export async function readTokenizerFiles(
  folder: ModelFolder,
  config: Promise<ConfigFile>,
): Promise<TokenizerTexts> {
  const read = async (file: string): Promise<string | null> => {
    const bytes = await folder.read(file, true);
    return bytes && toText(bytes, file);
  };
  const [vocab, merges] = await Promise.all([read('vocab.json'), read('merges.txt')]);
  if (vocab === null && merges === null) {
    return { vocab, merges, added: null, json: await read('tokenizer.json') };
  }
  // A folder on the web cannot say what is in it. Tokens can only have been added where ids are left.
  const { vocabSize } = await config;
  const isFull = vocab !== null && vocabSize !== undefined && countEntries(vocab) >= vocabSize;
  return { vocab, merges, added: isFull ? null : await read('added_tokens.json'), json: null };
}

/** Entries of a vocab.json: its only strings are tokens. Where it is none, building the tokenizer will say so. */
function countEntries(vocab: string): number {
  return vocab.match(/"(?:[^"\\]|\\.)*"/gu)?.length ?? 0;
}

/** The tokenizer's files as they came; null where there were none. */
export function namedFiles({
  vocab,
  merges,
  added,
  json,
}: TokenizerTexts): Map<string, string> | null {
  const files = Object.entries({
    'vocab.json': vocab,
    'merges.txt': merges,
    'added_tokens.json': added,
    'tokenizer.json': json,
  }).flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]));
  return files.length > 0 ? new Map(files) : null;
}

/** The folder's own tokenizer, GPT-2's for models with its vocabulary and no files, or none. */
export async function toTokenizer(
  { vocab, merges, added, json }: TokenizerTexts,
  name: string,
  vocabSize: number,
): Promise<BytePairEncoder | null> {
  const isPair = vocab !== null && merges !== null;
  if (isPair || json !== null) {
    let files: TokenizerFiles = { vocab: vocab ?? '', merges: merges ?? '' };
    if (!isPair || added !== null) {
      const { readAddedTokens, readTokenizerJson } = await import('../../text/tokenizerJson.ts');
      files = isPair
        ? { ...files, specialTokens: readAddedTokens(added) }
        : readTokenizerJson(json ?? '');
    }
    // A token that was added without a row of the embedding is never written, nor read: text has no such tokens.
    const specialTokens = new Map(
      [...(files.specialTokens ?? [])].filter(([, id]) => id < vocabSize),
    );
    const tokenizer = BytePairEncoder.fromFiles({ ...files, specialTokens });
    if (tokenizer.vocabSize > vocabSize) {
      throw new EngineError(
        `${isPair ? 'vocab.json' : 'tokenizer.json'} has ids up to ${tokenizer.vocabSize - 1}; the model expects a vocabulary of ${vocabSize}.`,
        { code: 'tokenizer/vocab', hint: 'The tokenizer files are of another model.' },
      );
    }
    return tokenizer;
  }
  if (vocab !== null || merges !== null) {
    const [there, absent] =
      vocab === null ? ['merges.txt', 'vocab.json'] : ['vocab.json', 'merges.txt'];
    throw new EngineError(`${name} has ${there} but no ${absent}.`, {
      code: 'tokenizer/missing',
      hint: 'A byte-level BPE needs both files; put the other one beside it.',
    });
  }
  // GPT-2's 50,257 tokens, and nanoGPT's padding of them to 50,304.
  if (vocabSize === 50257 || vocabSize === 50304) return loadGpt2Tokenizer();
  return null;
}
