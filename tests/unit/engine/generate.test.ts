// The token loop by itself: what it says of its speed, and when it may end.
import { describe, expect, it, vi } from 'vitest';
import type { GenerateEvent, GenerationOptions } from '../../../src/api.ts';
import { generateTokens } from '../../../src/engine/sampling/generate.ts';

const OPTIONS: GenerationOptions = {
  do_sample: false,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 5,
  stop: [],
};

const vocabulary = {
  pieceOf: (id: number) => ({ id, text: 'a', bytes: [97], special: false }),
  bytesOf: () => Uint8Array.of(97),
};

type TokenEvent = Extract<GenerateEvent, { type: 'token' }>;

/**
 * What the loop tells where reading a prompt takes a second and each later step `stepMs`, and the first token is held
 * for `heldMs` before the next is asked for.
 */
async function tokens(stepMs: number, distributionMs?: number, heldMs = 0): Promise<TokenEvent[]> {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  const reader = {
    windowFor: () => 0,
    follow: (ids: readonly number[]) => {
      now += ids.length === 2 ? 1000 : stepMs;
      return Promise.resolve({ logits: Float32Array.of(0, 1), computed: 1, firstVisible: 0 });
    },
    look: () => Promise.reject(new Error('Nobody looks.')),
  };
  const told: TokenEvent[] = [];
  try {
    const request = { reader, ids: [0, 1], options: OPTIONS, vocabulary, eosTokenIds: [], top: 1 };
    for await (const { event } of generateTokens({ ...request, distributionMs })) {
      if (event.type !== 'token') continue;
      if (told.length === 0) now += heldMs;
      told.push(event);
    }
  } finally {
    clock.mockRestore();
  }
  return told;
}

async function speeds(stepMs: number): Promise<(number | null)[]> {
  return (await tokens(stepMs)).map(({ tokensPerSecond }) => tokensPerSecond);
}

/** Which tokens come with their distribution. */
async function described(stepMs: number, distributionMs?: number): Promise<boolean[]> {
  return (await tokens(stepMs, distributionMs)).map(({ distribution }) => distribution !== null);
}

it('counts the steps between tokens: a step of 100 ms is ten tokens a second from the second token on', async () => {
  expect(await speeds(100)).toEqual([null, 10, 10, 10, 10]);
});

it('does not count how long the first token is looked at', async () => {
  expect((await tokens(100, 0, 5000)).map(({ tokensPerSecond }) => tokensPerSecond)).toEqual([
    null,
    10,
    10,
    10,
    10,
  ]);
});

it('calls no speed what took no time on a coarse clock', async () => {
  expect(await speeds(0)).toEqual([null, null, null, null, null]);
});

it('describes every token, or as often as somebody can show it', async () => {
  expect(await described(100)).toEqual([true, true, true, true, true]);
  expect(await described(100, 200)).toEqual([true, false, true, false, true]);
  expect(await described(100, Infinity)).toEqual([true, false, false, false, false]);
});

describe('min_new_tokens', () => {
  /** Ids that are written where end-of-text, 1, has these logits and is drawn for the most part. */
  async function written(
    options: Partial<GenerationOptions>,
    logits = Float32Array.of(0, 9, 1),
  ): Promise<number[]> {
    const ids: number[] = [];
    const reader = {
      windowFor: () => 0,
      follow: () => Promise.resolve({ logits, computed: 1, firstVisible: 0 }),
      look: () => Promise.reject(new Error('Nobody looks.')),
    };
    const request = { reader, ids: [0], vocabulary, eosTokenIds: [1], top: 3 };
    for await (const { event } of generateTokens({
      ...request,
      options: { ...OPTIONS, ...options },
    })) {
      if (event.type !== 'token') continue;
      ids.push(event.piece.id);
      // What is shown is the distribution that was drawn from; the model's own stays beside it.
      const end = event.distribution?.top.find(({ piece }) => piece.id === 1);
      expect(end?.probability).toBe(0);
      expect(end?.rawProbability).toBeGreaterThan(0.9);
    }
    return ids;
  }

  it('draws no end-of-text before so many, greedily or not', async () => {
    expect(await written({})).toEqual([]);
    expect(await written({ min_new_tokens: 2 })).toEqual([2, 2]);
    const drawn = { do_sample: true, seed: 42, min_new_tokens: 3 };
    expect(await written(drawn)).toHaveLength(3);
    // A cut by rank counts the tokens that may come.
    expect(await written({ ...drawn, top_k: 1 })).toEqual([2, 2, 2]);
  });

  it('does not go beyond max_new_tokens, and ends where a model knows nothing but the end', async () => {
    expect(await written({ min_new_tokens: 9 })).toHaveLength(5);
    const options = { min_new_tokens: 2, eos_token_id: [0, 1, 2] };
    expect(await written(options)).toEqual([]);
  });
});
