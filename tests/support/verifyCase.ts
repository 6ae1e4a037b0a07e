// One folder of the conformance pack through the whole engine: `npm run verify` and the tests.
import type { DeviceRequest, Dtype } from '../../src/api.ts';
import { type Agreement, agreementOf } from '../../src/engine/checking/agreement.ts';
import { answer } from '../../src/engine/questions/answers.ts';
import { GPT2 } from '../../src/engine/gpt2.ts';
import type { ForwardOutput, OutputTensor } from '../../src/engine/reading/forward.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import { type Recipe, recipeSource } from './hashModel.ts';
import {
  type Expected,
  type GroupResult,
  fetchJson,
  group,
  readExpected,
  toRows,
} from './verifyGroups.ts';
import { verifyLearns, verifySeeded } from './verifySeeded.ts';
import { verifyTraining } from './verifyTraining.ts';

export interface CaseResult {
  readonly name: string;
  readonly adapter: string;
  readonly layout: string;
  readonly seconds: number;
  readonly groups: readonly GroupResult[];
  /** With PyTorch's logits, of as many positions as are stored; null for a run that has none. */
  readonly agreement: Agreement | null;
  readonly ok: boolean;
}

export interface VerifyOptions {
  readonly device?: DeviceRequest | GPUDevice;
  readonly dtype?: Dtype;
  readonly processor?: ProcessorOptions;
  /** Where a run that learns is broken off. */
  readonly learnsFor?: number;
}

interface Found {
  readonly groups: GroupResult[];
  readonly agreement: Agreement;
}

const RELATIVE_BOUND = 1e-4;
const ATTENTION_BOUND = 1e-5;
const ATTENTION_BOUND_124M = 3e-5;

/** What the folder of a run that learns is about. */
const CORPUS = '/tests/fixtures/conformance/bpe/corpus.txt';

/** Verifies the folder at `url` (with a slash at its end). Throws only when it cannot be run. */
export async function verifyCase(url: string, options: VerifyOptions = {}): Promise<CaseResult> {
  const start = performance.now();
  const name = url.replace(/\/$/, '').split('/').at(-1) ?? url;
  const run = await fetchJson(`${url}run.json`);
  if (typeof run === 'object' && run !== null) return verifyRun(name, url, run, options);
  const recipe = await fetch(`${url}recipe.json`);
  const expected = await readExpected(`${url}expected.safetensors`);
  const dtype = options.dtype ?? 'fp32';
  const isRecipe = recipe.ok && !recipe.headers.get('content-type')?.startsWith('text/html');
  const model = isRecipe
    ? await fromRecipe((await recipe.json()) as Recipe, { ...options, dtype })
    : await GPT2.from_pretrained(url, { ...options, dtype });
  try {
    const found = isRecipe
      ? await verifyHash(model, expected)
      : await verifyFull(model, expected, await greedyOf(url));
    if (dtype === 'fp32' && !isRecipe) {
      found.groups.push(...(await verifyTraining(url, options.device, options.processor)));
    }
    // The bounds are those of f32 arithmetic; what rounded weights cost is said and not judged.
    const groups =
      dtype === 'fp32'
        ? found.groups
        : found.groups.map((each) => ({
            ...each,
            bound: 'not judged',
            ok: Number.isFinite(each.absolute),
          }));
    return {
      name,
      adapter: [model.device.label, model.device.description].filter(Boolean).join(', '),
      layout: model.summary.layout,
      seconds: (performance.now() - start) / 1000,
      groups,
      agreement: found.agreement,
      ok: groups.every(({ ok }) => ok),
    };
  } finally {
    await model.dispose();
  }
}

/** A whole run of training, from a seed. */
async function verifyRun(
  name: string,
  url: string,
  run: object,
  { device, processor, learnsFor }: VerifyOptions,
): Promise<CaseResult> {
  const start = performance.now();
  const opened = await openDevice(device, { processor });
  const { label, description } = opened.summary;
  opened.dispose();
  const groups =
    'validation' in run
      ? await verifyLearns(url, CORPUS, device, { processor, steps: learnsFor })
      : await verifySeeded(url, device, processor);
  return {
    name,
    adapter: [label, description].filter(Boolean).join(', '),
    layout: 'a run from a seed',
    seconds: (performance.now() - start) / 1000,
    groups,
    agreement: null,
    ok: groups.every(({ ok }) => ok),
  };
}

