// The gradient of causal attention, dropout included, against central differences in float64.
import { expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { attentionBackward } from '../../../src/kernels/attentionBackward.ts';
import { attentionTraining } from '../../../src/kernels/attentionTraining.ts';
import {
  ATTENTION_CASES,
  attentionInputs,
  attentionOptions,
  widthOf,
} from '../../support/attentionTraining.ts';
import { type Differentiable, expectGradients } from '../../support/backwardCheck.ts';

it.each(ATTENTION_CASES)(
  'attention of $batch texts of $tokens, $nHead heads of $headSize, kept $keep: $reason',
  async (c) => {
    await expectGradients(c.reason, (_device, arena): Differentiable => {
      const o = attentionOptions(c);
      const { qkv, mask, dOut } = attentionInputs(arena, o);
      const out = arena.zeros('out', [o.rows, widthOf(o)], 'f32');
      const [lse, delta] = ['lse', 'delta'].map((label) =>
        arena.zeros(label, [o.rows, o.nHead], 'f32'),
      );
      const dQkv = arena.zeros('dQkv', [o.rows, o.rowStride], 'f32');
      return {
        inputs: { qkv },
        out,
        dOut,
        gradients: { qkv: dQkv },
        forward: (enc) => attentionTraining(enc, { qkv, mask, out, lse }, o),
        backward: (enc) => attentionBackward(enc, { qkv, mask, out, dOut, lse, delta, dQkv }, o),
      };
    });
  },
);

it('weights are kept by the bits of the mask, as PyTorch counts elements', async () => {
  const o = attentionOptions({ ...ATTENTION_CASES[1], keep: 0.5 });
  const device = createCpuDevice('f64');
  const arena = device.createArena('test');
  // Everything is dropped but element (1, 2, 3, 2): text 1, head 2, row 3 sees its key 2.
  const element = ((1 * o.nHead + 2) * o.tokens + 3) * o.tokens + 2;
  const bits = new Uint32Array(3 + Math.ceil((o.rows * o.nHead * o.tokens) / 32));
  bits[3 + Math.floor(element / 32)] = 1 << (element % 32);
  const { qkv } = attentionInputs(arena, o);
  const mask = arena.upload('mask', [bits.length], 'u32', bits);
  const out = arena.zeros('out', [o.rows, widthOf(o)], 'f32');
  const lse = arena.zeros('lse', [o.rows, o.nHead], 'f32');
  const enc = device.createEncoder();
  attentionTraining(enc, { qkv, mask, out, lse }, o);
  const reading = [
    enc.read(out, 0, o.rows * widthOf(o)),
    enc.read(qkv, 0, o.rows * o.rowStride),
    enc.read(lse, 0, o.rows * o.nHead),
  ];
  enc.submit();
  const [outs, x, logs] = await Promise.all(reading);
  device.dispose();
  const [row, key, h] = [o.tokens + 3, o.tokens + 2, 2 * o.headStride];
  let score = 0;
  for (let d = 0; d < o.headStride; d++) {
    score += x[row * o.rowStride + h + d] * x[key * o.rowStride + o.partStride + h + d];
  }
  const weight = 2 * Math.exp(o.scoreScale * score - logs[row * o.nHead + 2]);
  const expected = new Float32Array(o.rows * widthOf(o));
  for (let d = 0; d < o.headStride; d++) {
    const value = x[key * o.rowStride + 2 * o.partStride + h + d];
    expected[row * widthOf(o) + h + d] = weight * value;
  }
  outs.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
});
