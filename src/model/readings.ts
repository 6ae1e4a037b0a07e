// Which reading of a checkpoint is the right one, measured: the model reads a text with each, and the one that expects
// it clearly better is meant.
import type { Assumption } from '../api.ts';
import type { Arena } from '../gpu/device.ts';
import { createWeightMatrix, writeRows } from '../kernels/weightMatrix.ts';
import { type OpenQuestion, openQuestions, triedHeads } from './assumptions.ts';
import { type GptConfig, headSizeOf } from './config.ts';
import type { ConfigFile } from './configFile.ts';
import { Gpt } from './gpt.ts';
import { type Checkpoint, headsUnknown } from './openCheckpoint.ts';
import {
  type Linear,
  type MatrixSpec,
  type ParameterSpec,
  type Parameters,
  parameterTable,
  widthsOf,
} from './parameters.ts';
import { readRows, readVector, writeVector } from './readBack.ts';
import { readScores } from './reads.ts';
import { Session } from './session.ts';

/**
 * A reading is clearly worse than another when its loss on the same tokens is larger by so many standard errors of the
 * mean difference. Neighbouring numbers of heads differ by a few hundredths of a nat on a text where tokens differ by
 * whole ones; each token's own difference is much smaller than that.
 */
const CLEARLY = 3;
/**
 * Whoever expects a text hardly better than chance does was not made for such text, or is read wrongly either way: the
 * loss of a reading that tells something, as a part of ln V.
 */
const BELOW_CHANCE = 0.9;
/** Standard errors of fewer differences than these say nothing. */
const LEAST_TOKENS = 20;

/** Values that are compared at a time. */
const COMPARED_ELEMENTS = 1 << 20;

/**
 * The same model, read as `decideReading` decides what its checkpoint leaves open. Throws `config/heads` where nothing
 * decides those.
 */
