// The public face for people who import the library: load, forward, generate, in this thread.
import type {
  DeviceRequest,
  DeviceSummary,
  Dtype,
  GenerateEvent,
  GenerationOptions,
  ModelAnatomy,
  ModelOrigin,
  ModelSummary,
  PartOff,
  ProgressInfo,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import type { Arena, Device } from '../gpu/device.ts';
import { toAnatomy } from '../model/anatomy.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import {
  type ConfigFile,
  type GptConfig,
  guessHeads,
  headsFor,
  parameterCount,
  readConfigFile,
} from '../model/config.ts';
import type { Gpt, Session } from '../model/forward.ts';
import { MOST_ATTENTION_ELEMENTS, attentionTooLarge, checkTokens } from '../model/forward.ts';
import { type LayoutName, partOf } from '../model/layouts.ts';
import { compileEarly, loadGpt } from '../model/load.ts';
import { type PartMeans, type PartsOff, toPartsOff } from '../model/partsOff.ts';
import { BytePairEncoder, type TokenizerFiles } from '../text/bytePairEncoder.ts';
import { loadGpt2Tokenizer } from '../text/gpt2Tokenizer.ts';
import { StreamingDecoder } from '../text/streamingDecoder.ts';
import { openDevice } from '../model/openDevice.ts';
import { type ModelFolder, parseJsonFile } from '../hub/modelFolder.ts';
import type { Patience } from '../hub/network.ts';
import { openModel } from '../hub/open.ts';
import type { OpenOptions } from '../hub/where.ts';
import {
  Conversation,
  type Reader,
  type Vocabulary,
  generateTokens,
  startingIds,
} from './sampling/generate.ts';
import type { SaveOptions, SavedFacts, SavedModel } from './save.ts';
import { Trace, type TraceReader } from './reading/trace.ts';

export interface FromPretrainedOptions {
  /** By default `fp16` on a graphics card, `fp32` where the processor computes, `q8` where that is too large. */
  readonly dtype?: Dtype;
  /** A wish, or a `GPUDevice` of one's own (Dawn in Node). */
  readonly device?: DeviceRequest | GPUDevice;
  /** True for kernels without barriers and workgroup memory, whatever the adapter says it is. */
  readonly plain?: boolean;
  /** Branch, tag or commit of a model on a Hub; `main` by default. */
  readonly revision?: string;
  /** What `revision` meant when it was agreed to, 40 hex digits: nothing else is fetched then. */
  readonly commit?: string;
  /** A mirror of the Hub, or a server that has models under the same addresses. */
  readonly host?: string;
  /** What paths are relative to; the page's own address by default. */
  readonly base?: string;
  /** Files that were dropped or chosen, instead of what the source names. */
  readonly files?: readonly File[];
  /** Heads of a model that does not say. */
  readonly nHead?: number;
  /** False streams a download to the device and keeps nothing. */
  readonly keep?: boolean;
  /** A directory that keeps downloads, in Node. */
  readonly cache_dir?: string;
  /** How often and how soon a broken download is tried again. */
  readonly patience?: Patience;
  readonly progress_callback?: (info: ProgressInfo) => void;
  /** Aborting keeps what came, so that loading again goes on there. */
  readonly signal?: AbortSignal;
}

/** Numbers with a shape, row-major. */
export interface OutputTensor {
  readonly data: Float32Array;
  readonly dims: number[];
}

export interface ForwardOptions {
  /** Same shape as the ids, not shifted; −1 is ignored. Asks for `loss`. */
  readonly targets?: readonly number[] | readonly (readonly number[])[];
  /** Logits of the last position alone, dims `[B, 1, V]`. */
  readonly last_logits_only?: boolean;
  readonly output_attentions?: boolean;
  readonly output_hidden_states?: boolean;
  readonly signal?: AbortSignal;
}

export interface ForwardOutput {
  /** `[B, T, V]`, or `[B, 1, V]` with `last_logits_only`. */
  readonly logits: OutputTensor;
  /** Mean cross-entropy over targets that are not −1; NaN when all are. */
  readonly loss?: number;
  /** One `[B, H, T, T]` a layer. */
  readonly attentions?: OutputTensor[];
  /**
   * `[B, T, C]` before each block and after the last, before the final LayerNorm. (In
   * transformers the last one is after the final LayerNorm.)
   */
  readonly hidden_states?: OutputTensor[];
}

