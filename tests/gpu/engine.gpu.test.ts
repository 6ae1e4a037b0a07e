// The engine's contract, on both engines (this thread, a worker) and both devices.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, GenerateEvent, GenerationOptions, PartOff } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { EngineError } from '../../src/errors.ts';
import { StreamingDecoder } from '../../src/text/streamingDecoder.ts';
import { WorkerEngine } from '../../src/worker/workerEngine.ts';

const TALES = new URL('/models/tales-7m', location.href).href;
const OPTIONS: GenerationOptions = {
  do_sample: false,
  temperature: 0.8,
  top_k: 40,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 8,
  stop: [],
};

interface Expected {
  prompt: string;
  ids: number[];
  top10_ids: number[];
  top10_logits: number[];
  greedy: number[];
  greedy_text: string;
}

let expected: Expected[];
beforeAll(async () => {
  expected = (await (await fetch(`${TALES}/expected.json`)).json()) as Expected[];
});

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function tokensOf(events: readonly GenerateEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'token' ? [event.piece.id] : []));
}

/** On WebGPU in its worker alone: what answers there is a LocalEngine. */
const engines: [string, () => Engine, ('webgpu' | 'cpu')[]][] = [
  ['LocalEngine', () => new LocalEngine(), ['cpu']],
  ['WorkerEngine', () => WorkerEngine.create(), ['webgpu', 'cpu']],
];

it('stands in a page that is isolated, as the built one is', () => {
  expect(crossOriginIsolated).toBe(true);
});

