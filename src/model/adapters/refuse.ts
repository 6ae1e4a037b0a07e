// Adapters where a model is expected: what they are, and how they are loaded.
import { EngineError } from '../../errors.ts';
import type { TensorShapes } from '../layouts.ts';
import type { AdapterConfig } from './adapterConfig.ts';
import { isAdapterAlone, isBookLora, isLora, otherKind } from './adapterNames.ts';

const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
const PUT_CONFIG = 'Put its adapter_config.json beside it';

/**
 * Throws `adapter/base` for tensors that are an adapter and no model, `adapter/scale` for an adapter that lies beside
 * the layers it changes, since its scale stands in no tensor, and `adapter/unsupported` for other kinds.
 */
export function refuseAdapter(shapes: TensorShapes): void {
  const names = [...shapes.keys()];
  refuseOtherKind('', names);
  const found = names.find(isLora);
  if (found === undefined) {
    refuseInsidePeft(names);
    return;
  }
  if (isBookLora(found)) throw fromBook(found);
  if (isAdapterAlone(names)) throw adapterAlone(`The tensors (${found} …) are`, null);
  throw noScale('The file', found, PUT_CONFIG);
}

/**
 * The same for a file of its own beside a model, without adapter_config.json: nobody can know whether the model is meant
 * with it. Throws `adapter/scale` and `adapter/unsupported`.
 */
export function refuseAdapterBeside(file: string, shapes: TensorShapes): void {
  const names = [...shapes.keys()];
  refuseOtherKind(`${file}: `, names);
  const found = names.find(isLora);
  if (found === undefined) return;
  const put =
    file === ADAPTER_WEIGHTS
      ? PUT_CONFIG
      : `Name it ${ADAPTER_WEIGHTS}, and put its adapter_config.json beside it`;
  throw noScale(file, found, put, ' To load the model without it, take the file away.');
}

/** A model whose layers PEFT wrapped, and whose factors lie elsewhere. */
function refuseInsidePeft(names: readonly string[]): void {
  const wrapped = names.find((name) => name.includes('.base_layer.'));
  if (wrapped === undefined) return;
  throw new EngineError(
    `These are the layers of a model inside PEFT (${wrapped} …), without the adapter that belongs to them.`,
    {
      code: 'adapter/tensors',
      hint: 'Save the model by itself where it was made: model.unload().save_pretrained("base"), or with its adapter: model.merge_and_unload().save_pretrained("merged").',
    },
  );
}

/** The scale of the book's LoRA is a number in its code. */
function fromBook(name: string): EngineError {
  return new EngineError(
    `The file holds a LoRA adapter of the book that is not merged: ${name}. Its scale, alpha, stands in no tensor.`,
    {
      code: 'adapter/scale',
      hint: [
        'Merge it where it was made, put linear in the place of each LinearWithLoRA, and save the model:',
        'layer.linear.weight.data += layer.lora.alpha * (layer.lora.A @ layer.lora.B).T',
      ].join('\n'),
    },
  );
}

function refuseOtherKind(where: string, names: readonly string[]): void {
  const other = otherKind(names);
  if (!other) return;
  throw new EngineError(
    `${where}${other.name} belongs to an adapter of the kind ${other.kind}; only LoRA is merged here.`,
    {
      code: 'adapter/unsupported',
      hint: 'Where its kind can be merged, do it where it was made (merge_and_unload in PEFT), and load the result.',
    },
  );
}

function noScale(where: string, name: string, put: string, otherwise = ''): EngineError {
  return new EngineError(
    `${where} holds a LoRA adapter that is not merged: ${name}. Its scale, α/r, stands in no tensor.`,
    {
      code: 'adapter/scale',
      hint: `${put}, or merge it where it was made (merge_and_unload in PEFT) and load the result.${otherwise}`,
    },
  );
}

/** An adapter without the model it changes; `what` begins the sentence, `config` is its own, where it was read. */
export function adapterAlone(what: string, config: AdapterConfig | null): EngineError {
  const { base = null, rank = null, alpha = null } = config ?? {};
  const numbers = [
    ...(rank === null ? [] : [`r ${rank}`]),
    ...(alpha === null ? [] : [`α ${alpha}`]),
  ].join(', ');
  return new EngineError(
    `${what} a LoRA adapter${numbers === '' ? '' : ` (${numbers})`}${base === null ? '' : ` for ${base}`}, and no model by itself.`,
    {
      code: 'adapter/base',
      hint: `Load it together with ${base ?? 'the model it was trained on'}: drop the folders of both at once, put its files beside the model’s, or name the model (base_model in the library).`,
      ...(base === null ? {} : { baseModel: base }),
    },
  );
}