/** One generated token, in transformers.js' words. */
export interface GeneratedToken {
  readonly token_id: number;
  /** Text that became complete with this token; '' while half a character waits for the rest. */
  readonly text: string;
  /** ln of the token's probability before the sampling steps. */
  readonly logprob: number;
  readonly rank: number;
  /** The most probable candidates after the sampling steps. */
  readonly top: readonly { token_id: number; text: string; probability: number }[];
}

export interface GenerateOptionsInput extends Partial<GenerationOptions> {
  readonly signal?: AbortSignal;
  /** How many candidates `top` has; 10 by default. */
  readonly top_logprobs?: number;
}

/** Where nothing else is said: greedy, 50 tokens. */
export const DEFAULT_OPTIONS: GenerationOptions = {
  do_sample: false,
  temperature: 1,
  top_k: 50,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 50,
  stop: [],
};

const DTYPES: readonly Dtype[] = ['fp32', 'fp16', 'q8'];

interface Parts {
  readonly device: Device;
  readonly ownsDevice: boolean;
  readonly model: Gpt;
  readonly layout: LayoutName;
  readonly dtype: Dtype;
  readonly source: string;
  readonly name: string;
  readonly tokenizer: BytePairEncoder | null;
  readonly tokenizerFiles: SavedFacts['tokenizerFiles'];
  readonly file: ConfigFile;
  readonly defaults: Partial<GenerationOptions>;
  readonly origin?: ModelOrigin;
  /** Heads that fit, where their number was guessed. */
  readonly headsToChoose?: readonly number[];
  /** Loads the same model once more, with other options. */
  readonly again?: (options: FromPretrainedOptions) => Promise<GPT2>;
  readonly fingerprint: string;
}

