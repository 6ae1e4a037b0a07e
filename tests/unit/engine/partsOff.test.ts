// Parts switched off: against a GPT written plainly, in every combination, and beside other readers.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PartOff, SweepEvent } from '../../../src/api.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { referenceIds } from '../../../src/engine/reading/referenceText.ts';
import { sweepParts } from '../../../src/engine/questions/sweep.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { toPartsOff } from '../../../src/model/partsOff.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { type NaiveConfig, createNaiveGpt } from '../../support/naiveGpt.ts';
import { packPath } from '../../support/packOnDisk.ts';
import { STEPS_OFF } from '../../support/stepsOff.ts';
import { Session } from '../../../src/model/session.ts';

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

/** A naive model, and the same one in the engine, in float64. */
async function both(config: NaiveConfig, seed: number) {
  const naive = createNaiveGpt(config, seed);
  const tensors = new Map(
    [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
  );
  const source = openSafetensors(writeSafetensors(tensors));
  const file = readConfigFile({ n_head: config.H, activation_function: 'gelu_new' });
  const model = await GPT2.from_source(source, { device: createCpuDevice('f64'), file });
  return { naive, model, reference: referenceIds(null, model.config) };
}

async function logitsOf(model: GPT2, ids: readonly number[], off: readonly PartOff[] = []) {
  const { logits } = await model.conversation(off).follow(ids);
  return [...logits];
}

function expectNear(actual: readonly number[], expected: readonly number[], bound: number): void {
  const largest = Math.max(...expected.map(Math.abs));
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(bound * largest);
  });
}

const head = (layer: number, n: number, by: PartOff['by'] = 'zero'): PartOff => ({
  part: 'head',
  layer,
  head: n,
  by,
});

/** 523 tokens, a context of 40, three layers of three heads. */
let small: GPT2;
beforeAll(async () => {
  small = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
});

