// A checkpoint, whatever codebase wrote it, becomes a model on a device.
import type { Assumption, Dtype } from '../api.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import type { Device } from '../gpu/device.ts';
import type { WeightFormat } from '../kernels/weightMatrix.ts';
import type { Arranged } from './arranged.ts';
import { fillParameters, planParameters, zeroParameters } from './checkpoint.ts';
import { type GptConfig, checkConfig } from './config.ts';
import type { ConfigFile } from './configFile.ts';
import { sampled } from './fingerprint.ts';
import { encodePass } from './forward.ts';
import { Gpt } from './gpt.ts';
import type { LayoutName } from './layouts.ts';
import { type Checkpoint, configOf, recognise } from './openCheckpoint.ts';
import { parameterBytes } from './parameters.ts';
import { Session } from './session.ts';
import { notesOnUnused } from './unused.ts';

/** A large model has its room when it is asked for. */
const MOST_ROOM = 16 << 20;

export interface LoadGptOptions {
  /** Left out, it is what suits the device. */
  readonly dtype?: Dtype;
  readonly signal?: AbortSignal;
  /**
   * Windows of ids that a model of these sizes can read whole, to measure on what nothing else decides; none by
   * default. Asked for where there is something to measure, and `onMeasure` hears that it begins.
   */
  readonly text?: (sizes: TextSizes) => Promise<readonly (readonly number[])[]>;
  readonly onMeasure?: () => void;
  /** Hears stored tensors as they reach the device: how many of how many. */
  readonly onTensor?: (done: number, total: number) => void;
}

const FORMATS: Readonly<Record<Dtype, WeightFormat>> = { fp32: 'f32', fp16: 'f16', q8: 'int8' };

/**
 * Halves on a graphics card; f32 where the processor would unpack them; int8 for a model larger than
 * the largest buffer, which is all that WebGPU says about a device's memory.
 */
function dtypeFor({ summary }: Device, config: GptConfig): Dtype {
  const dtype = summary.isSoftware ? 'fp32' : 'fp16';
  const { maxBufferSize = Infinity } = summary.limits;
  return parameterBytes(config, dtype) > maxBufferSize ? 'q8' : dtype;
}

export interface LoadedGpt {
  readonly model: Gpt;
  readonly config: GptConfig;
  readonly layout: LayoutName;
  readonly dtype: Dtype;
  /** What the checkpoint is known by: 16 hex digits. */
  readonly fingerprint: string;
  /** What the checkpoint holds that is not used, in sentences for people. */
  readonly notes: readonly string[];
  /** What no file says, and how it was decided. */
  readonly assumed: readonly Assumption[];
}

/**
 * Recognises the layout, checks every name and shape before anything is allocated, and uploads. What the files leave
 * open is measured on `text`, or as is usual. Throws `checkpoint/…` and `config/…` (`config/heads` with the choice
 * where nothing decides them); nothing stays allocated then.
 */
export async function loadGpt(
  device: Device,
  stored: TensorSource,
  file: ConfigFile,
  options: LoadGptOptions,
): Promise<LoadedGpt> {
  const checkpoint = recognise(stored, file);
  const { source, layout, questions } = checkpoint;
  const isMeasurable = questions.some(({ key }) => key !== 'activation_function');
  const text = isMeasurable ? ((await options.text?.(sizesOf(checkpoint))) ?? []) : [];
  const config = configOf(checkpoint, file, text.length > 0);
  const dtype = options.dtype ?? dtypeFor(device, config);
  const arena = device.createArena('parameters');
  let model: Gpt | null = null;
  try {
    // Shaders compile while weights are read and arranged.
    const compiling = compileFor(device, config, dtype);
    compiling.catch(() => {});
    let done = 0;
    const read = sampled(source);
    const parameters = zeroParameters(device, arena, layout, config, FORMATS[dtype]);
    // What is to be rounded or uploaded would not wait less for it.
    const isPlain = device.summary.kind === 'cpu' && dtype === 'fp32' && questions.length === 0;
    const alike = isPlain ? stored.alike : undefined;
    const key = JSON.stringify([layout.name, config]);
    const ahead = alike?.arranged(key) as Arranged | undefined;
    if (ahead) ahead.put(arena, parameters);
    else {
      await fillParameters(
        arena,
        parameters,
        read.source,
        layout,
        config,
        () => options.onTensor?.(++done, source.shapes.size),
        options.signal,
      );
    }
    const { traits } = device;
    if (alike && !ahead) takeRoom(device, parameterBytes(config, 'fp32'));
    alike?.teach(key, async (other) => {
      const { arrangeAhead } = await import('./arranged.ts');
      const { source: watched, fingerprint } = sampled(recognise(other, file).source);
      return arrangeAhead(config, fingerprint, async (memory) => {
        const zeros = zeroParameters({ traits }, memory, layout, config, 'f32');
        await fillParameters(memory, zeros, watched, layout, config);
        return zeros;
      });
    });
    model = new Gpt(device, arena, config, parameters);
    // Every text needs it: where there is no memory for it, the model is of no use.
    model.workspace.take(1);
    await compiling;
    // Threads had all the time of the weights to start.
    if (device.summary.kind === 'cpu') await device.prepare(() => {});
    // Allocations fail late on a GPU: only now is it known that all of them are there.
    await device.idle();
    const failure = arena.failure ?? model.workspace.failure;
    if (failure) throw failure;
    let assumed: readonly Assumption[] = [];
    if (questions.length > 0) {
      if (text.length > 0) options.onMeasure?.();
      // Few checkpoints leave anything open.
      const { settle } = await import('./readings.ts');
      const settled = await settle(model, arena, checkpoint, file, text, options.signal);
      ({ model, assumed } = settled);
    }
    const fingerprint = ahead?.fingerprint ?? read.fingerprint(model.config);
    const notes = notesOnUnused(layout, model.config, source.shapes);
    return { model, config: model.config, layout: layout.name, dtype, fingerprint, assumed, notes };
  } catch (error) {
    model?.dispose();
    arena.dispose();
    throw error;
  }
}

