// A loaded model as the files of a Hugging Face folder, written piece by piece.
import type { ModelSummary, SaveEvent } from '../api.ts';
import { EngineError } from '../errors.ts';
import { isNode } from '../hub/isNode.ts';
import { makeFolder, nodeFiles, writeAll } from '../kept/nodeFiles.ts';
import type { GptConfig } from '../model/config.ts';
import { type DropRates, nameOfActivation } from '../model/configFile.ts';
import { type ExportedTensor, exportTensors, savedLayout } from '../model/exportTensors.ts';
import type { Gpt } from '../model/gpt.ts';
import { HUGGING_FACE } from '../model/layouts.ts';
import { planSafetensors } from '../formats/safetensors.ts';
import { gpt2TokenizerFiles } from '../text/gpt2Files.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Vocabulary } from './load/vocabulary.ts';

/** Ids of GPT-2's own tokenizer. */
const GPT2_VOCABULARY = 50257;
const BESIDE_VOCABULARY = new Set([
  'added_tokens.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
]);

export interface SaveOptions {
  /** How matrices are stored: as the model is, and as `fp32` for `q8`, by default. */
  readonly dtype?: 'fp32' | 'fp16';
  readonly signal?: AbortSignal;
}

/** One file of a saved model. */
export interface SavedFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Its bytes from first to last; may be asked for again while the model is there. */
  readonly chunks: () => AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export interface SavedModel {
  readonly files: readonly SavedFile[];
  readonly dtype: 'fp32' | 'fp16';
  /**
   * `loaded`: the weights as they are on the device. `source`: those that a q8 model was made from,
   * read again. `dequantised`: a q8 model's own, because its source is not at hand.
   */
  readonly weights: Extract<SaveEvent, { type: 'start' }>['weights'];
  /** Whose class reads the files: transformers' GPT-2, or the notebook's. */
  readonly layout: Extract<SaveEvent, { type: 'start' }>['layout'];
  /** Frees what was loaded for it; the files cannot be read any more. */
  dispose(): Promise<void>;
}

/** What a model's files are made from, but for the weights. */
export interface Described {
  readonly config: GptConfig;
  readonly tokenizer: Tokenizer | null;
  readonly vocabulary: Vocabulary;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly summary: Pick<ModelSummary, 'defaults'>;
}

/** What is needed of a loaded model: a `GPT2` has it. */
interface Saveable extends Described {
  readonly gpt: Gpt;
  readonly summary: ModelSummary;
  again(options: SaveOptions): Promise<Saveable>;
  dispose(): Promise<void>;
}

/** What is saved beside the weights. */
export interface BesideWeights {
  readonly dropRates?: DropRates;
  readonly initializerRange?: number;
  readonly reorderAndUpcastAttn?: boolean;
  /** The tokenizer's own files by name; null where it came with none and is GPT-2's. */
  readonly tokenizerFiles: ReadonlyMap<string, string> | null;
}

/**
 * Prepares the files that `GPT2LMHeadModel.from_pretrained` and `GPT2Tokenizer.from_pretrained` read.
 * No byte of a matrix is read before its chunk is asked for.
 * A LayerNorm by standard deviation, which transformers would read as one by variance, is saved as the notebook stores
 * it, and config.json names no model of transformers: it refuses such a folder instead of computing other numbers.
 */
export async function toSavedModel(
  model: Saveable,
  facts: BesideWeights,
  { dtype, signal }: SaveOptions,
): Promise<SavedModel> {
  const own = model.summary.dtype;
  const stored = dtype ?? (own === 'fp16' ? 'fp16' : 'fp32');
  const source = own === 'q8' ? await loadSource(model, stored, signal) : null;
  try {
    const { gpt } = source ?? model;
    const files = await modelFiles(gpt, model, facts, stored);
    const weights = source ? 'source' : own === 'q8' ? 'dequantised' : 'loaded';
    return {
      files,
      dtype: stored,
      weights,
      layout: savedLayout(model.config) === HUGGING_FACE ? 'huggingface' : 'notebook',
      dispose: async () => {
        await source?.dispose();
      },
    };
  } catch (error) {
    await source?.dispose();
    throw error;
  }
}

