// The logit lens and the norms: against a GPT written plainly, the pack, and the model's own answer.
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { LensColumns, ModelQuestion } from '../../../src/api.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { Session } from '../../../src/model/session.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { type NaiveConfig, configOf, createNaiveGpt } from '../../support/naiveGpt.ts';
import { naiveShapes } from '../../support/naiveShapes.ts';
import { packPath, readExpected } from '../../support/packOnDisk.ts';
import { STEPS_OFF } from '../../support/stepsOff.ts';

/** 523 tokens, a context of 40, three layers. */
let small: GPT2;
beforeAll(async () => {
  small = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
});

function fresh(): Promise<GPT2> {
  return GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
}

function lens(model: GPT2, ids: readonly number[], from = 0, count = ids.length) {
  return answer(model, 'lens', { ids, from, count });
}

function text(length: number, step = 31): number[] {
  return Array.from({ length }, (_, i) => (i * step + 5) % 523);
}

function logSoftmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const total = logits.reduce((sum, v) => sum + Math.exp(v - most), 0);
  return logits.map((v) => v - most - Math.log(total));
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
}

function expectSameLens(actual: LensColumns, expected: LensColumns): void {
  expect({ ...actual, logprobs: [], pieces: [] }).toEqual({
    ...expected,
    logprobs: [],
    pieces: [],
  });
  actual.logprobs.forEach((v, i) => expect(v).toBeCloseTo(expected.logprobs[i], 5));
}

async function compare(config: NaiveConfig, seed: number): Promise<void> {
  const naive = createNaiveGpt(config, seed);
  const tensors = new Map(
    [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
  );
  const file = readConfigFile(configOf(config));
  const source = openSafetensors(writeSafetensors(tensors));
  await using model = await GPT2.from_source(source, { device: createCpuDevice('f64'), file });
  const ids = Array.from({ length: config.S }, (_, i) => (i * 5 + seed) % config.V);
  const { hidden, middle } = naive.flow(ids);
  const { tokens, logprobs, depths, count, pieces } = await lens(model, ids);
  expect([count, depths]).toEqual([config.S, config.L + 1]);
  const known = new Set(pieces.map(({ id }) => id));
  for (let t = 0; t < config.S; t++) {
    for (let d = 0; d < depths; d++) {
      const expected = logSoftmax(naive.toLogits(hidden[d][t]));
      const best = Math.max(...expected);
      const at = t * depths + d;
      expect(Math.abs(logprobs[at] - best)).toBeLessThan(1e-4);
      // The best, or one that rounding cannot tell from it.
      expect(best - expected[tokens[at]]).toBeLessThan(1e-4);
      expect(known.has(tokens[at])).toBe(true);
    }
    const norms = await answer(model, 'residualNorms', { ids, position: t });
    const less = (a: number[], b: number[]): number[] => a.map((v, c) => v - b[c]);
    const sizes = hidden.map((rows) => norm(rows[t]));
    // What is added comes out as a difference of what is there: it rounds as that does.
    const bound = 1e-6 * Math.max(...sizes) + 1e-6;
    sizes.forEach((size, d) => expect(Math.abs(norms.residual[d] - size)).toBeLessThan(bound));
    middle.forEach((rows, l) => {
      const attention = norm(less(rows[t], hidden[l][t]));
      const mlp = norm(less(hidden[l + 1][t], rows[t]));
      expect(Math.abs(norms.attention[l] - attention)).toBeLessThan(bound);
      expect(Math.abs(norms.mlp[l] - mlp)).toBeLessThan(bound);
    });
  }
}

describe('the lens and the norms', () => {
  it('are what a GPT written plainly says, for any width, flags and layout, tied or not', async () => {
    const shapes = naiveShapes({ S: 7, L: 3, H: 4, F: 20 });
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(1000), async ({ D, ...shape }, seed) => {
        // A LayerNorm over one or two channels turns rounding into signs.
        const C = shape.H * Math.max(D, 3);
        await compare({ ...shape, C }, seed);
      }),
      { numRuns: 40 },
    );
  });

  it("read the pack's hidden states", async () => {
    const expected = readExpected('gpt2');
    const ids = [...expected('input_ids').subarray(0, 32)];
    for (let t = 0; t < ids.length; t += 7) {
      const { residual } = await small.trace().position(ids, t);
      expect(residual).toHaveLength(4);
      residual.forEach((row, d) => {
        const wanted = expected(`hidden.${d}`).subarray(t * 48, (t + 1) * 48);
        row.forEach((v, c) => expect(v).toBeCloseTo(wanted[c], 4));
      });
    }
  });
});

