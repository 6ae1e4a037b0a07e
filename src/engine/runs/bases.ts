// Models that runs go on from: read again from where they came, known by what their weights hash to.
import type { BaseSource, LoadedBase, RunBase } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { GptConfig } from '../../model/config.ts';
import { exportTensors } from '../../model/exportTensors.ts';
import { adopt } from '../../model/training/adopt.ts';
import { parseAddress } from '../../modelAddress.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { GPT2 } from '../gpt2.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import { answerStore } from '../questions/storage.ts';
import { tensorsFile } from '../save.ts';
import type { TrainOptions } from '../training/begin.ts';
import { type CheckpointStore, lastCheckpoints } from '../training/checkpointStore.ts';
import { WEIGHTS, readState } from '../training/checkpoints.ts';
import type { FirstWeights, LikeModel } from '../training/learner.ts';
import { likeOf } from '../training/trainedModel.ts';
import { hashOf } from './hash.ts';

/** What is known of a model but its weights. */
export interface KnownBase {
  readonly name: string;
  readonly config: GptConfig;
  readonly tokenizer: Tokenizer;
  readonly tokenizerFiles: ReadonlyMap<string, string> | null;
  readonly like: LikeModel;
  /** As `RunBase.sha256`. */
  readonly sha256: string;
}

/** What a run learns, from where, and by what. Dispose it when the run is over. */
export interface Beginning {
  readonly base: KnownBase;
  readonly how: Pick<TrainOptions, 'model' | 'lora' | 'device' | 'processor'>;
  dispose(): Promise<void>;
}

type Where = Pick<TrainOptions, 'device' | 'processor'>;

interface Wanted {
  /** What the page has loaded. */
  readonly loaded: LoadedBase | null;
  readonly where: Where;
  /** Of a run that goes on: where its weights are, unless it never came to a checkpoint. */
  readonly checkpoints?: { readonly id: string; readonly store: CheckpointStore } | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface BasesOptions {
  /** The page's address. */
  readonly base: string;
  readonly processor?: ProcessorOptions | undefined;
  readonly cache_dir?: string | undefined;
}

export class Bases {
  readonly #options: BasesOptions;
  /** The one that was read last: a text is read, a step measured and a run begun with the same. */
  #last: { readonly fingerprint: string; readonly known: KnownBase } | null = null;

  constructor(options: BasesOptions) {
    this.#options = options;
  }

  /** Throws `training/base` where it is not at hand, or is another model by now; `training/reads` where it reads no text. */
  async know(base: RunBase, loaded: LoadedBase | null, signal?: AbortSignal): Promise<KnownBase> {
    const last = this.#last;
    if (last?.fingerprint === base.fingerprint && isSame(base, last.known.sha256)) {
      return last.known;
    }
    const { model, known } = await this.#open(base, { loaded, where: { device: 'cpu' }, signal });
    await model.dispose();
    return known;
  }

  /**
   * All that training it takes. Weights of a run that comes to a checkpoint stand there; those of an adapter's base in
   * none, so it is read again. Throws as `know`.
   */
  async begin(base: RunBase, wanted: Wanted): Promise<Beginning> {
    const { where, loaded, checkpoints, signal } = wanted;
    const { lora } = base;
    if (lora) {
      const { model, known } = await this.#open(base, wanted);
      return { base: known, how: { model, lora }, dispose: () => model.dispose() };
    }
    const stands = checkpoints && (await this.#ofCheckpoint(base, checkpoints));
    const known = stands ?? (await this.know(base, loaded, signal));
    const first: FirstWeights = {
      like: known.like,
      write: async (to, stop) => {
        // On the processor, wherever it is to learn: it is read, and goes.
        const cpu = { loaded, where: { device: 'cpu' as const }, signal: stop };
        const { model } = await this.#open({ ...base, sha256: known.sha256 }, cpu);
        try {
          await adopt(to, model.gpt, stop);
        } finally {
          await model.dispose();
        }
      },
    };
    const how = { ...where, model: { config: known.config, first } };
    return { base: known, how, dispose: () => Promise.resolve() };
  }

  /** From the last checkpoint that can be read of a run that learns all parameters; null where there is none. */
  async #ofCheckpoint(
    base: RunBase,
    { id, store }: NonNullable<Wanted['checkpoints']>,
  ): Promise<KnownBase | null> {
    const { processor, cache_dir } = this.#options;
    for await (const checkpoint of lastCheckpoints(store)) {
      const run = { id, step: checkpoint.step };
      const how = { run, device: 'cpu', dtype: 'fp32', processor, cache_dir } as const;
      try {
        const { config } = await readState(checkpoint);
        const model = await GPT2.from_pretrained('', how);
        try {
          // Absent biases are zeros in a file of weights; the run itself knows better.
          return { ...knownOf(model, base.name, base.sha256 ?? ''), config };
        } finally {
          await model.dispose();
        }
      } catch (error) {
        // The run goes on from the one before it, and says so.
        if (!(error instanceof EngineError)) throw error;
      }
    }
    return null;
  }

