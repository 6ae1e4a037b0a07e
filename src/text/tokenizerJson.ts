// The files in which Hugging Face keeps a tokenizer: tokenizer.json, which is whole in itself, and what stands beside it or
// beside vocab.json and merges.txt: tokenizer_config.json, special_tokens_map.json and added_tokens.json.
import { EngineError } from '../errors.ts';
import { isObject, parseJson, show } from '../json.ts';
import { BytePairEncoder } from './bytePairEncoder.ts';
import { type AddedToken } from './pipeline/addedTokens.ts';
import { readNormalizers } from './pipeline/normalizers.ts';
import { Pipeline, type Template } from './pipeline/pipeline.ts';
import { readPreTokenizer } from './pipeline/preTokenizers.ts';
import { type Spec, flagOf, partsOf, unsupported } from './pipeline/spec.ts';
import { byteWords, isOfBytes, mergesOf, namedWords, vocabularyOf } from './pipeline/words.ts';
import { END_OF_TEXT, type Tokenizer } from './tokenizer.ts';
import { PAIR, type TokenizerFiles, parseVocab } from './vocabularyFiles.ts';

/** Texts of the files beside a vocabulary; null where there is none. */
export interface BesideVocabulary {
  /** `tokenizer_config.json`. */
  readonly config: string | null;
  /** `special_tokens_map.json`. */
  readonly specialMap: string | null;
  /** `added_tokens.json`. */
  readonly added: string | null;
}

const CONFIG = 'tokenizer_config.json';
const MAP = 'special_tokens_map.json';

const NOTHING: BesideVocabulary = { config: null, specialMap: null, added: null };

/** With more names than this a tree of them is faster than a regular expression. */
const MANY_NAMES = 64;

/**
 * The tokenizer of a `tokenizer.json` as Hugging Face's tokenizers read it; tokens whose ids are not below `rows` are
 * left out. Throws `tokenizer/unsupported` for what is not known here, by name, `tokenizer/pattern` for a pattern that
 * is not understood, `tokenizer/vocab` and `tokenizer/merges`.
 */
export function readTokenizerJson(
  text: string,
  rows = Infinity,
  beside: BesideVocabulary = NOTHING,
): Tokenizer {
  const json = parse(text, 'tokenizer.json');
  if (!isObject(json.model)) throw unsupported(`the model is ${show(json.model)}`);
  const { model } = json;
  const vocabulary = vocabularyOf(model);
  const added = new Map<string, AddedToken>();
  for (const token of Array.isArray(json.added_tokens) ? json.added_tokens : []) {
    const read = readAdded(token, 'tokenizer.json');
    if (!read || read.id === undefined)
      throw unsupported(`the added token ${show(token)} has no id`);
    // One that the vocabulary has is that one, whatever it says.
    added.set(read.content, { ...PLAIN, ...read, id: vocabulary.get(read.content) ?? read.id });
  }
  const settings = readSettings(beside);
  addNamed(added, vocabulary, settings);
  const preTokenizers = partsOf(json.pre_tokenizer, 'pretokenizers');
  const [only] = preTokenizers;
  if (
    settings.addPrefixSpace !== undefined &&
    preTokenizers.length === 1 &&
    only.type === 'ByteLevel'
  ) {
    preTokenizers[0] = { ...only, add_prefix_space: settings.addPrefixSpace };
  }
  const template = readTemplate(json.post_processor);
  return build({
    model,
    files: isOfBytes(model)
      ? { vocab: model.vocab as Spec, merges: mergesOf(model), isWhole: true }
      : null,
    added: [...added.values()],
    normalizer: json.normalizer,
    preTokenizers,
    decoder: json.decoder,
    template: template ?? bosTemplate(added, settings),
    rows,
  });
}

/** The tokenizer of `vocab.json` and `merges.txt` with what stands beside them, as transformers read them. Throws as `readTokenizerJson`. */
export function readTokenizerPair(
  files: Pick<TokenizerFiles, 'vocab' | 'merges'>,
  rows = Infinity,
  beside: BesideVocabulary = NOTHING,
): Tokenizer {
  const vocabulary = parseVocab(files.vocab, PAIR);
  const settings = readSettings(beside);
  const added = new Map<string, AddedToken>();
  const specials = new Set(settings.named.map(({ content }) => content));
  for (const [content, id] of readAddedTokens(beside.added)) {
    added.set(content, { ...PLAIN, content, id, special: specials.has(content) });
  }
  // GPT2Tokenizer's own, where nothing else is said.
  const isOpen = ['bos_token', 'eos_token', 'unk_token'].some((key) => !settings.said.has(key));
  const own = isOpen && vocabulary.has(END_OF_TEXT) ? [{ content: END_OF_TEXT }] : [];
  addNamed(added, vocabulary, { ...settings, named: [...own, ...settings.named] });
  return build({
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary), merges: files.merges },
    files: { ...files, isWhole: false },
    added: [...added.values()],
    normalizer: null,
    preTokenizers: [
      { type: 'ByteLevel', add_prefix_space: settings.addPrefixSpace ?? false, use_regex: true },
    ],
    decoder: null,
    template: bosTemplate(added, settings),
    rows,
  });
}

