// The library in Node, on the processor: forward, generate, sessions, windows, errors in words.
import { beforeAll, describe, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { EngineError } from '../../../src/errors.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { noise } from '../../support/random.ts';
import { packPath, readPackJson } from '../../support/packOnDisk.ts';
import { Session } from '../../../src/model/session.ts';
import { windowStart } from '../../../src/window.ts';
import { tinyModel } from '../../support/servedModels.ts';

const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;

let small: GPT2;
let tales: GPT2;
beforeAll(async () => {
  small = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
  tales = await GPT2.from_pretrained(TALES, { device: 'cpu' });
});

async function idsOf(model: GPT2, prompt: string | number[], options = {}): Promise<number[]> {
  const ids: number[] = [];
  for await (const { token_id } of model.generate(prompt, options)) ids.push(token_id);
  return ids;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

describe('forward', () => {
  it("gives the notebook's [2, 4, 50257] for a batch of its prompts, on a narrow model of its kind", async () => {
    const [V, C] = [50257, 12];
    const shapes = new Map<string, number[]>([
      ['tok_emb.weight', [V, C]],
      ['pos_emb.weight', [8, C]],
      ['final_norm.scale', [C]],
      ['final_norm.shift', [C]],
      ['out_head.weight', [V, C]],
    ]);
    const block = {
      'att.W_query.weight': [C, C],
      'att.W_key.weight': [C, C],
      'att.W_value.weight': [C, C],
      'att.out_proj.weight': [C, C],
      'att.out_proj.bias': [C],
      'norm1.scale': [C],
      'norm1.shift': [C],
      'norm2.scale': [C],
      'norm2.shift': [C],
      'ff.layers.0.weight': [4 * C, C],
      'ff.layers.0.bias': [4 * C],
      'ff.layers.2.weight': [C, 4 * C],
      'ff.layers.2.bias': [C],
    };
    for (const [name, shape] of Object.entries(block)) shapes.set(`trf_blocks.0.${name}`, shape);
    const source = {
      shapes,
      read: (name: string) =>
        Promise.resolve(
          noise(
            shapes.get(name)!.reduce((a, b) => a * b),
            1,
            0,
            0.1,
          ),
        ),
    };
    const device = createCpuDevice();
    const file = readConfigFile({ n_head: 3 });
    await using model = await GPT2.from_source(source, { device, file });
    const ids = [
      [6109, 3626, 6100, 345],
      [6109, 1110, 6622, 257],
    ];
    const { logits } = await model.forward(ids);
    expect(logits.dims).toEqual([2, 4, 50257]);
    expect(logits.data.length).toBe(2 * 4 * 50257);
    expect(logits.data.every(Number.isFinite)).toBe(true);
    const last = await model.forward(ids, { last_logits_only: true });
    expect(last.logits.dims).toEqual([2, 1, 50257]);
    const lastRow = logits.data.subarray(7 * 50257);
    expect(largestDifference(last.logits.data.subarray(50257), lastRow)).toBeLessThan(1e-6);
  });

  it('takes one list of ids as a batch of one', async () => {
    const { logits, loss } = await small.forward([1, 2, 3]);
    expect(logits.dims).toEqual([1, 3, 523]);
    expect(loss).toBeUndefined();
  });

  it('ignores targets of -1 in the loss, and gives NaN when nothing is left', async () => {
    const both = await small.forward([1, 2, 3], { targets: [2, 3, 4] });
    const one = await small.forward([1, 2, 3], { targets: [-1, 3, -1] });
    const two = await small.forward([1, 2, 3], { targets: [2, -1, 4] });
    expect(((one.loss ?? 0) + 2 * (two.loss ?? 0)) / 3).toBeCloseTo(both.loss ?? 0, 5);
    expect((await small.forward([1, 2], { targets: [-1, -1] })).loss).toBeNaN();
  });

  it('gives attention rows that sum to one and see nothing ahead', async () => {
    const { attentions } = await small.forward([5, 6, 7, 8], { output_attentions: true });
    expect(attentions?.length).toBe(3);
    expect(attentions?.[0].dims).toEqual([1, 3, 4, 4]);
    for (const { data } of attentions ?? []) {
      for (let row = 0; row < data.length / 4; row++) {
        const values = [...data.subarray(row * 4, row * 4 + 4)];
        expect(values.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
        expect(values.slice((row % 4) + 1).every((v) => v === 0)).toBe(true);
      }
    }
  });

  const refused: [string, () => Promise<unknown>, string, string][] = [
    // Whoever calls from JavaScript is told by nobody else.
    ...[null, undefined, 'Hello', 7].map(
      (ids): [string, () => Promise<unknown>, string, string] => [
        `${JSON.stringify(ids)} for ids`,
        () => small.forward(ids as never),
        'tokens/ids',
        'expected a list of token ids, or a list of such lists.',
      ],
    ),
    ...[null, undefined, 7, {}].map((prompt): [string, () => Promise<unknown>, string, string] => [
      `${JSON.stringify(prompt)} for a prompt`,
      () => small.generate(prompt as never).next(),
      'tokens/ids',
      'expected a text, or a list of token ids.',
    ]),
    ['an empty list', () => small.forward([]), 'tokens/empty', 'The batch is empty'],
    ['an empty batch', () => small.forward([[], []]), 'tokens/empty', 'The batch is empty'],
    [
      'a ragged batch',
      () => small.forward([[1, 2], [3]]),
      'tokens/ragged',
      'sequence 0 has 2 tokens, sequence 1 has 1',
    ],
    [
      'more tokens than the context, naming both numbers',
      () => small.forward(Array.from({ length: 41 }, () => 1)),
      'tokens/context',
      "Cannot forward 41 tokens: the model's context is 40 tokens.",
    ],
    [
      'an id outside the vocabulary',
      () => small.forward([1, 523]),
      'tokens/vocabulary',
      'Token id 523 is outside the vocabulary: ids run from 0 to 522.',
    ],
    ['a negative id', () => small.forward([-1]), 'tokens/vocabulary', 'Token id -1'],
    ['half an id', () => small.forward([1.5]), 'tokens/vocabulary', 'Token id 1.5'],
    [
      'targets of another shape',
      () => small.forward([1, 2], { targets: [1] }),
      'tokens/targets',
      'targets are 1 × 1; expected 1 × 2',
    ],
    [
      'a target outside the vocabulary',
      () => small.forward([1], { targets: [-2] }),
      'tokens/vocabulary',
      'Target -2 is outside',
    ],
  ];
  for (const [what, call, code, message] of refused) {
    it(`refuses ${what}`, async () => {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).code).toBe(code);
      expect((error as EngineError).message).toContain(message);
      expect((error as EngineError).hint.length).toBeGreaterThan(10);
    });
  }
});

describe('a session', () => {
  it('gives token by token what one pass gives, and in pieces too', async () => {
    const ids = Array.from({ length: 37 }, (_, i) => (i * 31) % 523);
    const whole = (await small.forward(ids)).logits.data;
    for (const step of [1, 5, 16]) {
      const session = new Session(small.gpt);
      for (let from = 0; from < ids.length; from += step) {
        const piece = ids.slice(from, from + step);
        const [last] = await session.append([piece], { lastLogits: true });
        const t = Math.min(from + step, ids.length) - 1;
        expect(largestDifference(last, whole.subarray(t * 523, (t + 1) * 523))).toBeLessThan(1e-5);
      }
      session.dispose();
    }
  });

  it('computes only what changed when a text is edited', async () => {
    const computed: number[] = [];
    const follow = async (ids: number[]) => {
      const read = await small.conversation().follow(ids);
      computed.push(read.computed);
      return read.logits.slice();
    };
    await follow([1, 2, 3, 4, 5]);
    await follow([1, 2, 3, 4, 5]);
    const forked = await follow([1, 2, 9, 4]);
    await follow([1, 2]); // shorter: all of it is still there, and so is what follows
    const again = await follow([1, 2, 9, 4]);
    expect(computed).toEqual([5, 0, 2, 0, 0]);
    expect(largestDifference(forked, again)).toBe(0);
    const fresh = (await small.forward([1, 2, 9, 4], { last_logits_only: true })).logits.data;
    expect(largestDifference(forked, fresh)).toBeLessThan(1e-5);
  });

  it('says so when it is used after it was disposed', async () => {
    const session = new Session(small.gpt, { capacity: 4 });
    session.dispose();
    await expect(session.append([[1]])).rejects.toMatchObject({ code: 'engine/disposed' });
  });
});

describe('generate', () => {
  it('writes what PyTorch writes, greedily, from the default model', async () => {
    const { readFileSync } = await import('node:fs');
    const expected = JSON.parse(readFileSync(`${TALES}/expected.json`, 'utf8')) as {
      prompt: string;
      greedy: number[];
      greedy_text: string;
    }[];
    for (const { prompt, greedy, greedy_text } of expected) {
      let text = prompt;
      const ids: number[] = [];
      for await (const token of tales.generate(prompt, { max_new_tokens: greedy.length })) {
        ids.push(token.token_id);
        text += token.text;
      }
      expect(ids).toEqual(greedy);
      expect(text).toBe(greedy_text);
    }
  });

  it('gives the same text for the same seed and another for another', async () => {
    const options = { do_sample: true, temperature: 0.9, max_new_tokens: 12 };
    const first = await idsOf(tales, 'Once upon a time', { ...options, seed: 7 });
    expect(await idsOf(tales, 'Once upon a time', { ...options, seed: 7 })).toEqual(first);
    expect(await idsOf(tales, 'Once upon a time', { ...options, seed: 8 })).not.toEqual(first);
  });

  it('writes token by token under a seed what one run writes', async () => {
    const options = { do_sample: true, temperature: 0.9, seed: 7 };
    const ids = tales.encode('Once upon a time');
    const whole = await idsOf(tales, ids, { ...options, max_new_tokens: 6 });
    for (let n = 0; n < 6; n++) {
      ids.push(...(await idsOf(tales, ids, { ...options, max_new_tokens: 1 })));
    }
    expect(ids.slice(-6)).toEqual(whole);
  });

  it("keeps to the top 50 candidates, as the annotated GPT-2's sampling loop does", async () => {
    const options = { do_sample: true, temperature: 2, top_k: 50, max_new_tokens: 10, seed: 1 };
    for await (const { rank } of tales.generate('The king', options)) {
      expect(rank).toBeLessThanOrEqual(50);
    }
  });

  it('stops at an end-of-text id of any choice, which is not part of the text', async () => {
    const all = await idsOf(tales, 'The king said', { max_new_tokens: 12, eos_token_id: null });
    expect(all).toHaveLength(12);
    const stop = all[5];
    const before = all.indexOf(stop);
    for (const eos_token_id of [stop, [9999, stop]]) {
      const ids = await idsOf(tales, 'The king said', { max_new_tokens: 12, eos_token_id });
      expect(ids).toEqual(all.slice(0, before));
    }
  });

  it('stops at a stop string, kept in the text as transformers does', async () => {
    let text = '';
    const options = { max_new_tokens: 40, stop: ['him.'] };
    for await (const token of tales.generate(
      'Once upon a time there was a little fox who',
      options,
    )) {
      text += token.text;
    }
    expect(text).toBe(' was a little boy, and he was so glad that he could not help him.');
  });

  it('takes what is undefined for what was not said', async () => {
    const undefinedOptions = { max_new_tokens: undefined, stop: undefined, temperature: undefined };
    const options = { eos_token_id: null, max_new_tokens: 4 };
    const ids = await idsOf(small, [1, 2], options);
    expect(await idsOf(small, [1, 2], { ...undefinedOptions, ...options })).toEqual(ids);
    const all = await idsOf(small, [1, 2], { ...undefinedOptions, eos_token_id: null });
    expect(all).toHaveLength(50);
  });

  it('starts from the beginning-of-text token when the prompt is empty', async () => {
    const started: number[][] = [];
    const options = { max_new_tokens: 1, stop: [], do_sample: false } as const;
    const knobs = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
    for await (const event of tales.events([], { ...options, ...knobs }, { top: 3 })) {
      if (event.type === 'start') started.push([...event.promptIds]);
    }
    expect(started).toEqual([[8191]]);
    expect(await idsOf(tales, '', { max_new_tokens: 3 })).toHaveLength(3);
  });

  it('refuses text when the model came without a tokenizer, and takes ids', async () => {
    await expect(idsOf(small, 'text')).rejects.toMatchObject({ code: 'tokenizer/missing' });
    expect(await idsOf(small, [1, 2], { max_new_tokens: 2 })).toHaveLength(2);
  });

  it('goes on in a window of half the context, which reads what a fresh text of it reads', async () => {
    const events = [];
    const knobs = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
    const options = {
      ...knobs,
      do_sample: false,
      max_new_tokens: 60,
      stop: [],
      eos_token_id: null,
    };
    const prompt = [3, 1, 4, 1, 5];
    for await (const event of small.events(prompt, options, { top: 1 })) events.push(event);
    const moves = events.filter((event) => event.type === 'window');
    // 40 fit; the 41st makes the last 20 be read again, and so once more 21 tokens later.
    expect(moves.map((event) => event.firstVisible)).toEqual([21, 42]);
    const ids = [...prompt];
    const seen: number[] = [];
    let start = 0;
    for (const event of events) {
      if (event.type === 'window') start = event.firstVisible;
      if (event.type !== 'token') continue;
      const visible = ids.slice(start);
      const { logits } = await small.forward(visible, { last_logits_only: true });
      let best = 0;
      logits.data.forEach((v, id) => (best = v > logits.data[best] ? id : best));
      seen.push(best);
      ids.push(event.piece.id);
    }
    expect(ids.slice(prompt.length)).toEqual(seen);
    expect(ids).toHaveLength(65);
  });

  it('keeps the end of a prompt that is longer than the context, and says from where', async () => {
    const prompt = Array.from({ length: 100 }, (_, i) => (i * 7) % 523);
    const knobs = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
    const options = { ...knobs, do_sample: false, max_new_tokens: 1, stop: [], eos_token_id: null };
    for await (const event of small.events(prompt, options, { top: 1 })) {
      if (event.type === 'start') expect(event.firstVisible).toBe(63);
      if (event.type !== 'token') continue;
      const end = await small.forward(prompt.slice(63), { last_logits_only: true });
      const row = end.logits.data;
      let best = 0;
      row.forEach((v, id) => (best = v > row[best] ? id : best));
      expect(event.piece.id).toBe(best);
    }
  });

  it('writes the first token of a prompt over the context from all that the context holds', async () => {
    const { nCtx } = small.config;
    for (const length of [nCtx, nCtx + 1, nCtx + 30, 2 * nCtx + 5]) {
      const prompt = Array.from({ length }, (_, i) => (i * 11 + 3) % 523);
      const end = await small.forward(prompt.slice(-nCtx), { last_logits_only: true });
      const first = end.logits.data.indexOf(Math.max(...end.logits.data));
      const ids = await idsOf(small, prompt, { max_new_tokens: 2, eos_token_id: null });
      expect(ids[0], `${length} tokens`).toBe(first);
      // From then on windows depend on the length alone, so that texts that grew read the same.
      const grown = [...prompt, first];
      const window = grown.slice(windowStart(grown.length, nCtx));
      const next = (await small.forward(window, { last_logits_only: true })).logits.data;
      expect(ids[1], `${length} tokens`).toBe(next.indexOf(Math.max(...next)));
    }
  });

  it('hands out a half character at the end, as decoding all tokens does', async () => {
    const files = Object.entries(tinyModel().files).map(
      ([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name),
    );
    const bytes = await GPT2.from_pretrained('bytes', { device: 'cpu', files });
    let halves = 0;
    for (let count = 1; count <= 24; count++) {
      const options = { max_new_tokens: count, do_sample: true, seed: 4, eos_token_id: null };
      const texts: string[] = [];
      const ids: number[] = [];
      for await (const token of bytes.generate('A', options)) {
        texts.push(token.text);
        ids.push(token.token_id);
      }
      expect(ids).toHaveLength(count);
      const whole = ids.flatMap((id) => [...bytes.vocabulary.bytesOf(id)]);
      expect(texts.join('')).toBe(new TextDecoder().decode(Uint8Array.from(whole)));
      if (texts.at(-1)?.endsWith('\uFFFD')) halves++;
    }
    expect(halves).toBeGreaterThan(2);
    await bytes.dispose();
  });

  it('reads a text the same whether it grew or came in whole, also across windows', async () => {
    const text = await idsOf(small, [3, 1, 4, 1, 5], { max_new_tokens: 60, eos_token_id: null });
    const grown = [3, 1, 4, 1, 5, ...text];
    for (const length of [60, 44, 41, 40, 22, 65]) {
      const ids = grown.slice(0, length);
      const here = await small.conversation().follow(ids);
      const fresh = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
      const there = await fresh.conversation().follow(ids);
      expect(here.firstVisible).toBe(there.firstVisible);
      expect(here.firstVisible).toBe(length <= 40 ? 0 : length < 62 ? 21 : 42);
      expect(largestDifference(here.logits, there.logits)).toBeLessThan(1e-5);
      await fresh.dispose();
    }
  });

  it('rejects with the reason when it is aborted, and can be used again', async () => {
    const controller = new AbortController();
    const ids: number[] = [];
    const run = async (): Promise<void> => {
      const options = { max_new_tokens: 50, eos_token_id: null, signal: controller.signal };
      for await (const { token_id } of tales.generate('The', options)) {
        ids.push(token_id);
        if (ids.length === 3) controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
    expect(ids).toHaveLength(3);
    expect(await idsOf(tales, 'The', { max_new_tokens: 3 })).toEqual(ids);
  });

  it('serves two loops on one model, each as if it were alone', async () => {
    const options = { max_new_tokens: 45, eos_token_id: null };
    const alone = [await idsOf(small, [1, 2], options), await idsOf(small, [7], options)];
    const inner: number[] = [];
    const outer: number[] = [];
    const second = small.generate([7], options);
    for await (const { token_id } of small.generate([1, 2], options)) {
      outer.push(token_id);
      const step = await second.next();
      if (!step.done) inner.push(step.value.token_id);
    }
    expect([outer, inner]).toEqual(alone);
  });

  it('takes a temperature of 0 for greedy, whatever do_sample says', async () => {
    const greedy = await idsOf(tales, 'The', { max_new_tokens: 3 });
    const cold = { max_new_tokens: 3, do_sample: true, temperature: 0, seed: 1 };
    expect(await idsOf(tales, 'The', cold)).toEqual(greedy);
  });

  it('lets go of the model when the loop is left early', async () => {
    for await (const _token of tales.generate('The', { max_new_tokens: 50 })) break;
    expect(await idsOf(tales, 'The', { max_new_tokens: 2 })).toHaveLength(2);
  });

  for (const [options, word] of [
    [{ temperature: -1, do_sample: true }, 'temperature'],
    [{ top_k: -1 }, 'top_k'],
    [{ top_p: 0 }, 'top_p'],
    [{ min_p: 2 }, 'min_p'],
    [{ repetition_penalty: 0 }, 'repetition_penalty'],
    [{ max_new_tokens: -1 }, 'max_new_tokens'],
    [{ seed: -1 }, 'seed'],
    [{ stop: [''] }, 'stop'],
  ] as const) {
    it(`refuses ${JSON.stringify(options)} by name`, async () => {
      await expect(idsOf(tales, 'The', options)).rejects.toThrow(word);
    });
  }
});

describe('from_pretrained', () => {
  it('says which file is not there', async () => {
    await expect(GPT2.from_pretrained('/nowhere', { device: 'cpu' })).rejects.toMatchObject({
      code: 'network/not-found',
      message: expect.stringContaining('/nowhere/config.json') as string,
    });
  });

  it('refuses other schemes than http and https', async () => {
    await expect(GPT2.from_pretrained('ftp://x/y', { device: 'cpu' })).rejects.toMatchObject({
      code: 'network/scheme',
    });
  });

  it('says that WebGPU is not there when it is asked for by name', async () => {
    const loading = GPT2.from_pretrained(packPath('gpt2'), { device: 'webgpu' });
    await expect(loading).rejects.toMatchObject({ code: 'webgpu/no-api' });
  });

  it('describes what it loaded', () => {
    expect(tales.summary).toMatchObject({
      name: 'tales-7m',
      layout: 'huggingface',
      parameterCount: 6_960_768,
      dtype: 'fp32',
      bosTokenId: 8191,
      eosTokenIds: [8191],
      defaults: { do_sample: true, temperature: 0.8, top_k: 40, max_new_tokens: 120 },
    });
    expect(readPackJson('gpt2', 'config.json').n_head).toBe(small.config.nHead);
  });

  it('rejects everything after it was disposed, once or twice', async () => {
    const model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    await model.dispose();
    await model.dispose();
    await expect(model.forward([1])).rejects.toMatchObject({ code: 'engine/disposed' });
    await expect(idsOf(model, [1])).rejects.toMatchObject({ code: 'engine/disposed' });
  });
});
