// What the tensors say where config.json is silent: how many heads, how large the vocabulary.
import { EngineError } from '../../errors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { guessHeads, headsFor } from '../../model/config.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import type { FromPretrainedOptions } from './options.ts';

/**
 * How many heads: as config.json says, else as the caller does, else, for dropped files, a guess with
 * all numbers that fit. Throws `config/heads` where the two contradict each other.
 */
export function headsOf(
  { nHead }: ConfigFile,
  { shapes }: TensorSource,
  options: FromPretrainedOptions,
): { nHead?: number; headsToChoose?: number[] } {
  if (nHead !== undefined && options.nHead !== undefined && nHead !== options.nHead) {
    throw new EngineError(`config.json says ${nHead} heads; ${options.nHead} were asked for.`, {
      code: 'config/heads',
      hint: 'Leave nHead out: config.json knows.',
    });
  }
  const told = nHead ?? options.nHead;
  if (told !== undefined || options.files === undefined) return { nHead: told };
  const width = embeddingOf(shapes)?.[1] ?? 0;
  return { nHead: guessHeads(width), headsToChoose: headsFor(width) };
}

/** Shape of the token embedding, (V, C). */
function embeddingOf(shapes: TensorSource['shapes']): readonly number[] | undefined {
  for (const [name, shape] of shapes) {
    if (/(?:^|\.)(?:wte|tok_emb)\.weight$/.test(name)) return shape;
  }
  return undefined;
}

/** The vocabulary's size, by the tensors; any where the layout is unknown, which loading will say. */
export function vocabSizeOf({ shapes }: TensorSource, config: ConfigFile): number {
  return config.vocabSize ?? embeddingOf(shapes)?.[0] ?? Infinity;
}
