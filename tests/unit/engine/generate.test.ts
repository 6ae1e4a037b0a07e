// The token loop by itself: what it says of its speed.
import { expect, it, vi } from 'vitest';
import type { GenerationOptions } from '../../../src/api.ts';
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

/** The speeds that the loop tells where reading a prompt takes a second and each later step `stepMs`. */
async function speeds(stepMs: number): Promise<(number | null)[]> {
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
  const told: (number | null)[] = [];
  try {
    const request = { reader, ids: [0, 1], options: OPTIONS, vocabulary, eosTokenIds: [], top: 1 };
    for await (const { event } of generateTokens(request)) {
      if (event.type === 'token') told.push(event.tokensPerSecond);
    }
  } finally {
    clock.mockRestore();
  }
  return told;
}

it('counts the steps between tokens: a step of 100 ms is ten tokens a second from the second token on', async () => {
  expect(await speeds(100)).toEqual([null, 10, 10, 10, 10]);
});

it('calls no speed what took no time on a coarse clock', async () => {
  expect(await speeds(0)).toEqual([null, null, null, null, null]);
});
