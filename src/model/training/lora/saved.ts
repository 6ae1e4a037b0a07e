// What becomes of a trained LoRA: a PEFT adapter, or weights with it in them.
import { EngineError } from '../../../errors.ts';
import { writeRows } from '../../../kernels/weightMatrix.ts';
import { addLowRank, toLowRank } from '../../adapters/lowRank.ts';
import { type MatrixFilling, zeroParameters } from '../../checkpoint.ts';
import { type ExportedTensor, linearChunks, savedLayout } from '../../exportTensors.ts';
import { Gpt } from '../../gpt.ts';
import { HUGGING_FACE } from '../../layouts.ts';
import { readRows } from '../../readBack.ts';
import { adopt, rowsOf } from '../adopt.ts';
import { type Factors, factorSpecs } from './factors.ts';
import { type LoraConfig, loraSites, scaleOf } from './loraConfig.ts';

/** A LoRA beside its model: a `LoraTrainer` is one. */
export interface Lora {
  readonly model: Gpt;
  readonly lora: LoraConfig;
  readonly trainables: { readonly parameters: readonly Factors[] };
}

/** Where the tensors of adapter_model.safetensors lie in `factors`, or in what lies like them, each by PEFT's name. */
export function factorFillings(
  { model: { config }, lora }: Pick<Lora, 'model' | 'lora'>,
  factors: readonly Factors[],
  prefix = '',
): MatrixFilling[] {
  return loraSites(config, lora).flatMap((site, i) => {
    const specs = factorSpecs(site, lora);
    return (['a', 'b'] as const).map((which) => ({
      spec: specs[which],
      matrix: factors[i][which],
      names: [`${prefix}base_model.model.${specs[which].path}`],
      isInputFirst: false,
    }));
  });
}

/**
 * The tensors of adapter_model.safetensors, as PEFT names them for transformers' GPT-2; `factors` are the adapter's own,
 * or what lies like them (moments). Throws `training/lora` for a model that transformers has none for.
 */
export function exportFactors(
  of: Pick<Lora, 'model' | 'lora'>,
  factors: readonly Factors[],
): Map<string, ExportedTensor> {
  const { device, config } = of.model;
  if (savedLayout(config) !== HUGGING_FACE) {
    throw new EngineError(
      'A PEFT adapter belongs to a model of transformers, which has no GPT-2 whose LayerNorm divides by the standard deviation.',
      { code: 'training/lora', hint: 'Save the merged model instead.' },
    );
  }
  const tensors = new Map<string, ExportedTensor>();
  for (const { spec, matrix, names } of factorFillings(of, factors)) {
    const chunks: ExportedTensor['chunks'] = () =>
      linearChunks(device, spec, matrix, 'F32', 0, spec.shape[0]);
    tensors.set(names[0], { dtype: 'F32', shape: spec.shape, chunks });
  }
  return tensors;
}

/** adapter_config.json, with the keys of PEFT's LoraConfig; `base` is where others find the model, where anybody does. */
export function toAdapterConfig(lora: LoraConfig, base: string | null): Record<string, unknown> {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: 'none',
    // transformers' Conv1D stores (inputs, outputs).
    fan_in_fan_out: true,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: lora.layers_to_transform ?? null,
    lora_alpha: lora.lora_alpha,
    lora_dropout: lora.lora_dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: lora.r,
    rank_pattern: {},
    revision: null,
    target_modules: lora.target_modules,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
}

/**
 * A model of its own, in f32, with W + s·B·A for every weight that is adapted: summed in float64 and rounded once. The
 * caller's to dispose of. Throws `device/out-of-memory`.
 */
export async function mergeLora(
  { model: base, lora, trainables }: Lora,
  signal?: AbortSignal,
): Promise<Gpt> {
  const { device, config } = base;
  const arena = device.createArena('parameters');
  try {
    const parameters = zeroParameters(device, arena, savedLayout(config), config, 'f32');
    const model = new Gpt(device, arena, config, parameters);
    await adopt({ model, arena }, base, signal);
    for (const [i, site] of loraSites(config, lora).entries()) {
      const { a, b } = trainables.parameters[i];
      const [down, up] = [
        await readRows(device, a, 0, a.rows),
        await readRows(device, b, 0, b.rows),
      ];
      const product = toLowRank(down, up, a.rows, scaleOf(lora), false);
      const weight = site.weight.of(parameters);
      for await (const [row, values] of rowsOf(model, weight)) {
        signal?.throwIfAborted();
        addLowRank(values, row * weight.columns, [product]);
        writeRows(arena, weight, row, values);
      }
    }
    const { failure } = arena;
    if (failure) throw failure;
    return model;
  } catch (error) {
    arena.dispose();
    throw error;
  }
}
