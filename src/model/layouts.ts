// The names and orientations under which the four codebases store the same parameters, and how to
// tell them apart from names and shapes alone.
import { EngineError } from '../errors.ts';
import type { TensorSource } from '../formats/tensorSource.ts';
import { type GptConfig, checkConfig } from './config.ts';
import type { ConfigFile } from './configFile.ts';
import { renamed } from './names.ts';
import { type ParameterSpec, parameterTable } from './parameters.ts';
import { unreadableType } from './quantised.ts';

export type LayoutName = 'huggingface' | 'nanogpt' | 'mingpt' | 'notebook';

/** Names and shapes of a checkpoint, whatever it is stored in. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

export interface Layout {
  readonly name: LayoutName;
  /** Conv1D stores [in, out]; nn.Linear stores [out, in]. */
  readonly storesInputFirst: boolean;
  /**
   * Under which names the parameter at a path of `parameterTable` is stored: one, or three where queries, keys
   * and values are apart.
   */
  namesOf(path: string): readonly string[];
}

/** Stored names by modules of the table: `*` is the number of a block, `@` is `weight` or `bias`. */
type Names = Readonly<Record<string, string | readonly string[]>>;

/** What stands for `@` in a LayerNorm. */
type NormNames = Readonly<Record<'weight' | 'bias', string>>;
const TORCH_NORM: NormNames = { weight: 'weight', bias: 'bias' };

function layoutOf(
  name: LayoutName,
  storesInputFirst: boolean,
  names: Names,
  norm: NormNames = TORCH_NORM,
): Layout {
  /** Every load asks for each of them several times. */
  const known = new Map<string, readonly string[]>();
  return {
    name,
    storesInputFirst,
    namesOf(path) {
      const before = known.get(path);
      if (before) return before;
      const [, module = path, leaf] = /^(.+)\.(weight|bias)$/.exec(path) ?? [];
      const [block = ''] = /(?<=^h\.)\d+/.exec(module) ?? [];
      const key = module.replace(/^h\.\d+/, 'h.*');
      const stored = names[key];
      if (stored === undefined) throw new Error(`No parameter has the path ${path}.`);
      const kind = leaf === 'bias' ? 'bias' : 'weight';
      const last = /ln[12F]$/.test(key) ? norm[kind] : kind;
      const found = [stored]
        .flat()
        .map((template) => template.replace('*', block).replace('@', last));
      known.set(path, found);
      return found;
    },
  };
}

function gptLayout(
  name: 'huggingface' | 'nanogpt',
  outer: string,
  inner: string,
  head = `${outer}lm_head`,
): Layout {
  const prefix = outer + inner;
  return layoutOf(name, name === 'huggingface', {
    wte: `${prefix}wte.@`,
    wpe: `${prefix}wpe.@`,
    'h.*.ln1': `${prefix}h.*.ln_1.@`,
    'h.*.attn.cAttn': `${prefix}h.*.attn.c_attn.@`,
    'h.*.attn.cProj': `${prefix}h.*.attn.c_proj.@`,
    'h.*.ln2': `${prefix}h.*.ln_2.@`,
    'h.*.mlp.cFc': `${prefix}h.*.mlp.c_fc.@`,
    'h.*.mlp.cProj': `${prefix}h.*.mlp.c_proj.@`,
    lnF: `${prefix}ln_f.@`,
    lmHead: `${head}.@`,
  });
}

/** As GPT2LMHeadModel of transformers stores it. */
export const HUGGING_FACE = gptLayout('huggingface', '', 'transformer.');

/** As nanoGPT's GPT stores it. */
export const NANOGPT = gptLayout('nanogpt', '', 'transformer.');

function minGptLayout(prefix: string): Layout {
  return layoutOf('mingpt', false, {
    wte: `${prefix}tok_emb.@`,
    wpe: `${prefix}pos_emb`,
    'h.*.ln1': `${prefix}blocks.*.ln1.@`,
    'h.*.attn.cAttn': ['query', 'key', 'value'].map((of) => `${prefix}blocks.*.attn.${of}.@`),
    'h.*.attn.cProj': `${prefix}blocks.*.attn.proj.@`,
    'h.*.ln2': `${prefix}blocks.*.ln2.@`,
    'h.*.mlp.cFc': `${prefix}blocks.*.mlp.0.@`,
    'h.*.mlp.cProj': `${prefix}blocks.*.mlp.2.@`,
    lnF: `${prefix}ln_f.@`,
    lmHead: `${prefix}head.@`,
  });
}

