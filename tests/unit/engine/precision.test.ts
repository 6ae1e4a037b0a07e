// What a precision costs: measured against the same model in f32, on the processor.
import { describe, expect, it } from 'vitest';
import { agreementOf } from '../../../src/engine/checking/agreement.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { packPath } from '../../support/packOnDisk.ts';

describe('agreement', () => {
  it('is whole between a row and itself, and counts what differs', () => {
    const p = Float32Array.of(0, 1, 2, Math.log(3), 0, 0);
    expect(agreementOf(p, p, 3)).toEqual({ positions: 2, top1: 1, klBits: 0, maxDifference: 0 });
    const q = Float32Array.of(0, 1, 2, 0, 0, Math.log(3));
    const { top1, klBits, maxDifference } = agreementOf(p, q, 3);
    expect(top1).toBe(0.5);
    expect(maxDifference).toBeCloseTo(Math.log(3), 6);
    // (3, 1, 1) / 5 against (1, 1, 3) / 5: 3/5 · log₂ 3 − 1/5 · log₂ 3, over two positions.
    expect(klBits).toBeCloseTo((0.4 * Math.log2(3)) / 2, 6);
  });

  it('says NaN for logits that are no numbers', () => {
    const bad = agreementOf(Float32Array.of(1, 2), Float32Array.of(1, NaN), 2);
    expect(bad.maxDifference).toBeNaN();
    expect(bad.klBits).toBeNaN();
    // Rows that are numbers again do not hide it.
    const first = agreementOf(Float32Array.of(1, 2, 1, 2), Float32Array.of(1, NaN, 1, 2.5), 2);
    expect(first.maxDifference).toBeNaN();
  });
});

describe('precisionCost', () => {
  const load = (dtype: 'fp32' | 'fp16' | 'q8') =>
    GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu', dtype });

  it('is nothing in fp32, little in fp16, and more in q8', async () => {
    await using whole = await load('fp32');
    expect(await answer(whole, 'precisionCost', {})).toMatchObject({
      dtype: 'fp32',
      tokens: 40,
      top1: 1,
      klBits: 0,
      referenceBytes: 0,
    });
    await using halves = await load('fp16');
    const fp16 = await answer(halves, 'precisionCost', {});
    await using bytes = await load('q8');
    const q8 = await answer(bytes, 'precisionCost', {});
    for (const { top1, klBits, maxDifference } of [fp16, q8]) {
      expect(top1).toBeGreaterThan(0.8);
      expect(klBits).toBeGreaterThan(0);
      expect(klBits).toBeLessThan(0.02);
      expect(maxDifference).toBeGreaterThan(0);
    }
    expect(q8.klBits).toBeGreaterThan(fp16.klBits);
    expect(q8.referenceBytes).toBe(whole.summary.parameterCount * 4);
    // Asked of another precision, the answer is the same as when that one is loaded.
    const ofBytes = { ...q8, ms: expect.any(Number) as number };
    expect(await answer(whole, 'precisionCost', { dtype: 'q8' })).toEqual({
      ...ofBytes,
      referenceBytes: expect.any(Number) as number,
    });
    expect(await answer(halves, 'precisionCost', { dtype: 'q8' })).toEqual(ofBytes);
    // The model itself is as it was.
    expect((await bytes.forward([1, 2, 3])).logits.data.every(Number.isFinite)).toBe(true);
  });

  it('is refused, with its size, where the reference would be too large', async () => {
    await using model = await load('q8');
    await expect(answer(model, 'precisionCost', { mostBytes: 1000 })).rejects.toMatchObject({
      code: 'precision/memory',
      message: expect.stringContaining(`${model.summary.parameterCount * 4} bytes`) as string,
    });
  });
});
