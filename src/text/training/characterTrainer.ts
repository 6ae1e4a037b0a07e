// A vocabulary of the characters that a text has, as nanoGPT makes it for Shakespeare.
import { Breath } from '../../breath.ts';
import { EngineError } from '../../errors.ts';
import { CharacterTokenizer } from '../characters.ts';
import { END_OF_TEXT } from '../tokenizer.ts';
import { documentParts } from './documents.ts';
import type { TextSource } from './textSource.ts';
import { type TrainedTokenizer, type TrainerOptions, toJsonTable } from './trained.ts';

/**
 * A tokenizer of the text's characters, sorted by code point; `<|endoftext|>` is last. Its file is nanoGPT's `meta` as
 * JSON. A text of several documents whose vocabulary shall have no `<|endoftext|>` gets a line feed in any case, which
 * then stands between them. Throws `training/text` for an empty text, `text/encoding`, and the signal's reason.
 */
export async function trainCharacters(
  source: TextSource,
  options: TrainerOptions = {},
): Promise<TrainedTokenizer> {
  const { separator = END_OF_TEXT, onProgress, signal } = options;
  const breath = new Breath();
  const isThere = new Uint8Array(0x110000);
  let characters = 0;
  let isSeparated = false;
  for await (const { text, ends, share } of documentParts(source, separator, signal)) {
    for (const character of text) {
      isThere[character.codePointAt(0) ?? 0] = 1;
      characters++;
    }
    isSeparated ||= ends;
    if (!breath.isDue) continue;
    onProgress?.({ stage: 'read', characters, share });
    await breath.take(signal);
  }
  onProgress?.({ stage: 'read', characters, share: 1 });
  if (characters === 0) {
    throw new EngineError('The text is empty: it has no characters to make a vocabulary of.', {
      code: 'training/text',
      hint: 'Choose a text that the model shall learn from.',
    });
  }
  const hasEnd = options.endOfText ?? isSeparated;
  if (isSeparated && !hasEnd) isThere[0x0a] = 1;
  const names: string[] = [];
  for (let code = isThere.indexOf(1); code >= 0; code = isThere.indexOf(1, code + 1)) {
    names.push(String.fromCodePoint(code));
  }
  if (hasEnd) names.push(END_OF_TEXT);
  const idOf = new Map(names.map((name, id) => [name, id]));
  const stoi = toJsonTable(idOf);
  const meta = `{"vocab_size":${names.length},"stoi":${stoi},"itos":${JSON.stringify(names)}}\n`;
  return {
    tokenizer: new CharacterTokenizer(idOf),
    files: new Map([['meta.json', meta]]),
    characters,
    leftOut: 0,
  };
}