describe('the lens', () => {
  it("ends with the model's own answer", async () => {
    const ids = text(12);
    const { tokens, logprobs, depths, count } = await lens(small, ids);
    for (let t = 0; t < count; t++) {
      const input = { ids: ids.slice(0, t + 1), options: STEPS_OFF, top: 5 };
      const { top } = await answer(small, 'distribution', input);
      const at = t * depths + depths - 1;
      expect(tokens[at]).toBe(top[0].piece.id);
      expect(Math.exp(logprobs[at])).toBeCloseTo(top[0].rawProbability, 6);
      const cell = await answer(small, 'lensCell', { ids, position: t, depth: 3, top: 5 });
      expect(cell.top.map(({ piece }) => piece.id)).toEqual(top.map(({ piece }) => piece.id));
      cell.top.forEach((c, i) => expect(c.probability).toBeCloseTo(top[i].rawProbability, 6));
    }
  });

  it('has cells and curves that agree with its columns', async () => {
    const ids = text(9);
    const { tokens, logprobs, depths } = await lens(small, ids);
    for (const position of [0, 4, 8]) {
      const own = tokens[position * depths + 2];
      const curve = await answer(small, 'lensCurve', { ids, position, token: own });
      expect(curve.piece.id).toBe(own);
      expect(curve.ranks[2]).toBe(1);
      for (let depth = 0; depth < depths; depth++) {
        const cell = await answer(small, 'lensCell', { ids, position, depth, top: 523 });
        const at = position * depths + depth;
        expect(cell.top[0].piece.id).toBe(tokens[at]);
        expect(Math.log(cell.top[0].probability)).toBeCloseTo(logprobs[at], 5);
        const rank = curve.ranks[depth];
        expect(cell.top[rank - 1].piece.id).toBe(own);
        expect(Math.log(cell.top[rank - 1].probability)).toBeCloseTo(curve.logprobs[depth], 4);
        const bits = cell.top.reduce((sum, c) => sum - c.probability * Math.log2(c.probability), 0);
        expect(cell.entropyBits).toBeCloseTo(bits, 9);
      }
    }
  });

  it('of a text that grows, is edited, or is asked in pieces is that of a fresh one', async () => {
    const ids = text(30);
    const edited = [...ids.slice(0, 11), 77, ...ids.slice(12)];
    for (let length = 5; length <= 30; length += 5) {
      await lens(small, ids.slice(0, length), length - 5, 5);
    }
    for (const now of [ids, edited, edited.slice(0, 20), ids.slice(0, 12), ids]) {
      await using other = await fresh();
      expectSameLens(await lens(small, now), await lens(other, now));
    }
  });

  it('reads the positions that are looked at, and nothing else that the text was read of already', async () => {
    const off = [{ part: 'mlp', layer: 1, by: 'mean' }] as const;
    // The second one has left its first tokens behind.
    for (const length of [30, 62]) {
      for (const parts of [[], off]) {
        await using model = await fresh();
        const ids = text(length, 7);
        const look = (from: number, count: number, of = ids) =>
          answer(model, 'lens', { ids: of, from, count, off: parts });
        await answer(model, 'distribution', { ids, options: STEPS_OFF, off: parts });
        const append = vi.spyOn(Session.prototype, 'append');
        const readBy = async (looking: Promise<unknown>): Promise<number> => {
          append.mockClear();
          await looking;
          return append.mock.calls.reduce((sum, [[tokens]]) => sum + tokens.length, 0);
        };
        expect(await readBy(look(length - 1, 1))).toBe(1);
        expect(await readBy(look(length - 9, 4))).toBe(4);
        // What lies between is still dark.
        expect(await readBy(look(length - 9, 9))).toBe(4);
        expect(await readBy(look(length - 9, 9))).toBe(0);
        const edited = [...ids.slice(0, -2), 77, 78];
        expect(await readBy(look(edited.length - 2, 2, edited))).toBe(2);
        append.mockRestore();
        await using other = await fresh();
        const all = { ids, from: 0, count: length, off: parts };
        expectSameLens(await answer(model, 'lens', all), await answer(other, 'lens', all));
      }
    }
  });

  it('reads what nobody has read', async () => {
    await using model = await fresh();
    const ids = text(20);
    const append = vi.spyOn(Session.prototype, 'append');
    const last = await lens(model, ids, 19, 1);
    const read = append.mock.calls.map(([[tokens], { taps } = {}]) => [tokens.length, !taps]);
    append.mockRestore();
    expect(read).toEqual([
      [19, true],
      [1, false],
    ]);
    await using other = await fresh();
    const all = await lens(other, ids);
    expect(last.tokens).toEqual(all.tokens.slice(-4));
  });

  it('moves with the window when the text outgrows the context', async () => {
    const ids = text(70, 7);
    for (const length of [38, 40, 41, 45, 62, 70, 40]) {
      const now = ids.slice(0, length);
      await using other = await fresh();
      const grown = await lens(small, now);
      expectSameLens(grown, await lens(other, now));
      const { firstVisible } = await answer(small, 'distribution', {
        ids: now,
        options: STEPS_OFF,
      });
      expect(grown.firstIndex).toBe(firstVisible);
      // Columns before the window are left out.
      expect([grown.from, grown.count]).toEqual([firstVisible, length - (firstVisible ?? 0)]);
    }
  });

  it('survives a session that grows past its first size', async () => {
    // A context of 72, so that the 65th token asks for a larger session.
    await using model = await GPT2.from_pretrained(packPath('gpt2-head64'), { device: 'cpu' });
    const ids = Array.from({ length: 70 }, (_, i) => (i * 97) % 307);
    const before = await lens(model, ids.slice(0, 60), 58, 2);
    const norms = await answer(model, 'residualNorms', { ids, position: 59 });
    const after = await lens(model, ids, 58, 12);
    expect(after.count).toBe(12);
    expect(after.tokens.subarray(0, 4)).toEqual(before.tokens);
    expect(await answer(model, 'residualNorms', { ids, position: 59 })).toEqual(norms);
    const { top } = await answer(model, 'distribution', { ids, options: STEPS_OFF, top: 1 });
    expect(after.tokens.at(-1)).toBe(top[0].piece.id);
  });

  it('looks at a model with parts off as well, without disturbing the whole one', async () => {
    const ids = text(8);
    await using model = await fresh();
    const whole = await lens(model, ids);
    const off = [
      { part: 'attention', layer: 1, by: 'zero' },
      { part: 'mlp', layer: 2, by: 'zero' },
    ] as const;
    const norms = await answer(model, 'residualNorms', { ids, position: 7, off });
    expect([...norms.attention].map((v) => v > 0)).toEqual([true, false, true]);
    expect([...norms.mlp].map((v) => v > 0)).toEqual([true, true, false]);
    const edited = await answer(model, 'lens', { ids, from: 0, count: 8, off });
    const input = { ids, options: STEPS_OFF, top: 1, off };
    const { top } = await answer(model, 'distribution', input);
    expect(edited.tokens.at(-1)).toBe(top[0].piece.id);
    expect(Math.exp(edited.logprobs.at(-1) ?? NaN)).toBeCloseTo(top[0].rawProbability, 6);
    // Up to the first part that is off nothing changes; after it everything does.
    for (let t = 0; t < 8; t++) {
      expect(edited.tokens.subarray(4 * t, 4 * t + 2)).toEqual(
        whole.tokens.subarray(4 * t, 4 * t + 2),
      );
      expect(edited.logprobs[4 * t + 3]).not.toBe(whole.logprobs[4 * t + 3]);
    }
    const other = await answer(model, 'lens', { ids, from: 0, count: 8, off: [off[0]] });
    expect(other.logprobs.at(-1)).not.toBe(edited.logprobs.at(-1));
    expectSameLens(await lens(model, ids), whole);
    const wrong = answer(model, 'lens', { ids, from: 0, count: 1, off: [{ ...off[0], layer: 3 }] });
    await expect(wrong).rejects.toMatchObject({ code: 'inspect/layer' });
  });

  it('leaves out what is not there, and starts an empty text where the model starts', async () => {
    const ids = text(6);
    expect(await lens(small, ids, 4, 10)).toMatchObject({ from: 4, count: 2 });
    expect(await lens(small, ids, -3, 4)).toMatchObject({ from: 0, count: 1 });
    expect(await lens(small, ids, 9, 2)).toMatchObject({ count: 0, pieces: [] });
    await expect(lens(small, [])).rejects.toMatchObject({ code: 'tokens/empty' });
  });

  it('stops between chunks when it is aborted, keeps what is done, and goes on', async () => {
    await using model = await fresh();
    const ids = text(40, 3);
    const controller = new AbortController();
    const reason = new Error('enough');
    const looking = answer(model, 'lens', { ids, from: 0, count: 40 }, controller.signal);
    const alsoLooking = lens(model, ids, 0, 3);
    controller.abort(reason);
    await expect(looking).rejects.toBe(reason);
    expect((await alsoLooking).count).toBe(3);
    await using other = await fresh();
    expectSameLens(await lens(model, ids), await lens(other, ids));
  });

  it('says what is not there', async () => {
    const ids = text(45);
    const refused: [ModelQuestion, object, string][] = [
      ['lensCell', { position: 45, depth: 0, top: 1 }, 'inspect/position'],
      ['lensCell', { position: 20, depth: 0, top: 1 }, 'inspect/position'],
      ['lensCell', { position: 44, depth: 4, top: 1 }, 'inspect/depth'],
      ['lensCell', { position: 44, depth: 0.5, top: 1 }, 'inspect/depth'],
      ['lensCurve', { position: 44, token: 523 }, 'tokens/vocabulary'],
      ['lensCurve', { position: -1, token: 3 }, 'inspect/position'],
      ['residualNorms', { position: 0.5 }, 'inspect/position'],
    ];
    for (const [question, rest, code] of refused) {
      const asking = answer(small, question, { ids, ...rest });
      await expect(asking).rejects.toMatchObject({ code });
    }
    await expect(lens(small, [523])).rejects.toMatchObject({ code: 'tokens/vocabulary' });
    expect((await lens(small, [5])).count).toBe(1);
  });

  it('ends with its model', async () => {
    const model = await fresh();
    const looking = lens(model, text(40, 9)).then(
      () => 'done',
      (error: unknown) => (error as { code: string }).code,
    );
    await model.dispose();
    expect(await looking).toBe('engine/disposed');
    await expect(lens(model, [1])).rejects.toMatchObject({ code: 'engine/disposed' });
  });
});
