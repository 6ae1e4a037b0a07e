// A GPT-2 that tfjs trains, with the operations that it has for it: fused matrix products with their bias, softmax, Adam.
import type { TensorSource } from '../../src/formats/tensorSource.ts';
import type { Batch } from '../../src/model/training/trainer.ts';
import type { TrainingShape } from './trainingRig.ts';

/** What is used of a tensor of tfjs. */
interface TfTensor {
  readonly shape: readonly number[];
  add(other: TfTensor | number): TfTensor;
  sub(other: TfTensor): TfTensor;
  mul(other: TfTensor | number): TfTensor;
  rsqrt(): TfTensor;
  tanh(): TfTensor;
  reshape(shape: readonly number[]): TfTensor;
  transpose(order: readonly number[]): TfTensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** What is used of tfjs. */
interface Tf {
  setBackend(name: string): Promise<boolean>;
  getBackend(): string;
  ready(): Promise<void>;
  tidy<T>(work: () => T): T;
  tensor(values: ArrayLike<number>, shape: readonly number[], dtype?: 'int32'): TfTensor;
  variable(start: TfTensor): TfTensor;
  gather(table: TfTensor, ids: TfTensor): TfTensor;
  oneHot(ids: TfTensor, depth: number): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  softmax(scores: TfTensor): TfTensor;
  moments(x: TfTensor, axis: number, keepDims: boolean): { mean: TfTensor; variance: TfTensor };
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  readonly fused: { matMul(call: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor };
  readonly losses: { softmaxCrossEntropy(oneHot: TfTensor, logits: TfTensor): TfTensor };
  readonly train: {
    adam(
      rate: number,
      beta1: number,
      beta2: number,
      epsilon: number,
    ): {
      minimize(loss: () => TfTensor, returnCost: true): TfTensor;
    };
  };
}

interface AdamOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * A step of training on a model with `weights`, which are in Hugging Face's layout: matrices as [in, out], as tfjs
 * multiplies. tfjs has Adam, and neither decay nor clipping: it does less than the others.
 */
export async function createTfjsGpt(
  tf: Tf,
  { config, batch, tokens }: TrainingShape,
  weights: TensorSource,
  { learningRate, beta1, beta2, epsilon }: AdamOptions,
): Promise<(batch: Batch) => Promise<number>> {
  const { nLayer, nHead, nEmbd, vocabSize } = config;
  const headSize = nEmbd / nHead;
  const rows = batch * tokens;
  const variables = new Map<string, TfTensor>();
  for (const [name, shape] of weights.shapes) {
    variables.set(name, tf.variable(tf.tensor(await weights.read(name), shape)));
  }
  const of = (name: string): TfTensor => {
    const found = variables.get(`transformer.${name}`);
    if (!found) throw new Error(`There is no ${name}.`);
    return found;
  };
  const future = tf.tensor(
    Float32Array.from({ length: tokens * tokens }, (_, i) =>
      i % tokens > Math.floor(i / tokens) ? -1e9 : 0,
    ),
    [tokens, tokens],
  );

  const linear = (name: string, x: TfTensor): TfTensor =>
    tf.fused.matMul({ a: x, b: of(`${name}.weight`), bias: of(`${name}.bias`) });
  const norm = (name: string, x: TfTensor): TfTensor => {
    const { mean, variance } = tf.moments(x, -1, true);
    const normal = x.sub(mean).mul(variance.add(config.layerNormEpsilon).rsqrt());
    return normal.mul(of(`${name}.weight`)).add(of(`${name}.bias`));
  };
  /** The tanh GELU. x³ by products: `pow` of a negative number is undefined in WGSL. */
  const gelu = (x: TfTensor): TfTensor => {
    const cubed = x.mul(x).mul(x).mul(0.044715);
    return x
      .add(cubed)
      .mul(Math.sqrt(2 / Math.PI))
      .tanh()
      .add(1)
      .mul(x)
      .mul(0.5);
  };
  const attention = (name: string, x: TfTensor): TfTensor => {
    const [q, k, v] = tf
      .split(linear(`${name}.c_attn`, x), 3, -1)
      .map((part) => part.reshape([batch, tokens, nHead, headSize]).transpose([0, 2, 1, 3]));
    const scores = tf
      .matMul(q, k, false, true)
      .mul(1 / Math.sqrt(headSize))
      .add(future);
    const heads = tf.matMul(tf.softmax(scores), v).transpose([0, 2, 1, 3]);
    return linear(`${name}.c_proj`, heads.reshape([rows, nEmbd]));
  };
  const logitsOf = (ids: TfTensor, positions: TfTensor): TfTensor => {
    let x = tf.gather(of('wte.weight'), ids).add(tf.gather(of('wpe.weight'), positions));
    for (let l = 0; l < nLayer; l++) {
      x = x.add(attention(`h.${l}.attn`, norm(`h.${l}.ln_1`, x)));
      const inner = gelu(linear(`h.${l}.mlp.c_fc`, norm(`h.${l}.ln_2`, x)));
      x = x.add(linear(`h.${l}.mlp.c_proj`, inner));
    }
    return tf.matMul(norm('ln_f', x), of('wte.weight'), false, true);
  };

  const optimiser = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const positions = tf.tensor(
    Int32Array.from({ length: rows }, (_, i) => i % tokens),
    [rows],
    'int32',
  );
  return async (next) => {
    const cost = tf.tidy(() => {
      const ids = tf.tensor(Int32Array.from(next.ids), [rows], 'int32');
      const targets = tf.oneHot(
        tf.tensor(Int32Array.from(next.targets), [rows], 'int32'),
        vocabSize,
      );
      return optimiser.minimize(
        () => tf.losses.softmaxCrossEntropy(targets, logitsOf(ids, positions)),
        true,
      );
    });
    const [loss] = await cost.data();
    cost.dispose();
    return loss;
  };
}
