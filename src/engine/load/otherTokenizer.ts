// Tokenizers that are not GPT-2's two files alone: everything that stands in other files, characters, and GPT-2's own
// where there are none.
import { EngineError } from '../../errors.ts';
import { parseJsonFile } from '../../hub/modelFolder.ts';
import { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { loadGpt2Tokenizer } from '../../text/gpt2Tokenizer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { BesideVocabulary } from '../../text/tokenizerJson.ts';

const VOCAB = 'vocab.json';
const MERGES = 'merges.txt';
const GPT2_SIZE = 50257;
/** Beyond the padding that GPT-2's rows are known with (to a multiple of 1024), it is another vocabulary. */
const MOST_GPT2_ROWS = 51200;

/** A model's tokenizer, and what is to be said of it. */
export interface FoundTokenizer {
  readonly tokenizer: Tokenizer | null;
  /** What there is to say of its files: why they cannot be used, or what of them is not. */
  readonly note?: string;
  /** Where there is none, what can be done. */
  readonly advice?: string;
}

/** From the texts of a folder's files by name. Throws `tokenizer/…`, `config/format`. */
export async function readOtherTokenizer(
  texts: ReadonlyMap<string, string>,
  rows: number,
): Promise<FoundTokenizer> {
  const [vocab, merges, whole] = [VOCAB, MERGES, 'tokenizer.json'].map((file) => texts.get(file));
  const beside: BesideVocabulary = {
    config: texts.get('tokenizer_config.json') ?? null,
    specialMap: texts.get('special_tokens_map.json') ?? null,
    added: texts.get('added_tokens.json') ?? null,
  };
  if (whole !== undefined) {
    const { readTokenizerJson } = await import('../../text/tokenizerJson.ts');
    return { tokenizer: readTokenizerJson(whole, rows, beside) };
  }
  if (vocab !== undefined && merges !== undefined) {
    const { readTokenizerPair } = await import('../../text/tokenizerJson.ts');
    return { tokenizer: readTokenizerPair({ vocab, merges }, rows, beside) };
  }
  if (merges !== undefined) {
    throw new EngineError(`There is ${MERGES}, but no ${VOCAB}.`, {
      code: 'tokenizer/missing',
      hint: `Put ${VOCAB} of the same model beside it.`,
    });
  }
  for (const file of [VOCAB, 'meta.json', 'chars.json']) {
    const text = texts.get(file);
    if (text !== undefined) return { tokenizer: await ofCharacters(text, file, rows) };
  }
  if (rows === GPT2_SIZE || rows === 50304) return { tokenizer: await loadGpt2Tokenizer() };
  if (rows > GPT2_SIZE && rows <= MOST_GPT2_ROWS) {
    return {
      tokenizer: await loadGpt2Tokenizer(),
      note: `It came without a tokenizer: its first 50,257 tokens are taken for GPT-2's. What the ${rows - GPT2_SIZE} after them are called is not known; put the tokenizer's files beside the weights.`,
    };
  }
  return {
    tokenizer: null,
    advice:
      'It came without one. Put tokenizer.json beside the weights, or vocab.json with merges.txt, or of a model of characters meta.json; or give token ids.',
  };
}

/** A vocabulary without merges: characters, or bytes that are never merged. Throws `tokenizer/…`. */
async function ofCharacters(text: string, file: string, rows: number): Promise<Tokenizer> {
  const json = parseJsonFile(new TextEncoder().encode(text), file);
  const { CharacterTokenizer, readCharacters } = await import('../../text/characters.ts');
  const idOf = readCharacters(json, file);
  if (!idOf) {
    throw new EngineError(
      `${file} is no list of characters${file === VOCAB ? `, and there is no ${MERGES}` : ''}.`,
      {
        code: 'tokenizer/missing',
        hint: `Put ${MERGES} or tokenizer.json of the same model beside it.`,
      },
    );
  }
  // GPT-2's alphabet has letters of its own for a space and other bytes that do not print.
  if (idOf.has('Ġ') && !idOf.has(' ')) {
    return BytePairEncoder.fromFiles({ vocab: text, merges: '', rows });
  }
  return new CharacterTokenizer(idOf, rows);
}