/** Added tokens of an `added_tokens.json`, name → id. Throws `tokenizer/vocab`. */
export function readAddedTokens(text: string | null): ReadonlyMap<string, number> {
  const tokens = new Map<string, number>();
  for (const [name, id] of Object.entries(text === null ? {} : parse(text, 'added_tokens.json'))) {
    if (typeof id !== 'number') {
      throw new EngineError(`added_tokens.json gives ${show(name)} the id ${show(id)}.`, {
        code: 'tokenizer/vocab',
        hint: 'Take added_tokens.json from the folder of the model, unchanged.',
      });
    }
    tokens.set(name, id);
  }
  return tokens;
}

interface Parts {
  readonly model: Spec;
  /** The same as vocabulary and merges of bytes, where it is that. */
  readonly files: TokenizerFiles | null;
  readonly added: readonly AddedToken[];
  readonly normalizer: unknown;
  readonly preTokenizers: readonly Spec[];
  readonly decoder: unknown;
  readonly template: Template;
  readonly rows: number;
}

/** The byte-pair encoder alone where that is all; else everything around it, or another model. */
function build({ model, files, added: all, preTokenizers, rows, ...parts }: Parts): Tokenizer {
  const added = all.filter(({ id }) => id < rows);
  const normalizers = readNormalizers(parts.normalizer);
  const levels = preTokenizers.filter(({ type }) => type === 'ByteLevel').length;
  const isLast = preTokenizers.at(-1)?.type === 'ByteLevel';
  const isOfParts = files !== null && levels === 1 && isLast && !hasLevel(parts.normalizer);
  const specialTokens = new Map(all.map(({ content, id }) => [content, id]));
  const template: Template = {
    before: parts.template.before.filter((id) => id < rows),
    after: parts.template.after.filter((id) => id < rows),
  };
  if (isOfParts && normalizers.length === 0 && preTokenizers.length === 1) {
    const [level] = preTokenizers;
    const isPlain =
      !flagOf(level, 'add_prefix_space', false) &&
      flagOf(level, 'use_regex', true) &&
      model.ignore_merges !== true &&
      template.before.length + template.after.length === 0 &&
      added.length <= MANY_NAMES &&
      added.every((token) => isPlainToken(token) && token.normalized === added[0].normalized);
    if (isPlain) return BytePairEncoder.fromFiles({ ...files, specialTokens, rows });
  }
  const isMapped = !isOfParts && (levels > 0 || hasLevel(parts.normalizer));
  return new Pipeline({
    added,
    normalizers,
    preTokenizers: preTokenizers.map((spec) => readPreTokenizer(spec, !isOfParts)),
    words: isOfParts
      ? byteWords({ ...files, rows }, model.ignore_merges === true)
      : namedWords(model, parts.decoder, { rows, isMapped }),
    template,
  });
}

function hasLevel(normalizer: unknown): boolean {
  return partsOf(normalizer, 'normalizers').some(({ type }) => type === 'ByteLevel');
}

/** Special tokens without any rule but their name: what the byte-pair encoder finds by itself. */
function isPlainToken({ special, single_word, lstrip, rstrip }: AddedToken): boolean {
  return special && !single_word && !lstrip && !rstrip;
}

const PLAIN = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

/** A token that a file names: its text alone, or with its rules. */
type Named = Partial<AddedToken> & { readonly content: string };

function readAdded(value: unknown, file: string): Named | undefined {
  if (typeof value === 'string') return { content: value };
  if (!isObject(value) || typeof value.content !== 'string') return undefined;
  const isId = Number.isInteger(value.id) && Number(value.id) >= 0 && Number(value.id) < 1 << 21;
  const named = `the token ${show(value.content)}`;
  const flag = (key: string, otherwise: boolean): boolean =>
    flagOf(value, key, otherwise, { named, file });
  const special = flag('special', false);
  return {
    content: value.content,
    ...(isId ? { id: Number(value.id) } : {}),
    single_word: flag('single_word', false),
    lstrip: flag('lstrip', false),
    rstrip: flag('rstrip', false),
    normalized: flag('normalized', !special),
    special,
  };
}

/** What the files beside a vocabulary say of it. */
interface Settings {
  readonly addPrefixSpace: boolean | undefined;
  readonly addBosToken: boolean;
  readonly bosToken: string | undefined;
  /** Tokens with their ids, as `added_tokens_decoder` has them. */
  readonly decoder: readonly (Named & { readonly id: number })[];
  /** Special tokens by name, whatever they are for. */
  readonly named: readonly Named[];
  /** What they are for. */
  readonly said: ReadonlySet<string>;
}