/** As minGPT's GPT stores it. */
export const MINGPT = minGptLayout('');

/**
 * The notebook and the book it is drawn from, whose exercises spell some modules otherwise: queries, keys and values
 * in one `qkv`, `proj` for `out_proj`, PyTorch's own LayerNorm.
 */
function notebookLayout(prefix: string, shapes: TensorShapes): Layout {
  const block = `${prefix}trf_blocks.*`;
  const has = (module: string): boolean => shapes.has(`${prefix}trf_blocks.0.${module}`);
  const split = ['W_query', 'W_key', 'W_value'];
  const names = {
    wte: `${prefix}tok_emb.@`,
    wpe: `${prefix}pos_emb.@`,
    'h.*.ln1': `${block}.norm1.@`,
    'h.*.attn.cAttn': (has('att.qkv.weight') ? ['qkv'] : split).map((of) => `${block}.att.${of}.@`),
    'h.*.attn.cProj': `${block}.att.${has('att.proj.weight') ? 'proj' : 'out_proj'}.@`,
    'h.*.ln2': `${block}.norm2.@`,
    'h.*.mlp.cFc': `${block}.ff.layers.0.@`,
    'h.*.mlp.cProj': `${block}.ff.layers.2.@`,
    lnF: `${prefix}final_norm.@`,
    lmHead: `${prefix}out_head.@`,
  };
  const own: NormNames = { weight: 'scale', bias: 'shift' };
  return layoutOf('notebook', false, names, has('norm1.weight') ? TORCH_NORM : own);
}

/** As the notebook's GPTModel stores it. */
export const NOTEBOOK = notebookLayout('', new Map());

/** Whether a LayerNorm is one that its codebase wrote itself, which says nothing of what it divides by. */
export function hasOwnNorm(layout: Layout): boolean {
  return layout.namesOf('lnF.weight')[0].endsWith('.scale');
}

/** Whether a matrix is stored (inputs, outputs): linear layers of transformers' blocks are. */
export function isInputFirst({ storesInputFirst }: Layout, { kind, path }: ParameterSpec): boolean {
  return storesInputFirst && kind === 'matrix' && path !== 'lmHead.weight';
}

/**
 * Recognises a layout from tensor names, and `c_attn`'s orientation from its shape. Of several models in a file (a
 * moving average of the weights, a teacher) it is the one with the shortest names.
 */
export function recogniseLayout(shapes: TensorShapes): Layout {
  const names = [...shapes.keys()];
  const prefixOf = (ending: string): string | undefined =>
    names
      .filter((name) => name === ending || name.endsWith(`.${ending}`))
      .map((name) => name.slice(0, -ending.length))
      .toSorted((a, b) => a.length - b.length)[0];

  const fused = prefixOf('h.0.attn.c_attn.weight');
  if (fused !== undefined) {
    // `transformer.` is where GPT2LMHeadModel and nanoGPT keep the body; the head lies outside it.
    const inner = fused.endsWith('transformer.') ? 'transformer.' : '';
    const outer = fused.slice(0, fused.length - inner.length);
    const [rows, columns] = shapes.get(`${fused}h.0.attn.c_attn.weight`) ?? [];
    // Some keep the head inside the body, or outside whatever holds the body.
    const head = [`${outer}lm_head`, `${fused}lm_head`, 'lm_head'].find((module) =>
      shapes.has(`${module}.weight`),
    );
    if (columns === 3 * rows) return gptLayout('huggingface', outer, inner, head);
    if (rows === 3 * columns) return gptLayout('nanogpt', outer, inner, head);
    throw new EngineError(
      `${fused}h.0.attn.c_attn.weight is (${rows}, ${columns}); expected one side to be three times the other.`,
      {
        code: 'checkpoint/shape',
        hint: 'This file is not a GPT-2 checkpoint, or it was cut or merged.',
      },
    );
  }
  const mingpt = prefixOf('blocks.0.attn.query.weight');
  if (mingpt !== undefined) return minGptLayout(mingpt);
  const notebook =
    prefixOf('trf_blocks.0.att.W_query.weight') ?? prefixOf('trf_blocks.0.att.qkv.weight');
  if (notebook !== undefined) return notebookLayout(notebook, shapes);
  throw new EngineError(
    `None of the four GPT layouts fits these ${names.length} tensors (first: ${names.slice(0, 3).join(', ') || 'none'}).`,
    {
      code: 'checkpoint/layout',
      hint: 'Expected names like transformer.h.0.attn.c_attn.weight (Hugging Face, nanoGPT), blocks.0.attn.query.weight (minGPT) or trf_blocks.0.att.W_query.weight (the notebook).',
    },
  );
}

