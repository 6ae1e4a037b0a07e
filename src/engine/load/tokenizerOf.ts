// Which tokenizer a folder's model has: its own, GPT-2's, or none, and why. No tokenizer keeps the weights from loading.
import { EngineError } from '../../errors.ts';
import { type ModelFolder, parseJsonFile, toText } from '../../hub/modelFolder.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { loadGpt2Tokenizer } from '../../text/gpt2Tokenizer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { BesideVocabulary } from '../../text/tokenizerJson.ts';

/** The files of a tokenizer that are there. */
export interface TokenizerTexts {
  /** By name. */
  readonly texts: ReadonlyMap<string, string>;
  /** Why one of them is none. */
  readonly problem?: EngineError;
}

const VOCAB = 'vocab.json';
const MERGES = 'merges.txt';
const WHOLE = 'tokenizer.json';
const ADDED = 'added_tokens.json';
const BESIDE = ['tokenizer_config.json', 'special_tokens_map.json'] as const;
/** Where people keep the characters of a model of characters, if not in vocab.json. */
const CHARACTERS = ['meta.json', 'chars.json'] as const;

const GPT2_SIZE = 50257;
/** Beyond the padding that GPT-2's rows are known with (to a multiple of 1024), it is another vocabulary. */
const MOST_GPT2_ROWS = 51200;

/**
 * What the folder has of a tokenizer. tokenizer.json rules over vocab.json and merges.txt, as in transformers. A folder
 * on the web cannot say what is in it: there config.json may (`tokenizer_files`), and nothing is asked for in vain that
 * could not change anything.
 */
export async function readTokenizerFiles(
  folder: ModelFolder,
  config: Promise<ConfigFile>,
): Promise<TokenizerTexts> {
  const texts = new Map<string, string>();
  let problem: EngineError | undefined;
  const done = (): TokenizerTexts => (problem ? { texts, problem } : { texts });
  const read = async (file: string): Promise<boolean> => {
    const bytes = await folder.read(file, true);
    try {
      if (bytes) texts.set(file, toText(bytes, file));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      problem ??= error;
    }
    return bytes !== null;
  };
  const readAll = (files: readonly string[]): Promise<boolean[]> => Promise.all(files.map(read));
  const [hasVocab, hasMerges] = await readAll([VOCAB, MERGES]);
  const { vocabSize, tokenizerFiles } = await config;
  if (tokenizerFiles) {
    const rest = [WHOLE, ADDED, ...BESIDE, ...CHARACTERS];
    await readAll(rest.filter((file) => tokenizerFiles.includes(file)));
    return done();
  }
  if (await read(WHOLE)) {
    await readAll(BESIDE);
  } else if (hasVocab && hasMerges) {
    // Tokens can only have been added where ids are left.
    const isFull = vocabSize !== undefined && countEntries(texts.get(VOCAB) ?? '') >= vocabSize;
    await readAll(isFull ? BESIDE : [ADDED, ...BESIDE]);
  } else if (!hasVocab && !hasMerges && (vocabSize ?? 0) < GPT2_SIZE) {
    await readAll(CHARACTERS);
  }
  return done();
}

/** Entries of a vocab.json: its only strings are tokens. Where it is none, building the tokenizer will say so. */
function countEntries(vocab: string): number {
  return vocab.match(/"(?:[^"\\]|\\.)*"/gu)?.length ?? 0;
}

/** A model's tokenizer, and what is to be said of it. */
export interface FoundTokenizer {
  readonly tokenizer: Tokenizer | null;
  /** What there is to say of its files: why they cannot be used, or what of them is not. */
  readonly note?: string;
  /** Where there is none, what can be done. */
  readonly advice?: string;
}

/** The folder's own tokenizer, GPT-2's for models with its vocabulary and no files, or none; `rows` are the embedding's. */
export async function toTokenizer(
  { texts, problem }: TokenizerTexts,
  rows: number,
): Promise<FoundTokenizer> {
  try {
    if (problem) throw problem;
    const found = await readTokenizer(texts, rows);
    const { leftOut = 0 } = found.tokenizer ?? {};
    if (leftOut === 0) return found;
    const count = leftOut === 1 ? 'token has' : 'tokens have';
    return {
      ...found,
      note: `${leftOut} ${count} no row in this model of ${rows}, and will be neither read nor written.`,
    };
  } catch (error) {
    if (!(error instanceof EngineError) || !/^(?:tokenizer|config|files)\//.test(error.code))
      throw error;
    return {
      tokenizer: null,
      note: `${error.message} It cannot read text, but token ids. ${error.hint}`,
      advice: `${error.message} ${error.hint}`,
    };
  }
}

async function readTokenizer(
  texts: TokenizerTexts['texts'],
  rows: number,
): Promise<FoundTokenizer> {
  const [vocab, merges, whole] = [VOCAB, MERGES, WHOLE].map((file) => texts.get(file));
  const [config = null, specialMap = null] = BESIDE.map((file) => texts.get(file));
  const beside: BesideVocabulary = { config, specialMap, added: texts.get(ADDED) ?? null };
  if (whole !== undefined) {
    const { readTokenizerJson } = await import('../../text/tokenizerJson.ts');
    return { tokenizer: readTokenizerJson(whole, rows, beside) };
  }
  if (vocab !== undefined && merges !== undefined) {
    if (Object.values(beside).every((text) => text === null)) {
      return { tokenizer: BytePairEncoder.fromFiles({ vocab, merges, rows }) };
    }
    const { readTokenizerPair } = await import('../../text/tokenizerJson.ts');
    return { tokenizer: readTokenizerPair({ vocab, merges }, rows, beside) };
  }
  if (merges !== undefined) {
    throw new EngineError(`There is ${MERGES}, but no ${VOCAB}.`, {
      code: 'tokenizer/missing',
      hint: `Put ${VOCAB} of the same model beside it.`,
    });
  }
  for (const file of [VOCAB, ...CHARACTERS]) {
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