for (const [name, create, devices] of engines) {
  for (const device of devices) {
    describe(`${name} on ${device}`, () => {
      let engine: Engine;
      const progress: string[] = [];
      beforeAll(async () => {
        engine = create();
        const summary = await engine.load(TALES, {
          device,
          dtype: 'fp32',
          progress_callback: ({ status, file }) => progress.push(`${status} ${file ?? ''}`),
        });
        expect(summary).toMatchObject({
          name: 'tales-7m',
          nLayer: 12,
          nHead: 12,
          nCtx: 256,
          parameterCount: 6_960_768,
          device: { kind: device },
        });
      });
      afterAll(() => engine.dispose());

      it('reports progress of every file, and that it is ready', () => {
        expect(progress).toContain('initiate model.safetensors');
        expect(progress).toContain('progress model.safetensors');
        expect(progress.at(-1)).toBe('ready ');
      });

      it('tokenises as the model was trained, and back', async () => {
        for (const { prompt, ids } of expected) {
          const pieces = await engine.ask('tokenize', { text: prompt });
          expect(pieces.map(({ id }) => id)).toEqual(ids);
          const bytes = (await engine.ask('pieces', { ids })).flatMap((piece) => [...piece.bytes]);
          expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(prompt);
        }
      });

      it("gives PyTorch's ten most probable tokens", async () => {
        const { ids, top10_ids, top10_logits } = expected[0];
        const { top } = await engine.ask('distribution', {
          ids,
          options: { ...OPTIONS, do_sample: true },
          top: 10,
        });
        expect(top.map(({ piece }) => piece.id)).toEqual(top10_ids);
        top.forEach(({ logit }, i) => expect(logit).toBeCloseTo(top10_logits[i], 3));
      });

      it('streams what PyTorch writes greedily, with text that adds up', async () => {
        const { prompt, ids, greedy, greedy_text } = expected[1];
        const options = { ...OPTIONS, max_new_tokens: greedy.length };
        const events = await collect(engine.generate({ ids, options }));
        expect(events[0].type).toBe('start');
        expect(tokensOf(events)).toEqual(greedy);
        const decoder = new StreamingDecoder();
        const text = events.map((e) =>
          e.type === 'token' ? decoder.push(Uint8Array.from(e.piece.bytes)) : '',
        );
        expect(prompt + text.join('') + decoder.flush()).toBe(greedy_text);
        expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'length' });
      });

      it('gives the same text for the same seed, and reports a seed that nobody chose', async () => {
        const request = {
          ids: expected[0].ids,
          options: { ...OPTIONS, do_sample: true, temperature: 1 },
        };
        const first = await collect(engine.generate(request));
        const seed = first[0].type === 'start' ? first[0].seed : NaN;
        expect(Number.isInteger(seed)).toBe(true);
        const again = { ...request, options: { ...request.options, seed } };
        expect(tokensOf(await collect(engine.generate(again)))).toEqual(tokensOf(first));
      });

      it('stops in mid-stream and keeps what it wrote', async () => {
        const controller = new AbortController();
        const events: GenerateEvent[] = [];
        const options = { ...OPTIONS, max_new_tokens: 200, eos_token_id: null };
        const request = { ids: expected[0].ids, options, signal: controller.signal };
        for await (const event of engine.generate(request)) {
          events.push(event);
          if (tokensOf(events).length === 3) controller.abort();
        }
        expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'aborted' });
        // A worker may have sent a few more before it heard.
        expect(tokensOf(events).length).toBeLessThan(20);
        expect(tokensOf(events).slice(0, 3)).toEqual(expected[0].greedy.slice(0, 3));
      });

      it('scores every token of a text as the greedy run saw it', async () => {
        const { ids, greedy } = expected[2];
        const events = await collect(engine.generate({ ids, options: OPTIONS }));
        const { logprobs, ranks } = await engine.ask('score', {
          ids: [...ids, ...greedy.slice(0, 8)],
        });
        expect(logprobs[0]).toBeNaN();
        events
          .filter((event) => event.type === 'token')
          .forEach((event, i) => {
            expect(ranks[ids.length + i]).toBe(1);
            expect(logprobs[ids.length + i]).toBeCloseTo(event.logprob, 4);
          });
      });

      it('shows one head: rows that sum to one and look back only', async () => {
        const { ids } = expected[0];
        const map = await engine.ask('attention', { ids, layer: 3, head: 5 });
        expect(map).toMatchObject({ layer: 3, head: 5, size: ids.length, firstIndex: 0 });
        for (let t = 0; t < map.size; t++) {
          const row = [...map.weights.subarray(t * map.size, (t + 1) * map.size)];
          expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
          expect(row.slice(t + 1).every((v) => v === 0)).toBe(true);
        }
        await expect(engine.ask('attention', { ids, layer: 12, head: 0 })).rejects.toMatchObject({
          code: 'inspect/head',
        });
      });

      it("shows one token's rows, an atlas of all maps, and what heads do", async () => {
        const { ids } = expected[0];
        const query = ids.length - 2;
        const rows = await engine.ask('attentionRows', { ids, query });
        expect(rows).toMatchObject({ nLayer: 12, nHead: 12, query, firstIndex: 0 });
        const map = await engine.ask('attention', { ids, layer: 3, head: 5 });
        const row = rows.weights.subarray((3 * 12 + 5) * rows.size).subarray(0, rows.size);
        row.forEach((v, s) => expect(v).toBeCloseTo(map.weights[query * map.size + s], 5));

        const atlas = await engine.ask('atlas', { ids, cells: 3 });
        const area = atlas.cells ** 2;
        expect(atlas.thumbnails.length).toBe(144 * area);
        const thumbnail = atlas.thumbnails.subarray((3 * 12 + 5) * area).subarray(0, area);
        const pooled = new Float32Array(area);
        map.weights.forEach((v, i) => {
          const [t, s] = [Math.floor(i / map.size), i % map.size];
          const at = Math.floor(t / atlas.block) * atlas.cells + Math.floor(s / atlas.block);
          pooled[at] = Math.max(pooled[at], v);
        });
        pooled.forEach((v, i) => expect(thumbnail[i]).toBeCloseTo(v, 5));
        for (let t = 1, sum = 0; t < map.size; t++) {
          sum += map.weights[t * map.size];
          if (t === map.size - 1) {
            expect(atlas.scores.first[3 * 12 + 5]).toBeCloseTo(sum / (map.size - 1), 5);
          }
        }

        const probe = await engine.ask('probeHeads', {});
        expect(probe.size).toBe(64);
        // Twice, because what was given away must not be missing the second time.
        expect(await engine.ask('probeHeads', {})).toEqual(probe);
      });

      it('leaves parts out of questions, comparisons and written text alike', async () => {
        const { ids } = expected[0];
        const off = [
          { part: 'head', layer: 2, head: 3, by: 'zero' },
          { part: 'mlp', layer: 5, by: 'mean' },
        ] as const;
        const options = { ...OPTIONS, do_sample: true };
        const whole = await engine.ask('distribution', { ids, options });
        const edited = await engine.ask('distribution', { ids, options, off });
        expect(edited.top[0].rawProbability).not.toBeCloseTo(whole.top[0].rawProbability, 3);
        const comparison = await engine.ask('compare', { ids, top: 5, off });
        expect(comparison.klBits).toBeGreaterThan(1e-3);
        for (const [{ top }, side] of [
          [whole, 'before'],
          [edited, 'after'],
        ] as const) {
          const found = comparison.candidates.find((c) => c.piece.id === top[0].piece.id);
          expect(found?.[side]).toBeCloseTo(top[0].rawProbability, 6);
        }
        const request = { ids, off, options: { ...OPTIONS, max_new_tokens: 6 } };
        const [first] = (await collect(engine.generate(request))).filter((e) => e.type === 'token');
        expect(first.distribution?.top[0].rawProbability).toBeCloseTo(
          edited.top[0].rawProbability,
          6,
        );
        const wrong = [{ part: 'head', layer: 12, head: 0, by: 'zero' }] as const;
        await expect(engine.ask('score', { ids, off: wrong })).rejects.toMatchObject({
          code: 'inspect/head',
        });
      });

      it('sweeps parts one by one, and stops when it is told to', async () => {
        const { ids, greedy } = expected[0];
        const controller = new AbortController();
        const target = greedy[0];
        const deltas: { part: PartOff['part']; layer: number; head?: number; delta: number }[] = [];
        const request = { ids, target, by: 'zero', signal: controller.signal } as const;
        let base = NaN;
        for await (const event of engine.sweep(request)) {
          if (event.type === 'base') {
            base = event.value;
            expect(event).toMatchObject({ target: { id: target }, parts: 168 });
          } else {
            expect(event.done).toBe(deltas.push(event));
            if (event.done === 14) controller.abort();
          }
        }
        expect(deltas.length).toBeLessThan(168);
        // The MLP of the last layer.
        const { delta, ...last } = deltas[13];
        expect(last).toMatchObject({ part: 'mlp', layer: 11 });
        const off = [{ part: last.part, layer: last.layer, by: 'zero' }] as const;
        const options = { ...OPTIONS, do_sample: true };
        const asked = await engine.ask('distribution', { ids, options, top: 100, off });
        const after = asked.top.find(({ piece }) => piece.id === target)!.rawProbability;
        expect(base + delta).toBeCloseTo(Math.log(after), 4);
      });

      it('answers questions about a text while it streams, without changing the stream', async () => {
        const { ids, greedy } = expected[0];
        const seen: number[] = [];
        const options = { ...OPTIONS, max_new_tokens: 12 };
        for await (const event of engine.generate({ ids, options })) {
          if (event.type !== 'token') continue;
          seen.push(event.piece.id);
          if (seen.length === 4) {
            const map = await engine.ask('attention', {
              ids: [...ids, ...seen],
              layer: 0,
              head: 0,
            });
            expect(map.size).toBe(ids.length + 4);
          }
        }
        expect(seen).toEqual(greedy.slice(0, 12));
      });

      it('starts an empty prompt from the beginning-of-text token', async () => {
        const [start] = await collect(engine.generate({ ids: [], options: OPTIONS }));
        expect(start).toMatchObject({ type: 'start', promptIds: [8191] });
      });

      it('passes errors on with code, message and next step, and goes on working', async () => {
        const error: unknown = await engine
          .ask('distribution', { ids: [8192], options: OPTIONS })
          .catch((e: unknown) => e);
        expect(error).toBeInstanceOf(EngineError);
        expect(error).toMatchObject({ code: 'tokens/vocabulary' });
        expect((error as EngineError).hint).toContain('tokenizer');
        const bad = { ids: [1], options: { ...OPTIONS, top_p: 7 } };
        await expect(collect(engine.generate(bad))).rejects.toMatchObject({
          code: 'sampling/options',
        });
        const missing = engine.load(new URL('/models/none', location.href).href);
        await expect(missing).rejects.toMatchObject({ code: 'network/not-found' });
        expect((await engine.ask('distribution', { ids: [1], options: OPTIONS })).vocabSize).toBe(
          8192,
        );
      });

      it('refuses schemes that are no http', async () => {
        await expect(engine.load('data:text/plain,x')).rejects.toMatchObject({
          code: expect.stringMatching(/^network\//) as string,
        });
      });

      it('cancels a load and keeps the running model', async () => {
        const controller = new AbortController();
        const loading = engine.load(TALES, { device, signal: controller.signal });
        controller.abort();
        await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
        expect((await engine.ask('tokenize', { text: 'The' }))[0].text).toBe('The');
      });

      describe('looking through the depths', () => describeLooking(() => engine));
    });
  }

  it(`${name} answers what waits when it is disposed`, async () => {
    const engine = create();
    await engine.load(TALES, { device: 'cpu' });
    const loading = engine.load(TALES, { device: 'cpu' }).then(
      () => 'loaded',
      (error: unknown) => (error as EngineError).code,
    );
    const options = { ...OPTIONS, max_new_tokens: 200, eos_token_id: null };
    const stream = collect(engine.generate({ ids: [1, 2], options })).then(
      () => 'ended',
      (error: unknown) => (error as EngineError).code,
    );
    await engine.ask('distribution', { ids: [1], options: OPTIONS });
    await engine.dispose();
    expect(await loading).toBe('engine/disposed');
    expect(await stream).toBe('engine/disposed');
  });

  it(`${name} keeps the model that was asked for last when loads overlap`, async () => {
    const engine = create();
    const first = engine.load(TALES, { device: 'cpu' });
    const second = engine.load(TALES, { device: 'cpu', dtype: 'fp16' });
    // It is installed for a moment, or given up for the other.
    const end = await first.catch((error: unknown) => error);
    if (end instanceof Error) expect(end).toMatchObject({ code: 'engine/superseded' });
    expect((await second).dtype).toBe('fp16');
    await expect(engine.load('http://[')).rejects.toMatchObject({ code: 'network/url' });
    const wish = { dtype: 'q9' as unknown as 'fp16' };
    await expect(engine.load(TALES, wish)).rejects.toMatchObject({ code: 'options/dtype' });
    await engine.dispose();
  });

  it(`${name} rejects everything once it is disposed, and may be disposed twice`, async () => {
    const engine = create();
    await expect(engine.ask('tokenize', { text: 'x' })).rejects.toMatchObject({
      code: 'engine/no-model',
    });
    await engine.dispose();
    await engine.dispose();
    await expect(engine.ask('tokenize', { text: 'x' })).rejects.toMatchObject({
      code: 'engine/disposed',
    });
    const request = { ids: [1], options: OPTIONS };
    await expect(collect(engine.generate(request))).rejects.toMatchObject({
      code: 'engine/disposed',
    });
  });
}

