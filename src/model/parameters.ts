// The parameters of a GPT, once: what there is, how it is shaped, where it lies. Loading, saving, counting, checking,
// and whatever else visits every parameter, walks this list.
import type { Dtype } from '../api.ts';
import { type Tensor, elementCount, roundUp } from '../gpu/device.ts';
import type { HeadLayout } from '../kernels/attention.ts';
import type { WeightMatrix } from '../kernels/weightMatrix.ts';
import { type GptConfig, headSizeOf } from './config.ts';

export interface Norm {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface Linear {
  readonly weight: WeightMatrix;
  /** One tensor for each part of the weight. */
  readonly bias: readonly Tensor[];
}

export interface Block {
  readonly ln1: Norm;
  readonly attn: { readonly cAttn: Linear; readonly cProj: Linear };
  readonly ln2: Norm;
  readonly mlp: { readonly cFc: Linear; readonly cProj: Linear };
}

/** Every parameter of a model on its device, and zeros where kernels read a bias that it has not. */
export interface Parameters {
  readonly wte: WeightMatrix;
  readonly wpe: WeightMatrix;
  readonly h: readonly Block[];
  readonly lnF: Norm;
  readonly lmHead: Linear;
}

/** Padded widths, in elements. */
export interface Widths {
  /** C' */
  readonly embd: number;
  /** Hidden layer of the MLP. */
  readonly inner: number;
  /** A, all heads side by side. */
  readonly heads: number;
  /** V' */
  readonly vocab: number;
  readonly head: HeadLayout;
}

export function widthsOf(config: GptConfig): Widths {
  const headSize = headSizeOf(config);
  const headStride = roundUp(headSize, 4);
  const partStride = config.nHead * headStride;
  return {
    embd: roundUp(config.nEmbd, 8),
    inner: roundUp(config.nInner, 8),
    heads: roundUp(partStride, 8),
    vocab: roundUp(config.vocabSize, 8),
    head: {
      nHead: config.nHead,
      headSize,
      headStride,
      partStride,
      rowStride: roundUp(3 * partStride, 8),
    },
  };
}

/** Index of each of `n` elements after padding; the identity where nothing is padded inside. */
export type Places = (i: number) => number;
export const inPlace: Places = (i) => i;

interface Spec {
  /** `h.3.attn.cAttn.weight` */
  readonly path: string;
  /** Whether weight decay applies, by minGPT's rule: to the weights of linear layers, and to nothing else. */
  readonly decays: boolean;
}

/** A matrix, (outputs, inputs) as `nn.Linear` and `nn.Embedding` print it. */
export interface MatrixSpec extends Spec {
  readonly kind: 'embedding' | 'matrix';
  readonly shape: readonly [rows: number, columns: number];
  readonly padded: readonly [rows: number, columns: number];
  /** Where a row, and a column, lies after padding. */
  readonly rowOf: Places;
  readonly columnOf: Places;
  of(p: Parameters): WeightMatrix;
}

/** A matrix and where it lies, in a model or beside one. */
export type PlacedMatrix = Omit<MatrixSpec, 'of'>;

export interface VectorSpec extends Spec {
  readonly kind: 'bias' | 'norm';
  readonly shape: readonly [length: number];
  readonly padded: readonly [length: number];
  readonly rowOf: Places;
  /** One after the other, they are the vector: a bias is cut where its matrix is. */
  of(p: Parameters): readonly Tensor[];
}

export type ParameterSpec = MatrixSpec | VectorSpec;

/**
 * Every parameter that a model of this shape has, in the order of PyTorch's `named_parameters` (GPT-2, nanoGPT).
 * A bias that it has not, and a head that is the embedding, are not here: whoever walks the list sees nothing twice,
 * and none of the zeros that stand in for the absent.
 */
export function parameterTable(config: GptConfig): ParameterSpec[] {
  const { vocabSize, nCtx, nLayer, nEmbd: c, nInner } = config;
  const w = widthsOf(config);
  const { headSize, headStride, partStride } = w.head;
  /** Channel i of all heads side by side moves to where its head starts after padding. */
  const inHeads: Places = (i) => Math.floor(i / headSize) * headStride + (i % headSize);
  /** As `inHeads`, for queries, keys and values one after the other. */
  const inParts: Places = (i) => Math.floor(i / c) * partStride + inHeads(i % c);

  const table = (path: string, rows: number, of: MatrixSpec['of']): MatrixSpec => ({
    path: `${path}.weight`,
    kind: 'embedding',
    decays: false,
    shape: [rows, c],
    padded: [roundUp(rows, 8), w.embd],
    rowOf: inPlace,
    columnOf: inPlace,
    of,
  });
  const norm = (path: string, of: (p: Parameters) => Norm): VectorSpec[] =>
    (config.layerNormBias ? (['weight', 'bias'] as const) : (['weight'] as const)).map((name) => ({
      path: `${path}.${name}`,
      kind: 'norm',
      decays: false,
      shape: [c],
      padded: [w.embd],
      rowOf: inPlace,
      of: (p) => [of(p)[name]],
    }));
  const linear = (
    path: string,
    of: (p: Parameters) => Linear,
    sizes: Pick<MatrixSpec, 'shape' | 'padded'> & { rowOf?: Places; columnOf?: Places },
    hasBias: boolean,
  ): ParameterSpec[] => {
    const { shape, padded, rowOf = inPlace, columnOf = inPlace } = sizes;
    const weight: MatrixSpec = {
      path: `${path}.weight`,
      kind: 'matrix',
      decays: true,
      shape,
      padded,
      rowOf,
      columnOf,
      of: (p) => of(p).weight,
    };
    const bias: VectorSpec = {
      path: `${path}.bias`,
      kind: 'bias',
      decays: false,
      shape: [shape[0]],
      padded: [padded[0]],
      rowOf,
      of: (p) => of(p).bias,
    };
    return hasBias ? [weight, bias] : [weight];
  };
  const block = (l: number): ParameterSpec[] => [
    ...norm(`h.${l}.ln1`, (p) => p.h[l].ln1),
    ...linear(
      `h.${l}.attn.cAttn`,
      (p) => p.h[l].attn.cAttn,
      { shape: [3 * c, c], padded: [w.head.rowStride, w.embd], rowOf: inParts },
      config.qkvBias,
    ),
    ...linear(
      `h.${l}.attn.cProj`,
      (p) => p.h[l].attn.cProj,
      { shape: [c, c], padded: [w.embd, w.heads], columnOf: inHeads },
      config.bias,
    ),
    ...norm(`h.${l}.ln2`, (p) => p.h[l].ln2),
    ...linear(
      `h.${l}.mlp.cFc`,
      (p) => p.h[l].mlp.cFc,
      { shape: [nInner, c], padded: [w.inner, w.embd] },
      config.bias,
    ),
    ...linear(
      `h.${l}.mlp.cProj`,
      (p) => p.h[l].mlp.cProj,
      { shape: [c, nInner], padded: [w.embd, w.inner] },
      config.bias,
    ),
  ];
  const head = linear(
    'lmHead',
    (p) => p.lmHead,
    { shape: [vocabSize, c], padded: [w.vocab, w.embd] },
    false,
  );
  return [
    table('wte', vocabSize, (p) => p.wte),
    table('wpe', nCtx, (p) => p.wpe),
    ...Array.from({ length: nLayer }, (_, l) => block(l)).flat(),
    ...norm('lnF', (p) => p.lnF),
    ...(config.tiedHead ? [] : head),
  ];
}

export function isMatrix(spec: ParameterSpec): spec is MatrixSpec {
  return spec.kind === 'embedding' || spec.kind === 'matrix';
}

/** The tensors in which a parameter of a loaded model lies. */
export function tensorsOf(spec: ParameterSpec, p: Parameters): readonly Tensor[] {
  return isMatrix(spec) ? spec.of(p).parts.map(({ tensor }) => tensor) : spec.of(p);
}

/** Makes what parameters lie in. */
export interface ParameterMaker {
  matrix(spec: PlacedMatrix): WeightMatrix;
  vector(path: string, length: number): Tensor;
}

/** Parameters for everything in the table, empty, with zeros for what is absent: every binding must exist. */
export function createParameters(config: GptConfig, make: ParameterMaker): Parameters {
  const w = widthsOf(config);
  const specs = new Map(parameterTable(config).map((spec) => [spec.path, spec]));
  const widest = Math.max(w.inner, w.head.rowStride, w.embd, w.vocab);
  const zeros = make.vector('zeros', widest);
  const matrix = (path: string): WeightMatrix => {
    const spec = specs.get(`${path}.weight`);
    if (!spec || !isMatrix(spec)) throw new Error(`${path} has no matrix.`);
    return make.matrix(spec);
  };
  const norm = (path: string): Norm => ({
    weight: make.vector(`${path}.weight`, w.embd),
    bias: make.vector(`${path}.bias`, w.embd),
  });
  const linear = (path: string): Linear => {
    const weight = matrix(path);
    const bias = weight.parts.map(({ rows }) =>
      specs.has(`${path}.bias`) ? make.vector(`${path}.bias`, rows) : zeros,
    );
    return { weight, bias };
  };
  const wte = matrix('wte');
  return {
    wte,
    wpe: matrix('wpe'),
    h: Array.from({ length: config.nLayer }, (_, l) => ({
      ln1: norm(`h.${l}.ln1`),
      attn: { cAttn: linear(`h.${l}.attn.cAttn`), cProj: linear(`h.${l}.attn.cProj`) },
      ln2: norm(`h.${l}.ln2`),
      mlp: { cFc: linear(`h.${l}.mlp.cFc`), cProj: linear(`h.${l}.mlp.cProj`) },
    })),
    lnF: norm('lnF'),
    lmHead: config.tiedHead ? { weight: wte, bias: wte.parts.map(() => zeros) } : linear('lmHead'),
  };
}

/**
 * Number of parameters, summed from the shapes. `withoutHead` leaves an untied head out, as the
 * notebook does to arrive at 124,412,160.
 */
export function parameterCount(config: GptConfig, options: { withoutHead?: boolean } = {}): number {
  const tiedHead = config.tiedHead || options.withoutHead === true;
  return countOf(parameterTable({ ...config, tiedHead }));
}

/** Bytes of all parameters in a precision. */
export function parameterBytes(config: GptConfig, dtype: Dtype): number {
  const parameters = parameterCount(config);
  if (dtype !== 'q8') return parameters * (dtype === 'fp16' ? 2 : 4);
  const inMatrices = countOf(parameterTable(config).filter(isMatrix));
  // A byte each and two for the scale of every 32; biases and LayerNorms stay as they are.
  return inMatrices * (1 + 2 / 32) + (parameters - inMatrices) * 4;
}

function countOf(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
