// Steps of a run as a trainer keeps them to be looked at: models in halves, each with weights of its own.
import { GPT2 } from '../../src/engine/gpt2.ts';
import { openKeptCheckpoints } from '../../src/engine/training/keptCheckpoints.ts';
import type { SavedFile } from '../../src/engine/save.ts';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Disk } from '../../src/kept/disk.ts';
import { type GptConfig, PRESETS } from '../../src/model/config.ts';
import { BytePairEncoder } from '../../src/text/bytePairEncoder.ts';
import { trainingWeights } from './trainingRig.ts';

/** About a million parameters. */
export const MILLION: GptConfig = {
  ...PRESETS.gpt2,
  vocabSize: 512,
  nCtx: 128,
  nLayer: 4,
  nHead: 4,
  nEmbd: 128,
  nInner: 512,
};

export const SMALL: GptConfig = {
  ...MILLION,
  nLayer: 2,
  nHead: 3,
  nEmbd: 36,
  nInner: 77,
  nCtx: 24,
};

/** Every byte is a token. */
function byteTokenizer(): ReadonlyMap<string, string> {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let extra = 0;
  const bytes = Array.from({ length: 256 }, (_, byte) => [
    String.fromCodePoint(printable(byte) ? byte : 256 + extra++),
    byte,
  ]);
  return new Map([
    ['vocab.json', JSON.stringify(Object.fromEntries(bytes))],
    ['merges.txt', '#version: 0.2\n'],
  ]);
}

/** The files of a step: weights that belong to it, or to another one. */
async function stepFiles(config: GptConfig, step: number): Promise<SavedFile[]> {
  const tokenizerFiles = byteTokenizer();
  const [vocab = '', merges = ''] = tokenizerFiles.values();
  const model = await GPT2.from_source(trainingWeights(config, step), {
    device: createCpuDevice(),
    ownsDevice: true,
    file: { ...config },
    tokenizer: BytePairEncoder.fromFiles({ vocab, merges, rows: config.vocabSize }),
    tokenizerFiles,
  });
  const { files } = await model.save_pretrained({ dtype: 'fp16' });
  const whole: SavedFile[] = [];
  for (const { name, sizeBytes, chunks } of files) {
    const all: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of chunks()) all.push(chunk.slice());
    whole.push({
      name,
      sizeBytes,
      chunks: async function* () {
        yield* await Promise.resolve(all);
      },
    });
  }
  await model.dispose();
  return whole;
}

export async function keepSteps(
  disk: Disk,
  id: string,
  config: GptConfig,
  steps: readonly number[],
  /** The step whose weights are written in the place of a step's own. */
  weightsOf = (step: number): number => step,
): Promise<void> {
  const store = openKeptCheckpoints(disk, id);
  for (const step of steps) await store.write(step, await stepFiles(config, weightsOf(step)));
}
