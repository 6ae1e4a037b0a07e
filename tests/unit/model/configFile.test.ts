// What config.json says: whose words are read, where they may stand, and what is refused by name.
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../../../src/model/configFile.ts';

describe('readConfigFile', () => {
  it("reads Hugging Face's keys", () => {
    const file = readConfigFile({
      model_type: 'gpt2',
      n_head: 12,
      n_inner: null,
      activation_function: 'gelu_new',
      eos_token_id: [1, 2],
      tie_word_embeddings: false,
    });
    expect(file).toMatchObject({
      nHead: 12,
      nInner: undefined,
      activation: 'gelu-tanh',
      eosTokenIds: [1, 2],
      tiedHead: false,
    });
  });

  it('reads the words of transformers in general, of nanoGPT, and of the book', () => {
    const sizes = { vocabSize: 300, nCtx: 32, nEmbd: 24, nLayer: 2, nHead: 3 };
    for (const json of [
      {
        vocab_size: 300,
        max_position_embeddings: 32,
        hidden_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 3,
      },
      { vocab_size: 300, block_size: 32, n_embd: 24, n_layer: 2, n_head: 3 },
      { vocab_size: 300, context_length: 32, emb_dim: 24, n_layers: 2, n_heads: 3 },
    ]) {
      expect(readConfigFile(json)).toMatchObject(sizes);
    }
  });

  it('knows what each name of an activation computes, and how scores are scaled', () => {
    const activations = {
      'gelu-tanh': ['gelu_new', 'gelu_fast', 'gelu_pytorch_tanh', 'gelu_accurate'],
      'gelu-exact': ['gelu', 'gelu_python'],
      'gelu-quick': ['quick_gelu'],
      relu: ['relu'],
      silu: ['silu', 'swish'],
      tanh: ['tanh'],
    };
    for (const [activation, names] of Object.entries(activations)) {
      for (const activation_function of names) {
        expect(readConfigFile({ activation_function })).toMatchObject({ activation });
      }
    }
    expect(
      readConfigFile({
        activation_function: null,
        scale_attn_weights: false,
        scale_attn_by_inverse_layer_idx: true,
        reorder_and_upcast_attn: true,
      }),
    ).toMatchObject({
      activation: undefined,
      scaleAttnWeights: false,
      scaleAttnByInverseLayerIdx: true,
      reorderAndUpcastAttn: true,
    });
  });

  it('takes any type for the name of a model whose tensors decide, and none', () => {
    for (const model_type of ['nanoGPT', 'nanogpt', 'gpt', 'gpt-nano', 'my-stories', null]) {
      expect(readConfigFile({ model_type, n_head: 3 }).nHead).toBe(3);
    }
    // minGPT has one that is called after GPT-1 and built like GPT-2.
    expect(readConfigFile({ model_type: 'openai-gpt', block_size: 64, n_head: 3 }).nHead).toBe(3);
  });

  for (const model_type of ['llama', 'bert', 'gpt_neox', 'opt', 'openai-gpt', 'RefinedWeb']) {
    it(`refuses the type ${model_type} by name`, () => {
      const refused = expect.objectContaining({
        code: 'config/unsupported',
        message: `config.json: model_type is "${model_type}", a kind of model that is built in another way than GPT-2.`,
      }) as Error;
      expect(() => readConfigFile({ model_type, n_head: 12 })).toThrow(refused);
    });
  }

  describe('finds a configuration within the file', () => {
    const sizes = {
      block_size: 32,
      vocab_size: 300,
      n_layer: 2,
      n_head: 3,
      n_embd: 24,
      bias: true,
    };
    for (const key of ['config', 'cfg', 'model_config', 'model_args', 'gpt']) {
      it(`under "${key}"`, () => {
        const expected = { nCtx: 32, vocabSize: 300, nLayer: 2, nHead: 3, nEmbd: 24, bias: true };
        const json = { model_type: 'gpt', [key]: { ...sizes, dropout: 0.2 } };
        expect(readConfigFile(json)).toMatchObject(expected);
        expect(readConfigFile(json).dropRates).toEqual({ embd: 0.2, attn: 0.2, resid: 0.2 });
      });
    }

    it('and within what is within it', () => {
      const json = { model: { class_path: 'gpt.GPT', init_args: { config: sizes } }, lr: 1e-3 };
      expect(readConfigFile(json)).toMatchObject({ nHead: 3, nEmbd: 24, nCtx: 32 });
    });

    it('and believes the arguments of a model over the configuration of its training', () => {
      const json = { model_args: { ...sizes, n_layer: 48 }, config: sizes, iter_num: 7 };
      expect(readConfigFile(json).nLayer).toBe(48);
    });

    it('and refuses two that say other numbers', () => {
      const twice = expect.objectContaining({
        code: 'config/format',
        message: 'config.json gives n_head twice, as 4 and as 3.',
      }) as Error;
      expect(() => readConfigFile({ config: { ...sizes, n_head: 4 }, other: sizes })).toThrow(
        twice,
      );
      // What is the same, or left open, is no contradiction.
      const open = { config: sizes, other: { ...sizes, n_layer: null } };
      expect(readConfigFile(open).nLayer).toBe(2);
    });

    it('and takes nothing from what states heads alone beside one that states a width, too', () => {
      const training = { num_attention_heads: 4, activation_function: 'relu' };
      expect(readConfigFile({ training, config: sizes })).toEqual(
        readConfigFile({ config: sizes }),
      );
    });

    it('and takes nothing from what states no heads', () => {
      const json = { task_specific_params: { n_layer: 9, vocab_size: 7 } };
      expect(readConfigFile(json)).toMatchObject({ nLayer: undefined, vocabSize: undefined });
    });

    for (const [key, others] of Object.entries({
      teacher: { n_head: 12, n_embd: 768, n_layer: 12, layer_norm_epsilon: 0.5 },
      training: { num_attention_heads: 3, activation_function: 'relu', bias: false },
      meta: { cfg: { n_heads: 3, scale_attn_weights: false, tie_word_embeddings: false } },
      model_args: { n_head: 4 },
    })) {
      it(`and takes nothing from "${key}" in a file that states a shape itself`, () => {
        for (const top of [{ model_type: 'gpt2', ...sizes }, { n_heads: 3 }, { hidden_size: 24 }]) {
          expect(readConfigFile({ ...top, [key]: others })).toEqual(readConfigFile(top));
        }
        // Nor where that shape lies within.
        const within = { config: { ...sizes, [key]: others } };
        expect(readConfigFile(within)).toEqual(readConfigFile({ config: sizes }));
      });
    }
  });

  it('refuses one number under two names that is not the same', () => {
    const refused = expect.objectContaining({
      code: 'config/format',
      message: 'config.json gives n_head as 4 and n_heads as 3.',
    }) as Error;
    expect(() => readConfigFile({ n_heads: 3, n_head: 4 })).toThrow(refused);
    expect(readConfigFile({ n_heads: 3, n_head: 3, num_attention_heads: null }).nHead).toBe(3);
    // The tensors say how long a text may be; transformers reads n_positions.
    expect(readConfigFile({ n_ctx: 1024, n_positions: 32 }).nCtx).toBe(32);
  });

  it('reads NaN and Infinity as nothing said where they change no number, and refuses them by name elsewhere', () => {
    const odd = { n_head: 3, attn_pdrop: NaN, x: Infinity, bos_token_id: NaN, eos_token_id: NaN };
    expect(readConfigFile(odd)).toEqual(readConfigFile({ n_head: 3 }));
    expect(() => readConfigFile({ layer_norm_epsilon: NaN })).toThrow('layer_norm_epsilon is NaN');
    expect(() => readConfigFile({ n_head: -Infinity })).toThrow('n_head is -Infinity; expected a');
  });

  it('says of a number or a truth in quotes that it is to be without', () => {
    for (const json of [
      { n_head: '12' },
      { layer_norm_epsilon: '1e-5' },
      { config: { n_head: '12' } },
      { scale_attn_weights: 'false' },
    ]) {
      const hint = 'Write it without quotes.';
      expect(() => readConfigFile(json)).toThrow(expect.objectContaining({ hint }) as Error);
    }
  });

  it('reads tokens as ids, numerals, texts, and as transformers writes added ones', () => {
    const tokens = (bos_token_id: unknown, eos_token_id?: unknown) => {
      const { bosTokenId, eosTokenIds } = readConfigFile({ bos_token_id, eos_token_id });
      return [bosTokenId, eosTokenIds];
    };
    expect(tokens(7, [1, '2'])).toEqual([7, [1, 2]]);
    expect(tokens('50256', '<|endoftext|>')).toEqual([50256, ['<|endoftext|>']]);
    expect(tokens({ content: '<s>', lstrip: false }, null)).toEqual(['<s>', undefined]);
    expect(tokens(-1, [-1, 1.5, null, {}])).toEqual([undefined, []]);
  });

  for (const [json, message] of [
    [{ activation_function: 'mish' }, 'activation_function is "mish"; expected one of gelu_new,'],
    [{ activation_function: 7 }, 'activation_function is 7'],
    [{ scale_attn_weights: 'no' }, 'scale_attn_weights is "no"'],
    [{ quantization_config: { bits: 8 } }, 'quantization_config is {"bits":8}'],
    [{ pruned_heads: { 0: [1] } }, 'pruned_heads is {"0":[1]}'],
    [{ is_encoder_decoder: true }, 'is_encoder_decoder is true'],
    [{ layer_norm_denominator: 'max' }, 'layer_norm_denominator is "max"'],
    [{ model_type: 2 }, 'model_type is 2'],
    [{ n_head: '12' }, 'n_head is "12"'],
    [{ config: { n_head: '12' } }, 'n_head is "12"'],
    [[], 'not a JSON object'],
    [null, 'not a JSON object'],
  ] as const) {
    it(`refuses ${JSON.stringify(json)} by name`, () => {
      expect(() => readConfigFile(json)).toThrow(message);
    });
  }
});
