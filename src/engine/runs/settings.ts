// From the settings of a run to the options of `train`.
import type { RunModel, RunSettings } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { GptConfig } from '../../model/config.ts';
import { activationNamed } from '../../model/configFile.ts';
import { wholeModel, whyNotTrained } from '../../runModel.ts';
import type { NewModel, TrainOptions } from '../training/begin.ts';
import type { TrainingArguments } from '../training/options.ts';
import { splitCorpus } from '../training/split.ts';
import type { Beginning } from './bases.ts';
import type { PreparedText } from './prepare.ts';

/** Bytes that all checkpoints of a run may take: one is written while another is there. */
export const CHECKPOINTS = 2;

/**
 * A new model of these sizes and details, for a vocabulary. Throws `training/options` for a field that no model here has, or
 * that is out of its bounds, by its name; what sizes do not go together `train` refuses.
 */
export function newModelOf(model: RunModel, vocabSize: number): NewModel {
  const wrong = whyNotTrained(model);
  if (wrong) throw new EngineError(wrong.message, { code: 'training/options', hint: wrong.hint });
  const whole = wholeModel(model);
  const activation = activationNamed(whole.activation_function);
  if (!activation) throw new Error(`${whole.activation_function} is no activation.`);
  const config: GptConfig = {
    vocabSize,
    nCtx: whole.n_ctx,
    nLayer: whole.n_layer,
    nHead: whole.n_head,
    nEmbd: whole.n_embd,
    nInner: whole.n_inner,
    qkvBias: whole.qkv_bias,
    bias: whole.bias,
    layerNormBias: whole.layer_norm_bias,
    layerNormDenominator: whole.layer_norm_denominator,
    layerNormEpsilon: whole.layer_norm_epsilon,
    activation,
    scaleAttnWeights: whole.scale_attn_weights,
    scaleAttnByInverseLayerIdx: whole.scale_attn_by_inverse_layer_idx,
    tiedHead: whole.tie_word_embeddings,
  };
  const { kind, initializer_range } = model;
  return {
    config,
    initial: kind === 'gpt2' ? 'nanogpt' : kind,
    ...(initializer_range !== undefined && { initializer_range }),
  };
}

/** What of `train`'s options the settings decide; `begins` is the model that they go on from. Throws `training/options` for a share that is none. */
export function optionsOf(
  settings: RunSettings,
  { corpus, tokenizer, files }: PreparedText,
  begins: Pick<Beginning, 'how'> | null,
  where: Pick<TrainOptions, 'device' | 'processor'>,
): TrainOptions {
  const args = settings.arguments as Partial<TrainingArguments>;
  const { train, validation } = splitCorpus(corpus, {
    by: 'share',
    validation: settings.validation,
  });
  const window = args.block_size ?? settings.model.n_ctx;
  return {
    ...args,
    ...(begins?.how ?? { ...where, model: newModelOf(settings.model, tokenizer.vocabSize) }),
    train,
    // A part that is shorter than one window measures nothing.
    validation: validation.length > window ? validation : null,
    tokenizer,
    tokenizerFiles: files,
    generator: settings.generator,
    order: settings.order,
    prompts: [settings.prompt],
    keep: { save_total_limit: CHECKPOINTS },
  };
}

/** Letters of a name. */
export const MOST_NAME = 200;
/** What would break a line, or turn the words around it. */
export const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** A name in one line of letters that are seen. */
export function plainName(name: string): string {
  return name.split(UNSEEN).join(' ').trim().slice(0, MOST_NAME);
}

/** The name, or with a number behind it where runs of that name are there: the next one, also where some are gone. */
export function nameAmong(name: string, others: readonly { readonly name: string }[]): string {
  const numbers = others.flatMap((other) => {
    if (other.name === name) return [1];
    const [, number] =
      /^ \((\d{1,9})\)$/u.exec(other.name.startsWith(name) ? other.name.slice(name.length) : '') ??
      [];
    return number === undefined ? [] : [Number(number)];
  });
  return numbers.length === 0 ? name : `${name} (${Math.max(...numbers) + 1})`;
}

/** What a run is called where nobody says. */
export function nameOf({ text, model, base }: RunSettings): string {
  const what = text.kind === 'own' ? text.name || 'My text' : text.name;
  const title = what.charAt(0).toUpperCase() + what.slice(1);
  return base ? `${title}, on ${base.name}` : `${title}, ${model.n_layer} × ${model.n_embd}`;
}
