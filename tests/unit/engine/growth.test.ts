// Conversations take memory as their text grows, and what they say does not depend on it.
import { describe, expect, it } from 'vitest';
import type { PartOff } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { planParameters } from '../../../src/model/checkpoint.ts';
import { widthsOf } from '../../../src/model/parameters.ts';
import type { GptConfig } from '../../../src/model/config.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { Gpt } from '../../../src/model/gpt.ts';
import { Session } from '../../../src/model/session.ts';
import { createNaiveGpt } from '../../support/naiveGpt.ts';

const SIZES = { V: 23, S: 300, L: 2, H: 2, C: 8, F: 32 };
const FLAGS = { qkvBias: true, bias: true, normBias: true, std: false, exact: false, tied: true };
const OFF: readonly PartOff[] = [{ part: 'head', layer: 1, head: 0, by: 'zero' }];
const TEXT = Array.from({ length: SIZES.S }, (_, t) => (7 * t * t + t) % SIZES.V);

/** The same small model each time, with conversations that have read nothing. */
async function load(): Promise<GPT2> {
  const naive = createNaiveGpt({ layout: 'nanogpt', ...SIZES, ...FLAGS }, 3);
  const tensors = new Map(
    [...naive.toCheckpoint()].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
  );
  const source = openSafetensors(writeSafetensors(tensors));
  const file = readConfigFile({ n_head: SIZES.H, activation_function: 'gelu_new' });
  return GPT2.from_source(source, { device: createCpuDevice(), file });
}

/** Bytes of queries, keys, values and the normed residual of so many tokens, all f32. */
function bytesFor(config: GptConfig, tokens: number): number {
  const { head, embd } = widthsOf(config);
  return 4 * tokens * (config.nLayer * head.rowStride + embd);
}

/** What a conversation has taken once it has read so many tokens of the text. */
function taken(model: GPT2, tokens: number, off: readonly PartOff[] = []): Promise<number> {
  const reader = model.conversation(off);
  return reader.look(TEXT.slice(0, tokens), {}, (_, session) => Promise.resolve(session.sizeBytes));
}

describe('a conversation', () => {
  it('has room for 64 tokens at first, then for twice as many, up to the context', async () => {
    await using model = await load();
    for (const [tokens, room] of [
      [1, 64],
      [64, 64],
      [65, 128],
      [129, 256],
      [257, 300],
      [300, 300],
    ]) {
      expect(await taken(model, tokens), `${tokens} tokens`).toBe(bytesFor(model.config, room));
    }
  });

  it('with a part off takes as little, and its switches, whatever the whole model has read', async () => {
    await using model = await load();
    await taken(model, SIZES.S);
    const switches = 4 * SIZES.L * (SIZES.H + 2);
    expect(await taken(model, 1, OFF)).toBe(bytesFor(model.config, 64) + switches);
  });

  it('says the same, bit for bit, as one that had room for everything', async () => {
    await using model = await load();
    const reader = model.conversation();
    const roomy = new Session(model.gpt, { capacity: SIZES.S });
    for (let t = 0; t < SIZES.S; t++) {
      const { logits, computed } = await reader.follow(TEXT.slice(0, t + 1));
      const [expected] = await roomy.append([[TEXT[t]]], { lastLogits: true });
      expect(logits, `after ${t + 1} tokens`).toEqual(expected);
      // Growing reads nothing again.
      expect(computed).toBe(1);
    }
    roomy.dispose();
  });
});

it('the first token of GPT-2 XL takes 59 MB, where the whole context takes 950', async () => {
  await using small = await load();
  const sizes = { vocabSize: 50257, nCtx: 1024, nEmbd: 1600, nInner: 6400, nHead: 25, nLayer: 48 };
  const xl: GptConfig = { ...small.config, ...sizes };
  const device = createCpuDevice();
  const gpt = new Gpt(device, device.createArena('plan'), xl, planParameters(device, xl, 'f32'));
  const session = new Session(gpt);
  expect(session.sizeBytes).toBe(59_392_000);
  expect(session.sizeBytes).toBe(bytesFor(xl, 64));
  expect(bytesFor(xl, xl.nCtx)).toBe(950_272_000);
  session.dispose();
  gpt.dispose();
});