describe('parts that are off', () => {
  it('give what a plainly written GPT gives without them, by zero and by mean, in any combination', async () => {
    const { naive, model, reference } = await both(BASE, 4);
    const ids = [3, 1, 4, 1, 5, 9, 2, 6];
    const part = fc.record({
      part: fc.constantFrom('head' as const, 'attention' as const, 'mlp' as const),
      layer: fc.nat(BASE.L - 1),
      head: fc.nat(BASE.H - 1),
      by: fc.constantFrom('zero' as const, 'mean' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), async (off) => {
        const { parts } = toPartsOff(off, model.config);
        const expected = naive.toLogits(naive.flow(ids, parts, reference).hidden[BASE.L][7]);
        // Means are stored as f32.
        expectNear(await logitsOf(model, ids, off), expected, 2 ** -20);
      }),
      { numRuns: 60 },
    );
    await model.dispose();
  });

  it("leave of an attention without heads its projection's bias alone", async () => {
    const { naive, model } = await both(BASE, 6);
    const ids = [7, 7, 2, 11];
    const layer = 1;
    const session = new Session(model.gpt);
    const off = toPartsOff(
      [0, 1, 2].map((n) => head(layer, n)),
      model.config,
    );
    await model.readers.switchOff(session, off);
    const before: Float32Array[] = [];
    const middle: Float32Array[] = [];
    await session.append([ids], {
      taps: {
        onHidden: (l, _from, values) => l === layer && before.push(values),
        onMiddle: (l, _from, values) => l === layer && middle.push(values),
      },
    });
    const bias = naive.toCheckpoint().get(`transformer.h.${layer}.attn.c_proj.bias`)!.data;
    middle[0].forEach((value, i) => {
      expect(value - before[0][i]).toBeCloseTo(bias[i % BASE.C], 5);
    });
    session.dispose();
    await model.dispose();
  });

  it('are one set whatever their order; the later of two counts, an attention takes its heads along', () => {
    const { config } = small;
    const a = head(0, 1);
    const b: PartOff = { part: 'mlp', layer: 2, by: 'mean' };
    expect(toPartsOff([a, b, a], config)).toEqual(toPartsOff([b, a], config));
    expect(toPartsOff([a, head(0, 1, 'mean')], config).parts).toEqual([head(0, 1, 'mean')]);
    const attention: PartOff = { part: 'attention', layer: 0, by: 'zero' };
    expect(toPartsOff([a, attention], config)).toEqual(toPartsOff([attention], config));
    expect(toPartsOff([], config).key).toBe('');
    expect(toPartsOff([head(1, 0)], config).key).not.toBe(toPartsOff([a], config).key);
  });

  const refused: [PartOff, string, string][] = [
    [head(3, 0), 'inspect/head', 'Layer 3, head 0: the model has 3 layers of 3 heads.'],
    [head(0, 3), 'inspect/head', 'Layer 0, head 3'],
    [head(0, 0.5), 'inspect/head', 'head 0.5'],
    [{ part: 'head', layer: 0, by: 'zero' }, 'inspect/head', 'head undefined'],
    [{ part: 'mlp', layer: -1, by: 'zero' }, 'inspect/layer', 'Layer -1: the model has 3 layers.'],
    [{ part: 'mlp', layer: 0, by: 'half' as 'zero' }, 'inspect/part', 'mlp by half'],
  ];
  for (const [part, code, message] of refused) {
    it(`are refused where they do not exist: ${message}`, async () => {
      const asking = answer(small, 'distribution', { ids: [1], options: STEPS_OFF, off: [part] });
      await expect(asking).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
    });
  }

  it('change nothing for whoever reads the whole model, or one with other parts off', async () => {
    const ids = [5, 6, 7, 8, 9];
    const sets: PartOff[][] = [[], [head(0, 0)], [], [{ part: 'mlp', layer: 1, by: 'mean' }]];
    const alone = [];
    for (const off of sets) {
      const fresh = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
      alone.push(await logitsOf(fresh, ids, off));
      await fresh.dispose();
    }
    expect(alone[1]).not.toEqual(alone[0]);
    const together = await Promise.all(sets.map((off) => logitsOf(small, ids, off)));
    expect(together).toEqual(alone);
  });

  it('stay off while text is written, also when the whole model is asked in between', async () => {
    const off: PartOff[] = [{ part: 'mlp', layer: 0, by: 'zero' }, head(1, 2, 'mean')];
    const options = { ...STEPS_OFF, do_sample: false, max_new_tokens: 30, stop: [] };
    const write = async (wanted: readonly PartOff[], between?: () => Promise<unknown>) => {
      const found: number[] = [];
      const ids = [1, 2, 3];
      const request = { ...options, eos_token_id: null };
      for await (const event of small.events(ids, request, { top: 1 }, undefined, wanted)) {
        if (event.type === 'token') found.push(event.piece.id);
        await between?.();
      }
      return found;
    };
    const edited = await write(off);
    const whole = await write([]);
    expect(edited).not.toEqual(whole);
    const plain = await logitsOf(small, [1, 2, 3, 4]);
    const mixed = await write(off, async () => {
      expect(await logitsOf(small, [1, 2, 3, 4])).toEqual(plain);
      await logitsOf(small, [9, 9], [head(2, 0)]);
    });
    expect(mixed).toEqual(edited);
  });

  it('are compared with the whole model: KL in bits, the largest change first', async () => {
    const ids = [5, 6, 7, 8, 9];
    const off: PartOff[] = [{ part: 'attention', layer: 1, by: 'zero' }];
    const result = await answer(small, 'compare', { ids, top: 6, off });
    const all = { ids, options: STEPS_OFF, top: 523 };
    const before = await answer(small, 'distribution', all);
    const after = await answer(small, 'distribution', { ...all, off });
    const q = new Map(after.top.map((c) => [c.piece.id, c.rawProbability]));
    const p = new Map(before.top.map((c) => [c.piece.id, c.rawProbability]));
    let kl = 0;
    for (const [id, value] of p) kl += value * Math.log2(value / q.get(id)!);
    expect(result.klBits).toBeCloseTo(kl, 9);
    expect(result.entropyBefore).toBeCloseTo(before.entropyBits, 9);
    expect(result.entropyAfter).toBeCloseTo(after.entropyBits, 9);
    const union = [...before.top.slice(0, 6), ...after.top.slice(0, 6)].map((c) => c.piece.id);
    const found = result.candidates.map((c) => c.piece.id);
    expect(new Set(found)).toEqual(new Set(union));
    expect(found).toHaveLength(new Set(union).size);
    const changes = result.candidates.map((c) => Math.abs(c.after - c.before));
    expect(changes).toEqual(changes.toSorted((a, b) => b - a));
    for (const c of result.candidates) {
      expect(c.before).toBeCloseTo(p.get(c.piece.id)!, 12);
      expect(c.after).toBeCloseTo(q.get(c.piece.id)!, 12);
    }
    const same = await answer(small, 'compare', { ids, top: 3 });
    expect(same.klBits).toBe(0);
    expect(same.candidates).toHaveLength(3);
  });
});