/** Which part of a model a tensor is, for people: `block 3 of 12`. `names` are those of all tensors. */
export function partOf(name: string, names: readonly string[]): string {
  const block = /(?:^|\.)(?:h|blocks|trf_blocks)\.(\d+)\./;
  const number = block.exec(name)?.[1];
  if (number !== undefined) {
    const last = names.reduce(
      (most, each) => Math.max(most, Number(block.exec(each)?.[1] ?? 0)),
      0,
    );
    return `block ${Number(number) + 1} of ${last + 1}`;
  }
  if (/(?:^|\.)(?:wte|tok_emb)\b/.test(name)) return 'token embedding';
  if (/(?:^|\.)(?:wpe|pos_emb)\b/.test(name)) return 'position embedding';
  return /(?:^|\.)(?:lm_head|head|out_head)\./.test(name) ? 'head' : 'final LayerNorm';
}

/** One parameter as the model expects it: stored name and shape. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
}

/** How many blocks a checkpoint has, from the first on without a gap. */
export function countBlocks(layout: Layout, shapes: TensorShapes): number {
  let blocks = 0;
  while (shapes.has(layout.namesOf(`h.${blocks}.attn.cProj.weight`)[0])) blocks++;
  return blocks;
}

/** Biases of a block that are there together, or not at all, in the four codebases. */
const BIASES = {
  bias: ['attn.cProj.bias', 'mlp.cFc.bias', 'mlp.cProj.bias'],
  layerNormBias: ['ln1.bias', 'ln2.bias'],
} as const;

/**
 * The source with zeros for biases that no block has while every block has the other ones: somebody left them out of
 * one kind of layer.
 */
export function withZeroBiases(source: TensorSource, layout: Layout): TensorSource {
  const { shapes } = source;
  const nameOf = (path: string): string => layout.namesOf(path)[0];
  const blocks = countBlocks(layout, shapes);
  const width = shapes.get(nameOf('wte.weight'))?.[1] ?? 0;
  const zeros = new Map<string, readonly number[]>();
  for (const paths of Object.values(BIASES)) {
    const namesOf = (path: string): string[] =>
      Array.from({ length: blocks }, (_, l) => nameOf(`h.${l}.${path}`));
    const isThere = (path: string): boolean => namesOf(path).some((name) => shapes.has(name));
    if (!paths.some(isThere)) continue;
    for (const path of paths.filter((each) => !isThere(each))) {
      const fc = shapes.get(nameOf('h.0.mlp.cFc.weight')) ?? [];
      const inner = layout.storesInputFirst ? fc[1] : fc[0];
      const length = path === 'mlp.cFc.bias' ? inner : width;
      if (length !== undefined) for (const name of namesOf(path)) zeros.set(name, [length]);
    }
  }
  if (zeros.size === 0) return source;
  return {
    ...source,
    shapes: new Map([...shapes, ...zeros]),
    read: (name, from = 0, count, into) => {
      const shape = zeros.get(name);
      if (!shape) return source.read(name, from, count, into);
      return Promise.resolve(new Float32Array(count ?? shape[0] - from));
    },
  };
}

/**
 * The configuration of a checkpoint: sizes from its tensors, what tensors cannot tell (heads,
 * activation, epsilon) from `config.json`. Every contradiction between the two is named.
 */
