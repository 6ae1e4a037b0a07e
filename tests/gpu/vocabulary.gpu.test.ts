// Ops that read whole rows of logits, each variant against its meaning in float64: odd vocabularies, ties, and
// what is no finite number.
import { describe, expect, it } from 'vitest';
import type { Arena } from '../../src/gpu/device.ts';
import { CROSS_ENTROPY, crossEntropyCall } from '../../src/kernels/crossEntropy.ts';
import { TOP_TOKEN, topTokenCall } from '../../src/kernels/topToken.ts';
import { noise } from '../support/random.ts';
import { expectTried, expectVariants } from './fixture.ts';

const sizes = [
  { rows: 1, vocab: 1, reason: 'one token' },
  { rows: 5, vocab: 3, reason: 'fewer tokens than lanes, one row more than a workgroup' },
  { rows: 2, vocab: 63, reason: 'odd' },
  { rows: 3, vocab: 64, reason: 'even' },
  { rows: 9, vocab: 65, reason: 'one more' },
  { rows: 6, vocab: 257, reason: 'one token more than lanes' },
  { rows: 13, vocab: 1001, reason: 'odd rows and tokens' },
  { rows: 2, vocab: 50257, reason: "GPT-2's" },
];

/** Logits with padding that is larger than anything: nobody may read it. */
function logitsOf(rows: number, vocab: number, stride: number): Float32Array {
  const values = noise(rows * stride, 4, 0, 3);
  for (let r = 0; r < rows; r++) values.fill(99, r * stride + vocab, (r + 1) * stride);
  return values;
}

type Score = 'loss' | 'rank';
type Top = 'token' | 'logprob';

function scores(
  arena: Arena,
  what: Score,
  logits: Float32Array,
  targets: Uint32Array,
  vocab: number,
) {
  const rows = targets.length;
  const t = {
    logits: arena.upload('l', [rows, logits.length / rows], 'f32', logits),
    targets: arena.upload('t', [rows], 'u32', targets),
    loss: arena.zeros('loss', [rows], 'f32'),
    rank: arena.zeros('rank', [rows], 'u32'),
  };
  const calls = [crossEntropyCall(t, { rows, vocab })];
  return { calls, out: t[what], count: rows, u32: what === 'rank' };
}

function top(arena: Arena, what: Top, logits: Float32Array, rows: number, vocab: number) {
  const t = {
    logits: arena.upload('l', [rows, logits.length / rows], 'f32', logits),
    token: arena.zeros('token', [rows], 'u32'),
    logprob: arena.zeros('logprob', [rows], 'f32'),
  };
  const calls = [topTokenCall(t, { rows, vocab })];
  return { calls, out: t[what], count: rows, u32: what === 'token' };
}

describe('crossEntropy', () => {
  for (const { rows, vocab, reason } of sizes) {
    it(`gives loss and rank of ${rows} targets among ${vocab}: ${reason}`, async () => {
      const stride = Math.ceil(vocab / 8) * 8;
      const logits = logitsOf(rows, vocab, stride);
      // The first and the last one, some between, and ids that are none: they are ignored.
      const targets = Uint32Array.from({ length: rows }, (_, r) =>
        r % 4 === 1 ? vocab - 1 : r % 4 === 2 ? 0xffffffff : r % 4 === 3 ? vocab : (r * 17) % vocab,
      );
      for (const what of ['loss', 'rank'] as const) {
        await expectVariants(
          what,
          CROSS_ENTROPY,
          (_d, arena) => scores(arena, what, logits, targets, vocab),
          what === 'rank' ? 0 : 2e-5,
        );
      }
    });
  }

  it('counts only what is higher: equals share a rank', async () => {
    const logits = new Float32Array(3 * 304).fill(2);
    logits[304 + 299] = 3;
    const targets = Uint32Array.of(7, 299, 7);
    await expectVariants(
      'rank',
      CROSS_ENTROPY,
      (_d, arena) => scores(arena, 'rank', logits, targets, 300),
      0,
    );
  });

  it('says where logits are no finite numbers what its meaning says', async () => {
    const row = [1, -Infinity, 2, 0];
    const logits = Float32Array.of(...row, ...row, NaN, 1, 2, 3, Infinity, 1, 2, 3);
    const targets = Uint32Array.of(0, 1, 1, 1);
    for (const what of ['loss', 'rank'] as const) {
      await expectVariants(
        what,
        CROSS_ENTROPY,
        (_d, arena) => scores(arena, what, logits, targets, 4),
        what === 'rank' ? 0 : 1e-6,
      );
    }
  });
});

describe('topToken', () => {
  for (const { rows, vocab, reason } of sizes) {
    it(`finds the best of ${rows} × ${vocab}, the lowest among equals: ${reason}`, async () => {
      const stride = Math.ceil(vocab / 8) * 8;
      const logits = logitsOf(rows, vocab, stride);
      for (let r = 0; r < rows; r += 2) {
        logits[r * stride + vocab - 1] = logits[r * stride + (vocab >> 1)] = 20;
      }
      for (const what of ['token', 'logprob'] as const) {
        await expectVariants(
          what,
          TOP_TOKEN,
          (_d, arena) => top(arena, what, logits, rows, vocab),
          what === 'token' ? 0 : 2e-5,
        );
      }
    });
  }

  it('finds the best where all are far below zero, and where some are −∞ or no number', async () => {
    const all = [
      [-1e30, -3e37, -2e30, -1e30],
      [-Infinity, 5, -Infinity, 4],
      [-3.3e38, -3.2e38, -Infinity, -3.1e38],
      [NaN, 5, 6, 7],
      [1, NaN, 3, 2],
    ];
    const logits = Float32Array.from(all.flat());
    await expectVariants('token', TOP_TOKEN, (_d, arena) => top(arena, 'token', logits, 5, 4), 0);
    await expectVariants(
      'logprob',
      TOP_TOKEN,
      (_d, arena) => top(arena, 'logprob', logits, 5, 4),
      1e-6,
    );
  });
});

it('every variant was compared with its meaning', () => {
  expect(CROSS_ENTROPY.length + TOP_TOKEN.length).toBe(4);
  expectTried(CROSS_ENTROPY);
  expectTried(TOP_TOKEN);
});