  /** In 32 bits, whatever the page has it in. */
  async #open(
    base: RunBase,
    { loaded, where, signal }: Wanted,
  ): Promise<{ readonly model: GPT2; readonly known: KnownBase }> {
    const model = await this.#read(base, loaded, where, signal);
    try {
      const found = model.fingerprint === base.fingerprint;
      const hash = found ? await hashOfWeights(model, signal) : '';
      if (!found || !isSame(base, hash)) throw other(base);
      const known = knownOf(model, base.name, hash);
      this.#last = { fingerprint: base.fingerprint, known };
      return { model, known };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  async #read(
    base: RunBase,
    loaded: LoadedBase | null,
    { device, processor = this.#options.processor }: Where,
    signal: AbortSignal | undefined,
  ): Promise<GPT2> {
    const isLoaded = loaded?.fingerprint === base.fingerprint;
    const from: LoadedBase['source'] | null = isLoaded ? loaded.source : base.source;
    if (!from) throw notAtHand(base, '.');
    const { base: address, cache_dir } = this.#options;
    const { source, ...rest } = from;
    try {
      if (!from.files && !from.run) await this.#checkKept(from);
      const how = { ...rest, base: address, dtype: 'fp32', device, processor, cache_dir, signal };
      return await GPT2.from_pretrained(source, how as Parameters<typeof GPT2.from_pretrained>[1]);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof EngineError) || /^(?:device|webgpu|training)\//u.test(error.code)) {
        throw error;
      }
      throw notAtHand(base, `: ${error.message}`, error);
    }
  }

  /** What comes from a Hub was agreed to once: it is read from where it is kept, and never fetched again. */
  async #checkKept({
    source,
    revision,
    host,
    base_model,
    base_revision,
  }: BaseSource): Promise<void> {
    const { base } = this.#options;
    const named = [{ source, revision, host }];
    if (base_model !== undefined) {
      named.push({ source: base_model, revision: base_revision, host });
    }
    for (const name of named) {
      if (parseAddress(name.source, { ...name, base }).kind !== 'hub') continue;
      const kept = await answerStore('findStored', name);
      if (kept?.complete) continue;
      throw new EngineError(`${name.source} is not kept in this browser.`, {
        code: 'engine/not-kept',
        hint: 'Load it, and keep it.',
      });
    }
  }
}

function knownOf(model: GPT2, name: string, hash: string): KnownBase {
  const { tokenizer, tokenizerFiles, config } = model;
  if (tokenizer)
    return { name, config, tokenizer, tokenizerFiles, like: likeOf(model), sha256: hash };
  throw new EngineError(`${name} has no tokenizer, so it cannot learn from a text.`, {
    code: 'training/reads',
    hint: 'Put its tokenizer.json beside its weights and load it again, or train a new model.',
  });
}

/** Of its weights in 32 bits, as a `model.safetensors`: 64 hex digits. */
async function hashOfWeights({ gpt }: GPT2, signal: AbortSignal | undefined): Promise<string> {
  return hashOf(tensorsFile(WEIGHTS, await exportTensors(gpt, 'F32')).chunks(), signal);
}

/** What nobody has read yet cannot differ. */
function isSame(base: RunBase, hash: string): boolean {
  return base.sha256 === undefined || base.sha256 === hash;
}

function notAtHand(base: RunBase, why: string, cause?: unknown): EngineError {
  return new EngineError(
    `This stands on the weights of ${base.name}, which are not at hand${why}`,
    {
      code: 'training/base',
      hint: `Load ${base.name} in this page (drop its files, or open it under “Models” and keep it), and try again.${hashWords(base)}`,
      cause,
    },
  );
}

function other(base: RunBase): EngineError {
  return new EngineError(`What is found as ${base.name} has other weights than this stands on.`, {
    code: 'training/base',
    hint: `Load the model as it was, and try again; or begin a run of its own from this one.${hashWords(base)}`,
  });
}

function hashWords({ sha256: hash }: RunBase): string {
  return hash === undefined
    ? ''
    : ` It is the right one where the SHA-256 of its weights begins with ${hash.slice(0, 12)}.`;
}