async function fromRecipe(
  recipe: Recipe,
  options: VerifyOptions & { dtype: Dtype },
): Promise<GPT2> {
  const device = await openDevice(options.device, { processor: options.processor });
  const file = readConfigFile({ model_type: 'gpt2', n_head: 12, ...recipe.config });
  const dtype = options.dtype;
  return GPT2.from_source(recipeSource(recipe), { device, ownsDevice: true, file, dtype });
}

async function greedyOf(url: string): Promise<number[]> {
  const response = await fetch(`${url}training.json`);
  if (!response.ok) throw new Error(`${url}training.json: ${response.status}`);
  return ((await response.json()) as { greedy: number[] }).greedy;
}

async function verifyFull(
  model: GPT2,
  expected: Expected,
  greedy: readonly number[],
): Promise<Found> {
  const ids = toRows(expected('input_ids'));
  const targets = toRows(expected('targets'));
  const out = await model.forward(ids, {
    targets,
    output_attentions: true,
    output_hidden_states: true,
  });
  const last = await model.forward(ids, { last_logits_only: true });
  const { nLayer, vocabSize } = model.config;
  const [B, T] = [ids.length, ids[0].length];
  const layers = Array.from({ length: nLayer }, (_, l) => l);
  const lastExpected = Array.from({ length: B }, (_, b) =>
    expected('logits').data.subarray(((b + 1) * T - 1) * vocabSize, (b + 1) * T * vocabSize),
  );
  const groups = [
    group(
      'hidden states',
      [...layers, nLayer].map((l) => [
        dataOf(out, 'hidden_states', l),
        expected(`hidden.${l}`).data,
      ]),
      'relative',
      RELATIVE_BOUND,
    ),
    group(
      'attention',
      layers.map((l) => [dataOf(out, 'attentions', l), expected(`attn.${l}`).data]),
      'absolute',
      ATTENTION_BOUND,
    ),
    group('logits', [[out.logits.data, expected('logits').data]], 'relative', RELATIVE_BOUND),
    group(
      'last logits',
      lastExpected.map((row, b) => [
        last.logits.data.subarray(b * vocabSize, (b + 1) * vocabSize),
        row,
      ]),
      'relative',
      RELATIVE_BOUND,
    ),
    group('loss', [[[out.loss ?? NaN], expected('loss').data]], 'relative', RELATIVE_BOUND),
  ];
  groups.push(...(await verifyLooking(model, expected, ids[0])));
  const prompt = greedy.slice(0, 5);
  const wanted = greedy.slice(5);
  const found: number[] = [];
  const options = { max_new_tokens: wanted.length, eos_token_id: null };
  for await (const { token_id } of model.generate(prompt, options)) found.push(token_id);
  const wrong = wanted.filter((id, i) => found[i] !== id).length;
  groups.push({
    group: 'greedy tokens',
    absolute: wrong,
    relative: wrong / wanted.length,
    bound: `all ${wanted.length} equal`,
    ok: wrong === 0 && found.length === wanted.length,
  });
  const agreement = agreementOf(expected('logits').data, out.logits.data, vocabSize);
  return { groups, agreement };
}

/** What is shown of attention, of the first text: rows of some tokens, and every map as a thumbnail. */
async function verifyLooking(
  model: GPT2,
  expected: Expected,
  ids: readonly number[],
): Promise<GroupResult[]> {
  const { nLayer, nHead } = model.config;
  const T = ids.length;
  const maps = Array.from({ length: nLayer }, (_, l) =>
    expected(`attn.${l}`).data.subarray(0, nHead * T * T),
  );
  const rows: [Float32Array, Float32Array][] = [];
  for (const query of [0, Math.floor(T / 2), T - 1]) {
    const { weights, size } = await answer(model, 'attentionRows', { ids, query });
    const wanted = new Float32Array(weights.length);
    maps.forEach((map, l) => {
      for (let h = 0; h < nHead; h++) {
        const start = (h * T + query) * T;
        wanted.set(map.subarray(start, start + size), (l * nHead + h) * size);
      }
    });
    rows.push([weights, wanted]);
  }
  const { thumbnails, cells, block } = await answer(model, 'atlas', { ids, cells: 5 });
  const wanted = new Float32Array(thumbnails.length);
  maps.forEach((map, l) => {
    map.forEach((weight, i) => {
      const [h, t, s] = [Math.floor(i / T / T), Math.floor(i / T) % T, i % T];
      const cell = Math.floor(t / block) * cells + Math.floor(s / block);
      const at = (l * nHead + h) * cells * cells + cell;
      wanted[at] = Math.max(wanted[at], weight);
    });
  });
  return [
    group('attention rows', rows, 'absolute', ATTENTION_BOUND),
    group('thumbnails', [[thumbnails, wanted]], 'absolute', ATTENTION_BOUND),
  ];
}