export async function settle(
  model: Gpt,
  arena: Arena,
  { layout, source: { shapes } }: Checkpoint,
  file: ConfigFile,
  text: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<{ readonly model: Gpt; readonly assumed: readonly Assumption[] }> {
  const isOwn = file.activation === undefined && (await hasOwnHead(model));
  const questions = openQuestions(layout, shapes, file, isOwn);
  const { config, assumed, open } = await decideReading(model, questions, text, signal);
  if (open.length > 0) throw headsUnknown(open[0], text.length > 0);
  return { model: await reread(model, arena, config), assumed };
}

/** Whether the head is another matrix than the embedding; the same one may be stored under both names. */
async function hasOwnHead({ device, config, parameters }: Gpt): Promise<boolean> {
  if (config.tiedHead) return false;
  const { wte, lmHead } = parameters;
  const step = Math.max(1, Math.floor(COMPARED_ELEMENTS / wte.columns));
  for (let row = 0; row < config.vocabSize; row += step) {
    const count = Math.min(step, config.vocabSize - row);
    const embedding = await readRows(device, wte, row, count);
    const head = await readRows(device, lmHead.weight, row, count);
    if (embedding.some((value, i) => value !== head[i])) return true;
  }
  return false;
}

/** What was decided, and how. */
interface Decision {
  readonly config: GptConfig;
  readonly assumed: readonly Assumption[];
  /** Questions that nothing decides: whoever loads has to. */
  readonly open: readonly OpenQuestion[];
}

/**
 * Answers the questions that a checkpoint leaves open: measured on `text`, windows of ids that the model can see
 * whole, where there is some; else, or where no reading is clearly better, as is usual. A GELU is never measured: the
 * two differ by less than a text tells.
 */
async function decideReading(
  gpt: Gpt,
  questions: readonly OpenQuestion[],
  text: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<Decision> {
  const of = (key: Assumption['key']): OpenQuestion | undefined =>
    questions.find((question) => question.key === key);
  const [asked, norm] = [of('nHead'), of('layer_norm_denominator')];
  // What transformers takes is what the weights are to be read with, however they read.
  const heads = asked?.by === 'convention' ? undefined : asked;
  const isMeasurable = text.length > 0 && (heads !== undefined || norm !== undefined);
  const tried = isMeasurable ? await race(gpt, heads, norm, text, signal) : [];
  const left = tried.filter(({ isOut }) => !isOut);
  const best = left.toSorted((a, b) => meanOf(a.losses) - meanOf(b.losses))[0] as Tried | undefined;
  const canRead =
    best !== undefined && meanOf(best.losses) < BELOW_CHANCE * Math.log(gpt.config.vocabSize);
  let { config } = gpt;
  const assumed: Assumption[] = [];
  const open: OpenQuestion[] = [];
  for (const question of questions) {
    const { key, choices, usual, by } = question;
    const isTried = question === heads || question === norm;
    const losses = isTried ? lossesBy(key, choices, tried) : [];
    const answers = new Set(left.map((one) => answerOf(one.config, key)));
    const isMeasured = canRead && losses.length > 1 && answers.size === 1;
    const value = isMeasured ? answerOf(best.config, key) : usual;
    // Heads that read clearly worse than several others are not the model's, however usual.
    const isOut = question === heads && canRead && value !== null && !answers.has(value);
    if (value === null || isOut) {
      open.push(question);
      continue;
    }
    config = withAnswer(config, key, value);
    const how = isMeasured ? 'measured' : by;
    assumed.push({ key, value, choices, by: how, ...(losses.length > 1 ? { losses } : {}) });
  }
  return { config, assumed, open };
}

/** A reading, and the loss of every token that was read with it. */
interface Tried {
  readonly config: GptConfig;
  readonly losses: number[];
  /** Another one was clearly better. */
  isOut: boolean;
}

/** Reads window after window with every reading that is not clearly worse than the best so far. */
async function race(
  gpt: Gpt,
  heads: OpenQuestion | undefined,
  norm: OpenQuestion | undefined,
  text: readonly (readonly number[])[],
  signal: AbortSignal | undefined,
): Promise<Tried[]> {
  const counts = heads ? triedHeads(gpt.config.nEmbd) : [gpt.config.nHead];
  const norms = norm ? (['variance', 'std'] as const) : [gpt.config.layerNormDenominator];
  const tried = counts.flatMap((nHead) =>
    norms.map((layerNormDenominator): Tried => {
      const config = { ...gpt.config, nHead, layerNormDenominator };
      return { config, losses: [], isOut: false };
    }),
  );
  for (const ids of text) {
    const left = tried.filter(({ isOut }) => !isOut);
    if (left.length < 2) break;
    for (const one of left) {
      signal?.throwIfAborted();
      one.losses.push(...(await lossesOf(gpt, one.config, ids)));
    }
    const [best] = left.toSorted((a, b) => meanOf(a.losses) - meanOf(b.losses));
    for (const one of left) one.isOut = one !== best && isWorse(one.losses, best.losses);
  }
  return tried;
}

/** Whether the first losses are clearly larger than the second, of the same tokens. NaN is worse than any number. */
function isWorse(losses: readonly number[], best: readonly number[]): boolean {
  const differences = losses.map((loss, i) => loss - best[i]);
  const n = differences.length;
  const mean = differences.reduce((sum, one) => sum + one, 0) / n;
  if (!Number.isFinite(mean)) return true;
  if (n < LEAST_TOKENS) return false;
  const square = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  return mean > CLEARLY * Math.sqrt(square / n);
}

/** Mean of losses; Infinity where it is no number. */
function meanOf(losses: readonly number[]): number {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return Number.isFinite(mean) ? mean : Infinity;
}

/** The same configuration with an answer. */
function withAnswer(
  config: GptConfig,
  key: Assumption['key'],
  value: Assumption['value'],
): GptConfig {
  if (key === 'nHead') return { ...config, nHead: Number(value) };
  if (key === 'layer_norm_denominator') {
    return { ...config, layerNormDenominator: value === 'std' ? 'std' : 'variance' };
  }
  return { ...config, activation: value === 'gelu' ? 'gelu-exact' : 'gelu-tanh' };
}

/** The same weights, read otherwise: what lies in the arena is the new model's. */
async function reread(gpt: Gpt, arena: Arena, config: GptConfig): Promise<Gpt> {
  if (gpt.config === config) return gpt;
  const parameters = await withHeads(gpt, config.nHead, arena);
  gpt.workspace.dispose();
  return new Gpt(gpt.device, arena, config, parameters);
}

type Losses = NonNullable<Assumption['losses']>;

/** The least mean loss with each value of a question, whatever the other was, over the tokens that all have read. */
function lossesBy(
  key: Assumption['key'],
  choices: Assumption['choices'],
  tried: readonly Tried[],
): Losses {
  const common = Math.min(...tried.map(({ losses }) => losses.length));
  return choices.flatMap((value) => {
    const means = tried
      .filter(({ config }) => answerOf(config, key) === value)
      .map(({ losses }) => meanOf(losses.slice(0, common)));
    return means.length > 0 ? [{ value, loss: Math.min(...means) }] : [];
  });
}

function answerOf(config: GptConfig, key: Assumption['key']): Assumption['value'] {
  if (key === 'nHead') return config.nHead;
  if (key === 'layer_norm_denominator') return config.layerNormDenominator;
  return config.activation === 'gelu-exact' ? 'gelu' : 'gelu_new';
}

/** −ln p of every token of a window but the first, read in one way. */
async function lossesOf(
  gpt: Gpt,
  config: GptConfig,
  ids: readonly number[],
): Promise<Float32Array> {
  const { device } = gpt;
  const arena = device.createArena('reading');
  const parameters = await withHeads(gpt, config.nHead, arena);
  const trial = new Gpt(device, arena, config, parameters);
  const session = new Session(trial, { capacity: ids.length });
  try {
    await session.append([ids.slice(0, -1)]);
    return (await readScores(session, 0, 0, ids.slice(1))).loss;
  } finally {
    session.dispose();
    trial.dispose();
  }
}

// — Heads ——————————————————————————————————————————————————————————————————————————————————————————

/**
 * The parameters as a model with so many heads reads them: heads lie padded to whole vec4s, so what heads are cut from
 * may have to move. What moves lies in the arena; the rest is shared. Rounded weights are rounded once more.
 */
async function withHeads(gpt: Gpt, nHead: number, arena: Arena): Promise<Parameters> {
  const { device, config, parameters } = gpt;
  const other = { ...config, nHead };
  const isPadded = [config, other].some((one) => headSizeOf(one) % 4 !== 0);
  if (nHead === config.nHead || !isPadded) return parameters;
  const [from, to] = [config, other].map(
    (one) => new Map(parameterTable(one).map((spec) => [spec.path, spec])),
  );
  const zeros = arena.zeros('zeros', [widthsOf(other).head.rowStride], 'f32');
  const moved = async (path: string, of: Linear): Promise<Linear> => {
    const [before, after] = [from, to].map((specs) => specs.get(`${path}.weight`)) as MatrixSpec[];
    const weight = createWeightMatrix(device, arena, path, ...after.padded, of.weight.format);
    const values = await readRows(device, of.weight, 0, of.weight.rows);
    writeRows(arena, weight, 0, moveMatrix(values, before, after));
    const [biasBefore, biasAfter] = [from, to].map((specs) => specs.get(`${path}.bias`));
    if (!biasBefore || !biasAfter) return { weight, bias: weight.parts.map(() => zeros) };
    const bias = weight.parts.map(({ rows }) => arena.zeros(path, [rows], 'f32'));
    writeVector(arena, bias, moveVector(await readVector(device, of.bias), biasBefore, biasAfter));
    return { weight, bias };
  };
  const h = [];
  for (const [l, block] of parameters.h.entries()) {
    const cAttn = await moved(`h.${l}.attn.cAttn`, block.attn.cAttn);
    const cProj = await moved(`h.${l}.attn.cProj`, block.attn.cProj);
    h.push({ ...block, attn: { cAttn, cProj } });
  }
  return { ...parameters, h };
}

function moveMatrix(values: Float32Array, before: MatrixSpec, after: MatrixSpec): Float32Array {
  const target = new Float32Array(after.padded[0] * after.padded[1]);
  const [rows, columns] = before.shape;
  for (let n = 0; n < rows; n++) {
    const [source, row] = [before.rowOf(n) * before.padded[1], after.rowOf(n) * after.padded[1]];
    for (let k = 0; k < columns; k++) {
      target[row + after.columnOf(k)] = values[source + before.columnOf(k)];
    }
  }
  return target;
}

function moveVector(
  values: Float32Array,
  before: ParameterSpec,
  after: ParameterSpec,
): Float32Array {
  const target = new Float32Array(after.padded[0]);
  for (let n = 0; n < before.shape[0]; n++) target[after.rowOf(n)] = values[before.rowOf(n)];
  return target;
}
