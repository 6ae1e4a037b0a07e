// Weights that another program made smaller: known by the names of what lies beside them, and refused in words. Their
// numbers mean something only together with that program's own rules.
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';

/** Ends of names that one method alone writes: the first that is there names it. */
const METHODS: readonly (readonly [ending: RegExp, method: string])[] = [
  [/\.SCB$/, 'bitsandbytes (int8)'],
  [/\.quant_state\.bitsandbytes__(?:nf4|fp4)$/, 'bitsandbytes (4 bits)'],
  [/\.(?:absmax|quant_map)$/, 'bitsandbytes (4 bits)'],
  [/\.g_idx$/, 'GPTQ'],
  [/\.qweight$/, 'GPTQ or AWQ'],
  [/\.weight_packed$/, 'compressed-tensors'],
  [/\.weight_scale(?:_inv)?$/, 'scaled 8-bit numbers (FP8 or int8)'],
  [/\.W_q$/, 'HQQ'],
  [/\.weight\._(?:data|scale)$/, 'quanto'],
];

const HINT =
  'Load the model that it was made from, in float32, float16 or bfloat16; dtype "q8" makes it small here. Where transformers can undo it: model.dequantize().save_pretrained("plain").';

/** Throws `checkpoint/quantised` for weights that a known method made, naming the method and a tensor. */
export function refuseQuantised({ shapes }: TensorSource): void {
  for (const [ending, method] of METHODS) {
    for (const name of shapes.keys()) {
      if (!ending.test(name)) continue;
      throw new EngineError(`These weights are quantised by ${method}: the file holds ${name}.`, {
        code: 'checkpoint/quantised',
        hint: HINT,
      });
    }
  }
}

/** What is said of a parameter whose type holds no weights. */
export function unreadableType(name: string, dtype: string): EngineError {
  const isSmall = /^[IUF][48]/.test(dtype);
  const what = isSmall ? ', as quantised models have it, without a scale that is known here' : '';
  return new EngineError(`${name} is stored as ${dtype}${what}; expected F32, F16, BF16 or F64.`, {
    code: 'safetensors/dtype',
    hint: isSmall ? HINT : 'Convert the checkpoint to one of these types and save it again.',
  });
}