export function resolveConfig(layout: Layout, shapes: TensorShapes, file: ConfigFile): GptConfig {
  const shapeOf = (name: string): readonly number[] => {
    const shape = shapes.get(name);
    if (!shape) throw missing([name]);
    return shape;
  };
  const nameOf = (path: string): string => layout.namesOf(path)[0];
  const projOf = (l: number): string => nameOf(`h.${l}.attn.cProj.weight`);
  const wte = shapeOf(nameOf('wte.weight'));
  const wpe = shapeOf(nameOf('wpe.weight'));
  const nLayer = countBlocks(layout, shapes);
  const fc = shapeOf(nameOf('h.0.mlp.cFc.weight'));
  const has = (names: readonly string[]): boolean => names.some((name) => shapes.has(name));
  const [vocabSize = 0, nEmbd = 0] = wte;

  const fromTensors = {
    vocabSize,
    nEmbd,
    nCtx: wpe.at(-2) ?? 0,
    nLayer,
    nInner: layout.storesInputFirst ? (fc[1] ?? 0) : (fc[0] ?? 0),
  };
  for (const [key, path, shape] of [
    ['vocabSize', 'wte.weight', wte],
    ['nEmbd', 'wte.weight', wte],
    ['nCtx', 'wpe.weight', wpe],
    ['nInner', 'h.0.mlp.cFc.weight', fc],
  ] as const) {
    const told = file[key];
    if (told !== undefined && told !== fromTensors[key]) {
      throw new EngineError(
        `${nameOf(path)} is (${shape.join(', ')}); config.json expects ${key} = ${told}, found ${fromTensors[key]}.`,
        {
          code: 'checkpoint/shape',
          hint: 'config.json and the weights are of two different models.',
        },
      );
    }
  }
  if (file.nLayer !== undefined && file.nLayer > nLayer) {
    throw missing([projOf(nLayer)]);
  }
  if (file.nLayer !== undefined && file.nLayer < nLayer) {
    throw new EngineError(
      `config.json says ${file.nLayer} blocks, but the file holds ${nLayer} (${projOf(file.nLayer)} and more).`,
      {
        code: 'checkpoint/shape',
        hint: 'config.json and the weights are of two different models.',
      },
    );
  }
  if (file.nHead === undefined) {
    throw new EngineError('config.json does not say how many heads (n_head) the model has.', {
      code: 'config/heads',
      hint: 'The number of heads cannot be seen in the tensors; add "n_head" to config.json.',
    });
  }
  const lmHead = nameOf('lmHead.weight');
  const headStored = shapes.has(lmHead);
  // One block without what the others have is not whole: that is said where all tensors are looked for.
  const inBlocks = (...paths: readonly string[]): string[] =>
    Array.from({ length: nLayer }, (_, l) => paths.map((path) => `h.${l}.${path}`))
      .flat()
      .flatMap((path) => layout.namesOf(path));
  const biases = {
    qkvBias: inBlocks('attn.cAttn.bias'),
    bias: inBlocks(...BIASES.bias),
    layerNormBias: inBlocks(...BIASES.layerNormBias),
  };
  for (const flag of ['qkvBias', 'bias', 'layerNormBias'] as const) {
    const stored = biases[flag].find((name) => shapes.has(name));
    if (file[flag] === false && stored !== undefined) {
      throw new EngineError(`config.json says ${flag} = false, but the file holds ${stored}.`, {
        code: 'checkpoint/shape',
        hint: 'config.json and the weights are of two different models.',
      });
    }
  }
  for (const name of shapes.keys()) {
    const [, number] = /(?:^|\.)(?:h|blocks|trf_blocks)\.(\d+)\./.exec(name) ?? [];
    if (number !== undefined && Number(number) >= nLayer) {
      throw missing([projOf(nLayer)]);
    }
  }
  const config: GptConfig = {
    ...fromTensors,
    nHead: file.nHead,
    qkvBias: file.qkvBias ?? has(biases.qkvBias),
    bias: file.bias ?? has(biases.bias),
    layerNormBias: file.layerNormBias ?? has(biases.layerNormBias),
    // What config.json leaves open is as the layout's own source has it; `assumptions.ts` tells of it.
    layerNormDenominator: file.layerNormDenominator ?? 'variance',
    layerNormEpsilon: file.layerNormEpsilon ?? 1e-5,
    activation: file.activation ?? usualActivation(layout, headStored),
    scaleAttnWeights: file.scaleAttnWeights ?? true,
    scaleAttnByInverseLayerIdx: file.scaleAttnByInverseLayerIdx ?? false,
    tiedHead: isTied(layout, shapes, file),
  };
  if (!headStored && file.tiedHead === false) throw missing([lmHead]);
  checkConfig(config);
  return config;
}

/** Whether the head is the embedding: where none is stored, and where config.json, or its default, says so. */
export function isTied(layout: Layout, shapes: TensorShapes, file: ConfigFile): boolean {
  const [head] = layout.namesOf('lmHead.weight');
  // GPT2Config's default: transformers uses the embedding then, whatever is stored as the head.
  const byDefault = layout.name === 'huggingface' && file.modelType === 'gpt2';
  return !shapes.has(head) || (file.tiedHead ?? byDefault);
}

