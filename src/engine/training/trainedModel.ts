// A model that trains, as a model like any other: to write with, to save, to hand over.
import { toFloat32 } from '../../formats/safetensors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { exportTensors } from '../../model/exportTensors.ts';
import { sampled } from '../../model/fingerprint.ts';
import type { Gpt } from '../../model/gpt.ts';
import { GPT2 } from '../gpt2.ts';
import type { Run } from './begin.ts';
import { type LikeModel, isLoaded } from './learner.ts';
import { dropoutOf } from './options.ts';

/** What is said of a run's model beside its weights, for whoever goes on with it. */
export function saidOf({ args, options: { model } }: Run) {
  const range = isLoaded(model) ? undefined : model.initializer_range;
  return { dropRates: dropoutOf(args), ...(range !== undefined && { initializerRange: range }) };
}

/** A run's model as its weights are now; what it is known by counts once they stay as they are (`fingerprintOf`). */
export function trainedModel(run: Run, gpt: Gpt, fingerprint = ''): GPT2 {
  const { options, base, device, ownsDevice, tokenizer, tokenizerFiles } = run;
  const like = base ? likeOf(base) : likeNew(options.model);
  return GPT2.of({
    device,
    ownsDevice,
    gpt,
    layout: like.layout,
    dtype: 'fp32',
    source: '',
    name: options.run ?? 'trained model',
    tokenizer,
    tokenizerFiles,
    file: {
      ...saidOf(run),
      ...(like.bosTokenId !== undefined && { bosTokenId: like.bosTokenId }),
      ...(like.eosTokenIds && { eosTokenIds: like.eosTokenIds }),
    },
    defaults: like.defaults,
    fingerprint,
  });
}

/** What is said of a model that was loaded, and of whatever begins with its weights. */
export function likeOf({ summary, bosTokenId, eosTokenIds }: GPT2): LikeModel {
  const { layout, defaults } = summary;
  return { layout, defaults, eosTokenIds, ...(bosTokenId !== null && { bosTokenId }) };
}

function likeNew(model: Run['options']['model']): LikeModel {
  if (!isLoaded(model) && model.first) return model.first.like;
  const layout = ('initial' in model && model.initial) || 'nanogpt';
  return { layout, defaults: { do_sample: true } };
}

/** What the model will be known by when it is loaded from where it was saved. */
export async function fingerprintOf(gpt: Gpt): Promise<string> {
  const tensors = await exportTensors(gpt, 'F32');
  const read = sampled(beginnings(tensors));
  for (const name of tensors.keys()) await read.source.read(name);
  return read.fingerprint(gpt.config);
}

/** The first values of each tensor, which is all that counts. */
function beginnings(tensors: Awaited<ReturnType<typeof exportTensors>>): TensorSource {
  return {
    shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
    async read(name) {
      for await (const chunk of tensors.get(name)?.chunks() ?? []) return toFloat32(chunk, 'F32');
      return new Float32Array();
    },
  };
}
