// One folder of the conformance pack, trained: gradients, a first step of AdamW, twenty losses and the gradient's norm, as
// PyTorch has them in float64.
import type { DeviceRequest } from '../../src/api.ts';
import { type PackOptimiser, optimiserOf } from '../../src/engine/runs/fromSeed/optimiser.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';
import type { Device } from '../../src/gpu/device.ts';
import { fillParameters } from '../../src/model/checkpoint.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { configOf, recognise } from '../../src/model/openCheckpoint.ts';
import type { Parameters } from '../../src/model/parameters.ts';
import { Trainer } from '../../src/model/training/trainer.ts';
import { storedTensors } from './storedTensors.ts';
import {
  type Expected,
  type GroupResult,
  compare,
  fetchJson,
  readExpected,
} from './verifyGroups.ts';

/** `training.json` of a case. */
interface TrainingFile {
  readonly optimizer: PackOptimiser & { readonly lr: number; readonly steps: number };
  readonly losses?: readonly number[];
  readonly grad_norms?: readonly number[];
}

/** Of the larger of the tensor's largest magnitude and a thousandth of the model's largest gradient. */
const GRADIENT_BOUND = 1e-5;
/** Of the tensor's largest magnitude. */
const STEP_BOUND = 1e-4;
/** Of the larger one that it stands beside: smaller gradients are none. */
const NO_GRADIENT = 1e-6;
const LOSS_BOUND = 1e-5;

/**
 * Trains the folder at `url` (with a slash at its end) for as many steps as PyTorch did; no groups where its gradients are not there.
 * Throws only where it cannot be run.
 */
export async function verifyTraining(
  url: string,
  wish: DeviceRequest | GPUDevice = 'cpu',
  processor?: ProcessorOptions,
): Promise<GroupResult[]> {
  const file = (await fetchJson(`${url}training.json`)) as TrainingFile | null;
  if (!file?.losses || !file.grad_norms) return [];
  const expected = await readExpected(`${url}expected.safetensors`);
  // The largest case has its way forward alone.
  if (!expected.names.some((name) => name.startsWith('grad.'))) return [];
  const device = await openDevice(wish, { processor });
  try {
    return await trained(device, url, file, expected);
  } finally {
    device.dispose();
  }
}

async function trained(
  device: Device,
  url: string,
  { optimizer, losses = [], grad_norms = [] }: TrainingFile,
  whole: Expected,
): Promise<GroupResult[]> {
  const expected = expectedParts(whole);
  const bytes = new Uint8Array(await (await fetch(`${url}model.safetensors`)).arrayBuffer());
  const config = readConfigFile(await fetchJson(`${url}config.json`));
  const checkpoint = recognise(openSafetensors(bytes), config);
  const { source, layout } = checkpoint;
  const shape = configOf(checkpoint, config, false);
  const [batch, tokens] = whole('input_ids').dims;
  const trainer = new Trainer(device, shape, {
    batch,
    tokens,
    optimiser: optimiserOf(optimizer),
  });
  try {
    const { arena, trainables } = trainer;
    await fillParameters(arena, trainables.parameters, source, layout, shape);
    const stored = async (of: Parameters): Promise<Map<string, Float32Array>> =>
      inParts(await storedTensors(device, shape, of, layout));
    const before = await stored(trainables.parameters);
    const ids = Uint32Array.from(whole('input_ids').data);
    const targets = Uint32Array.from(whole('targets').data, (id) => id >>> 0);
    const found = [await trainer.step([{ ids, targets }], optimizer.lr)];
    // The optimiser reads gradients and leaves them.
    const gradients = await storedTensors(device, shape, trainables.gradients, layout);
    const weights = await stored(trainables.parameters);
    while (found.length < losses.length) {
      found.push(await trainer.step([{ ids, targets }], optimizer.lr));
    }
    return [
      gradientGroup(gradients, whole),
      stepGroup(before, weights, expected, optimizer.lr),
      curveGroup(
        'losses',
        found.map(({ loss }) => loss),
        losses,
      ),
      curveGroup(
        'gradient norms',
        found.map(({ gradientNorm }) => gradientNorm),
        grad_norms,
      ),
    ];
  } finally {
    trainer.dispose();
  }
}