/**
 * Another one that is alike comes beside this one, into memory that no system gives before it is written to, page by page,
 * which takes longer than the copy. What was written once is at hand.
 */
function takeRoom(device: Device, bytes: number): void {
  if (bytes > MOST_ROOM) return;
  const arena = device.createArena('room');
  try {
    arena.upload('room', [bytes / 4], 'f32', new Float32Array(bytes / 4));
  } catch {
    // This model has its memory; the other one may say what it lacks.
  }
  arena.dispose();
}

/** What a text has to fit. */
type TextSizes = Pick<GptConfig, 'nCtx' | 'vocabSize'>;

function sizesOf({ source: { shapes }, layout }: Checkpoint): TextSizes {
  const [vocabSize = 0] = shapes.get(layout.namesOf('wte.weight')[0]) ?? [];
  return { vocabSize, nCtx: shapes.get(layout.namesOf('wpe.weight')[0])?.at(-2) ?? 0 };
}

/** Compiles the pipelines of a model of this shape; what is compiled already costs nothing. */
async function compileFor(device: Device, config: GptConfig, dtype: Dtype): Promise<void> {
  // A processor has nothing to compile.
  if (device.summary.kind === 'cpu') return;
  const arena = device.createArena('plan');
  // One block stands for all: the others use the same pipelines.
  const plan = new Gpt(
    device,
    arena,
    { ...config, nLayer: 1 },
    planParameters(device, config, FORMATS[dtype]),
  );
  try {
    await prepare(plan);
  } finally {
    plan.dispose();
  }
}

/** Compiles every pipeline that prompts and single tokens need. */
async function prepare(model: Gpt): Promise<void> {
  const session = new Session(model, { capacity: Math.min(16, model.config.nCtx) });
  try {
    await model.device.prepare((enc) => {
      for (const tokens of new Set([1, Math.min(3, session.capacity), session.capacity])) {
        encodePass(enc, model, session.pass({ tokens, start: 0 }, { lastLogits: true }));
      }
    });
  } finally {
    session.dispose();
  }
}

/**
 * Starts compiling from what `config.json` says, before the weights are here. A guess that turns
 * out wrong costs a few unused pipelines and nothing else.
 */
export async function compileEarly(device: Device, file: ConfigFile, dtype?: Dtype): Promise<void> {
  const { vocabSize, nCtx, nLayer, nHead, nEmbd } = file;
  if (!vocabSize || !nCtx || !nLayer || !nHead || !nEmbd) return;
  const config: GptConfig = {
    vocabSize,
    nCtx,
    nLayer,
    nHead,
    nEmbd,
    nInner: file.nInner ?? 4 * nEmbd,
    qkvBias: true,
    bias: true,
    layerNormBias: true,
    layerNormDenominator: file.layerNormDenominator ?? 'variance',
    layerNormEpsilon: file.layerNormEpsilon ?? 1e-5,
    activation: file.activation ?? 'gelu-tanh',
    scaleAttnWeights: true,
    scaleAttnByInverseLayerIdx: false,
    tiedHead: true,
  };
  checkConfig(config);
  await compileFor(device, config, dtype ?? dtypeFor(device, config));
}
