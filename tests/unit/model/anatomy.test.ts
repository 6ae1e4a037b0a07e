// The module tree: what the sources print, and counts that agree with the shapes.
import { describe, expect, it } from 'vitest';
import type { ModuleNode } from '../../../src/api.ts';
import { toAnatomy } from '../../../src/model/anatomy.ts';
import { type GptConfig, PRESETS, toMegabytes } from '../../../src/model/config.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import type { LayoutName } from '../../../src/model/layouts.ts';
import { parameterCount } from '../../../src/model/parameters.ts';

/** As `print(model)` in PyTorch: names in parentheses, two spaces a level. */
function print({ text, children }: ModuleNode, indent = ''): string {
  if (children.length === 0) return text;
  const inside = `${indent}  `;
  const lines = children.map((child) => `${inside}(${child.name}): ${print(child, inside)}\n`);
  return `${text}(\n${lines.join('')}${indent})`;
}

function find(node: ModuleNode, path: string): ModuleNode {
  for (const name of path.split('.')) {
    const child = node.children.find((one) => one.name === name);
    if (!child) throw new Error(`${path} is not there.`);
    node = child;
  }
  return node;
}

const rates = { embd: 0.1, attn: 0.1, resid: 0.1 };

describe('the notebook', () => {
  const { root, ...facts } = toAnatomy(PRESETS['notebook-124m'], 'notebook', 7, rates);

  it('is printed as the notebook prints it', () => {
    expect(print(root)).toContain(`GPTModel(
  (tok_emb): Embedding(50257, 768)
  (pos_emb): Embedding(1024, 768)
  (drop_emb): Dropout(p=0.1, inplace=False)
  (trf_blocks): Sequential(
    (0): TransformerBlock(
      (att): MultiHeadAttention(
        (W_query): Linear(in_features=768, out_features=768, bias=False)
        (W_key): Linear(in_features=768, out_features=768, bias=False)
        (W_value): Linear(in_features=768, out_features=768, bias=False)
        (out_proj): Linear(in_features=768, out_features=768, bias=True)
        (dropout): Dropout(p=0.1, inplace=False)
      )
      (ff): FeedForward(
        (layers): Sequential(
          (0): Linear(in_features=768, out_features=3072, bias=True)
          (1): GELU()
          (2): Linear(in_features=3072, out_features=768, bias=True)
        )
      )
      (norm1): LayerNorm()
      (norm2): LayerNorm()
      (drop_shortcut): Dropout(p=0.1, inplace=False)
    )
    (1): TransformerBlock(
      (att): MultiHeadAttention(
`);
    expect(print(root)).toMatch(
      /\n {2}\(final_norm\): LayerNorm\(\)\n {2}\(out_head\): Linear\(in_features=768, out_features=50257, bias=False\)\n\)$/,
    );
    expect(find(root, 'trf_blocks').children).toHaveLength(12);
  });

  it('has its 163,009,536 parameters, 124,412,160 with the head tied, in 621.83 MB', () => {
    expect(root.parameters).toBe(163_009_536);
    expect(facts).toEqual({
      tiedParameters: 124_412_160,
      untiedParameters: 163_009_536,
      scores: { headSize: 64, byBlock: false },
      isTied: false,
      memoryBytes: 7,
    });
    expect(toMegabytes(root.parameters * 4)).toBe('621.83 MB');
    expect(find(root, 'out_head').parameters).toBe(50257 * 768);
    expect(find(root, 'trf_blocks.0.ff').parameters).toBe(4_722_432);
    expect(find(root, 'trf_blocks.0.att').parameters).toBe(2_360_064);
  });
});

