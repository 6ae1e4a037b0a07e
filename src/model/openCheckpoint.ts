// What a checkpoint is, from its names, shapes and config.json alone, before any of its numbers is read.
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import { type OpenQuestion, firstTried, openQuestions } from './assumptions.ts';
import type { GptConfig } from './config.ts';
import { refuseAdapter } from './adapters/refuse.ts';
import type { ConfigFile } from './configFile.ts';
import {
  type Layout,
  checkTensors,
  expectedNames,
  missing,
  recogniseLayout,
  resolveConfig,
  withTiedEmbedding,
  withZeroBiases,
} from './layouts.ts';
import { plainName, withPlainNames, withoutMasks } from './names.ts';
import { refuseQuantised } from './quantised.ts';

/** A checkpoint's tensors as its codebase names them, and which codebase that is. */
export interface Checkpoint {
  readonly source: TensorSource;
  readonly layout: Layout;
}

/** Throws `checkpoint/…`, and `adapter/…` where an adapter is not merged yet. */
export function openCheckpoint(stored: TensorSource, file: ConfigFile): Checkpoint {
  if (stored.shapes.size === 0) {
    throw new EngineError('The file of weights holds no tensor.', {
      code: 'checkpoint/layout',
      hint: 'Save the model once more: model.state_dict() was empty, or is in another file.',
    });
  }
  refuseAdapter(stored.shapes);
  const named = withoutMasks(withPlainNames(stored));
  const layout = recogniseLayout(named.shapes);
  const source = withZeroBiases(withTiedEmbedding(named, layout, file), layout);
  return { layout, source };
}

/** A checkpoint, and what neither its files nor the caller say of it. Throws `checkpoint/…`. */
export function recognise(
  stored: TensorSource,
  file: ConfigFile,
): Checkpoint & { readonly questions: readonly OpenQuestion[] } {
  refuseQuantised(stored);
  const { source, layout } = openCheckpoint(stored, file);
  return { source, layout, questions: openQuestions(layout, source.shapes, file, false) };
}

/**
 * The configuration to load a checkpoint with, everything checked. Heads that nobody names are the usual ones; where
 * nothing is usual, but there is a text to measure on, the first that will be tried. Throws `checkpoint/…` and `config/…`.
 */
export function configOf(
  { source, layout, questions }: ReturnType<typeof recognise>,
  file: ConfigFile,
  hasText: boolean,
): GptConfig {
  const heads = questions.find(({ key }) => key === 'nHead');
  if (heads?.usual === null && !hasText) throw headsUnknown(heads, false);
  const nHead = heads ? Number(heads.usual ?? firstTried(widthOf(heads))) : file.nHead;
  try {
    const config = resolveConfig(layout, source.shapes, { ...file, nHead });
    refuseLost(layout, config, file, source);
    checkTensors(layout, config, source.shapes, source.unreadable);
    return config;
  } catch (error) {
    throw withPlace(error, source.absent);
  }
}

/** The largest number of heads is one a value. */
function widthOf({ choices }: OpenQuestion): number {
  return Math.max(...choices.map(Number));
}

/** The question that has to be answered before anything is computed. */
export function headsUnknown({ key, choices }: OpenQuestion, isMeasured: boolean): EngineError {
  const tried = isMeasured ? ', and a text is read about as well with several numbers of them' : '';
  return new EngineError(`Nothing says how many heads this model has${tried}.`, {
    code: 'config/heads',
    hint: `Its tensors fit ${listOf(choices)}. With the wrong number it writes nonsense: look where it was trained (n_head in its config.json or its script), and choose that.`,
    choice: { key, choices },
  });
}

function listOf(choices: OpenQuestion['choices']): string {
  return choices.length < 2
    ? String(choices[0])
    : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

/** Of a tensor that is missing and that an index promises, the error says in which file it should be. */
function withPlace(error: unknown, absent: TensorSource['absent']): unknown {
  if (!(error instanceof EngineError) || error.code !== 'checkpoint/missing') return error;
  const [promised] = [...(absent ?? [])].filter(([name]) => error.message.includes(name));
  if (!promised) return error;
  const [name, shard] = promised;
  return new EngineError(`${error.message} The index says that ${shard} holds ${name}.`, {
    code: error.code,
    hint: 'The index and its shards are not of one model: take all of them from the same folder again.',
  });
}

/**
 * Throws `checkpoint/missing` for a parameter that an index promises and no shard holds, though a model may be whole
 * without it: a bias, or all of a block. What config.json denies is not missed.
 */
function refuseLost(
  layout: Layout,
  config: GptConfig,
  file: ConfigFile,
  { shapes, absent = new Map() }: TensorSource,
): void {
  if (absent.size === 0) return;
  const most = {
    ...config,
    qkvBias: file.qkvBias ?? true,
    bias: file.bias ?? true,
    layerNormBias: file.layerNormBias ?? true,
    tiedHead: true,
  };
  const names = new Set(expectedNames(layout, most));
  for (const stored of absent.keys()) {
    const name = plainName(stored);
    const inFirstBlock = name.replace(/\b(h|blocks|trf_blocks)\.\d+\./, '$1.0.');
    const isOfModel = names.has(name) || (file.nLayer === undefined && names.has(inFirstBlock));
    if (isOfModel && !shapes.has(name)) throw missing([stored]);
  }
}
