// Attention of training, forward and backward: every variant against its meaning in float64.
import { describe, it } from 'vitest';
import type { Arena } from '../../src/gpu/device.ts';
import {
  ATTENTION_BACKWARD_KEYS,
  ATTENTION_BACKWARD_QUERIES,
  attentionBackwardCalls,
} from '../../src/kernels/attentionBackward.ts';
import {
  ATTENTION_TRAINING,
  type AttentionTrainingOptions,
  attentionTrainingCall,
} from '../../src/kernels/attentionTraining.ts';
import {
  ATTENTION_CASES,
  attentionInputs,
  attentionKept,
  attentionOptions,
  widthOf,
} from '../support/attentionTraining.ts';
import { sumBound } from '../support/close.ts';
import { noise } from '../support/random.ts';
import { expectTried, expectVariants } from './fixture.ts';

type Kept = Awaited<ReturnType<typeof attentionKept>>;

/** What is written starts as noise, so that what stays and what becomes zero can be told apart. */
function backward(arena: Arena, o: AttentionTrainingOptions, kept: Kept) {
  const inputs = attentionInputs(arena, o);
  const out = arena.upload('out', [o.rows, widthOf(o)], 'f32', kept.out);
  const lse = arena.upload('lse', [o.rows, o.nHead], 'f32', kept.lse);
  const delta = arena.upload('delta', [o.rows, o.nHead], 'f32', kept.delta);
  const count = o.rows * o.rowStride;
  const dQkv = arena.upload('dQkv', [o.rows, o.rowStride], 'f32', noise(count, 5));
  return { t: { ...inputs, out, lse, delta, dQkv }, count };
}

for (const c of ATTENTION_CASES) {
  const { batch, tokens, nHead, headSize, keep, reason } = c;
  const o = attentionOptions(c);
  const bound = sumBound(headSize + tokens, 4);
  describe(`${batch} × ${tokens}, ${nHead} heads of ${headSize}, kept ${keep}: ${reason}`, () => {
    for (const what of ['out', 'lse'] as const) {
      it(`attentionTraining gives ${what}`, async () => {
        await expectVariants(
          what,
          ATTENTION_TRAINING,
          (_d, arena) => {
            const { qkv, mask } = attentionInputs(arena, o);
            const [wide, narrow] = [o.rows * widthOf(o), o.rows * o.nHead];
            const out = arena.upload('out', [o.rows, widthOf(o)], 'f32', noise(wide, 5));
            const lse = arena.zeros('lse', [o.rows, nHead], 'f32');
            const calls = [attentionTrainingCall({ qkv, mask, out, lse }, o)];
            return what === 'out'
              ? { calls, out, count: wide }
              : { calls, out: lse, count: narrow };
          },
          bound,
        );
      });
    }
    for (const what of ['dQkv', 'delta'] as const) {
      it(`attentionBackwardQueries gives ${what}`, async () => {
        const kept = await attentionKept(o);
        await expectVariants(
          what,
          ATTENTION_BACKWARD_QUERIES,
          (_d, arena) => {
            const { t, count } = backward(arena, o, kept);
            const calls = [attentionBackwardCalls(t, o).queries];
            return { calls, out: t[what], count: what === 'dQkv' ? count : o.rows * nHead };
          },
          bound,
        );
      });
    }
    it('attentionBackwardKeys gives keys and values', async () => {
      const kept = await attentionKept(o);
      await expectVariants(
        'dQkv',
        ATTENTION_BACKWARD_KEYS,
        (_d, arena) => {
          const { t, count } = backward(arena, o, kept);
          return { calls: [attentionBackwardCalls(t, o).keys], out: t.dQkv, count };
        },
        bound,
      );
    });
  });
}

it('every variant was tried', () => {
  expectTried(ATTENTION_TRAINING);
  expectTried(ATTENTION_BACKWARD_QUERIES);
  expectTried(ATTENTION_BACKWARD_KEYS);
});
