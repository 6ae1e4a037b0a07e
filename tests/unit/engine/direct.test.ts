// What each part adds to a logit by itself: sums that are the logit, in float64, and each part against a GPT written plainly.
import { describe, expect, it } from 'vitest';
import type { PartOff } from '../../../src/api.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { referenceIds } from '../../../src/engine/reading/referenceText.ts';
import { sweepParts } from '../../../src/engine/questions/sweep.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { configOf, createNaiveGpt, type NaiveConfig } from '../../support/naiveGpt.ts';
import { packPath } from '../../support/packOnDisk.ts';

const BASE: NaiveConfig = {
  layout: 'nanogpt',
  V: 19,
  S: 12,
  L: 3,
  H: 3,
  C: 15,
  F: 22,
  qkvBias: true,
  bias: true,
  normBias: true,
  std: false,
  exact: false,
  tied: true,
};

const sum = (values: Iterable<number>): number =>
  [...values].reduce((all, value) => all + value, 0);

type Additions = Awaited<ReturnType<typeof additionsOf>>;
async function additionsOf(model: GPT2, input: Parameters<typeof answer<'directAdditions'>>[2]) {
  return answer(model, 'directAdditions', input);
}

function total({ heads, biases, mlps, embedding, final }: Additions): number {
  return sum(heads) + sum(biases) + sum(mlps) + embedding + final;
}

/** A naive model and the same in the engine, in float64. */
async function both(config: NaiveConfig, seed: number) {
  const naive = createNaiveGpt(config, seed);
  const stored = naive.toCheckpoint();
  const tensors = new Map([...stored].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]));
  const file = readConfigFile(configOf(config));
  const source = openSafetensors(writeSafetensors(tensors));
  const model = await GPT2.from_source(source, {
    device: createCpuDevice('f64'),
    file,
  });
  return { naive, stored, model, reference: referenceIds(null, model.config) };
}

/** What a vector of the stream adds to the logit of `target`, with the scale that the final LayerNorm has for `last`. */
function along(
  { stored, config }: { stored: Map<string, { data: Float32Array }>; config: NaiveConfig },
  last: readonly number[],
  target: number,
): (v: readonly number[]) => number {
  const { C } = config;
  const head = stored.get(config.tied ? 'transformer.wte.weight' : 'lm_head.weight')?.data;
  const gain = stored.get('transformer.ln_f.weight')?.data;
  const mean = sum(last) / C;
  const squares = sum(last.map((v) => (v - mean) ** 2));
  const scale = Math.sqrt((config.std ? Math.sqrt(squares / (C - 1)) : squares / C) + 1e-5);
  return (v) => {
    const own = sum(v) / C;
    return sum(
      v.map((x, c) => ((head?.[target * C + c] ?? NaN) * (gain?.[c] ?? NaN) * (x - own)) / scale),
    );
  };
}

describe('what parts add to a logit', () => {
  const shapes: [string, NaiveConfig][] = [
    ['a tied head', BASE],
    ['a head of its own', { ...BASE, tied: false }],
    ['a norm by the standard deviation', { ...BASE, std: true }],
    ['no biases', { ...BASE, bias: false, normBias: false, qkvBias: false }],
    ['one token', { ...BASE, S: 1 }],
  ];
  for (const [what, config] of shapes) {
    it(`sums to the logit, and each is what a plain GPT adds there: ${what}`, async () => {
      const { naive, stored, model, reference } = await both(config, 5);
      const ids = [3, 1, 4, 1, 5, 9, 2].slice(0, config.S);
      const at = ids.length - 1;
      for (const off of [
        [],
        [{ part: 'head', layer: 1, head: 2, by: 'zero' }],
        [
          { part: 'attention', layer: 0, by: 'mean' },
          { part: 'mlp', layer: 1, by: 'zero' },
        ],
      ] satisfies PartOff[][]) {
        const found = await additionsOf(model, { ids, off, target: 7 });
        const flow = naive.flow(ids, off, reference);
        const last = flow.hidden[config.L][at];
        expect(found.total).toBeCloseTo(naive.toLogits(last)[7], 5);
        // Float64 all the way but for the taps and the logits, which are handed out as f32.
        expect(total(found)).toBeCloseTo(found.total, 5);
        const add = along({ stored, config }, last, 7);
        expect(found.embedding).toBeCloseTo(add(flow.hidden[0][at]), 5);
        for (let layer = 0; layer < config.L; layer++) {
          const before = flow.hidden[layer][at];
          for (let head = 0; head < config.H; head++) {
            const part: PartOff = { part: 'head', layer, head, by: 'zero' };
            // What the stream lacks right behind the attention without this head.
            const without = naive.flow(ids, [...off, part], reference);
            const isOff = off.some((one) => one.layer === layer && one.part === 'attention');
            const lacks = flow.middle[layer][at].map(
              (v, c) => v - (without.middle[layer][at][c] ?? NaN),
            );
            expect(found.heads[layer * config.H + head]).toBeCloseTo(isOff ? 0 : add(lacks), 5);
          }
          const middle = flow.middle[layer][at];
          const attention = middle.map((v, c) => v - (before[c] ?? NaN));
          const own = sum(found.heads.slice(layer * config.H, (layer + 1) * config.H));
          expect(found.biases[layer]).toBeCloseTo(add(attention) - own, 5);
          const after = flow.hidden[layer + 1][at];
          expect(found.mlps[layer]).toBeCloseTo(
            add(after.map((v, c) => v - (middle[c] ?? NaN))),
            5,
          );
        }
      }
      await model.dispose();
    });
  }

  it('of two tokens is the difference, and a token that is none is refused', async () => {
    const model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    const ids = Array.from({ length: 37 }, (_, i) => (i * 31 + 3) % 523);
    const one = await additionsOf(model, { ids, target: 17 });
    const other = await additionsOf(model, { ids, target: 400 });
    const apart = await additionsOf(model, { ids, target: 17, against: 400 });
    expect(apart).toMatchObject({ target: { id: 17 }, against: { id: 400 } });
    expect(total(one)).toBeCloseTo(one.total, 4);
    expect(total(apart)).toBeCloseTo(apart.total, 4);
    expect(apart.total).toBeCloseTo(one.total - other.total, 5);
    apart.heads.forEach((value, i) => {
      expect(value).toBeCloseTo((one.heads[i] ?? NaN) - (other.heads[i] ?? NaN), 6);
    });
    await expect(additionsOf(model, { ids, target: 523 })).rejects.toMatchObject({
      code: 'tokens/vocabulary',
    });
    await model.dispose();
  });

  it('are swept of two tokens, too: each part off changes the difference of their logits', async () => {
    const { naive, model } = await both(BASE, 8);
    const ids = [3, 1, 4, 1, 5];
    const apart = (off: readonly PartOff[]): number => {
      const logits = naive.toLogits(naive.flow(ids, off).hidden[BASE.L][4]);
      return logits[7] - logits[12];
    };
    const parts: number[] = [];
    for await (const event of sweepParts(model, { ids, target: 7, against: 12, by: 'zero' })) {
      if (event.type === 'base') {
        expect(event).toMatchObject({ target: { id: 7 }, against: { id: 12 } });
        expect(event.value).toBeCloseTo(apart([]), 5);
        continue;
      }
      const { part, layer, head } = event;
      const off = { part, layer, by: 'zero' as const, ...(head === undefined ? {} : { head }) };
      expect(event.delta).toBeCloseTo(apart([off]) - apart([]), 5);
      parts.push(event.delta);
    }
    expect(parts).toHaveLength(15);
    await model.dispose();
  });
});