const TOKEN_KEYS = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((key) => `${key}_token`);

function readSettings({ config: configText, specialMap }: BesideVocabulary): Settings {
  const config = configText === null ? {} : parse(configText, CONFIG);
  const map = specialMap === null ? {} : parse(specialMap, MAP);
  const files = [
    [map, MAP],
    [config, CONFIG],
  ] as const;
  const decoder = Object.entries(
    isObject(config.added_tokens_decoder) ? config.added_tokens_decoder : {},
  ).flatMap(([key, value]) => {
    const token = readAdded(isObject(value) ? { ...value, id: Number(key) } : value, CONFIG);
    return token?.id === undefined ? [] : [{ ...token, id: token.id }];
  });
  const said = new Map<string, Named>();
  for (const [json, file] of files) {
    for (const key of TOKEN_KEYS) {
      const token = readAdded(json[key], file);
      if (token) said.set(key, token);
    }
  }
  const more = files.flatMap(([{ additional_special_tokens: tokens }, file]) =>
    Array.isArray(tokens) ? tokens.flatMap((token: unknown) => readAdded(token, file) ?? []) : [],
  );
  const { add_prefix_space: space } = config;
  return {
    addPrefixSpace: typeof space === 'boolean' ? space : undefined,
    addBosToken: config.add_bos_token === true,
    bosToken: said.get('bos_token')?.content,
    decoder,
    named: [...said.values(), ...more],
    said: new Set(said.keys()),
  };
}

/** Adds what the files beside a vocabulary name; what has no id yet gets the next one. */
function addNamed(
  added: Map<string, AddedToken>,
  vocabulary: ReadonlyMap<string, number>,
  { decoder, named }: Settings,
): void {
  let next = 0;
  for (const id of vocabulary.values()) next = Math.max(next, id + 1);
  for (const { id } of added.values()) next = Math.max(next, id + 1);
  for (const token of decoder) {
    const id = vocabulary.get(token.content) ?? token.id;
    added.set(token.content, { ...PLAIN, ...token, id });
    next = Math.max(next, id + 1);
  }
  for (const token of named) {
    if (token.content === '' || added.has(token.content)) continue;
    const id = vocabulary.get(token.content) ?? next++;
    added.set(token.content, { ...PLAIN, ...token, special: true, id });
  }
}

function bosTemplate(added: ReadonlyMap<string, AddedToken>, settings: Settings): Template {
  const { addBosToken, bosToken = END_OF_TEXT } = settings;
  const id = added.get(bosToken)?.id;
  return { before: addBosToken && id !== undefined ? [id] : [], after: [] };
}

/** Tokens that post-processors put around a text; null where none is there that could. Throws `tokenizer/unsupported`. */
function readTemplate(value: unknown): Template | null {
  const parts = partsOf(value, 'processors').filter(({ type }) => type !== 'ByteLevel');
  if (parts.length === 0) return null;
  const sides = parts.map(aroundText);
  // Each puts its own around what the ones before it made.
  return {
    before: sides.toReversed().flatMap(([before]) => before),
    after: sides.flatMap(([, after]) => after),
  };
}

function aroundText(spec: Spec): [before: number[], after: number[]] {
  const wrong = (): EngineError => unsupported(`the template ${show(spec)} is not understood`);
  if (spec.type === 'RobertaProcessing' || spec.type === 'BertProcessing') {
    const ids = [spec.cls, spec.sep].map((pair) =>
      Array.isArray(pair) ? (pair[1] as unknown) : null,
    );
    const [cls, sep] = ids;
    if (typeof cls !== 'number' || typeof sep !== 'number') throw wrong();
    return [[cls], [sep]];
  }
  if (spec.type !== 'TemplateProcessing' || !Array.isArray(spec.single)) throw wrong();
  const around: [number[], number[]] = [[], []];
  let side = 0;
  for (const item of spec.single as unknown[]) {
    if (isObject(item) && isObject(item.Sequence) && side === 0) side = 1;
    else if (isObject(item) && isObject(item.SpecialToken) && isObject(spec.special_tokens)) {
      const token = spec.special_tokens[String(item.SpecialToken.id)];
      const ids = isObject(token) && Array.isArray(token.ids) ? (token.ids as unknown[]) : [];
      if (ids.length === 0 || !ids.every((id) => typeof id === 'number')) throw wrong();
      around[side].push(...ids);
    } else throw wrong();
  }
  if (side === 0) throw wrong();
  return around;
}

function parse(text: string, file: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch {
    json = null;
  }
  if (isObject(json)) return json;
  throw new EngineError(`${file} is no JSON object.`, {
    code: 'tokenizer/vocab',
    hint: `Take ${file} from the folder of the model again, unchanged.`,
  });
}
