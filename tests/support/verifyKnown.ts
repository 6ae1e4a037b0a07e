// A checkpoint from a Hub against what is published about it, and against the kernels' plain meanings: for
// `npm run verify:gpt2`, in Node and in a browser. Expected tensors of these weights are in no repository of ours,
// so this compares fewer numbers than verifyCase.ts does.
import type { DeviceRequest, Dtype } from '../../src/api.ts';
import { GPT2 } from '../../src/engine/gpt2.ts';
import { GivingWay } from '../../src/engine/foreground.ts';
import { AGAINST, againstPublished, selfCheck } from '../../src/engine/checking/selfCheck.ts';
import { openModel } from '../../src/hub/open.ts';
import { keyOf } from '../../src/kept/store.ts';
import { type Continuation, type Published, publishedOf } from './published.ts';

export interface Finding {
  readonly what: string;
  /** Null where it was not judged. */
  readonly ok: boolean | null;
  readonly detail: string;
}

export interface FetchedModel {
  /** `owner/name`, also where an alias was asked for. */
  readonly id: string;
  /** Below the cache. */
  readonly folder: string;
  readonly commit: string;
  /** Whether the weights were compared with the SHA-256 that the Hub lists. */
  readonly isVerified: boolean;
}

/** Fetches a model's files into a directory, in Node; what is there whole is not fetched again. */
export async function fetchModel(
  id: string,
  options: {
    host?: string;
    revision?: string;
    cache_dir: string;
    progress_callback?: (info: { file?: string; progress?: number }) => void;
  },
): Promise<FetchedModel> {
  const opened = await openModel(id, options);
  try {
    const weights = await opened.openWeights();
    try {
      await weights.finish();
    } finally {
      await weights.close();
    }
    const { kind, host, commit, isVerified, id: found } = opened.origin;
    if (kind !== 'hub' || host === null || commit === null) {
      throw new Error(`${id} came as a plain folder: there is no list to check it against.`);
    }
    return { id: found, folder: keyOf({ kind, host, id: found, commit }), commit, isVerified };
  } finally {
    await opened.close();
  }
}

/** Everything that can be said of the model in the folder `source`, known as `id`. */
export async function verifyKnown(
  source: string,
  id: string,
  { device, dtype = 'fp32' }: { device?: DeviceRequest; dtype?: Dtype } = {},
): Promise<{ adapter: string; findings: Finding[] }> {
  const model = await GPT2.from_pretrained(source, { device, dtype });
  try {
    const findings: Finding[] = [];
    const known = publishedOf(id);
    if (known) findings.push(...(await againstKnown(model, known)));
    else {
      findings.push({
        what: 'numbers and tokens as published',
        ok: null,
        detail: `none are known for ${id}, so none were compared`,
      });
    }
    const check = await selfCheck(model, {}, undefined);
    findings.push({
      what: 'self-check',
      ok: check.passed,
      detail: `against ${AGAINST[check.against]}\n${check.report}`,
    });
    return { adapter: model.device.label, findings };
  } finally {
    await model.dispose();
  }
}

/** The model against what is published of it. */
export async function againstKnown(model: GPT2, known: Published): Promise<Finding[]> {
  const { nLayer, nHead, nEmbd, parameterCount } = model.summary;
  const shape = [nLayer, nHead, nEmbd, parameterCount];
  const isSame = shape.join() === known.shape.join();
  const findings: Finding[] = [
    {
      what: 'shape as published',
      ok: isSame,
      detail: `${nLayer} blocks of ${nHead} heads, width ${nEmbd}, ${parameterCount} parameters`,
    },
  ];
  // Its vocabulary may be too small for the ids that follow.
  if (!isSame) return findings;
  const { vocabSize } = model.config;
  const add = (what: string, differences: readonly number[], bound: number): void => {
    findings.push(within(model, what, differences, bound));
  };
  for (const { what, ids, position, at, values, bound } of known.logits) {
    const { data } = (await model.forward(ids)).logits;
    const row = data.subarray(position * vocabSize, (position + 1) * vocabSize);
    const differences = at.map((id, i) => row[id] - values[i]);
    add(what, differences, bound);
  }
  for (const { what, ids, mean, bound } of known.logitMeans) {
    const { data } = (await model.forward(ids)).logits;
    let sum = 0;
    for (const logit of data) sum += logit;
    add(what, [sum / data.length - mean], bound);
  }
  for (const { what, ids, loss, bound } of known.losses) {
    const out = await model.forward(ids.slice(0, -1), { targets: ids.slice(1) });
    add(what, [(out.loss ?? NaN) - loss], bound);
  }
  const { steps } = await againstPublished(model, known.texts, new GivingWay());
  for (const { what, difference, bound, unit } of steps) {
    const detail = `off by ${difference.toExponential(2)} ${unit}, bound ${bound}`;
    findings.push({ what, ok: difference <= bound, detail });
  }
  for (const each of known.continuations) findings.push(await continues(model, each));
  return findings;
}

/** The bounds are those of fp32; what rounded weights cost is said and not judged. */
function within(
  { summary }: GPT2,
  what: string,
  differences: readonly number[],
  bound: number,
): Finding {
  const worst = Math.max(...differences.map(Math.abs));
  const ok = summary.dtype === 'fp32' ? worst <= bound : Number.isFinite(worst) && null;
  return { what, ok, detail: `off by ${worst.toExponential(2)}, bound ${bound} in fp32` };
}

/** Whether the model writes what is published, greedily; rounded weights may write something else. */
async function continues(model: GPT2, { text, ids, continued }: Continuation): Promise<Finding> {
  const what = `greedy after ${text === undefined ? ids?.join(' ') : JSON.stringify(text)}`;
  try {
    const found = text === undefined ? (ids ?? []) : model.encode(text);
    if (ids && found.join() !== ids.join()) {
      return { what, ok: false, detail: `the text became ids ${found.join(' ')}` };
    }
    const wanted = typeof continued === 'string' ? model.encode(continued) : continued;
    const written: number[] = [];
    const options = { max_new_tokens: wanted.length, eos_token_id: null };
    for await (const { token_id } of model.generate(found, options)) written.push(token_id);
    const isSame = written.join() === wanted.join();
    const shown = (some: readonly number[]): string =>
      text === undefined ? some.join(' ') : JSON.stringify(model.tokenizer?.decode(some));
    const detail = isSame ? shown(written) : `${shown(written)}; published is ${shown(wanted)}`;
    const isJudged = model.summary.dtype === 'fp32' || isSame;
    return { what, ok: isJudged ? isSame : null, detail };
  } catch (error) {
    return { what, ok: false, detail: (error as Error).message };
  }
}
