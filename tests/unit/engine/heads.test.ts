// What heads look at: rows, thumbnails and scores against PyTorch's attention and plain loops.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Behaviour, HeadScores } from '../../../src/api.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { measureHeads } from '../../../src/engine/reading/headScores.ts';
import type { Tokenizer } from '../../../src/text/tokenizer.ts';
import { packPath, readExpected } from '../../support/packOnDisk.ts';

/** 523 tokens, a context of 40, three layers of three heads. */
let small: GPT2;
/** The first text of the pack, and PyTorch's weights for it: a layer each, (H, T, T). */
let ids: number[];
let maps: Float32Array[];
beforeAll(async () => {
  small = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
  const expected = readExpected('gpt2');
  ids = [...expected('input_ids')];
  ids.length /= 2;
  maps = [0, 1, 2].map((l) => expected(`attn.${l}`).subarray(0, 3 * ids.length ** 2));
});

function expectNear(actual: Float32Array, expected: ArrayLike<number>, bound: number): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    if (Number.isNaN(expected[i])) expect(value).toBeNaN();
    else expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(bound);
  });
}

/** Scores by their definitions, from maps a layer each of (H, T, T). */
function scoresOf(layers: readonly Float32Array[], heads: number, text: readonly number[]) {
  const T = text.length;
  const what: Record<Behaviour | 'entropyBits', number[]> = {
    previous: [],
    first: [],
    duplicate: [],
    induction: [],
    local: [],
    broad: [],
    entropyBits: [],
  };
  for (const map of layers) {
    for (let h = 0; h < heads; h++) {
      const found: Record<keyof typeof what, number[]> = {
        previous: [],
        first: [],
        duplicate: [],
        induction: [],
        local: [],
        broad: [],
        entropyBits: [],
      };
      for (let t = 0; t < T; t++) {
        const w = [...map.subarray((h * T + t) * T, (h * T + t) * T + t + 1)];
        const entropy = -w.reduce((sum, v) => sum + (v > 0 ? v * Math.log2(v) : 0), 0);
        found.entropyBits.push(entropy);
        if (t > 0) {
          found.previous.push(w[t - 1]);
          found.first.push(w[0]);
          found.broad.push(entropy / Math.log2(t + 1));
        }
        const copies = w.flatMap((_, s) => (s < t && text[s] === text[t] ? [s] : []));
        if (copies.length > 0) {
          found.duplicate.push(copies.reduce((sum, s) => sum + w[s], 0));
          found.induction.push(copies.reduce((sum, s) => sum + w[s + 1], 0));
        }
        if (t >= 8) found.local.push(w.slice(t - 4).reduce((sum, v) => sum + v, 0));
      }
      for (const name of Object.keys(what) as (keyof typeof what)[]) {
        what[name].push(found[name].reduce((sum, v) => sum + v, 0) / found[name].length);
      }
    }
  }
  return what;
}

function expectScores(actual: HeadScores, expected: ReturnType<typeof scoresOf>): void {
  for (const [name, values] of Object.entries(actual.scores)) {
    expectNear(values, expected[name as Behaviour], 1e-5);
  }
  expectNear(actual.entropyBits, expected.entropyBits, 1e-4);
}

describe('attention rows', () => {
  it("are PyTorch's, for every token and head, and sum to one", async () => {
    const T = ids.length;
    for (let query = 0; query < T; query++) {
      const rows = await answer(small, 'attentionRows', { ids, query });
      expect(rows).toMatchObject({ nLayer: 3, nHead: 3, query, firstIndex: 0, size: query + 1 });
      for (let l = 0; l < 3; l++) {
        for (let h = 0; h < 3; h++) {
          const at = (l * 3 + h) * rows.size;
          const row = rows.weights.subarray(at, at + rows.size);
          const start = (h * T + query) * T;
          expectNear(row, maps[l].subarray(start, start + rows.size), 1e-5);
          expect(row.reduce((sum, v) => sum + v, 0)).toBeCloseTo(1, 5);
        }
      }
    }
  });

  it('read the cache as it is: what follows the token stays there', async () => {
    const reader = small.conversation();
    await reader.follow(ids);
    await answer(small, 'attentionRows', { ids, query: 2 });
    expect((await reader.follow(ids)).computed).toBe(0);
  });

  it('start where the window starts, and refuse what lies outside', async () => {
    const long = Array.from({ length: 50 }, (_, i) => (i * 7) % 523);
    const rows = await answer(small, 'attentionRows', { ids: long, query: 30 });
    expect(rows).toMatchObject({ query: 30, firstIndex: 21, size: 10 });
    const map = await answer(small, 'attention', { ids: long, layer: 2, head: 1 });
    const row = map.weights.subarray(9 * map.size, 9 * map.size + 10);
    expectNear(rows.weights.slice((2 * 3 + 1) * 10).subarray(0, 10), row, 1e-6);
    for (const query of [20, 50, -1, 1.5]) {
      const asking = answer(small, 'attentionRows', { ids: long, query });
      await expect(asking).rejects.toMatchObject({ code: 'inspect/position' });
    }
  });
});

