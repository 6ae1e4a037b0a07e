// Tokenizers that are not GPT-2's two files alone: everything that stands in other files, characters, and GPT-2's own
// where there are none.
import { EngineError } from '../../errors.ts';
import { parseJsonFile } from '../../hub/modelFolder.ts';
import { cut, isObject } from '../../json.ts';
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
    if (text !== undefined) return { tokenizer: await ofCharacters(parse(text, file), file, rows) };
  }
  const tables = ['stoi', 'itos'].filter((table) => texts.has(`${table}.json`));
  if (tables.length > 0) {
    const files = tables.map((table) => `${table}.json`);
    const json = tables.map((table, i) => [table, parse(texts.get(files[i]) ?? '', files[i])]);
    const both = Object.fromEntries(json) as unknown;
    return { tokenizer: await ofCharacters(both, files.join(' and '), rows) };
  }
  if (rows >= GPT2_SIZE && rows <= MOST_GPT2_ROWS) return ofGpt2([...texts.keys()], beside, rows);
  return {
    tokenizer: null,
    advice:
      'It came without one. Put tokenizer.json beside the weights, or vocab.json with merges.txt, or of a model of characters meta.json; or give token ids.',
  };
}

/** GPT-2's tokenizer, where nothing is there but what is said beside one. Throws `tokenizer/…`. */
async function ofGpt2(
  files: readonly string[],
  beside: BesideVocabulary,
  rows: number,
): Promise<FoundTokenizer> {
  let tokenizer: Tokenizer;
  if (files.length === 0) {
    tokenizer = await loadGpt2Tokenizer();
  } else {
    checkClass(beside);
    const { readTokenizerPair } = await import('../../text/tokenizerJson.ts');
    const { gpt2TokenizerFiles } = await import('../../text/gpt2Files.ts');
    tokenizer = readTokenizerPair(await gpt2TokenizerFiles(), rows, beside);
  }
  let unnamed = 0;
  for (let id = GPT2_SIZE; id < rows; id++) if (!tokenizer.has(id)) unnamed++;
  const isUsual = rows === GPT2_SIZE || rows === 50304;
  if (isUsual && files.length === 0) return { tokenizer };
  const taken =
    files.length === 0
      ? "It came without a tokenizer: its first 50,257 tokens are taken for GPT-2's."
      : `It came without a vocabulary: its first 50,257 tokens are taken for GPT-2's, together with its own ${files.join(', ')}.`;
  const after = rows - GPT2_SIZE;
  const which = unnamed === after ? `the ${after}` : `${unnamed} of the ${after}`;
  const called = after === 1 ? 'the one after them is' : `${which} after them are`;
  const rest = ` What ${called} called is not known; put the tokenizer's files beside the weights.`;
  return { tokenizer, note: unnamed > 0 && !isUsual ? taken + rest : taken };
}

/** Throws `tokenizer/missing` where the files speak of a tokenizer that is not GPT-2's. */
function checkClass({ config }: BesideVocabulary): void {
  const json = config === null ? null : parse(config, 'tokenizer_config.json');
  const name = isObject(json) ? json.tokenizer_class : undefined;
  if (typeof name !== 'string' || /^(?:GPT2|PreTrained)Tokenizer/.test(name)) return;
  throw new EngineError(
    `tokenizer_config.json speaks of a ${cut(name)}, whose vocabulary is not there.`,
    { code: 'tokenizer/missing', hint: 'Put tokenizer.json of the same model beside it.' },
  );
}

const parse = (text: string, file: string): unknown =>
  parseJsonFile(new TextEncoder().encode(text), file);

/** A vocabulary without merges: characters, or bytes that are never merged. Throws `tokenizer/…`. */
async function ofCharacters(json: unknown, file: string, rows: number): Promise<Tokenizer> {
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
    return BytePairEncoder.fromFiles({ vocab: Object.fromEntries(idOf), merges: '', rows });
  }
  return new CharacterTokenizer(idOf, rows);
}