function gradientGroup(found: ReadonlyMap<string, Float32Array>, expected: Expected): GroupResult {
  const wanted = [...found].map(([name, values]) => ({
    values,
    wanted: expected(`grad.${name}`).data,
  }));
  const least = 1e-3 * Math.max(...wanted.map((each) => largestOf(each.wanted)));
  let [absolute, relative] = [0, 0];
  for (const { values, wanted: truth } of wanted) {
    const error = compare(values, truth).absolute;
    absolute = Math.max(absolute, error);
    relative = Math.max(relative, error / Math.max(largestOf(truth), least));
  }
  return {
    group: 'grad',
    absolute,
    relative,
    bound: `relative ${GRADIENT_BOUND}`,
    ok: relative <= GRADIENT_BOUND,
    note: `${wanted.length} tensors`,
  };
}

/**
 * Where queries, keys and values share one bias, its keys' third is a tensor of its own here: its true gradient is zero,
 * because a softmax does not see it.
 */
const FUSED_BIAS = /^(.*c_attn\.bias)(?:\[(\d)\])?$/u;

function inParts(tensors: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map(
    [...tensors].flatMap(([name, values]) =>
      FUSED_BIAS.test(name)
        ? [0, 1, 2].map((part) => [`${name}[${part}]`, third(values, part)] as const)
        : [[name, values] as const],
    ),
  );
}

/** Knows those thirds too. */
function expectedParts(expected: Expected): Expected {
  return (name) => {
    const [, whole, part] = FUSED_BIAS.exec(name) ?? [];
    if (part === undefined) return expected(name);
    const { data } = expected(whole);
    return { data: third(data, Number(part)), dims: [data.length / 3] };
  };
}

function third(values: Float32Array, part: number): Float32Array {
  const size = values.length / 3;
  return values.subarray(part * size, (part + 1) * size);
}

/**
 * Where there is no true gradient, weights move by rounding alone: within the learning rate, no more. That is a tensor
 * that has none beside the model's largest, and an element that has none beside its tensor's: AdamW's first step is the
 * gradient's sign but for a gradient near ε, and 10⁻⁷ of the largest is what float32 cannot tell.
 */
function stepGroup(
  before: ReadonlyMap<string, Float32Array>,
  found: ReadonlyMap<string, Float32Array>,
  expected: Expected,
  learningRate: number,
): GroupResult {
  const largest = Math.max(...[...found.keys()].map((name) => gradientOf(name, expected)));
  let [absolute, relative, ok] = [0, 0, true];
  let [tensors, elements] = [0, 0];
  for (const [name, values] of found) {
    const gradient = expected(`grad.${name}`).data;
    const wanted = expected(`step1.${name}`).data;
    const first = before.get(name) ?? new Float32Array();
    if (values.length !== wanted.length) throw new Error(`${name}: ${values.length} values.`);
    const ofTensor = gradientOf(name, expected);
    const hasNone = ofTensor < NO_GRADIENT * largest;
    if (hasNone) tensors++;
    let worst = 0;
    values.forEach((value, i) => {
      const size = Math.abs(gradient[i]);
      if (size > 0 && (hasNone || size < NO_GRADIENT * ofTensor)) {
        if (!hasNone) elements++;
        ok &&= Math.abs(value - first[i]) <= 1.001 * learningRate;
        return;
      }
      const error = Math.abs(value - wanted[i]);
      if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
    });
    absolute = Math.max(absolute, worst);
    relative = Math.max(relative, worst / largestOf(wanted));
  }
  return {
    group: 'step1',
    absolute,
    relative,
    bound: `relative ${STEP_BOUND}`,
    ok: ok && relative <= STEP_BOUND,
    note: `${found.size} tensors; without a true gradient ${tensors} of them, and ${elements} elements of others`,
  };
}

function gradientOf(name: string, expected: Expected): number {
  return largestOf(expected(`grad.${name}`).data);
}

function curveGroup(
  name: string,
  found: readonly number[],
  wanted: readonly number[],
): GroupResult {
  let [absolute, relative] = [0, 0];
  wanted.forEach((value, i) => {
    const error = Math.abs(found[i] - value);
    absolute = error <= absolute ? absolute : error;
    // A loss that is nearly learned is compared as it is.
    const size = Math.max(1, value);
    relative = error / size <= relative ? relative : error / size;
  });
  return {
    group: name,
    absolute,
    relative,
    bound: `relative ${LOSS_BOUND}, of 1 where smaller`,
    ok: relative <= LOSS_BOUND,
    note: `${wanted.length} steps`,
  };
}

function largestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