/** A GPT-2 or a model of its shape, loaded and ready. Dispose it when done: it holds GPU memory. */
export class GPT2 {
  readonly config: GptConfig;
  /** Null for a model without tokenizer files and with another vocabulary than GPT-2's. */
  readonly tokenizer: BytePairEncoder | null;
  readonly #parts: Parts;
  readonly #vocabulary: Vocabulary;
  #conversation: Conversation | null = null;
  #edited: Conversation | null = null;
  #means: Arena | null = null;
  #measuring: Promise<PartMeans> | null = null;
  #trace: Trace | null = null;
  #editedTrace: Trace | null = null;
  #disposed = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.config = parts.model.config;
    this.tokenizer = parts.tokenizer;
    this.#vocabulary = vocabularyOf(parts.tokenizer);
  }

  /**
   * Loads a model: `openai-community/gpt2` or another id on the Hub, the address of a folder in Hugging
   * Face layout (`config.json`, `model.safetensors` or shards with an index, and `vocab.json` with
   * `merges.txt` unless it has GPT-2's own vocabulary), a path, or dropped files. What comes from a Hub
   * is checked, and kept where the browser or `cache_dir` allows.
   * Throws an `EngineError` that says what to do; nothing stays allocated then.
   */
  static async from_pretrained(source: string, options: FromPretrainedOptions = {}): Promise<GPT2> {
    checkChoice('dtype', options.dtype, DTYPES);
    // The first thing to fail stops the others: nobody downloads weights for a missing adapter.
    const stop = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    const reporter = new PartReporter(options.progress_callback);
    const { revision, commit, host, base, files, keep, cache_dir, patience } = options;
    const place: OpenOptions = { revision, commit, host, base, files, keep, cache_dir, patience };
    const folder = await openModel(source, {
      ...place,
      signal,
      progress_callback: options.progress_callback && reporter.report,
    });
    let opened: Promise<Device> | null = null;
    try {
      const config = await readConfig(folder, options);
      const opening = openDevice(options.device, options.plain);
      opened = opening;
      // What goes wrong here goes wrong again, in words, once the weights are here.
      opening.then((device) => compileEarly(device, config, options.dtype)).catch(() => {});
      const small = Promise.all([readTokenizerFiles(folder), readDefaults(folder)]);
      const load = async (tensors: TensorSource): Promise<GPT2> => {
        const [device, [tokenizerFiles, extra]] = await Promise.all([opening, small]);
        const { nHead, headsToChoose } = headsOf(config, tensors, options);
        return GPT2.from_source(reporter.watch(tensors), {
          device,
          ownsDevice: true,
          dtype: options.dtype,
          source,
          name: folder.name,
          origin: folder.origin,
          headsToChoose,
          again: async (other) => {
            const kept = await keptCommit(folder.origin, place);
            const same = { ...place, ...(kept !== null && { revision: kept }) };
            return GPT2.from_pretrained(source, {
              ...same,
              nHead,
              device: options.device,
              plain: options.plain,
              ...other,
            });
          },
          tokenizer: await toTokenizer(tokenizerFiles, folder.name, vocabSizeOf(tensors, config)),
          tokenizerFiles: namedFiles(tokenizerFiles),
          file: { ...config, nHead, eosTokenIds: extra.eosTokenIds ?? config.eosTokenIds },
          defaults: extra.defaults,
          signal,
        });
      };
      const gpt2 = await loadFrom(folder, Promise.all([opening, small]), load, () => stop.abort());
      options.progress_callback?.({ status: 'ready', name: folder.name });
      return gpt2;
    } catch (error) {
      stop.abort();
      await opened?.then(
        (device) => device.dispose(),
        () => {},
      );
      throw error;
    } finally {
      await folder.close();
    }
  }

  /**
   * The same model once more, as it was named. Rejects with `engine/not-kept` rather than download it again;
   * what lies on the page's own site, as its default model does, is read there again.
   */
  again(options: FromPretrainedOptions): Promise<GPT2> {
    const { again, source } = this.#parts;
    return again ? again(options) : GPT2.from_pretrained(source, options);
  }

  /** As `from_pretrained`, from tensors that come from anywhere, on a device that is open. */
  static async from_source(
    source: TensorSource,
    options: Partial<Omit<Parts, 'model' | 'layout' | 'fingerprint'>> &
      Pick<Parts, 'device' | 'file'> & { signal?: AbortSignal },
  ): Promise<GPT2> {
    const { device } = options;
    checkChoice('dtype', options.dtype, DTYPES);
    const { model, layout, dtype, fingerprint } = await loadGpt(device, source, options.file, {
      dtype: options.dtype,
      signal: options.signal,
    });
    return new GPT2({
      ownsDevice: false,
      source: '',
      name: 'model',
      tokenizer: null,
      tokenizerFiles: null,
      defaults: {},
      ...options,
      dtype,
      model,
      layout,
      fingerprint,
    });
  }

  get device(): DeviceSummary {
    return this.#parts.device.summary;
  }

  /** What the checkpoint is known by, whatever file and dtype it came in: 16 hex digits. */
  get fingerprint(): string {
    return this.#parts.fingerprint;
  }

  /** Resolves with the reason when the device is gone. */
  get lost(): Promise<string> {
    return this.#parts.device.lost;
  }

  get bosTokenId(): number | null {
    const { bosTokenId, eosTokenIds = [] } = this.#parts.file;
    const [id = null] = this.#idsAmong(bosTokenId, ...eosTokenIds, this.tokenizer?.endOfTextId);
    return id;
  }

  get eosTokenIds(): readonly number[] {
    const { eosTokenIds } = this.#parts.file;
    const told = this.#idsAmong(...(eosTokenIds ?? []));
    // None at all may be what config.json wants.
    if (eosTokenIds?.length === told.length) return told;
    return told.length > 0 ? told : this.#idsAmong(this.tokenizer?.endOfTextId);
  }

  /** Those that this model has: 50256 stands in the config.json of many a small one that ends before. */
  #idsAmong(...ids: readonly (number | null | undefined)[]): number[] {
    const { vocabSize } = this.config;
    return ids.filter((id) => typeof id === 'number' && id >= 0 && id < vocabSize) as number[];
  }

  get summary(): ModelSummary {
    const { source, name, layout, dtype, model, defaults, device, origin, headsToChoose } =
      this.#parts;
    const { nLayer, nHead, nEmbd, nCtx, vocabSize } = this.config;
    return {
      source,
      name,
      layout,
      fingerprint: this.fingerprint,
      nLayer,
      nHead,
      nEmbd,
      nCtx,
      vocabSize,
      parameterCount: parameterCount(this.config),
      dtype,
      memoryBytes: model.sizeBytes,
      bosTokenId: this.bosTokenId,
      eosTokenIds: this.eosTokenIds,
      defaults,
      device: device.summary,
      ...(origin ? { origin } : {}),
      ...(headsToChoose ? { headsToChoose } : {}),
    };
  }

  /** The module tree, as the checkpoint's own codebase prints it. */
  get anatomy(): ModelAnatomy {
    const { layout, model, file } = this.#parts;
    return toAnatomy(this.config, layout, model.sizeBytes, file.dropRates);
  }

  /** The model underneath, for benchmarks and tests. */
  get model(): Gpt {
    return this.#parts.model;
  }

  /** Ids of a text; names of special tokens in it are plain text. */
  encode(text: string): number[] {
    if (this.tokenizer) return this.tokenizer.encode(text);
    throw new EngineError(`${this.#parts.name} came without a tokenizer, so it cannot read text.`, {
      code: 'tokenizer/missing',
      hint: 'Put vocab.json and merges.txt into its folder, or give token ids.',
    });
  }

  get vocabulary(): Vocabulary {
    return this.#vocabulary;
  }

  /**
   * One pass over a text or a batch of equally long ones. A single list of ids counts as a batch
   * of one. Throws `tokens/…` in words.
   */
  async forward(
    ids: readonly number[] | readonly (readonly number[])[],
    o: ForwardOptions = {},
  ): Promise<ForwardOutput> {
    this.#checkUsable();
    const { model } = this.#parts;
    const batch = toBatch(ids);
    const { nCtx, nEmbd, nHead, nLayer, vocabSize } = this.config;
    checkTokens(batch, batch.length, 0, nCtx, this.config);
    const [B, T] = [batch.length, batch[0].length];
    const targets = o.targets && toBatch(o.targets);
    if (targets) checkTargets(targets, B, T, vocabSize);
    if (o.output_attentions && B * nLayer * nHead * T * T > MOST_ATTENTION_ELEMENTS) {
      throw attentionTooLarge(B * nLayer * nHead, T);
    }
    const hidden = Array.from({ length: o.output_hidden_states ? nLayer + 1 : 0 }, () => ({
      data: new Float32Array(B * T * nEmbd),
      dims: [B, T, nEmbd],
    }));
    const session = model.createSession({ batch: B, capacity: T });
    try {
      const last = await session.append(batch, {
        lastLogits: o.last_logits_only,
        signal: o.signal,
        taps: o.output_hidden_states
          ? {
              onHidden: (layer, from, values) => {
                const rows = values.length / B;
                for (let b = 0; b < B; b++) {
                  const part = values.subarray(b * rows, (b + 1) * rows);
                  hidden[layer].data.set(part, (b * T + from) * nEmbd);
                }
              },
            }
          : undefined,
      });
      const kept = o.last_logits_only ? 1 : T;
      const logits = { data: new Float32Array(B * kept * vocabSize), dims: [B, kept, vocabSize] };
      let lossSum = 0;
      let lossCount = 0;
      for (let b = 0; b < B; b++) {
        if (o.last_logits_only) logits.data.set(last[b], b * vocabSize);
        else {
          await session.readLogits(b, 0, T, (rows) =>
            logits.data.set(rows.logits, (b * T + rows.start) * vocabSize),
          );
        }
        if (targets) {
          const { loss, rank } = await session.score(b, 0, targets[b], o.signal);
          loss.forEach((value) => (lossSum += value));
          lossCount += rank.filter((r) => r > 0).length;
        }
      }
      const attentions: OutputTensor[] = [];
      if (o.output_attentions) {
        for (let l = 0; l < nLayer; l++) attentions.push(await this.#attentions(session, l));
      }
      return {
        logits,
        ...(targets ? { loss: lossSum / lossCount } : {}),
        ...(o.output_attentions ? { attentions } : {}),
        ...(o.output_hidden_states ? { hidden_states: hidden } : {}),
      };
    } finally {
      session.dispose();
    }
  }

  async #attentions(session: Session, layer: number): Promise<OutputTensor> {
    const { nHead } = this.config;
    const [B, T] = [session.batch, session.length];
    const data = new Float32Array(B * nHead * T * T);
    for (let b = 0; b < B; b++) {
      data.set(await session.readAttention(b, layer, 0, nHead), b * nHead * T * T);
    }
    return { data, dims: [B, nHead, T, T] };
  }

  /**
   * Streams tokens after a prompt (text or ids; empty starts from the beginning-of-text token).
   * Greedy unless `do_sample`. Leaving the loop stops the work; aborting `signal` rejects with
   * its reason. Throws `sampling/options`, `tokens/…`, `device/lost`.
   */
  async *generate(
    prompt: string | readonly number[],
    options: GenerateOptionsInput = {},
  ): AsyncGenerator<GeneratedToken, void, undefined> {
    const ids = typeof prompt === 'string' ? this.encode(prompt) : prompt;
    const { signal, top_logprobs = 10, ...rest } = options;
    // What is undefined was not chosen.
    const chosen = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    );
    const all = { ...DEFAULT_OPTIONS, ...chosen };
    for await (const event of this.events(ids, all, top_logprobs, signal)) {
      if (event.type === 'token') {
        const { piece, text, logprob, rank, distribution } = event;
        const top = distribution.top.map((c) => ({
          token_id: c.piece.id,
          text: c.piece.text,
          probability: c.probability,
        }));
        yield { token_id: piece.id, text, logprob, rank, top };
      }
    }
    signal?.throwIfAborted();
  }

  /** As `generate`, with everything the page shows. An abort ends it with `done: aborted`. */
  async *events(
    ids: readonly number[],
    options: GenerationOptions,
    top: number,
    signal?: AbortSignal,
    off?: readonly PartOff[],
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    yield* generateTokens({
      reader: this.conversation(off),
      ids: startingIds(ids, this.bosTokenId),
      options,
      vocabulary: this.#vocabulary,
      eosTokenIds: this.eosTokenIds,
      top,
      signal,
    });
  }

  /**
   * The model's conversation: a cache that follows whatever text is asked about. With parts off it
   * is another one, so that the whole model and the edited one do not disturb each other. Throws
   * `inspect/head`, `inspect/layer`, `inspect/part`.
   */
  conversation(off: readonly PartOff[] = []): Reader {
    this.#checkUsable();
    const parts = toPartsOff(off, this.config);
    const create = (): Conversation =>
      new Conversation(this.#parts.model.createSession(), (session, wanted) =>
        this.switchOff(session, wanted),
      );
    // There was no memory for that one's session; there may be now.
    const usable = (one: Conversation | null): Conversation | null => {
      if (!one?.session.failed) return one;
      one.session.dispose();
      return null;
    };
    if (parts.key === '') {
      this.#conversation = usable(this.#conversation) ?? create();
      return this.#conversation.readerFor(parts);
    }
    this.#edited = usable(this.#edited) ?? create();
    return this.#edited.readerFor(parts);
  }

  /** Switches parts of a session off, and all others on; what it read with others off, it forgets. */
  async switchOff(session: Session, off: PartsOff): Promise<void> {
    if (off.key === session.off.key) return;
    const byMean = off.parts.some(({ by }) => by === 'mean');
    session.setPartsOff(off, byMean ? await this.partMeans() : null);
    session.truncate(0);
  }

  /** What every part puts out on average over a reference text; measured once, when asked for. */
  async partMeans(): Promise<PartMeans> {
    const { device, model } = this.#parts;
    this.#means ??= device.createArena('means');
    const arena = this.#means;
    const measure = async (): Promise<PartMeans> => {
      const { measurePartMeans } = await import('../model/partMeans.ts');
      const { referenceIds } = await import('./reading/referenceText.ts');
      return measurePartMeans(model, arena, referenceIds(this.tokenizer, this.config));
    };
    this.#measuring ??= measure();
    try {
      return await this.#measuring;
    } catch (error) {
      // The next to ask tries again.
      arena.dispose();
      if (this.#means === arena) this.#means = this.#measuring = null;
      throw error;
    }
  }

  /**
   * What flows through the model while it reads, kept apart for whoever looks; with parts off once
   * more, as with conversations. Throws `inspect/head`, `inspect/layer`, `inspect/part`.
   */
  trace(off: readonly PartOff[] = []): TraceReader {
    this.#checkUsable();
    const parts = toPartsOff(off, this.config);
    const create = (): Trace =>
      new Trace(this.#parts.model, (session, wanted) => this.switchOff(session, wanted));
    if (parts.key === '') return (this.#trace ??= create()).readerFor(parts);
    return (this.#editedTrace ??= create()).readerFor(parts);
  }

  /**
   * The model as the files of a Hugging Face folder, which `GPT2LMHeadModel.from_pretrained` reads, and
   * which give the same logits here again, bit for bit in `fp32` and `fp16`. In Node, a `folder` gets
   * them written; else their chunks are made as they are asked for, and `dispose` ends it. Throws
   * `save/layernorm` for a model that transformers has no class for, `save/write`.
   */
  async save_pretrained(options?: SaveOptions): Promise<SavedModel>;
  async save_pretrained(folder: string, options?: SaveOptions): Promise<SavedModel>;
  async save_pretrained(
    target: string | SaveOptions = {},
    more: SaveOptions = {},
  ): Promise<SavedModel> {
    this.#checkUsable();
    const options = typeof target === 'string' ? more : target;
    // Whoever only reads text does not fetch what writes files.
    const { toSavedModel, writeFolder } = await import('./save.ts');
    const { tokenizerFiles, file } = this.#parts;
    const saved = await toSavedModel(this, { tokenizerFiles, dropRates: file.dropRates }, options);
    if (typeof target !== 'string') return saved;
    try {
      await writeFolder(target, saved.files, options.signal);
    } finally {
      await saved.dispose();
    }
    return saved;
  }

  #checkUsable(): void {
    if (!this.#disposed) return;
    throw new EngineError(`${this.#parts.name} was disposed.`, {
      code: 'engine/disposed',
      hint: 'Load the model again.',
    });
  }

  /** Frees all memory. Work in progress fails with `engine/disposed`. Idempotent. */
  dispose(): Promise<void> {
    if (this.#disposed) return Promise.resolve();
    this.#disposed = true;
    this.#conversation?.session.dispose();
    this.#edited?.session.dispose();
    this.#means?.dispose();
    this.#trace?.dispose();
    this.#editedTrace?.dispose();
    this.#parts.model.dispose();
    // The wrapper of somebody else's `GPUDevice` goes, the `GPUDevice` stays.
    if (this.#parts.ownsDevice) this.#parts.device.dispose();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

function toBatch<T>(values: readonly T[] | readonly (readonly T[])[]): readonly (readonly T[])[] {
  if (values.length > 0 && Array.isArray(values[0])) return values as readonly (readonly T[])[];
  return [values as readonly T[]];
}

function checkTargets(
  targets: readonly (readonly number[])[],
  batch: number,
  length: number,
  vocabSize: number,
): void {
  const found = `${targets.length} × ${targets.map((t) => t.length).join('/')}`;
  if (targets.length !== batch || targets.some((t) => t.length !== length)) {
    throw new EngineError(`targets are ${found}; expected ${batch} × ${length}, as the ids.`, {
      code: 'tokens/targets',
      hint: 'Give one target a token; -1 is ignored.',
    });
  }
  const outside = targets
    .flat()
    .find((id) => id !== -1 && !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (outside === undefined) return;
  throw new EngineError(
    `Target ${outside} is outside the vocabulary: ids run from 0 to ${vocabSize - 1}, or -1 to ignore.`,
    { code: 'tokens/vocabulary', hint: 'Use the tokenizer that belongs to this model.' },
  );
}

/** Ids that no tokenizer names (a padded vocabulary, or one with holes) show as their number. */
function vocabularyOf(tokenizer: BytePairEncoder | null): Vocabulary {
  const utf8 = new TextEncoder();
  const name = (id: number): string => `⟨${id}⟩`;
  const bytesOf = (id: number): Uint8Array =>
    tokenizer?.has(id) ? tokenizer.bytesOf(id) : utf8.encode(name(id));
  return {
    pieceOf: (id) =>
      tokenizer?.has(id)
        ? tokenizer.pieceOf(id)
        : { id, bytes: [...bytesOf(id)], text: name(id), special: false },
    bytesOf,
    decode(ids) {
      const decoder = new StreamingDecoder();
      return ids.map((id) => decoder.push(bytesOf(id))).join('') + decoder.flush();
    },
  };
}

/**
 * Uploads the weights of a folder once `ready` is, and checks all of them; what was damaged on its way
 * is fetched once more. What else fails fails for good; nothing stays open then. `stop` ends what is on its way.
 */
async function loadFrom(
  folder: ModelFolder,
  ready: Promise<unknown>,
  load: (tensors: TensorSource) => Promise<GPT2>,
  stop: () => void,
): Promise<GPT2> {
  let mayRecover = true;
  ready.catch(() => (mayRecover = false));
  for (;;) {
    const opening = folder.openWeights();
    let gpt2: GPT2 | null = null;
    try {
      const [weights] = await Promise.all([opening, ready]);
      try {
        gpt2 = await load(weights.tensors);
        await weights.finish();
        return gpt2;
      } finally {
        await weights.close();
      }
    } catch (error) {
      // The device stays for another try.
      gpt2?.model.dispose();
      if (mayRecover && (await folder.recover(error))) continue;
      stop();
      await opening.then(
        (weights) => weights.close(),
        () => {},
      );
      throw error;
    }
  }
}

/**
 * The commit under which all of a Hub's model is kept; null for models from elsewhere. Throws `engine/not-kept`:
 * it may never have been kept, or was deleted since. Folders of other sites never are: who once agreed to a
 * download did not agree to another.
 */
async function keptCommit(origin: ModelOrigin, place: OpenOptions): Promise<string | null> {
  const { kind, id, host, commit, keptIn } = origin;
  if (kind === 'hub' && host !== null && commit !== null) {
    const { isKept } = await import('../hub/hubs.ts');
    if (keptIn !== 'memory' && (await isKept({ kind, host, id, commit }, place))) return commit;
  } else {
    const page = globalThis.location as Location | undefined;
    if (keptIn !== 'memory' || host === page?.origin) return null;
  }
  throw new EngineError(`${id} is not kept here, and would be downloaded again.`, {
    code: 'engine/not-kept',
    hint: 'Load it from a folder on this machine, or from a Hub in a window that keeps files.',
  });
}

/** Adds to progress which part of the model is being read. */
class PartReporter {
  #part: string | undefined;
  readonly #callback: ((info: ProgressInfo) => void) | undefined;

  constructor(callback: ((info: ProgressInfo) => void) | undefined) {
    this.#callback = callback;
  }

  readonly report = (info: ProgressInfo): void => {
    const part = info.status === 'progress' ? this.#part : undefined;
    this.#callback?.(part === undefined ? info : { ...info, part });
  };

  /** The source itself, noting what is asked of it. */
  watch(source: TensorSource): TensorSource {
    const names = [...source.shapes.keys()];
    return {
      ...source,
      read: (name, from, count, into) => {
        this.#part = partOf(name, names);
        return source.read(name, from, count, into);
      },
    };
  }
}

/** `config.json`; dropped files may come without one. */
async function readConfig(
  folder: ModelFolder,
  options: FromPretrainedOptions,
): Promise<ConfigFile> {
  const bytes = await folder.read('config.json', options.files !== undefined);
  return bytes ? readConfigFile(parseJsonFile(bytes, 'config.json')) : {};
}

/**
 * How many heads: as config.json says, else as the caller does, else, for dropped files, a guess with
 * all numbers that fit. Throws `config/heads` where the two contradict each other.
 */
function headsOf(
  { nHead }: ConfigFile,
  { shapes }: TensorSource,
  options: FromPretrainedOptions,
): { nHead?: number; headsToChoose?: number[] } {
  if (nHead !== undefined && options.nHead !== undefined && nHead !== options.nHead) {
    throw new EngineError(`config.json says ${nHead} heads; ${options.nHead} were asked for.`, {
      code: 'config/heads',
      hint: 'Leave nHead out: config.json knows.',
    });
  }
  const told = nHead ?? options.nHead;
  if (told !== undefined || options.files === undefined) return { nHead: told };
  const width = embeddingOf(shapes)?.[1] ?? 0;
  return { nHead: guessHeads(width), headsToChoose: headsFor(width) };
}

interface TokenizerTexts {
  readonly vocab: string | null;
  readonly merges: string | null;
  readonly added: string | null;
  readonly json: string | null;
}

async function readTokenizerFiles(folder: ModelFolder): Promise<TokenizerTexts> {
  const read = async (file: string): Promise<string | null> => {
    const bytes = await folder.read(file, true);
    return bytes && new TextDecoder().decode(bytes);
  };
  const [vocab, merges] = await Promise.all([read('vocab.json'), read('merges.txt')]);
  if (vocab === null && merges === null) {
    return { vocab, merges, added: null, json: await read('tokenizer.json') };
  }
  return { vocab, merges, added: await read('added_tokens.json'), json: null };
}

/** The tokenizer's files as they came; null where there were none. */
function namedFiles({ vocab, merges, added, json }: TokenizerTexts): Map<string, string> | null {
  const files = Object.entries({
    'vocab.json': vocab,
    'merges.txt': merges,
    'added_tokens.json': added,
    'tokenizer.json': json,
  }).flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]));
  return files.length > 0 ? new Map(files) : null;
}

/** Shape of the token embedding, (V, C). */
function embeddingOf(shapes: TensorSource['shapes']): readonly number[] | undefined {
  for (const [name, shape] of shapes) {
    if (/(?:^|\.)(?:wte|tok_emb)\.weight$/.test(name)) return shape;
  }
  return undefined;
}

/** The vocabulary's size, by the tensors; any where the layout is unknown, which loading will say. */
function vocabSizeOf({ shapes }: TensorSource, config: ConfigFile): number {
  return config.vocabSize ?? embeddingOf(shapes)?.[0] ?? Infinity;
}

/** The folder's own tokenizer, GPT-2's for models with its vocabulary and no files, or none. */
async function toTokenizer(
  { vocab, merges, added, json }: TokenizerTexts,
  name: string,
  vocabSize: number,
): Promise<BytePairEncoder | null> {
  const isPair = vocab !== null && merges !== null;
  if (isPair || json !== null) {
    let files: TokenizerFiles = { vocab: vocab ?? '', merges: merges ?? '' };
    if (!isPair || added !== null) {
      const { readAddedTokens, readTokenizerJson } = await import('../text/tokenizerJson.ts');
      files = isPair
        ? { ...files, specialTokens: readAddedTokens(added) }
        : readTokenizerJson(json ?? '');
    }
    // A token that was added without a row of the embedding is never written, nor read: text has no such tokens.
    const specialTokens = new Map(
      [...(files.specialTokens ?? [])].filter(([, id]) => id < vocabSize),
    );
    const tokenizer = BytePairEncoder.fromFiles({ ...files, specialTokens });
    if (tokenizer.vocabSize > vocabSize) {
      throw new EngineError(
        `${isPair ? 'vocab.json' : 'tokenizer.json'} has ids up to ${tokenizer.vocabSize - 1}; the model expects a vocabulary of ${vocabSize}.`,
        { code: 'tokenizer/vocab', hint: 'The tokenizer files are of another model.' },
      );
    }
    return tokenizer;
  }
  if (vocab !== null || merges !== null) {
    const [there, absent] =
      vocab === null ? ['merges.txt', 'vocab.json'] : ['vocab.json', 'merges.txt'];
    throw new EngineError(`${name} has ${there} but no ${absent}.`, {
      code: 'tokenizer/missing',
      hint: 'A byte-level BPE needs both files; put the other one beside it.',
    });
  }
  // GPT-2's 50,257 tokens, and nanoGPT's padding of them to 50,304.
  if (vocabSize === 50257 || vocabSize === 50304) return loadGpt2Tokenizer();
  return null;
}

function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return;
  throw new EngineError(
    `${option} is ${JSON.stringify(value)}; expected ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}.`,
    {
      code: `options/${option}`,
      hint: `Leave ${option} out for what suits this machine.`,
    },
  );
}

async function readDefaults(folder: ModelFolder): Promise<{
  defaults: Partial<GenerationOptions>;
  eosTokenIds?: readonly number[];
}> {
  const bytes = await folder.read('generation_config.json', true);
  if (!bytes) return { defaults: {} };
  const json = parseJsonFile(bytes, 'generation_config.json');
  if (typeof json !== 'object' || json === null) return { defaults: {} };
  const file = json as Record<string, unknown>;
  const defaults: Record<string, number | boolean> = {};
  for (const key of [
    'temperature',
    'top_k',
    'top_p',
    'min_p',
    'repetition_penalty',
    'max_new_tokens',
  ]) {
    const value = file[key];
    if (typeof value === 'number' && Number.isFinite(value)) defaults[key] = value;
  }
  if (typeof file.do_sample === 'boolean') defaults.do_sample = file.do_sample;
  const { eosTokenIds } = readConfigFile({ eos_token_id: file.eos_token_id });
  return { defaults, eosTokenIds };
}
