// A model whose vocabulary is a few letters, with holes, with ids that it has not, with ids that nobody named.
import { describe, expect, it } from 'vitest';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { DEFAULT_OPTIONS } from '../../../src/engine/sampling/generate.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { LETTERS, type LetterOptions, letterModel } from '../../support/letterModel.ts';

const V = LETTERS.length;
const load = (options?: LetterOptions): Promise<GPT2> =>
  GPT2.from_pretrained('letters', { device: 'cpu', files: letterModel(options) });

describe('a vocabulary of letters', () => {
  it('is checked as the page checks it, though it cannot read what is read for that', async () => {
    const engine = new LocalEngine();
    const options = { device: 'cpu', files: letterModel(), selfCheck: true } as const;
    const summary = await engine.load('letters', options);
    expect(summary.check).toMatchObject({ passed: true, against: 'meanings' });
    await engine.dispose();
  });

  it('has means to put in the place of a part, and precisions to compare', async () => {
    await using model = await load();
    const off = [{ part: 'mlp', layer: 0, by: 'mean' }] as const;
    const { klBits } = await answer(model, 'compare', { ids: [1, 2, 3], top: 3, off });
    expect(klBits).toBeGreaterThan(0);
    const cost = await answer(model, 'precisionCost', { dtype: 'q8' });
    expect(cost.tokens).toBe(64);
    expect(cost.maxDifference).toBeGreaterThan(0);
  });

  it('says what it cannot read to whoever gives it a text', async () => {
    await using model = await load();
    expect(() => model.encode('Fox')).toThrow(expect.objectContaining({ code: 'tokenizer/byte' }));
  });
});

describe('ids that no token has', () => {
  it('between tokens are shown as their number, and may be written', async () => {
    await using model = await load({ rows: V + 4, added: { '<pad>': V + 3 } });
    expect(model.tokenizer?.vocabSize).toBe(V + 4);
    const ids = [7, 4, V, 11, V + 3];
    const pieces = await answer(model, 'pieces', { ids });
    expect(pieces.map(({ text }) => text)).toEqual(['h', 'e', `⟨${V}⟩`, 'l', '<pad>']);
    const { top } = await answer(model, 'distribution', { ids, options: DEFAULT_OPTIONS, top: 99 });
    expect(top.map(({ piece }) => piece.text)).toContain(`⟨${V + 1}⟩`);
    const written: number[] = [];
    for await (const { token_id } of model.generate('hello', {
      do_sample: true,
      top_k: 0,
      temperature: 9,
      seed: 3,
      max_new_tokens: 40,
    }))
      written.push(token_id);
    expect(written).toHaveLength(40);
    expect(written).toEqual(expect.arrayContaining([expect.toSatisfy((id) => id >= V)]));
  });

  it('leave the text around them as it is', async () => {
    await using model = await load({ rows: V + 4 });
    const ids = [7, 4, 11, V + 1, 11, 14];
    const bytes = ids.flatMap((id) => [...model.vocabulary.bytesOf(id)]);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(`hel⟨${V + 1}⟩lo`);
  });
});

describe('tokens that config.json names by their text', () => {
  it('have the ids that the tokenizer gives them', async () => {
    const config = { bos_token_id: '<|endoftext|>', eos_token_id: ['<|endoftext|>', '.', '3'] };
    await using model = await load({ rows: V + 1, added: { '<|endoftext|>': V }, config });
    expect(model.summary).toMatchObject({ bosTokenId: V, eosTokenIds: [V, V - 1, 3] });
    expect(model.summary.notes).toBeUndefined();
  });

  it('are left out with a note where no tokenizer knows them', async () => {
    const config = { bos_token_id: '<|im_start|>', eos_token_id: '<|im_end|>' };
    await using model = await load({ config });
    expect(model.summary).toMatchObject({ bosTokenId: null, eosTokenIds: [] });
    expect(model.summary.notes).toEqual([
      'bos_token_id is the text "<|im_start|>"; the tokenizer has no such token, so it is not used.',
      'eos_token_id is the text "<|im_end|>"; the tokenizer has no such token, so it is not used.',
    ]);
    const files = letterModel({ config }).filter(({ name }) => !/vocab|merges/.test(name));
    await using mute = await GPT2.from_pretrained('letters', { device: 'cpu', files });
    expect(mute.summary.notes?.[0]).toContain('the model has no tokenizer that could say its id');
  });
});

describe('ids that the model has not', () => {
  it('are not its beginning or end of text', async () => {
    const beyond = { bos_token_id: 50256, eos_token_id: 50256 };
    await using model = await load({ config: beyond });
    expect(model.summary).toMatchObject({ bosTokenId: null, eosTokenIds: [] });
    const options = DEFAULT_OPTIONS;
    await expect(answer(model, 'distribution', { ids: [], options })).rejects.toMatchObject({
      code: 'tokens/empty',
    });
    // The tokenizer knows better than config.json, and one id that is there is enough.
    const added = { '<|endoftext|>': V };
    await using ended = await load({ rows: V + 1, added, config: beyond });
    expect(ended.summary).toMatchObject({ bosTokenId: V, eosTokenIds: [V] });
    await using two = await load({ config: { eos_token_id: [3, V] } });
    expect(two.summary).toMatchObject({ bosTokenId: 3, eosTokenIds: [3] });
    await using none = await load({ rows: V + 1, added, config: { eos_token_id: [] } });
    expect(none.summary).toMatchObject({ bosTokenId: V, eosTokenIds: [] });
  });

  it('are left out of the tokens that were added beside the vocabulary', async () => {
    await using model = await load({ added: { '[PAD]': V } });
    expect(model.tokenizer?.vocabSize).toBe(V);
    expect(model.tokenizer?.specialTokens.size).toBe(0);
  });

  it('are left out of the vocabulary, which a note says', async () => {
    await using model = await load({ rows: V - 1 });
    expect(model.tokenizer?.vocabSize).toBe(V - 1);
    expect(model.summary.notes).toEqual([
      `1 token has no row in this model of ${V - 1}, and will be neither read nor written.`,
    ]);
    expect(() => model.encode('no.')).toThrow(expect.objectContaining({ code: 'tokenizer/byte' }));
  });

  it('are too many where the vocabulary is another model’s: there is none then, and a note says so', async () => {
    await using model = await load({ rows: 7 });
    expect(model.tokenizer).toBeNull();
    expect(model.summary.notes?.[0]).toContain(
      `vocab.json has ids up to ${V - 1}; the model expects a vocabulary of 7.`,
    );
    expect(() => model.encode('no')).toThrow(
      expect.objectContaining({
        code: 'tokenizer/missing',
        hint: expect.stringContaining('of another model') as string,
      }),
    );
    const written = [];
    for await (const { token_id } of model.generate([1, 2], { max_new_tokens: 2 }))
      written.push(token_id);
    expect(written).toHaveLength(2);
  });
});
