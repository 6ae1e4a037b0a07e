// The public face for people who import the library: load, forward, generate, in this thread. What it does stands
// in the rooms beside it.
import type {
  DeviceSummary,
  GenerateEvent,
  GenerateRequest,
  GenerationOptions,
  ModelAnatomy,
  ModelSummary,
  PartOff,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import { toAnatomy } from '../model/anatomy.ts';
import { checkList } from '../model/checkTokens.ts';
import type { GptConfig } from '../model/config.ts';
import type { Gpt } from '../model/gpt.ts';
import type { EncodeOptions, Tokenizer } from '../text/tokenizer.ts';
import { fromFolder } from './load/fromFolder.ts';
import { letGo } from './load/holders.ts';
import {
  type Loaded,
  type TensorOptions,
  fromTensors,
  controlWordsOf,
  specialIdsOf,
  summaryOf,
} from './load/loaded.ts';
import type { FromPretrainedOptions } from './load/options.ts';
import { type Vocabulary, vocabularyOf } from './load/vocabulary.ts';
import type { Reader } from './reading/conversation.ts';
import { type ForwardOptions, type ForwardOutput, forward } from './reading/forward.ts';
import { Readers } from './reading/readers.ts';
import { startingIds } from './reading/startingIds.ts';
import { typedIds } from './reading/typedIds.ts';
import type { TraceReader } from './reading/trace.ts';
import { DEFAULT_OPTIONS, type Written, generateTokens } from './sampling/generate.ts';
import type { SaveOptions, SavedModel } from './save.ts';

/** One generated token, in transformers.js' words. */
export interface GeneratedToken {
  readonly token_id: number;
  /**
   * Text that became complete with this token; '' while half a character waits for the rest. One that never comes is
   * U+FFFD in the text of the last token.
   */
  readonly text: string;
  /** ln of the token's probability before the sampling steps. */
  readonly logprob: number;
  readonly rank: number;
  /** The most probable candidates after the sampling steps. */
  readonly top: readonly { token_id: number; text: string; probability: number }[];
}

/** How a text is read that a person typed. */
interface TypedOptions {
  readonly controlWords?: boolean;
  /** It stands within a text: nothing belongs before it. */
  readonly isWithin?: boolean;
}

/** Of them `allowedSpecial` and `add_special_tokens` say how a text is read; ids are taken as they are. */
export interface GenerateOptionsInput extends Partial<GenerationOptions>, EncodeOptions {
  readonly signal?: AbortSignal;
  /** How many candidates `top` has; 10 by default. */
  readonly top_logprobs?: number;
}

/** What of the distributions a stream carries. */
type Shown = { readonly top: number; readonly wholeFirst?: boolean } & Pick<
  GenerateRequest,
  'distributionMs'
>;

/** A GPT-2 or a model of its shape, loaded and ready. Dispose it when done: it holds GPU memory. */
export class GPT2 {
  readonly config: GptConfig;
  /** Null for a model whose files have none that can be read, and with another vocabulary than GPT-2's. */
  readonly tokenizer: Tokenizer | null;
  readonly vocabulary: Vocabulary;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  /** Everything that reads with this model: caches that follow texts, and what is measured once. */
  readonly readers: Readers;
  readonly #facts: Loaded;
  #disposed = false;

  private constructor(facts: Loaded) {
    this.#facts = facts;
    this.config = facts.gpt.config;
    this.tokenizer = facts.tokenizer;
    this.vocabulary = vocabularyOf(facts.tokenizer);
    ({ bosTokenId: this.bosTokenId, eosTokenIds: this.eosTokenIds } = specialIdsOf(facts));
    this.readers = new Readers(facts.gpt, facts.tokenizer);
  }

  /**
   * Loads a model: `openai-community/gpt2` or another id on the Hub, the address of a folder in Hugging
   * Face layout (`config.json`, `model.safetensors` or shards with an index, and `tokenizer.json` or
   * `vocab.json` with `merges.txt` unless it has GPT-2's own vocabulary), a path, or dropped files. What comes from a Hub
   * is checked, and kept where the browser or `cache_dir` allows.
   * Throws an `EngineError` that says what to do; nothing stays allocated then.
   */
  static async from_pretrained(source: string, options: FromPretrainedOptions = {}): Promise<GPT2> {
    return new GPT2(await fromFolder(source, options));
  }

  /** As `from_pretrained`, from tensors that come from anywhere, on a device that is open. */
  static async from_source(source: TensorSource, options: TensorOptions): Promise<GPT2> {
    return new GPT2(await fromTensors(source, options));
  }

  /** A model that is on its device already, such as one that trains. */
  static of(facts: Loaded): GPT2 {
    return new GPT2(facts);
  }

  /**
   * The same model once more, as it was named. Rejects with `engine/not-kept` rather than download it again;
   * what lies on the page's own site, as its default model does, is read there again.
   */
  async again(options: FromPretrainedOptions): Promise<GPT2> {
    const { again, source } = this.#facts;
    return again ? new GPT2(await again(options)) : GPT2.from_pretrained(source, options);
  }

  /**
   * As `from_pretrained`, while this model is here. Another step of the run that this one is a step of, asked for in the
   * same way, is read onto the same device, with the tokenizer that is here; either may be disposed first.
   */
  async beside(source: string, options: FromPretrainedOptions): Promise<GPT2> {
    return new GPT2(await fromFolder(source, options, this.#disposed ? undefined : this.#facts));
  }

  get device(): DeviceSummary {
    return this.#facts.device.summary;
  }

  /** What the checkpoint is known by, whatever file and dtype it came in: 16 hex digits. */
  get fingerprint(): string {
    return this.#facts.fingerprint;
  }

  /** Resolves with the reason when the device is gone. */
  get lost(): Promise<string> {
    return this.#facts.device.lost;
  }

  get summary(): ModelSummary {
    return summaryOf(this.#facts);
  }

  /** The module tree, as the checkpoint's own codebase prints it. */
  get anatomy(): ModelAnatomy {
    const { layout, gpt, file } = this.#facts;
    return toAnatomy(this.config, layout, gpt.sizeBytes, file.dropRates);
  }

  /** The tokenizer's own files by name; null where it came with none and is GPT-2's. */
  get tokenizerFiles(): ReadonlyMap<string, string> | null {
    return this.#facts.tokenizerFiles;
  }

  /** What computes, underneath. */
  get gpt(): Gpt {
    return this.#facts.gpt;
  }

  /**
   * Ids of a text, as the model's tokenizer says: names of its added tokens become their ids (of GPT-2's built-in
   * tokenizer none do). Throws `tokenizer/…`.
   */
  encode(text: string, options?: EncodeOptions): number[] {
    if (this.tokenizer) return this.tokenizer.encode(text, options);
    const { name, tokenizerAdvice } = this.#facts;
    throw new EngineError(`${name} has no tokenizer, so it cannot read text.`, {
      code: 'tokenizer/missing',
      hint: tokenizerAdvice ?? 'Put tokenizer.json beside its weights, or give token ids.',
    });
  }

  /**
   * Ids of a text that somebody types, and goes on after it: what belongs before a text by the tokenizer's template is
   * there, what ends one is not. `<|endoftext|>` is plain text, and all names are without `controlWords`. For a model
   * without a tokenizer the text is the ids themselves. Throws `tokenizer/…`, `tokens/ids`.
   */
  encodeTyped(
    text: string,
    { controlWords = true, isWithin = false }: TypedOptions = {},
  ): number[] {
    const { tokenizer } = this;
    if (!tokenizer) return typedIds(text, this.config.vocabSize, this.#facts.name);
    const allowedSpecial = controlWords ? controlWordsOf(tokenizer) : [];
    const ids = tokenizer.encode(text, { allowedSpecial, add_special_tokens: false });
    const { before = [] } = tokenizer;
    // Whoever typed it, too, wants it once.
    return isWithin || before.every((id, i) => ids[i] === id) ? ids : [...before, ...ids];
  }

  /**
   * One pass over a text or a batch of equally long ones. A single list of ids counts as a batch
   * of one. Throws `tokens/…` in words.
   */
  async forward(
    ids: readonly number[] | readonly (readonly number[])[],
    options: ForwardOptions = {},
  ): Promise<ForwardOutput> {
    this.#checkUsable();
    return forward(this.gpt, ids, options);
  }

  /**
   * Streams tokens after a prompt (text or ids; empty starts from the beginning-of-text token).
   * Greedy unless `do_sample`. The first token of a prompt over the context is written from the prompt's last tokens,
   * as many as the context holds; from then on the window moves by halves, as `window.ts` says. Leaving the loop stops the work; aborting `signal` rejects with
   * its reason. Throws `sampling/options`, `tokens/…`, `device/lost`.
   */
  async *generate(
    prompt: string | readonly number[],
    options: GenerateOptionsInput = {},
  ): AsyncGenerator<GeneratedToken, void, undefined> {
    if (typeof prompt !== 'string') {
      checkList(prompt, 'The prompt', 'a text, or a list of token ids');
    }
    const { signal, top_logprobs = 10, allowedSpecial, add_special_tokens, ...rest } = options;
    const ids =
      typeof prompt === 'string'
        ? this.encode(prompt, { allowedSpecial, add_special_tokens })
        : prompt;
    // What is undefined was not chosen.
    const chosen = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    );
    const all = { ...DEFAULT_OPTIONS, ...chosen };
    const shown = { top: top_logprobs, wholeFirst: true };
    /** A token whose last bytes are half a character: what becomes of them belongs to its text. */
    let held: GeneratedToken | null = null;
    for await (const { event, text, waits } of this.#write(ids, all, shown, signal)) {
      if (event.type === 'done' && held) yield { ...held, text: held.text + text };
      if (event.type !== 'token') continue;
      if (held) yield held;
      const { piece, logprob, rank, distribution } = event;
      const top = (distribution?.top ?? []).map((c) => ({
        token_id: c.piece.id,
        text: c.piece.text,
        probability: c.probability,
      }));
      const token = { token_id: piece.id, text, logprob, rank, top };
      held = waits === true ? token : null;
      if (held === null) yield token;
    }
    signal?.throwIfAborted();
  }

  /** As `generate`, with everything the page shows. An abort ends it with `done: aborted`. */
  async *events(
    ids: readonly number[],
    options: GenerationOptions,
    shown: Shown,
    signal?: AbortSignal,
    off?: readonly PartOff[],
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    for await (const { event } of this.#write(ids, options, shown, signal, off)) yield event;
  }

  #write(
    ids: readonly number[],
    options: GenerationOptions,
    shown: Shown,
    signal?: AbortSignal,
    off?: readonly PartOff[],
  ): AsyncGenerator<Written, void, undefined> {
    return generateTokens({
      reader: this.conversation(off),
      ids: startingIds(ids, this.bosTokenId),
      options,
      vocabulary: this.vocabulary,
      eosTokenIds: this.eosTokenIds,
      ...shown,
      signal,
    });
  }

  /**
   * The model's conversation: a cache that follows whatever text is asked about. With parts off it
   * is another one. Throws `inspect/head`, `inspect/layer`, `inspect/part`.
   */
  conversation(off: readonly PartOff[] = []): Reader {
    this.#checkUsable();
    return this.readers.conversation(off);
  }

  /** What flows through the model while it reads, kept for whoever looks. Throws as `conversation`. */
  trace(off: readonly PartOff[] = []): TraceReader {
    this.#checkUsable();
    return this.readers.trace(off);
  }

  /**
   * The model as the files of a Hugging Face folder, which `GPT2LMHeadModel.from_pretrained` reads, and
   * which give the same logits here again, bit for bit in `fp32` and `fp16`; with a LayerNorm by standard deviation,
   * which transformers has no class for, as the notebook's `GPTModel` reads it. In Node, a `folder` gets them written;
   * else their chunks are made as they are asked for, and `dispose` ends it. Throws `save/write`.
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
    const { tokenizerFiles, file } = this.#facts;
    const { dropRates, initializerRange, reorderAndUpcastAttn } = file;
    const beside = { tokenizerFiles, dropRates, initializerRange, reorderAndUpcastAttn };
    const saved = await toSavedModel(this, beside, options);
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
    throw new EngineError(`${this.#facts.name} was disposed.`, {
      code: 'engine/disposed',
      hint: 'Load the model again.',
    });
  }

  /** Frees all memory. Work in progress fails with `engine/disposed`. Idempotent. */
  dispose(): Promise<void> {
    if (this.#disposed) return Promise.resolve();
    this.#disposed = true;
    const { gpt, device, ownsDevice } = this.#facts;
    this.readers.dispose();
    gpt.dispose();
    // The wrapper of somebody else's `GPUDevice` goes, the `GPUDevice` stays.
    if (ownsDevice) letGo(device);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
