// How much memory a run takes, by part, before any of it is taken.
import { EngineError } from '../../errors.ts';
import { type Device, type Tensor, bytesOf, elementCount } from '../../gpu/device.ts';
import type { GptConfig } from '../config.ts';
import { type Shapes, type StepSizes, buffersOf } from './buffers.ts';
import { type Dropout, drops, philoxWords } from './dropout.ts';
import { planMasks } from './masks.ts';
import { type DecayRule, REGION, type Trained, allParameters, planPools } from './pools.ts';

/** An adapter that is to train: a LoRA's is `planLora`. */
export interface PlannedAdapter {
  readonly trained: Trained<unknown>;
  /** Makes what it works in; what it calls `ADAPTER_MASK` is a mask. */
  readonly makeBuffers: (sizes: Pick<PlanSizes, 'batch' | 'tokens'>, make: Shapes) => void;
}

/** A label. */
export const ADAPTER_MASK = 'lora mask';

export interface PlanSizes {
  /** Windows of a micro-batch, and tokens of each. */
  readonly batch: number;
  readonly tokens: number;
  readonly accumulation: number;
  readonly dropout: Dropout;
  readonly decay: DecayRule;
  /** What trains in place of all parameters, where it is an adapter. */
  readonly adapter?: PlannedAdapter;
  /** Bytes of a loaded model that stays beside it: frozen, or the one whose weights were taken. */
  readonly base?: number;
  /** False where nothing is learned: neither gradients nor moments are there. */
  readonly learns?: boolean;
  /** Whether all layers' masks are there at once. */
  readonly masks: 'philox' | 'given';
}

/** In bytes. */
export interface MemoryPlan {
  /** Of a loaded model that stays beside what trains; 0 for none. */
  readonly base: number;
  /** Those that train. */
  readonly weights: number;
  readonly gradients: number;
  /** Both running means that AdamW keeps of each gradient, and which of the weights decay. */
  readonly moments: number;
  /** What the way back needs of every block, and gradients on their way. */
  readonly activations: number;
  /** Logits of the rows that are looked at together. */
  readonly logits: number;
  readonly masks: number;
  readonly total: number;
  /** The largest tensor, which one binding must show. */
  readonly largest: { readonly label: string; readonly bytes: number };
  /** What there is, where anybody says so, and what says it. */
  readonly limit: { readonly bytes: number; readonly what: string } | null;
  /** Why it does not fit; null where it does. */
  readonly problem: string | null;
  /** A smaller micro-batch that fits, for the same number of windows a step; null where none is needed, or none fits. */
  readonly suggestion: { readonly batch: number; readonly accumulation: number } | null;
}

/** Counts what `createTrainables`, `createBuffers`, adapters and the masks would take. */
export function planMemory(device: Device, config: GptConfig, sizes: PlanSizes): MemoryPlan {
  const plan = count(device, config, sizes);
  if (plan.problem === null) return { ...plan, suggestion: null };
  for (let batch = sizes.batch - 1; batch >= 1; batch--) {
    const windows = sizes.batch * sizes.accumulation;
    if (windows % batch !== 0) continue;
    const accumulation = windows / batch;
    if (count(device, config, { ...sizes, batch, accumulation }).problem !== null) continue;
    return { ...plan, suggestion: { batch, accumulation } };
  }
  return { ...plan, suggestion: null };
}

/** Throws `training/memory` for a plan that does not fit, with what would. */
export function checkPlan({ problem, suggestion }: MemoryPlan): void {
  if (problem === null) return;
  throw new EngineError(problem, {
    code: 'training/memory',
    hint: suggestion
      ? `Take per_device_train_batch_size ${suggestion.batch} and gradient_accumulation_steps ${suggestion.accumulation}: the same windows a step, fewer at a time.`
      : 'Take a smaller model, shorter windows, or train fewer weights: a LoRA, of fewer layers.',
  });
}

function count(
  device: Device,
  config: GptConfig,
  sizes: PlanSizes,
): Omit<MemoryPlan, 'suggestion'> {
  const { adapter, base = 0, learns = true } = sizes;
  const trained: Trained<unknown> = adapter?.trained ?? allParameters(config);
  const { lengths } = planPools(device, trained, sizes.decay);
  const elements = lengths.reduce((sum, length) => sum + length, 0);
  const pooled = 4 * elements;
  const gradients = learns ? pooled : 0;
  const moments = learns ? 2 * pooled + 4 * (elements / REGION) : 0;
  let largest = { label: 'weights', bytes: 4 * Math.max(...lengths) };
  let [activations, logits, masks] = [0, 0, 0];
  const make: Shapes = (label, shape, format = 'f32') => {
    const sizeBytes = bytesOf(elementCount(shape), shape, format);
    if (sizeBytes > largest.bytes) largest = { label, bytes: sizeBytes };
    if (label === 'logits') logits += sizeBytes;
    else if (label === ADAPTER_MASK) masks += sizeBytes;
    else activations += sizeBytes;
    return { id: 0, label, shape, format, sizeBytes } satisfies Tensor;
  };
  const steps: StepSizes = { ...sizes, drops: drops(sizes.dropout) };
  buffersOf(config, steps, device.traits.maxBindingBytes, make);
  adapter?.makeBuffers(sizes, make);
  const plan = planMasks(config, sizes, sizes.dropout);
  masks += 4 * (sizes.masks === 'given' ? plan.words : philoxWords(plan));
  const total = base + pooled + gradients + moments + activations + logits + masks;
  const limit = limitOf(device);
  return {
    base,
    weights: pooled,
    gradients,
    moments,
    activations,
    logits,
    masks,
    total,
    largest,
    limit,
    problem: problemOf(device, learns ? 'Training' : 'Drawing', { total, largest, limit }),
  };
}

/** A processor's memory ends somewhere; what a GPU has, WebGPU does not say. */
function limitOf({ summary }: Device): MemoryPlan['limit'] {
  const { maxBufferSize } = summary.limits;
  if (summary.kind !== 'cpu' || maxBufferSize === undefined) return null;
  return { bytes: maxBufferSize, what: 'a page of WebAssembly may have' };
}

function problemOf(
  { traits }: Device,
  what: string,
  { total, largest, limit }: Pick<MemoryPlan, 'total' | 'largest' | 'limit'>,
): string | null {
  if (largest.bytes > traits.maxBindingBytes) {
    return `${largest.label} would be a tensor of ${inWords(largest.bytes)}; this adapter shows at most ${inWords(traits.maxBindingBytes)} to a kernel.`;
  }
  if (limit && total > limit.bytes) {
    return `${what} this takes ${inWords(total)}, more than the ${inWords(limit.bytes)} that ${limit.what}.`;
  }
  return null;
}

/** `1.5 GB`, of 10⁹ bytes. */
function inWords(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