function dataOf(out: ForwardOutput, key: 'attentions' | 'hidden_states', l: number): Float32Array {
  const tensor: OutputTensor | undefined = out[key]?.[l];
  if (!tensor) throw new Error(`forward gave no ${key}[${l}].`);
  return tensor.data;
}

async function verifyHash(model: GPT2, expected: Expected): Promise<Found> {
  const ids = toRows(expected('input_ids'))[0];
  const T = ids.length;
  const out = await model.forward(ids, { output_hidden_states: true, output_attentions: true });
  const { vocabSize, nEmbd, nLayer } = model.config;
  const logits = out.logits.data;
  const norms = new Float32Array((nLayer + 1) * T);
  for (let l = 0; l <= nLayer; l++) {
    const hidden = dataOf(out, 'hidden_states', l);
    for (let t = 0; t < T; t++) {
      let squares = 0;
      for (let c = 0; c < nEmbd; c++) squares += hidden[t * nEmbd + c] ** 2;
      norms[l * T + t] = Math.sqrt(squares);
    }
  }
  const first8 = new Float32Array(T * 8);
  for (let t = 0; t < T; t++) first8.set(logits.subarray(t * vocabSize, t * vocabSize + 8), t * 8);
  const lastLogits = expected('last_logits').data;
  const largest = lastLogits.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const groups = [
    group('hidden norms', [[norms, expected('hidden_norms').data]], 'relative', RELATIVE_BOUND),
    group(
      'attention 0, 5, 11',
      [0, 5, 11].map((l) => [dataOf(out, 'attentions', l), expected(`attn.${l}`).data]),
      'absolute',
      ATTENTION_BOUND_124M,
    ),
    group(
      'last logits',
      [[logits.subarray((T - 1) * vocabSize), lastLogits]],
      'relative',
      RELATIVE_BOUND,
    ),
    group('first 8 logits', [[first8, expected('first8_logits').data]], 'relative', RELATIVE_BOUND),
    top20(logits, expected, T, vocabSize, RELATIVE_BOUND * largest),
  ];
  const agreement = agreementOf(lastLogits, logits.subarray((T - 1) * vocabSize), vocabSize);
  return { groups, agreement };
}

/** Ids may differ only where the two logits are closer than the bound allows to tell. */
function top20(
  logits: Float32Array,
  expected: Expected,
  T: number,
  vocabSize: number,
  bound: number,
): GroupResult {
  const ids = expected('top20_ids').data;
  const values = expected('top20_logits').data;
  let swaps = 0;
  let wrong = 0;
  let absolute = 0;
  for (let t = 0; t < T; t++) {
    const row = logits.subarray(t * vocabSize, (t + 1) * vocabSize);
    const order = Array.from(row.keys()).toSorted((a, b) => row[b] - row[a]);
    for (let k = 0; k < 20; k++) {
      absolute = Math.max(absolute, Math.abs(row[order[k]] - values[t * 20 + k]));
      if (order[k] === ids[t * 20 + k]) continue;
      if (Math.abs(row[order[k]] - row[ids[t * 20 + k]]) <= bound) swaps++;
      else wrong++;
    }
  }
  return {
    group: 'top-20 ids',
    absolute,
    relative: absolute / (bound / RELATIVE_BOUND),
    bound: `swaps within ${bound.toPrecision(2)}`,
    ok: wrong === 0 && absolute <= bound,
    note: `${swaps} of ${20 * T} swapped, ${wrong} wrong`,
  };
}
