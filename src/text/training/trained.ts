// A tokenizer that was made here, and the files that make it again.
import type { Tokenizer } from '../tokenizer.ts';

export interface TrainedTokenizer {
  readonly tokenizer: Tokenizer;
  /** Contents of its files by name, for a saved model's folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Characters of the text it was made from, separators not counted. */
  readonly characters: number;
  /** Words for which there was no room in memory; they count as often as they came. 0 but for texts of many millions of different words. */
  readonly leftOut: number;
}

/** How far a trainer is. */
export type TrainerProgress =
  | {
      readonly stage: 'read';
      /** Characters that have been read. */
      readonly characters: number;
      /** Share of the text, 0 to 1; null where its size is not known. */
      readonly share: number | null;
    }
  | { readonly stage: 'merge'; readonly tokens: number; readonly vocab_size: number };

export interface TrainerOptions {
  /** What stands between documents; null where the text is one. `<|endoftext|>` by default. */
  readonly separator?: string | null;
  /** Whether `<|endoftext|>` is the last token; by default where the text has a separator. */
  readonly endOfText?: boolean;
  readonly onProgress?: (progress: TrainerProgress) => void;
  readonly signal?: AbortSignal;
}

/** A table of names and ids as JSON in this order: in an object of JavaScript, names that are numbers go first. */
export function toJsonTable(entries: Iterable<readonly [name: string, id: number]>): string {
  const lines: string[] = [];
  for (const [name, id] of entries) lines.push(`${JSON.stringify(name)}:${id}`);
  return `{${lines.join(',')}}`;
}