describe('the sweep', () => {
  const logprobOf = async (ids: readonly number[], target: number, off: readonly PartOff[]) => {
    const logits = await logitsOf(small, ids, off);
    const most = Math.max(...logits);
    const total = logits.reduce((sum, v) => sum + Math.exp(v - most), 0);
    return logits[target] - most - Math.log(total);
  };

  for (const by of ['zero', 'mean'] as const) {
    for (const length of [1, 2, 37, 60]) {
      it(`gives every part's effect by ${by} after ${length} tokens, on top of what is off`, async () => {
        const ids = Array.from({ length }, (_, i) => (i * 31 + 3) % 523);
        const off: PartOff[] = [head(1, 1), { part: 'attention', layer: 2, by: 'mean' }];
        const events: SweepEvent[] = [];
        for await (const event of sweepParts(small, { ids, target: 17, by, off })) {
          events.push(event);
        }
        const [base, ...parts] = events;
        const before = await logprobOf(ids, 17, off);
        expect(base).toMatchObject({ type: 'base', parts: 15, target: { id: 17 } });
        expect(base.type === 'base' && base.value).toBeCloseTo(before, 4);
        expect(parts.map((event) => event.type === 'part' && event.done)).toEqual(
          Array.from({ length: 15 }, (_, i) => i + 1),
        );
        for (const event of parts) {
          if (event.type !== 'part') continue;
          const { part, layer, head: n, delta } = event;
          // A part that is off already has no effect, whatever stands in its place.
          const isOffAlready = part !== 'mlp' && (layer === 2 || (layer === 1 && n === 1));
          if (isOffAlready) expect(delta).toBe(0);
          else {
            const one = n === undefined ? { part, layer, by } : head(layer, n, by);
            const after = await logprobOf(ids, 17, [...off, one]);
            expect(delta).toBeCloseTo(after - before, 4);
          }
        }
        const names = parts.map((e) => (e.type === 'part' ? `${e.layer} ${e.part} ${e.head}` : ''));
        expect(new Set(names).size).toBe(15);
      });
    }
  }

  it('ends when it is aborted or left, and refuses a target outside the vocabulary in words', async () => {
    const controller = new AbortController();
    const events: SweepEvent[] = [];
    const request = { ids: [1, 2, 3], target: 4, by: 'zero', signal: controller.signal } as const;
    for await (const event of sweepParts(small, request)) {
      events.push(event);
      if (events.length === 4) controller.abort();
    }
    expect(events).toHaveLength(4);
    for await (const _ of sweepParts(small, { ids: [1], target: 4, by: 'zero' })) break;
    const wrong = sweepParts(small, { ids: [1], target: 523, by: 'zero' });
    await expect(wrong.next()).rejects.toMatchObject({ code: 'tokens/vocabulary' });
  });

  it('refuses a text for which it would keep more than it may, before it reads', async () => {
    const ids = [1, 2, 3, 4, 5, 6];
    const { nLayer, nEmbd } = small.config;
    const each = nLayer * (nEmbd + small.gpt.widths.heads) * 4;
    const swept = sweepParts(small, { ids, target: 4, by: 'zero' }, 5 * each);
    await expect(swept.next()).rejects.toMatchObject({
      code: 'inspect/size',
      hint: expect.stringContaining('to 5 tokens') as string,
    });
    const fits = sweepParts(small, { ids: ids.slice(0, 5), target: 4, by: 'zero' }, 5 * each);
    expect((await fits.next()).value).toMatchObject({ type: 'base' });
    await fits.return();
  });
});
