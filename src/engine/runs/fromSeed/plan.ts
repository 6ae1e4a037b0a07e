// What a model takes before any of it is taken: to be drawn and read once, and to be trained.
import type { PlanRequest, RunMemory, RunPlan } from '../../../api.ts';
import type { Device } from '../../../gpu/device.ts';
import { parameterCount } from '../../../model/parameters.ts';
import { type PlanSizes, planMemory } from '../../../model/training/plan.ts';
import { dropoutOf, toArguments } from '../../training/options.ts';
import { memoryOf } from '../estimate.ts';
import { newModelOf } from '../settings.ts';
import { PRINTED } from './drawn.ts';

/** Of a machine's memory, what one tab may have before the rest of it suffers. */
const SHARE = 0.5;
/** What drawing takes beside the weights on their way to the device, as a share of them; measured in Node, 0.3 of 0.65 GB. */
const BESIDE = 0.5;
const DRAWING = 'Drawing this, with weights on their way,';
const TRAINING = 'Training this';

export function planOf(
  device: Device,
  { settings, vocabSize }: PlanRequest,
  machineBytes = machineMemory(),
): RunPlan {
  const { config } = newModelOf(settings.model, vocabSize);
  const args = toArguments(settings.arguments, config.nCtx);
  const shared = {
    dropout: dropoutOf(args),
    decay: args.decay,
    masks: settings.generator === 'torch' ? 'given' : 'philox',
  } as const;
  const plan = (sizes: Omit<PlanSizes, keyof typeof shared>): RunMemory =>
    memoryOf(planMemory(device, config, { ...shared, ...sizes }));
  const drawing = plan({
    batch: PRINTED.input_ids.length,
    tokens: Math.min(config.nCtx, PRINTED.input_ids[0].length),
    accumulation: 1,
    learns: false,
  });
  const training = plan({
    batch: args.per_device_train_batch_size,
    tokens: args.block_size,
    accumulation: args.gradient_accumulation_steps,
  });
  return {
    device: device.summary,
    parameters: parameterCount(config),
    withoutHead: parameterCount(config, { withoutHead: true }),
    drawing: within(drawing, drawing.weights * BESIDE, DRAWING, machineBytes),
    training: within(training, 0, TRAINING, machineBytes),
    machineBytes,
  };
}

/** Chromium says so, in whole powers of two, and never more than it wants a page to know. */
function machineMemory(): number | null {
  const { navigator } = globalThis as { readonly navigator?: { readonly deviceMemory?: number } };
  const deviceMemory = navigator?.deviceMemory;
  return deviceMemory === undefined ? null : deviceMemory * 2 ** 30;
}

/** A plan that fits the device may still be more than the machine has. */
function within(
  memory: RunMemory,
  beside: number,
  what: string,
  machineBytes: number | null,
): RunMemory {
  const needed = memory.total + beside;
  if (memory.problem !== null || machineBytes === null || needed <= SHARE * machineBytes) {
    return memory;
  }
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  return {
    ...memory,
    problem: `${what} takes ${gigabytes(needed)}; this machine has ${gigabytes(machineBytes)}, as its browser says, and a tab should leave half of that to others.`,
  };
}