/** All files of a model, config.json first. */
export async function modelFiles(
  gpt: Gpt,
  described: Described,
  facts: BesideWeights,
  dtype: 'fp32' | 'fp16',
): Promise<SavedFile[]> {
  const weights = await exportTensors(gpt, dtype === 'fp16' ? 'F16' : 'F32');
  return [
    jsonFile('config.json', toConfigJson(described, facts, dtype)),
    jsonFile('generation_config.json', toGenerationJson(described)),
    tensorsFile('model.safetensors', weights),
    ...(await tokenizerFiles(described, facts.tokenizerFiles)),
  ];
}

/** What a q8 model was made from, where that can be read again. */
async function loadSource(
  model: Saveable,
  dtype: 'fp32' | 'fp16',
  signal: AbortSignal | undefined,
): Promise<Saveable | null> {
  // One that came from no address has nothing to be read again.
  if (model.summary.source === '') return null;
  try {
    return await model.again({ dtype, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return null;
  }
}

/** Tensors as a safetensors file, made a chunk at a time. */
export function tensorsFile(name: string, tensors: ReadonlyMap<string, ExportedTensor>): SavedFile {
  const { head, names, sizeBytes } = planSafetensors(tensors, new Map([['format', 'pt']]));
  return {
    name,
    sizeBytes,
    async *chunks() {
      yield head.slice();
      for (const each of names) {
        const tensor = tensors.get(each);
        if (tensor) yield* tensor.chunks();
      }
    },
  };
}

/** GPT2Config's keys, in its order. */
function toConfigJson(
  { config, bosTokenId, eosTokenIds }: Described,
  { dropRates = {}, initializerRange = 0.02, reorderAndUpcastAttn = false }: BesideWeights,
  dtype: 'fp32' | 'fp16',
): Record<string, unknown> {
  const c: GptConfig = config;
  const isTransformers = savedLayout(c) === HUGGING_FACE;
  return {
    activation_function: nameOfActivation(c.activation),
    ...(isTransformers ? { architectures: ['GPT2LMHeadModel'] } : {}),
    // What nobody stated is left to GPT2Config's defaults; only training sees it.
    ...(dropRates.attn === undefined ? {} : { attn_pdrop: dropRates.attn }),
    bos_token_id: bosTokenId,
    ...(dropRates.embd === undefined ? {} : { embd_pdrop: dropRates.embd }),
    eos_token_id: eosTokenIds[0] ?? null,
    initializer_range: initializerRange,
    layer_norm_denominator: c.layerNormDenominator,
    layer_norm_epsilon: c.layerNormEpsilon,
    ...(isTransformers ? { model_type: 'gpt2' } : {}),
    n_ctx: c.nCtx,
    n_embd: c.nEmbd,
    n_head: c.nHead,
    n_inner: c.nInner === 4 * c.nEmbd ? null : c.nInner,
    n_layer: c.nLayer,
    n_positions: c.nCtx,
    ...(isTransformers ? {} : { qkv_bias: c.qkvBias }),
    reorder_and_upcast_attn: reorderAndUpcastAttn,
    ...(dropRates.resid === undefined ? {} : { resid_pdrop: dropRates.resid }),
    scale_attn_by_inverse_layer_idx: c.scaleAttnByInverseLayerIdx,
    scale_attn_weights: c.scaleAttnWeights,
    tie_word_embeddings: c.tiedHead && isTransformers,
    torch_dtype: dtype === 'fp16' ? 'float16' : 'float32',
    use_cache: true,
    vocab_size: c.vocabSize,
  };
}

function toGenerationJson({
  bosTokenId,
  eosTokenIds,
  summary,
}: Described): Record<string, unknown> {
  const eos = eosTokenIds.length > 1 ? eosTokenIds : (eosTokenIds[0] ?? null);
  return { bos_token_id: bosTokenId, eos_token_id: eos, ...summary.defaults };
}

async function tokenizerFiles(
  { tokenizer, config, vocabulary, bosTokenId, eosTokenIds }: Described,
  own: ReadonlyMap<string, string> | null,
): Promise<SavedFile[]> {
  // One that was made by hand has no files to give.
  if (!own && tokenizer?.vocabSize !== GPT2_VOCABULARY) return [];
  const files = new Map(own);
  // Files that only say something of a vocabulary are read with GPT-2's.
  if (tokenizer && [...files.keys()].every((name) => BESIDE_VOCABULARY.has(name))) {
    const { vocab, merges } = await gpt2TokenizerFiles();
    files.set('vocab.json', vocab).set('merges.txt', merges);
  }
  const saved = [...files].map(([name, text]) => textFile(name, text));
  // What is said of a tokenizer is only added where there is one that transformers reads, and nothing says it.
  const isWhole = files.has('tokenizer.json');
  const isRead = tokenizer !== null && (isWhole || files.has('merges.txt'));
  if (!isRead || files.has('tokenizer_config.json')) return saved;
  const nameOf = (id: number | null | undefined): string | undefined => {
    if (id === null || id === undefined) return undefined;
    const { special, text } = vocabulary.pieceOf(id);
    return special ? text : undefined;
  };
  const eos = nameOf(eosTokenIds[0]);
  const bos = nameOf(bosTokenId) ?? eos;
  const special = {
    ...(bos === undefined ? {} : { bos_token: bos }),
    ...(eos === undefined ? {} : { eos_token: eos, unk_token: eos }),
  };
  const described = {
    ...(isWhole ? {} : { add_prefix_space: false }),
    ...special,
    model_max_length: config.nCtx,
    tokenizer_class: isWhole ? 'PreTrainedTokenizerFast' : 'GPT2Tokenizer',
  };
  return [
    ...saved,
    jsonFile('tokenizer_config.json', described),
    ...(files.has('special_tokens_map.json') ? [] : [jsonFile('special_tokens_map.json', special)]),
  ];
}

export function jsonFile(name: string, value: unknown): SavedFile {
  return textFile(name, `${JSON.stringify(value, null, 2)}\n`);
}

/** A small file. */
export function textFile(name: string, text: string): SavedFile {
  const bytes = new TextEncoder().encode(text);
  return {
    name,
    sizeBytes: bytes.length,
    async *chunks() {
      yield await Promise.resolve(bytes.slice());
    },
  };
}

/** What a page is told of a save: which files come, then each of them, chunk by chunk. */
export async function* saveEvents(
  model: { save_pretrained(options: SaveOptions): Promise<SavedModel> },
  options: SaveOptions,
): AsyncGenerator<SaveEvent, void, undefined> {
  const { signal } = options;
  const saved = await model.save_pretrained(options);
  try {
    const { dtype, weights, layout } = saved;
    const files = saved.files.map(({ name, sizeBytes }) => ({ name, sizeBytes }));
    yield { type: 'start', files, dtype, weights, layout };
    for (const { name, sizeBytes, chunks } of saved.files) {
      signal?.throwIfAborted();
      yield { type: 'file', name, sizeBytes };
      for await (const bytes of chunks()) {
        signal?.throwIfAborted();
        yield { type: 'bytes', bytes };
      }
    }
    yield { type: 'done' };
  } finally {
    await saved.dispose();
  }
}

/**
 * Writes files into a folder of the disk, in Node: all of them, or what is there stays as it was, and a folder that was
 * made for them goes. Throws `save/target`, `save/write`.
 */
export async function writeFolder(
  folder: string,
  files: readonly SavedFile[],
  signal?: AbortSignal,
): Promise<void> {
  if (!isNode()) {
    throw new EngineError('A page cannot write into a folder by its path.', {
      code: 'save/target',
      hint: 'Leave the path out, and write the chunks of each file to where the person chose.',
    });
  }
  const fs = await nodeFiles();
  const partOf = (name: string): string => `${folder}/${name}.new`;
  let isNew = false;
  let name = '';
  try {
    isNew = await makeFolder(folder);
    for (const file of files) {
      name = file.name;
      const handle = await fs.open(partOf(name), 'w');
      try {
        let at = 0;
        for await (const bytes of file.chunks()) {
          signal?.throwIfAborted();
          await writeAll(handle, bytes, at);
          at += bytes.length;
        }
        // Its new name may outlive a power cut that its bytes do not.
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    for (const file of files) {
      name = file.name;
      await fs.rename(partOf(name), `${folder}/${name}`);
    }
  } catch (cause) {
    for (const file of files) {
      await fs.rm(partOf(file.name), { recursive: false, force: true }).catch(() => {});
    }
    if (isNew) await fs.rmdir(folder).catch(() => {});
    signal?.throwIfAborted();
    if (cause instanceof EngineError) throw cause;
    throw new EngineError(`${folder}/${name} could not be written: ${(cause as Error).message}`, {
      code: 'save/write',
      hint: 'Check that the folder may be written to and the disk has room.',
      cause,
    });
  }
}
