// What a pass is good for besides generating, whatever it is recorded on. Each test file brings its own device.
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import type { Arena, Device, Encoder } from '../../src/gpu/device.ts';
import type { BlockBuffers } from '../../src/model/buffers.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { type Pass, encodePass } from '../../src/model/forward.ts';
import type { Gpt } from '../../src/model/gpt.ts';
import { loadGpt } from '../../src/model/load.ts';
import { readAttention, readLogits } from '../../src/model/reads.ts';
import { Session } from '../../src/model/session.ts';
import { createNaiveGpt } from './naiveGpt.ts';

const SHAPE = { V: 40, S: 160, L: 3, H: 2, C: 24, F: 56 };
const IDS = [3, 1, 39, 20, 7];

/** Describes passes on what `open` gives, which each test gives back. */
export function describePasses(name: string, open: () => Promise<Device>): void {
  const using = async (use: (model: Gpt, arena: Arena) => Promise<void>): Promise<void> => {
    const device = await open();
    const arena = device.createArena('test');
    const naive = createNaiveGpt(
      {
        ...SHAPE,
        layout: 'nanogpt',
        qkvBias: true,
        bias: true,
        normBias: true,
        std: false,
        exact: true,
        tied: true,
      },
      3,
    );
    const tensors = [...naive.toCheckpoint()].map(
      ([path, t]) => [path, { dtype: 'F32' as const, ...t }] as const,
    );
    const source = openSafetensors(writeSafetensors(new Map(tensors)));
    const file = readConfigFile({ n_head: SHAPE.H, activation_function: 'gelu' });
    const { model } = await loadGpt(device, source, file, { dtype: 'fp32' });
    try {
      await use(model, arena);
    } finally {
      arena.dispose();
      model.dispose();
      device.dispose();
    }
  };

  describe(name, () => {
    it('names each of its steps', () =>
      using(async (model) => {
        const names: string[] = [];
        const session = new Session(model, { capacity: 8 });
        const enc = model.device.createEncoder();
        const within = <T>(step: string, record: () => T): T => {
          names.push(step);
          return enc.within(step, record);
        };
        const pass = session.pass({ tokens: 3, start: 0 }, { lastLogits: true });
        encodePass({ ...enc, within }, model, pass);
        const logits = readLast(enc, pass, model);
        enc.submit();
        expect((await logits).every(Number.isFinite)).toBe(true);
        const block = ['ln1', 'attn.cAttn', 'attn', 'attn.cProj', 'ln2', 'mlp.cFc', 'mlp.cProj'];
        const blocks = [0, 1, 2].flatMap((l) => block.map((step) => `h.${l}.${step}`));
        expect(names).toEqual(['embedding', ...blocks, 'lnF', 'lmHead']);
        session.dispose();
      }));

    it('keeps every layer where each block has buffers of its own, and computes the same', () =>
      using(async (model, arena) => {
        const { nLayer, nEmbd } = model.config;
        const rows = IDS.length;
        const session = new Session(model, { capacity: rows });
        const hidden: Float32Array[] = [];
        const middle: Float32Array[] = [];
        const [expected] = await session.append([IDS], {
          lastLogits: true,
          taps: {
            onHidden: (l, _from, values) => (hidden[l] = values),
            onMiddle: (l, _from, values) => (middle[l] = values),
          },
        });

        const kept = session.pass({ tokens: rows, start: 0 }, { lastLogits: true });
        const { embd, heads, inner } = model.widths;
        const make = (label: string, width: number) => arena.zeros(label, [rows, width], 'f32');
        const embedded = make('embedded', embd);
        let input = embedded;
        const blocks = kept.blocks.map(({ qkv }): BlockBuffers => {
          const own = {
            input,
            ln1: make('ln1', embd),
            qkv,
            heads: make('heads', heads),
            middle: make('middle', embd),
            ln2: make('ln2', embd),
            beforeGelu: make('beforeGelu', inner),
            inner: make('inner', inner),
            output: make('output', embd),
          };
          input = own.output;
          return own;
        });
        const enc = model.device.createEncoder();
        const pass: Pass = { ...kept, ids: idsOf(arena, IDS), embedded, blocks };
        encodePass(enc, model, pass);
        const logits = readLast(enc, pass, model);
        const streams = [embedded, ...blocks.map(({ output }) => output)];
        const reading = [...streams, ...blocks.map((b) => b.middle)].map((tensor) =>
          enc.read(tensor, 0, rows * nEmbd),
        );
        const [before, after] = [blocks[0].beforeGelu, blocks[0].inner].map((tensor) =>
          enc.read(tensor ?? embedded, 0, 8),
        );
        enc.submit();
        expect(await logits).toEqual(expected);
        const found = await Promise.all(reading);
        expect(found.slice(0, nLayer + 1)).toEqual(hidden);
        expect(found.slice(nLayer + 1)).toEqual(middle);
        // nanoGPT's activation is x · Φ(x): negative values come nearer to 0, and keep their sign.
        const activated = await after;
        (await before).forEach((x, i) => {
          expect(Math.sign(activated[i])).toBe(Math.sign(x));
          expect(Math.abs(activated[i])).toBeLessThan(Math.abs(x));
        });
        session.dispose();
      }));

    it('is the same to the last bit where the cache has grown under it', () =>
      using(async (model) => {
        const texts = [3, 5].map((step) =>
          Array.from({ length: 150 }, (_, i) => (i * step + 7) % SHAPE.V),
        );
        const full = new Session(model, { batch: 2, capacity: SHAPE.S });
        const grown = new Session(model, { batch: 2 });
        const sizes: number[] = [];
        for (const [from, to] of [
          [0, 3],
          [3, 64],
          [64, 65],
          [65, 131],
          [131, 150],
        ]) {
          const piece = texts.map((ids) => ids.slice(from, to));
          const expected = await full.append(piece, { lastLogits: true });
          expect(await grown.append(piece, { lastLogits: true })).toEqual(expected);
          sizes.push(grown.sizeBytes);
        }
        const at = (room: number): number => (full.sizeBytes * room) / SHAPE.S;
        expect(sizes).toEqual([at(64), at(64), at(128), full.sizeBytes, full.sizeBytes]);
        for (const b of [0, 1]) {
          const rows = [full, grown].map(async (session) => {
            const found: Float32Array[] = [];
            await readLogits(session, b, 0, 150, ({ logits }) => found.push(logits));
            return [...found, await readAttention(session, b, 1, 0, 2)];
          });
          const [expected, found] = await Promise.all(rows);
          expect(found).toEqual(expected);
        }
        await expect(grown.append([[...texts[0]], [...texts[1]]])).rejects.toMatchObject({
          code: 'tokens/context',
        });
        full.dispose();
        grown.dispose();
      }));

    it('is the same to the last bit behind what another session has read', () =>
      using(async (model) => {
        const text = Array.from({ length: 150 }, (_, i) => (i * 5 + 7) % SHAPE.V);
        const first = new Session(model);
        await first.append([text.slice(0, 130)]);
        const second = new Session(model);
        // Of what it has read itself only a common beginning stays.
        await second.append([[1, 2, 3]]);
        await second.adopt(first, 20);
        await second.adopt(first, 100);
        expect(second.ids).toEqual([text.slice(0, 100)]);
        first.truncate(100);
        const rest = text.slice(100);
        const expected = await first.append([rest], { lastLogits: true });
        expect(await second.append([rest], { lastLogits: true })).toEqual(expected);
        const logits = [first, second].map(async (session) => {
          const found: Float32Array[] = [];
          await readLogits(session, 0, 0, 150, (rows) => found.push(rows.logits));
          return found;
        });
        expect(await logits[1]).toEqual(await logits[0]);
        // What it holds is its own.
        first.dispose();
        second.truncate(140);
        await second.append([text.slice(140)]);
        await expect(second.adopt(first, 150)).resolves.toBeUndefined();
        await expect(second.adopt(first, 10)).resolves.toBeUndefined();
        second.truncate(3);
        await expect(second.adopt(first, 9)).rejects.toMatchObject({ code: 'engine/disposed' });
        second.dispose();
      }));

    it('can be recorded behind another before that has run', () =>
      using(async (model, arena) => {
        const session = new Session(model, { capacity: 8 });
        await session.append([IDS]);
        const [expected] = await session.append([[11]], { lastLogits: true });
        const enc = model.device.createEncoder();
        const first = session.pass({ tokens: IDS.length, start: 0 });
        encodePass(enc, model, { ...first, ids: idsOf(arena, IDS) });
        const second = session.pass({ tokens: 1, start: IDS.length }, { lastLogits: true });
        encodePass(enc, model, { ...second, ids: idsOf(arena, [11]) });
        const logits = readLast(enc, second, model);
        enc.submit();
        expect(await logits).toEqual(expected);
        session.dispose();
      }));
  });
}

function idsOf(arena: Arena, ids: readonly number[]) {
  return arena.upload('ids', [ids.length], 'u32', Uint32Array.from(ids));
}

function readLast(enc: Encoder, { lastLogits }: Pass, { config }: Gpt): Promise<Float32Array> {
  if (!lastLogits) throw new Error('The pass has no logits.');
  return enc.read(lastLogits, 0, config.vocabSize);
}