describe('the other layouts', () => {
  it('print GPT-2 as transformers does', () => {
    const { root, untiedParameters, isTied } = toAnatomy(PRESETS.gpt2, 'huggingface', 0, rates);
    const [first, second] = print(root).split('      (1): GPT2Block(');
    expect(first).toBe(`GPT2LMHeadModel(
  (transformer): GPT2Model(
    (wte): Embedding(50257, 768)
    (wpe): Embedding(1024, 768)
    (drop): Dropout(p=0.1, inplace=False)
    (h): ModuleList(
      (0): GPT2Block(
        (ln_1): LayerNorm((768,), eps=1e-05, elementwise_affine=True)
        (attn): GPT2Attention(
          (c_attn): Conv1D(nf=2304, nx=768)
          (c_proj): Conv1D(nf=768, nx=768)
          (attn_dropout): Dropout(p=0.1, inplace=False)
          (resid_dropout): Dropout(p=0.1, inplace=False)
        )
        (ln_2): LayerNorm((768,), eps=1e-05, elementwise_affine=True)
        (mlp): GPT2MLP(
          (c_fc): Conv1D(nf=3072, nx=768)
          (c_proj): Conv1D(nf=768, nx=3072)
          (act): NewGELUActivation()
          (dropout): Dropout(p=0.1, inplace=False)
        )
      )
`);
    expect(second).toMatch(
      /\n {2}\(lm_head\): Linear\(in_features=768, out_features=50257, bias=False\)\n\)$/,
    );
    expect([root.parameters, isTied]).toEqual([124_439_808, true]);
    expect(untiedParameters).toBe(124_439_808 + 50257 * 768);
    expect(find(root, 'lm_head').parameters).toBe(0);
    expect(find(root, 'transformer.h.3.attn.c_attn').tensors).toEqual([
      { name: 'weight', shape: [768, 2304] },
      { name: 'bias', shape: [2304] },
    ]);
  });

  it('name the activation that is computed, and say how scores are scaled', () => {
    const act = (activation: GptConfig['activation'], layout: LayoutName, path: string): string =>
      find(toAnatomy({ ...PRESETS.gpt2, activation }, layout, 0).root, path).text;
    for (const [activation, transformers, torch] of [
      ['gelu-tanh', 'NewGELUActivation()', "GELU(approximate='tanh')"],
      ['gelu-exact', 'GELUActivation()', "GELU(approximate='none')"],
      ['gelu-quick', 'QuickGELUActivation()', 'QuickGELU()'],
      ['relu', 'ReLU()', 'ReLU()'],
      ['silu', 'SiLUActivation()', 'SiLU()'],
      ['tanh', 'Tanh()', 'Tanh()'],
    ] as const) {
      expect(act(activation, 'huggingface', 'transformer.h.0.mlp.act')).toBe(transformers);
      expect(act(activation, 'nanogpt', 'transformer.h.0.mlp.gelu')).toBe(torch);
      expect(act(activation, 'mingpt', 'blocks.0.mlp.1')).toBe(torch);
      // The notebook wrote its own GELU.
      const own = activation === 'gelu-tanh' ? 'GELU()' : torch;
      expect(act(activation, 'notebook', 'trf_blocks.0.ff.layers.1')).toBe(own);
    }
    const scaling = { scaleAttnWeights: false, scaleAttnByInverseLayerIdx: true };
    const { scores } = toAnatomy({ ...PRESETS.gpt2, ...scaling }, 'huggingface', 0);
    expect(scores).toEqual({ headSize: null, byBlock: true });
  });

  it('speak the words of nanoGPT and of minGPT', () => {
    const nano = toAnatomy(PRESETS.nanogpt, 'nanogpt', 0).root;
    expect(find(nano, 'transformer.h.0.mlp.gelu').text).toBe("GELU(approximate='none')");
    expect(find(nano, 'transformer.ln_f')).toMatchObject({ text: 'LayerNorm()', parameters: 768 });
    expect(find(nano, 'lm_head').text).toBe(
      'Linear(in_features=768, out_features=50304, bias=False)',
    );
    const min = toAnatomy(PRESETS['mingpt-gpt1'], 'mingpt', 0).root;
    // The position embedding is a parameter of the model itself, which PyTorch does not print.
    expect(min.tensors).toEqual([{ name: 'pos_emb', shape: [1, 1024, 768] }]);
    expect(find(min, 'blocks.11.attn').children.map(({ name }) => name)).toEqual(
      'key query value attn_drop resid_drop proj'.split(' '),
    );
    expect(find(min, 'blocks.0.mlp').children.map(({ name }) => name)).toEqual(
      '0 1 2 3'.split(' '),
    );
  });

  it('count as many parameters as the shapes have, in every layout and configuration', () => {
    for (const config of Object.values(PRESETS)) {
      for (const layout of ['huggingface', 'nanogpt', 'mingpt', 'notebook'] as const) {
        expect(toAnatomy(config, layout, 0).root.parameters).toBe(parameterCount(config));
      }
    }
  });
});

describe('dropout', () => {
  it('has the rate that config.json names, in any of the four dialects', () => {
    const hf = readConfigFile({ embd_pdrop: 0.1, attn_pdrop: 0.25, resid_pdrop: 0 }).dropRates;
    const { root } = toAnatomy(PRESETS.gpt2, 'huggingface', 0, hf);
    expect(find(root, 'transformer.drop').text).toBe('Dropout(p=0.1, inplace=False)');
    expect(find(root, 'transformer.h.0.attn.attn_dropout').text).toBe(
      'Dropout(p=0.25, inplace=False)',
    );
    expect(find(root, 'transformer.h.0.mlp.dropout').text).toBe('Dropout(p=0.0, inplace=False)');
    for (const file of [{ drop_rate: 0.1 }, { dropout: 0.1 }]) {
      expect(readConfigFile(file).dropRates).toEqual(rates);
    }
  });

  it('has a question mark where nobody says, which is no reason to refuse a model', () => {
    const { dropRates } = readConfigFile({ embd_pdrop: 'often' });
    const { root } = toAnatomy(PRESETS.gpt2, 'huggingface', 0, dropRates);
    expect(find(root, 'transformer.drop').text).toBe('Dropout(p=?, inplace=False)');
  });
});