/** What an engine that has the default model says of its depths. */
function describeLooking(engineOf: () => Engine): void {
  const sampled = { ...OPTIONS, do_sample: true, top_p: 0.9, min_p: 0.01, max_new_tokens: 4 };
  let engine: Engine;
  let ids: number[];
  beforeAll(() => {
    engine = engineOf();
    ids = expected[0].ids;
  });

  it("ends the lens of every token with the model's own answer", async () => {
    const lens = await engine.ask('lens', { ids, from: 0, count: ids.length });
    expect(lens).toMatchObject({ firstIndex: 0, from: 0, count: ids.length, depths: 13 });
    expect(lens.tokens).toBeInstanceOf(Uint32Array);
    const known = new Map(lens.pieces.map((piece) => [piece.id, piece.text]));
    expect(known.size).toBe(lens.pieces.length);
    expect([...lens.tokens].every((id) => known.has(id))).toBe(true);
    for (let t = 0; t < ids.length; t++) {
      const input = { ids: ids.slice(0, t + 1), options: sampled, top: 20 };
      const { top } = await engine.ask('distribution', input);
      const best = top.toSorted((a, b) => b.rawProbability - a.rawProbability)[0];
      const at = t * 13 + 12;
      // Two that are as probable as each other may change places.
      expect(Math.exp(lens.logprobs[at])).toBeCloseTo(best.rawProbability, 5);
      const own = top.find(({ piece }) => piece.id === lens.tokens[at]);
      expect(own?.rawProbability).toBeCloseTo(best.rawProbability, 5);
    }
  });

  it('opens a cell, and follows a token through it', async () => {
    const position = ids.length - 1;
    const { tokens, logprobs } = await engine.ask('lens', { ids, from: position, count: 1 });
    const cell = await engine.ask('lensCell', { ids, position, depth: 6, top: 10 });
    expect(cell.top).toHaveLength(10);
    expect(cell.top[0].piece.id).toBe(tokens[6]);
    expect(Math.log(cell.top[0].probability)).toBeCloseTo(logprobs[6], 4);
    const third = cell.top[2].piece.id;
    const curve = await engine.ask('lensCurve', { ids, position, token: third });
    expect(curve.piece).toEqual(cell.top[2].piece);
    expect(curve.ranks).toHaveLength(13);
    expect(curve.ranks[6]).toBe(3);
    expect(Math.exp(curve.logprobs[6])).toBeCloseTo(cell.top[2].probability, 5);
    await expect(
      engine.ask('lensCell', { ids, position: ids.length, depth: 0, top: 1 }),
    ).rejects.toMatchObject({ code: 'inspect/position' });
  });

  it('measures what flows at a token', async () => {
    const norms = await engine.ask('residualNorms', { ids, position: 2 });
    expect([norms.residual, norms.attention, norms.mlp].map((v) => v.length)).toEqual([13, 12, 12]);
    for (let l = 0; l < 12; l++) {
      const most = norms.residual[l] + norms.attention[l] + norms.mlp[l];
      expect(norms.attention[l]).toBeGreaterThan(0);
      expect(norms.mlp[l]).toBeGreaterThan(0);
      // The triangle inequality.
      expect(norms.residual[l + 1]).toBeLessThanOrEqual(most * 1.00001);
    }
  });

  it('shows the draw of every token as it was', async () => {
    const text = [...ids];
    const options = { ...sampled, repetition_penalty: 1.3 };
    const request = { ids, options: { ...options, seed: 9 }, top: 40 };
    for await (const event of engine.generate(request)) {
      if (event.type !== 'token') continue;
      const steps = await engine.ask('samplerSteps', { ids: text, options, seed: 9, top: 8 });
      expect(steps.chosen).toEqual(event.piece);
      expect(steps.draw).toMatchObject({ seed: 9, position: text.length });
      expect(steps.stages.map(({ active }) => active)).toEqual([
        true,
        true,
        true,
        true,
        true,
        true,
      ]);
      const own = event.distribution?.top.find(({ piece }) => piece.id === event.piece.id);
      expect(steps.chosenProbability).toBeCloseTo(own?.probability ?? NaN, 6);
      expect(steps.stages.at(-1)?.kept).toBe(event.distribution?.kept);
      text.push(event.piece.id);
    }
    expect(text).toHaveLength(ids.length + 4);
  });

  it('prints the model as transformers does', async () => {
    const { root, tiedParameters, untiedParameters, isTied, memoryBytes } = await engine.ask(
      'anatomy',
      {},
    );
    expect(root).toMatchObject({ name: '', text: 'GPT2LMHeadModel', parameters: 6_960_768 });
    expect([tiedParameters, untiedParameters, isTied]).toEqual([
      6_960_768,
      6_960_768 + 8192 * 192,
      true,
    ]);
    expect(memoryBytes).toBeGreaterThan(6_960_768 * 4);
    const [transformer] = root.children;
    expect(transformer.children[3].children).toHaveLength(12);
    expect(transformer.children[0].text).toBe('Embedding(8192, 192)');
  });

  it('looks on while tokens stream, without changing the stream', async () => {
    const { greedy } = expected[0];
    const text = [...ids];
    for await (const event of engine.generate({ ids, options: OPTIONS })) {
      if (event.type !== 'token') continue;
      const lens = await engine.ask('lens', { ids: text, from: text.length - 1, count: 1 });
      expect(lens.tokens[12]).toBe(event.piece.id);
      text.push(event.piece.id);
    }
    expect(text.slice(ids.length)).toEqual(greedy.slice(0, 8));
  });

  it('stops looking when nobody wants to know any more', async () => {
    const long = Array.from({ length: 120 }, (_, i) => (i * 97) % 8192);
    const controller = new AbortController();
    const looking = engine.ask('lens', { ids: long, from: 0, count: 120 }, controller.signal);
    setTimeout(() => controller.abort());
    await expect(looking).rejects.toMatchObject({ name: 'AbortError' });
    const lens = await engine.ask('lens', { ids, from: 0, count: 2 });
    expect(lens.count).toBe(2);
  });
}
