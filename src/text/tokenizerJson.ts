// The two other files in which Hugging Face keeps a byte-level BPE: tokenizer.json, which is whole in
// itself, and added_tokens.json, which stands beside vocab.json.
import { EngineError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { TokenizerFiles } from './vocabularyFiles.ts';

/**
 * Vocabulary and merges of a `tokenizer.json`. What GPT-2's tokenizer does not do (another kind of model,
 * normalisation, a space put in front, another way to split) is refused by name: `tokenizer/unsupported`.
 */
export function readTokenizerJson(text: string): TokenizerFiles {
  const json = parse(text, 'tokenizer.json');
  const model = isObject(json.model) ? json.model : {};
  const refuse = (what: string): never => {
    throw new EngineError(`tokenizer.json: ${what}.`, {
      code: 'tokenizer/unsupported',
      hint: 'Only byte-level BPE as GPT-2 has it is read; the model can still be given token ids.',
    });
  };
  // Old files leave the type out; a BPE is what has merges.
  if ((model.type ?? 'BPE') !== 'BPE' || !Array.isArray(model.merges) || !isObject(model.vocab)) {
    return refuse(`the model is ${show(model.type)}; expected BPE with vocab and merges`);
  }
  if (json.normalizer !== null && json.normalizer !== undefined) {
    refuse(`it normalises text (${show(isObject(json.normalizer) ? json.normalizer.type : null)})`);
  }
  const split = isObject(json.pre_tokenizer) ? json.pre_tokenizer : {};
  if (split.type !== 'ByteLevel')
    refuse(`it splits text by ${show(split.type)}; expected ByteLevel`);
  if (split.add_prefix_space === true) refuse('it puts a space in front of every text');
  if (split.use_regex === false) refuse('it does not split text as GPT-2 does');
  const merges = model.merges.map((merge: unknown, i) => {
    if (typeof merge === 'string') return merge;
    if (Array.isArray(merge) && merge.length === 2) return merge.join(' ');
    return refuse(`merge ${i} is ${show(merge)}`);
  });
  const specialTokens = new Map<string, number>();
  for (const token of Array.isArray(json.added_tokens) ? json.added_tokens : []) {
    if (!isObject(token) || typeof token.content !== 'string' || typeof token.id !== 'number') {
      return refuse(`the added token ${show(token)} has no id`);
    }
    specialTokens.set(token.content, token.id);
  }
  return { vocab: JSON.stringify(model.vocab), merges: merges.join('\n'), specialTokens };
}

/** Special tokens of an `added_tokens.json`, name → id. Throws `tokenizer/vocab`. */
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

function parse(text: string, file: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = null;
  }
  if (isObject(json)) return json;
  throw new EngineError(`${file} is no JSON object.`, {
    code: 'tokenizer/vocab',
    hint: `Take ${file} from the folder of the model again, unchanged.`,
  });
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
