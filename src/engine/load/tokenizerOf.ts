// Which tokenizer a folder's model has: its own, GPT-2's, or none, and why. No tokenizer keeps the weights from loading.
import { EngineError } from '../../errors.ts';
import { type ModelFolder, toText } from '../../hub/modelFolder.ts';
import { whatItIs } from '../../formats/whatItIs.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { STILL_IDS } from '../../text/tokenizer.ts';
import type { FoundTokenizer } from './otherTokenizer.ts';

/** The files of a tokenizer that are there. */
export interface TokenizerTexts {
  /** By name. */
  readonly texts: ReadonlyMap<string, string>;
  /** Why one of them is none. */
  readonly problem?: EngineError;
  /** What a file is that holds a tokenizer, but not as a text: told where nothing else is one. */
  readonly pickled?: EngineError;
}

const VOCAB = 'vocab.json';
const MERGES = 'merges.txt';
const WHOLE = 'tokenizer.json';
const ADDED = 'added_tokens.json';
const BESIDE = ['tokenizer_config.json', 'special_tokens_map.json'] as const;
/** Where people keep the characters of a model of characters, if not in vocab.json. */
const CHARACTERS = ['meta.json', 'chars.json', 'stoi.json', 'itos.json'] as const;

/** The same as nanoGPT writes them. */
const META = 'meta.pkl';

/** A model with so many rows and no files has GPT-2's own tokenizer, if any. */
const GPT2_SIZE = 50257;

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
  let pickled: EngineError | undefined;
  /** In one order, whichever of them came first: so they are saved again. */
  const done = (): TokenizerTexts => {
    const order = [VOCAB, MERGES, WHOLE, ADDED, ...BESIDE, ...CHARACTERS];
    const sorted = [...texts].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b));
    return { texts: new Map(sorted), problem, pickled };
  };
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
  } else if (!hasVocab && !hasMerges) {
    // A small model may have characters, one of GPT-2's size GPT-2's tokens and what is said beside them.
    if ((vocabSize ?? 0) < GPT2_SIZE) {
      const hasCharacters = (await readAll(CHARACTERS)).some(Boolean);
      if (!hasCharacters) pickled = await whatIsPickled(folder);
    }
    if ((vocabSize ?? GPT2_SIZE) >= GPT2_SIZE) {
      await readAll(vocabSize === GPT2_SIZE ? BESIDE : [ADDED, ...BESIDE]);
    }
  }
  return done();
}

/** Of characters in nanoGPT's own file what that is. A folder elsewhere is not asked for what cannot be read. */
async function whatIsPickled(folder: ModelFolder): Promise<EngineError | undefined> {
  const bytes = folder.origin.host === null ? await folder.read(META, true) : null;
  return bytes ? whatItIs(META, bytes, bytes.length)?.error : undefined;
}

/** Entries of a vocab.json: its only strings are tokens. Where it is none, building the tokenizer will say so. */
function countEntries(vocab: string): number {
  return vocab.match(/"(?:[^"\\]|\\.)*"/gu)?.length ?? 0;
}

/** The folder's own tokenizer, GPT-2's for models with its vocabulary and no files, or none; `rows` are the embedding's. */
export async function toTokenizer(
  { texts, problem, pickled }: TokenizerTexts,
  rows: number,
): Promise<FoundTokenizer> {
  try {
    if (problem) throw problem;
    const [vocab, merges] = [texts.get(VOCAB), texts.get(MERGES)];
    const isPair = vocab !== undefined && merges !== undefined && texts.size === 2;
    // Whatever else there is comes with its code when it is needed.
    const found: FoundTokenizer = isPair
      ? { tokenizer: BytePairEncoder.fromFiles({ vocab, merges, rows }) }
      : await (await import('./otherTokenizer.ts')).readOtherTokenizer(texts, rows);
    if (!found.tokenizer && pickled) throw pickled;
    const { leftOut = 0 } = found.tokenizer ?? {};
    if (leftOut === 0) return found;
    const count = leftOut === 1 ? 'token has' : 'tokens have';
    return {
      ...found,
      note: `${leftOut} ${count} no row in this model of ${rows}, and will be neither read nor written.`,
    };
  } catch (thrown) {
    const error = thrown instanceof RangeError ? tooMuch(thrown) : thrown;
    if (!(error instanceof EngineError) || !/^(?:tokenizer|config|files)\//.test(error.code))
      throw error;
    const { message, hint } = error;
    // What can still be done is said once.
    const rest = hint === STILL_IDS ? '' : ` ${hint}`;
    return {
      tokenizer: null,
      note: `${message} The model cannot read text without a tokenizer. ${STILL_IDS}${rest}`,
      advice: `${message} ${hint}`,
    };
  }
}

/** A file may be nested so deeply, or one of its lists be so long, that a stack is used up. */
function tooMuch(cause: RangeError): EngineError {
  return new EngineError(
    'The files of the tokenizer are too long or nested too deeply to be read.',
    {
      code: 'tokenizer/unsupported',
      hint: STILL_IDS,
      cause,
    },
  );
}
