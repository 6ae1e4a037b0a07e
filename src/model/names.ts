// A checkpoint's tensors under the names that its codebase gave them, whatever wrapped the model when it was saved.
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';

/**
 * Modules that hold another one and add their own name to those of its tensors, anywhere in them: `torch.compile`,
 * `DataParallel` and `DistributedDataParallel`, FSDP, activation checkpointing. No GPT has a module of such a name.
 */
const WRAPPERS: ReadonlySet<string> = new Set([
  '_orig_mod',
  'module',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
]);

/** `transformer.h.0.attn.c_attn.weight` of `_orig_mod.transformer.h.0._checkpoint_wrapped_module.attn.c_attn.weight`. */
export function plainName(name: string): string {
  return name
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
}

/** The same tensors by their plain names. Throws `checkpoint/names` where two of them have the same one. */
export function withPlainNames(source: TensorSource): TensorSource {
  const storedAs = new Map<string, string>();
  for (const stored of source.shapes.keys()) {
    const name = plainName(stored);
    const other = storedAs.get(name);
    if (other !== undefined) {
      throw new EngineError(`The file holds ${name} twice: as ${other} and as ${stored}.`, {
        code: 'checkpoint/names',
        hint: 'Save one of the two models alone: which of them is meant cannot be known.',
      });
    }
    storedAs.set(name, stored);
  }
  return renamed(source, storedAs);
}

/**
 * The source without the masks that some codebases store beside the weights, which carry nothing; a bias of that
 * name stays.
 */
export function withoutMasks(source: TensorSource): TensorSource {
  const isMask = (name: string): boolean => /\.(attn|att)\.(bias|masked_bias|mask)$/.test(name);
  const kept = [...source.shapes].filter(([name, shape]) => shape.length === 1 || !isMask(name));
  return renamed(source, new Map(kept.map(([name]) => [name, name])));
}

/** The source's tensors by other names: new name → name as it was. Keeps the order; what is not named is left out. */
export function renamed(source: TensorSource, names: ReadonlyMap<string, string>): TensorSource {
  const shapes = new Map<string, readonly number[]>();
  const unreadable = new Map<string, string>();
  for (const [name, stored] of names) {
    const shape = source.shapes.get(stored);
    if (shape) shapes.set(name, shape);
    const type = source.unreadable?.get(stored);
    if (type !== undefined) unreadable.set(name, type);
  }
  return {
    ...source,
    shapes,
    unreadable,
    read: (name, from, count, into) => source.read(names.get(name) ?? name, from, count, into),
  };
}
