// A small model that reads letters: no byte but those of a to z, space and full stop has a token.
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { createNaiveGpt } from './naiveGpt.ts';

export const LETTERS = [...'abcdefghijklmnopqrstuvwxyzĠ.'];

export interface LetterOptions {
  /** Rows of the embedding; as many as there are letters where nothing is said. */
  readonly rows?: number;
  /** Goes into config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Contents of added_tokens.json. */
  readonly added?: Readonly<Record<string, number>>;
}

/** Its files, as a browser hands a dropped folder over. */
export function letterModel({ rows = LETTERS.length, config, added }: LetterOptions = {}): File[] {
  const sizes = { V: rows, S: 64, L: 2, H: 2, C: 8, F: 32 };
  const flags = { qkvBias: true, bias: true, normBias: true, std: false, exact: false, tied: true };
  const gpt = createNaiveGpt({ layout: 'huggingface', ...sizes, ...flags }, 5);
  const tensors = [...gpt.toCheckpoint()].map(
    ([name, tensor]) => [name, { dtype: 'F32', ...tensor }] as const,
  );
  const weights = writeSafetensors(new Map(tensors));
  const json = { model_type: 'gpt2', n_head: 2, ...config };
  const files: Record<string, string | Uint8Array> = {
    'model.safetensors': weights,
    'config.json': JSON.stringify(json),
    'vocab.json': JSON.stringify(Object.fromEntries(LETTERS.map((letter, id) => [letter, id]))),
    'merges.txt': '#version: 0.2\n',
    ...(added && { 'added_tokens.json': JSON.stringify(added) }),
  };
  return Object.entries(files).map(
    ([name, content]) => new File([content as Uint8Array<ArrayBuffer>], name),
  );
}
