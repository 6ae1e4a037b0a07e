// The self-check on the processor: what passes, what it says, what it costs to be wrong.
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GivingWay } from '../../../src/engine/foreground.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { logSumExp, topOf } from '../../../src/engine/checking/agreement.ts';
import { checkedModel } from '../../../src/engine/checking/checkedModel.ts';
import { againstPublished, selfCheck } from '../../../src/engine/checking/selfCheck.ts';
import { referenceOf, type ReferenceText } from '../../../src/engine/checking/references.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { Wasm } from '../../../src/gpu/cpu/wasm.ts';
import { linearFast, matvecKernel } from '../../../src/kernels/linear.ts';
import { Session } from '../../../src/model/session.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { packPath, readExpected, readPackFile, readPackJson } from '../../support/packOnDisk.ts';

const TALES = new URL('../../../public/models/tales-7m/', import.meta.url).pathname;

describe('the self-check', () => {
  for (const dtype of ['fp32', 'q8'] as const) {
    it(`knows tales-7m in ${dtype}, and finds it right`, async () => {
      await using model = await GPT2.from_pretrained(TALES, { device: 'cpu', dtype });
      const check = await answer(model, 'selfCheck', {});
      expect(check).toMatchObject({ passed: true, against: 'reference', dtype });
      expect(check.top1).toBeGreaterThan(0.7);
      expect(check.klBits).toBeLessThan(dtype === 'q8' ? 0.01 : 1e-9);
      expect(check.report).toContain(model.fingerprint);
      expect(check.report).toContain('ok   logits after emoji');
    });
  }

  it('on the processor hears between tokens that nobody waits for it', async () => {
    // Without WebAssembly, so that the whole check takes longer than any breath.
    await using model = await GPT2.from_pretrained(TALES, {
      device: 'cpu',
      processor: { wasm: 'none' },
    });
    const append = vi.spyOn(Session.prototype, 'append');
    const tokensRead = (): number =>
      append.mock.calls.reduce((sum, [[tokens = []]]) => sum + tokens.length, 0);
    await selfCheck(model, {}, undefined);
    const all = tokensRead();
    append.mockClear();
    const controller = new AbortController();
    // A message from the page is a task like this one.
    setTimeout(() => controller.abort(), 1);
    await expect(selfCheck(model, {}, controller.signal)).rejects.toThrow(/abort/iu);
    const read = tokensRead();
    append.mockRestore();
    expect(read).toBeLessThan(all);
  });

  it('says NaN, and fails, where only the first of several prompts gives no numbers', async () => {
    await using model = await GPT2.from_pretrained(TALES, { device: 'cpu', dtype: 'fp32' });
    const append = Reflect.get<Session, 'append'>(Session.prototype, 'append');
    let reads = 0;
    const spoilt = vi.spyOn(Session.prototype, 'append').mockImplementation(async function (
      this: Session,
      tokens,
      options,
    ) {
      const logits = await append.call(this, tokens, options);
      if (options?.lastLogits && ++reads === 1) logits[0].fill(NaN);
      return logits;
    });
    const check = await selfCheck(model, {}, undefined);
    spoilt.mockRestore();
    expect(reads).toBeGreaterThan(1);
    expect(check.passed).toBe(false);
    expect(check.maxDifference).toBeNaN();
  });

  it("has PyTorch's numbers for tales-7m", async () => {
    await using model = await GPT2.from_pretrained(TALES, { device: 'cpu' });
    const [expected] = (
      JSON.parse(readFileSync(`${TALES}expected.json`, 'utf8')) as {
        ids: number[];
        top10_ids: number[];
        top10_logits: number[];
      }[]
    ).slice(1);
    const [prompt] = referenceOf(model.fingerprint)?.prompts ?? [];
    expect([prompt.ids, prompt.topIds]).toEqual([expected.ids, expected.top10_ids]);
    prompt.topLogits.forEach((logit, i) => expect(logit).toBeCloseTo(expected.top10_logits[i], 5));
  });

  for (const name of PACK_CASES) {
    it(`compares ${name}, which it does not know, with the meanings`, async () => {
      await using model = await GPT2.from_pretrained(packPath(name), { device: 'cpu' });
      const check = await selfCheck(model, {}, undefined);
      expect(check.report).not.toContain('FAIL');
      expect(check).toMatchObject({ passed: true, against: 'meanings', top1: 1 });
      const blocks = Array.from({ length: model.config.nLayer }, (_, l) => `block ${l}:`);
      for (const what of ['embedding', ...blocks, 'head']) {
        expect(check.report).toContain(`ok   ${what}`);
      }
    });
  }

  it("takes PyTorch's numbers for the tokens of a text, and no others", async () => {
    const expected = readExpected('gpt2');
    const ids = [...expected('input_ids').subarray(0, 8)];
    await using model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    const { vocabSize } = model.config;
    const logits = expected('logits');
    const row = (i: number): Float32Array => logits.subarray(i * vocabSize, (i + 1) * vocabSize);
    const logProbs = ids.slice(1).map((id, i) => row(i)[id] - logSumExp(row(i)));
    const best = topOf(row(6));
    const stepsOf = async (text: Partial<ReferenceText>) => {
      const texts = [{ what: 'a text', ids, ...text }];
      const { steps, top1, against } = await againstPublished(model, texts, new GivingWay());
      expect(against).toBe('published');
      // The meanings have their say too.
      expect(steps.some(({ what }) => what === 'head')).toBe(true);
      return { ok: steps[0].difference <= steps[0].bound, top1 };
    };
    expect(await stepsOf({ logProbs })).toMatchObject({ ok: true });
    for (const wrong of [0.002, NaN]) {
      const other = logProbs.with(3, logProbs[3] + wrong);
      expect(await stepsOf({ logProbs: other })).toMatchObject({ ok: false });
    }
    const greedily = [...ids.slice(0, 7), best];
    expect(await stepsOf({ ids: greedily, greedy: 1 })).toEqual({ ok: true, top1: 1 });
    const another = [...ids.slice(0, 7), (best + 1) % vocabSize];
    expect(await stepsOf({ ids: another, greedy: 1 })).toEqual({ ok: false, top1: 0 });
  });

  it("knows OpenAI's GPT-2 by the SHA-256 of its file", async () => {
    const sum = '248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707';
    const { name, texts = [] } = referenceOf('', sum) ?? {};
    expect(name).toBe('openai-community/gpt2');
    expect(referenceOf('', 'toString')).toBe(null);
    for (const { ids, logProbs = [], greedy = 0 } of texts) {
      expect(logProbs.length + greedy).toBeGreaterThan(0);
      if (logProbs.length > 0) expect(logProbs).toHaveLength(ids.length - 1);
      expect(greedy).toBeLessThan(ids.length);
    }
    // The texts that were published, not ids that stand for others.
    const tokenizer = await loadGpt2Tokenizer();
    expect(texts.map(({ ids }) => tokenizer.decode(ids))).toEqual([
      '<|endoftext|>We study empirical scaling laws for language model performance on the cross-entropy loss.',
      'The dog was found in a field near the intersection of West and West Streets.\n\nThe dog',
      'The quick brown fox jumps over the lazy, lazy fox and they both fall to the ground',
    ]);
  });

  it('gives a checkpoint the same fingerprint in every dtype, and another one a different one', async () => {
    const prints = new Set<string>();
    for (const name of ['gpt2', 'gpt2-head64']) {
      for (const dtype of ['fp32', 'q8'] as const) {
        await using model = await GPT2.from_pretrained(packPath(name), { device: 'cpu', dtype });
        prints.add(model.fingerprint);
        expect(model.fingerprint).toMatch(/^[0-9a-f]{16}$/);
      }
    }
    expect(prints.size).toBe(2);
  });

  it('turns red for one wrong number in a product, and for none at all', async () => {
    for (const wrong of [1.001, NaN]) {
      const twins = new Map([
        [
          matvecKernel,
          (arrays: Parameters<typeof linearFast>[0], sizes: Parameters<typeof linearFast>[1]) => {
            linearFast(arrays, sizes);
            arrays.out[sizes.outColumn4 * 4] *= wrong;
          },
        ],
      ]);
      const broken = createCpuDevice('f32', { twins });
      await using model = await GPT2.from_source(
        openSafetensors(readPackFile('gpt2', 'model.safetensors')),
        {
          device: broken,
          file: readConfigFile(readPackJson('gpt2', 'config.json')),
          dtype: 'fp32',
        },
      );
      const check = await selfCheck(model, {}, undefined);
      expect(check.passed).toBe(false);
      expect(check.report).toContain('self-check: FAILED');
      // Nothing simpler can be had: it came from no folder.
      const checked = await checkedModel(model);
      expect(checked).toMatchObject({ check: { passed: false }, failed: [] });
    }
  });

  it('ends on plain loops where the kernels of WebAssembly are wrong', async () => {
    const share = Reflect.get<Wasm, 'share'>(Wasm.prototype, 'share');
    const wrong = vi.spyOn(Wasm.prototype, 'share').mockImplementation(function (
      this: Wasm,
      kernel,
      parameters,
      ...more
    ) {
      // A linear layer that forgets its activation.
      const spoilt = kernel === 0 ? [...parameters.slice(0, -1), 0] : parameters;
      share.call(this, kernel, spoilt, ...more);
    });
    const first = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu', dtype: 'q8' });
    const { model, check, failed } = await checkedModel(first);
    expect(wrong).toHaveBeenCalled();
    wrong.mockRestore();
    expect(failed.map(({ dtype }) => dtype)).toEqual(['q8', 'fp32']);
    expect(failed[0].report).toContain('WebAssembly kernels');
    expect(check).toMatchObject({ passed: true, dtype: 'fp32', device: { unpacks: true } });
    expect(check.report).toContain('plain kernels');
    await model.dispose();
  });

  it('lets a question pass that comes meanwhile, and then goes on where it was', async () => {
    const engine = new LocalEngine();
    await engine.load(packPath('gpt2'), { device: 'cpu' });
    const append = Reflect.get<Session, 'append'>(Session.prototype, 'append');
    /** What is read, and answered, in order; the question is asked at the check's first step. */
    const followed = async (ids: number[] | null): Promise<string[]> => {
      const order: string[] = [];
      let asking: Promise<unknown> = Promise.resolve();
      const watched = vi.spyOn(Session.prototype, 'append').mockImplementation(function (
        this: Session,
        tokens,
        options,
      ) {
        order.push(tokens[0].join() === ids?.join() ? 'question' : 'check');
        if (order.length === 1 && ids) {
          asking = engine.ask('score', { ids, off: [] }).then(() => order.push('answer'));
        }
        return append.call(this, tokens, options);
      });
      const check = await engine.ask('selfCheck', {});
      order.push(check.passed ? 'passed' : 'failed');
      await asking;
      watched.mockRestore();
      return order;
    };
    const alone = await followed(null);
    expect(alone.length).toBeGreaterThan(4);
    const [first, ...rest] = alone;
    expect(await followed([5, 4, 3, 2, 1])).toEqual([first, 'question', 'answer', ...rest]);
    await engine.dispose();
  });

  it('stops when it is told to', async () => {
    await using model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    await expect(answer(model, 'selfCheck', {}, AbortSignal.abort())).rejects.toThrow('abort');
  });
});