describe('the atlas', () => {
  for (const cells of [1, 4, 7, 1000]) {
    it(`shows PyTorch's maps, the strongest of each block in at most ${cells} cells a side`, async () => {
      const T = ids.length;
      const atlas = await answer(small, 'atlas', { ids, cells });
      const { block } = atlas;
      expect(block).toBe(Math.ceil(T / cells));
      expect(atlas.cells).toBe(Math.ceil(T / block));
      expect(atlas).toMatchObject({ nLayer: 3, nHead: 3, size: T, firstIndex: 0 });
      const expected = new Float32Array(9 * atlas.cells ** 2);
      maps.forEach((map, l) => {
        map.forEach((weight, i) => {
          const [h, t, s] = [Math.floor(i / T / T), Math.floor(i / T) % T, i % T];
          const cell = Math.floor(t / block) * atlas.cells + Math.floor(s / block);
          const at = (l * 3 + h) * atlas.cells ** 2 + cell;
          expected[at] = Math.max(expected[at], weight);
        });
      });
      expectNear(atlas.thumbnails, expected, 1e-5);
      expectScores(atlas, scoresOf(maps, 3, ids));
    });
  }

  it('scores copies of tokens, and says nothing where no row can show a behaviour', async () => {
    for (const text of [[5, 6, 5, 6, 5, 5], [1], [1, 2], [8, 8, 8, 8, 8, 8, 8, 8, 8, 8]]) {
      const layers = await Promise.all(
        [0, 1, 2].map(async (layer) => {
          const heads = [0, 1, 2].map((h) =>
            answer(small, 'attention', { ids: text, layer, head: h }),
          );
          return Float32Array.from((await Promise.all(heads)).flatMap((m) => [...m.weights]));
        }),
      );
      const atlas = await answer(small, 'atlas', { ids: text, cells: 3 });
      expectScores(atlas, scoresOf(layers, 3, text));
    }
    const one = await answer(small, 'atlas', { ids: [1], cells: 3 });
    expect(one.scores.previous[0]).toBeNaN();
    expect(one.scores.local[0]).toBeNaN();
    expect(one.entropyBits[0]).toBe(0);
  });

  it('stops between layers, and refuses less than one cell', async () => {
    const controller = new AbortController();
    const asking = answer(small, 'atlas', { ids, cells: 4 }, controller.signal);
    controller.abort();
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' });
    for (const cells of [0, 1.5, NaN]) {
      const refused = answer(small, 'atlas', { ids, cells });
      await expect(refused).rejects.toMatchObject({ code: 'inspect/size' });
    }
  });
});

describe('the probe', () => {
  it('reads another text where one is given', async () => {
    const tokenizer = { encode: () => [...ids] } as unknown as Tokenizer;
    const found = await measureHeads(small.gpt, { text: 'twice', tokenizer });
    expectScores(found, scoresOf(maps, 3, ids));
    expect(found.on).toBe('twice');
    // One that is longer than the model sees says nothing of its end.
    const long = { encode: () => Array<number>(1 + small.config.nCtx).fill(1) };
    const random = await measureHeads(small.gpt, {
      text: 'twice',
      tokenizer: long as unknown as Tokenizer,
    });
    expect(random).toEqual(await measureHeads(small.gpt, { tokenizer: null }));
    expect(random.on).toBeUndefined();
  });

  it('reads random tokens twice, and gives the same answer every time, each its own copy', async () => {
    const first = await answer(small, 'probeHeads', {});
    expect(first).toMatchObject({ nLayer: 3, nHead: 3, size: 40 });
    for (const values of [...Object.values(first.scores), first.entropyBits]) {
      expect(values.length).toBe(9);
      expect(values.every((v) => v >= 0 && Number.isFinite(v))).toBe(true);
    }
    const copy = structuredClone(first);
    first.scores.induction.fill(7);
    expect(await answer(small, 'probeHeads', {})).toEqual(copy);
    const other = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    expect(await answer(other, 'probeHeads', {})).toEqual(copy);
    await other.dispose();
  });
});
