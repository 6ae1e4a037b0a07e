// Parts of a model that are off: checked, in an order that does not depend on how they were named,
// and what stands in their place.
import type { PartOff } from '../api.ts';
import { EngineError } from '../errors.ts';
import type { Tensor } from '../gpu/device.ts';
import type { GptConfig } from './config.ts';

/** A set of parts that are off. */
export interface PartsOff {
  /** Equal for equal sets; '' where everything is on. */
  readonly key: string;
  readonly parts: readonly PartOff[];
}

export const NOTHING_OFF: PartsOff = { key: '', parts: [] };

/**
 * A list of parts as a set: order and repetitions do not matter, of two for one part the later
 * counts, and heads of an attention that is off altogether are left out. Throws `inspect/head`,
 * `inspect/layer`, `inspect/part`.
 */
export function toPartsOff(off: readonly PartOff[], config: GptConfig): PartsOff {
  const byName = new Map<string, PartOff>();
  for (const part of off) {
    checkPart(part, config);
    byName.set(nameOf(part), part);
  }
  const parts = [...byName.values()]
    .filter(({ part, layer }) => part !== 'head' || !byName.has(`${layer} attention`))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return { key: parts.map((part) => `${nameOf(part)} ${part.by}`).join(', '), parts };
}

function nameOf({ part, layer, head }: PartOff): string {
  return part === 'head' ? `${layer} head ${head}` : `${layer} ${part}`;
}

function checkPart({ part, layer, head, by }: PartOff, { nLayer, nHead }: GptConfig): void {
  const isIn = (n: number | undefined, count: number): boolean =>
    Number.isInteger(n) && Number(n) >= 0 && Number(n) < count;
  if (!['head', 'attention', 'mlp'].includes(part) || !['zero', 'mean'].includes(by)) {
    throw new EngineError(`There is no way to switch off ${part} by ${by}.`, {
      code: 'inspect/part',
      hint: 'A part is a head, attention or mlp; it goes by zero or by mean.',
    });
  }
  if (part === 'head' && !(isIn(layer, nLayer) && isIn(head, nHead))) {
    throw new EngineError(
      `Layer ${layer}, head ${head}: the model has ${nLayer} layers of ${nHead} heads.`,
      { code: 'inspect/head', hint: 'Counting starts at 0.' },
    );
  }
  if (isIn(layer, nLayer)) return;
  throw new EngineError(`Layer ${layer}: the model has ${nLayer} layers.`, {
    code: 'inspect/layer',
    hint: 'Counting starts at 0.',
  });
}

/** Where each part's switch stands among `nHead + 2` a layer: heads, then attention, then MLP. */
export function switchIndex(
  { part, layer, head = 0 }: Pick<PartOff, 'part' | 'layer' | 'head'>,
  { nHead }: GptConfig,
): number {
  const within = part === 'head' ? head : part === 'attention' ? nHead : nHead + 1;
  return (nHead + 2) * layer + within;
}

/** What every part of a model puts out on average over a text, on its device. */
export interface PartMeans {
  /** (L, A) all heads side by side, before `c_proj`. */
  readonly head: Tensor;
  /** The same, on the processor. */
  readonly headValues: Float32Array;
  /** (L, C') what attention adds to the residual stream, bias included. */
  readonly attention: Tensor;
  /** (L, C') what the MLP adds. */
  readonly mlp: Tensor;
}