/**
 * The GELU of a codebase. minGPT had the exact one while it kept queries, keys and values apart. Under nanoGPT's names
 * a head of its own is that of today's minGPT, which approximates by tanh; nanoGPT's own is the embedding, and exact.
 */
export function usualActivation({ name }: Layout, hasOwnHead: boolean): GptConfig['activation'] {
  const isExact = name === 'mingpt' || (name === 'nanogpt' && !hasOwnHead);
  return isExact ? 'gelu-exact' : 'gelu-tanh';
}

/**
 * A tied matrix that is kept under the head's name alone stands under the embedding's too, as PyTorch's modules share
 * it: who writes each shared tensor once keeps the name that comes first. Where config.json says that the two are
 * apart, the embedding is missing.
 */
export function withTiedEmbedding(
  source: TensorSource,
  layout: Layout,
  { tiedHead }: ConfigFile,
): TensorSource {
  const [[wte], [head]] = [layout.namesOf('wte.weight'), layout.namesOf('lmHead.weight')];
  if (tiedHead === false || source.shapes.has(wte) || !source.shapes.has(head)) return source;
  const names = [...source.shapes.keys()].map(
    (name) => [name === head ? wte : name, name] as const,
  );
  return renamed(source, new Map(names));
}

/** Every tensor that a checkpoint of this layout must hold, with the shapes that are accepted. */
function expectedTensors(layout: Layout, config: GptConfig): ExpectedTensor[] {
  return parameterTable(config).flatMap((spec) => {
    const names = layout.namesOf(spec.path);
    const [outputs, ...inputs] = spec.shape;
    const rows = [outputs / names.length, ...inputs];
    const shape = isInputFirst(layout, spec) ? rows.toReversed() : rows;
    const isPositions = layout.name === 'mingpt' && spec.path === 'wpe.weight';
    const shapes = isPositions ? [[1, ...shape], shape] : [shape];
    return names.map((name) => ({ name, shapes }));
  });
}

/** The names of all tensors of which a model of this layout is made. */
export function expectedNames(layout: Layout, config: GptConfig): readonly string[] {
  return expectedTensors(layout, config).map(({ name }) => name);
}

/**
 * Throws unless every expected tensor is there with its shape; names tensor, expected and found.
 * `unreadable` maps names to types that are no type of weights; only expected ones matter.
 */
export function checkTensors(
  layout: Layout,
  config: GptConfig,
  shapes: TensorShapes,
  unreadable: ReadonlyMap<string, string> = new Map(),
): void {
  const expected = expectedTensors(layout, config);
  for (const { name } of expected) {
    const dtype = unreadable.get(name);
    if (dtype === undefined) continue;
    throw unreadableType(name, dtype);
  }
  const absent = expected.filter(({ name }) => !shapes.has(name)).map(({ name }) => name);
  if (absent.length > 0) throw missing(absent);
  for (const { name, shapes: accepted } of expected) {
    const found = shapes.get(name) ?? [];
    const fits = accepted.some(
      (shape) => shape.length === found.length && shape.every((n, i) => n === found[i]),
    );
    if (!fits) {
      if (name === layout.namesOf('lmHead.weight')[0] && found[1] === config.nEmbd) {
        throw new EngineError(
          `${name} is (${found.join(', ')}): a head for ${found[0]} classes, where a language model has one row a token, ${config.vocabSize}.`,
          {
            code: 'checkpoint/head',
            hint: 'It classifies texts and writes none: take the checkpoint from before it was trained for that.',
          },
        );
      }
      throw new EngineError(
        `${name} is (${found.join(', ')}); expected (${accepted[0].join(', ')}).`,
        {
          code: 'checkpoint/shape',
          hint: `The file says ${config.nHead} heads and width ${config.nEmbd}, but this tensor is of another model.`,
        },
      );
    }
  }
}

/** Of a model's tensors, these are not there. */
export function missing(names: readonly string[]): EngineError {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return new EngineError(`The checkpoint has no tensor ${names.slice(0, 3).join(', ')}${more}.`, {
    code: 'checkpoint/missing',
    hint: 'The file is incomplete, or config.json is of another model.',
  });
}
