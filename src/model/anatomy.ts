// The model as a tree of modules, in the words of the codebase that its checkpoint comes from and
// as PyTorch prints it there. Counts are summed from the tensors, not from a formula.
import type { ModelAnatomy, ModuleNode } from '../api.ts';
import { type GptConfig, headSizeOf } from './config.ts';
import type { DropRates } from './configFile.ts';
import type { LayoutName } from './layouts.ts';
import { parameterCount } from './parameters.ts';

/** A module that has no name yet: its place in the tree gives it one. */
type Piece = Omit<ModuleNode, 'name'>;
type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * The module tree of a model, its counts with a tied and an untied head, and `memoryBytes` as they
 * are given. Dropout is printed with the rate it was trained with (`p=?` where nobody says); it does
 * nothing when a model is used.
 */
export function toAnatomy(
  config: GptConfig,
  layout: LayoutName,
  memoryBytes: number,
  dropRates: DropRates = {},
): ModelAnatomy {
  const tiedParameters = parameterCount(config, { withoutHead: true });
  return {
    root: { name: '', ...ROOTS[layout](config, dropRates) },
    tiedParameters,
    untiedParameters: tiedParameters + config.vocabSize * config.nEmbd,
    isTied: config.tiedHead,
    scores: {
      headSize: config.scaleAttnWeights ? headSizeOf(config) : null,
      byBlock: config.scaleAttnByInverseLayerIdx,
    },
    memoryBytes,
  };
}

/** What PyTorch prints for an activation, of transformers' modules, of its own, and of the notebook's where it has one. */
const ACTIVATIONS: Readonly<
  Record<GptConfig['activation'], { transformers: string; torch: string; notebook?: string }>
> = {
  'gelu-tanh': {
    transformers: 'NewGELUActivation()',
    torch: "GELU(approximate='tanh')",
    notebook: 'GELU()',
  },
  'gelu-exact': { transformers: 'GELUActivation()', torch: "GELU(approximate='none')" },
  'gelu-quick': { transformers: 'QuickGELUActivation()', torch: 'QuickGELU()' },
  relu: { transformers: 'ReLU()', torch: 'ReLU()' },
  silu: { transformers: 'SiLUActivation()', torch: 'SiLU()' },
  tanh: { transformers: 'Tanh()', torch: 'Tanh()' },
};

const ROOTS: Readonly<Record<LayoutName, (config: GptConfig, drop: DropRates) => Piece>> = {
  huggingface: (config, drop) => {
    const { nEmbd: c, nInner } = config;
    const block = branch('GPT2Block', {
      ln_1: torchNorm(config),
      attn: branch('GPT2Attention', {
        c_attn: conv1D(c, 3 * c, config.qkvBias),
        c_proj: conv1D(c, c, config.bias),
        attn_dropout: dropout(drop.attn),
        resid_dropout: dropout(drop.resid),
      }),
      ln_2: torchNorm(config),
      mlp: branch('GPT2MLP', {
        c_fc: conv1D(c, nInner, config.bias),
        c_proj: conv1D(nInner, c, config.bias),
        act: leaf(ACTIVATIONS[config.activation].transformers),
        dropout: dropout(drop.resid),
      }),
    });
    return branch('GPT2LMHeadModel', {
      transformer: branch('GPT2Model', {
        wte: embedding(config.vocabSize, c),
        wpe: embedding(config.nCtx, c),
        drop: dropout(drop.embd),
        h: repeat('ModuleList', config.nLayer, block),
        ln_f: torchNorm(config),
      }),
      lm_head: head(config),
    });
  },
  nanogpt: (config, drop) => {
    const { nEmbd: c, nInner } = config;
    const block = branch('Block', {
      ln_1: ownNorm(config, 'weight', 'bias'),
      attn: branch('CausalSelfAttention', {
        c_attn: linear(c, 3 * c, config.qkvBias),
        c_proj: linear(c, c, config.bias),
        attn_dropout: dropout(drop.attn),
        resid_dropout: dropout(drop.resid),
      }),
      ln_2: ownNorm(config, 'weight', 'bias'),
      mlp: branch('MLP', {
        c_fc: linear(c, nInner, config.bias),
        gelu: leaf(ACTIVATIONS[config.activation].torch),
        c_proj: linear(nInner, c, config.bias),
        dropout: dropout(drop.resid),
      }),
    });
    return branch('GPT', {
      transformer: branch('ModuleDict', {
        wte: embedding(config.vocabSize, c),
        wpe: embedding(config.nCtx, c),
        drop: dropout(drop.embd),
        h: repeat('ModuleList', config.nLayer, block),
        ln_f: ownNorm(config, 'weight', 'bias'),
      }),
      lm_head: head(config),
    });
  },
  mingpt: (config, drop) => {
    const { nEmbd: c, nInner } = config;
    const block = branch('Block', {
      ln1: torchNorm(config),
      ln2: torchNorm(config),
      attn: branch('CausalSelfAttention', {
        key: linear(c, c, config.qkvBias),
        query: linear(c, c, config.qkvBias),
        value: linear(c, c, config.qkvBias),
        attn_drop: dropout(drop.attn),
        resid_drop: dropout(drop.resid),
        proj: linear(c, c, config.bias),
      }),
      mlp: branch('Sequential', {
        0: linear(c, nInner, config.bias),
        1: leaf(ACTIVATIONS[config.activation].torch),
        2: linear(nInner, c, config.bias),
        3: dropout(drop.resid),
      }),
    });
    return branch(
      'GPT',
      {
        tok_emb: embedding(config.vocabSize, c),
        drop: dropout(drop.embd),
        blocks: repeat('Sequential', config.nLayer, block),
        ln_f: torchNorm(config),
        head: head(config),
      },
      { pos_emb: [1, config.nCtx, c] },
    );
  },
  notebook: (config, drop) => {
    const { nEmbd: c, nInner } = config;
    const block = branch('TransformerBlock', {
      att: branch('MultiHeadAttention', {
        W_query: linear(c, c, config.qkvBias),
        W_key: linear(c, c, config.qkvBias),
        W_value: linear(c, c, config.qkvBias),
        out_proj: linear(c, c, config.bias),
        dropout: dropout(drop.attn),
      }),
      ff: branch('FeedForward', {
        layers: branch('Sequential', {
          0: linear(c, nInner, config.bias),
          1: leaf(ACTIVATIONS[config.activation].notebook ?? ACTIVATIONS[config.activation].torch),
          2: linear(nInner, c, config.bias),
        }),
      }),
      norm1: ownNorm(config, 'scale', 'shift'),
      norm2: ownNorm(config, 'scale', 'shift'),
      drop_shortcut: dropout(drop.resid),
    });
    return branch('GPTModel', {
      tok_emb: embedding(config.vocabSize, c),
      pos_emb: embedding(config.nCtx, c),
      drop_emb: dropout(drop.embd),
      trf_blocks: repeat('Sequential', config.nLayer, block),
      final_norm: ownNorm(config, 'scale', 'shift'),
      out_head: head(config),
    });
  },
};

/** A module with children, in the order in which its constructor makes them. */
function branch(text: string, children: Readonly<Record<string, Piece>>, own: Shapes = {}): Piece {
  const nodes = Object.entries(children).map(([name, piece]) => ({ name, ...piece }));
  const { tensors, parameters } = leaf(text, own);
  return {
    text,
    tensors,
    parameters: nodes.reduce((sum, node) => sum + node.parameters, parameters),
    children: nodes,
  };
}

function repeat(text: string, count: number, block: Piece): Piece {
  return branch(text, Object.fromEntries(Array.from({ length: count }, (_, l) => [l, block])));
}

function leaf(text: string, own: Shapes = {}): Piece {
  const tensors = Object.entries(own).map(([name, shape]) => ({ name, shape }));
  const parameters = tensors.reduce(
    (sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1),
    0,
  );
  return { text, tensors, parameters, children: [] };
}

function embedding(rows: number, columns: number): Piece {
  return leaf(`Embedding(${rows}, ${columns})`, { weight: [rows, columns] });
}

function linear(inputs: number, outputs: number, bias: boolean): Piece {
  return leaf(
    `Linear(in_features=${inputs}, out_features=${outputs}, bias=${bias ? 'True' : 'False'})`,
    { weight: [outputs, inputs], ...(bias ? { bias: [outputs] } : {}) },
  );
}

/** transformers' linear layer, which stores its inputs first. */
function conv1D(inputs: number, outputs: number, bias: boolean): Piece {
  return leaf(`Conv1D(nf=${outputs}, nx=${inputs})`, {
    weight: [inputs, outputs],
    ...(bias ? { bias: [outputs] } : {}),
  });
}

/** The head; a tied one is the token embedding, which is counted there. */
function head({ nEmbd, vocabSize, tiedHead }: GptConfig): Piece {
  const own = linear(nEmbd, vocabSize, false);
  return tiedHead ? { ...own, parameters: 0 } : own;
}

/** torch.nn.LayerNorm, which prints its shape. */
function torchNorm(config: GptConfig): Piece {
  const { nEmbd, layerNormEpsilon } = config;
  return {
    ...ownNorm(config, 'weight', 'bias'),
    text: `LayerNorm((${nEmbd},), eps=${toPython(layerNormEpsilon)}, elementwise_affine=True)`,
  };
}

/** A LayerNorm written by hand, as nanoGPT and the notebook have it: it prints nothing of itself. */
function ownNorm({ nEmbd, layerNormBias }: GptConfig, weight: string, bias: string): Piece {
  return leaf('LayerNorm()', { [weight]: [nEmbd], ...(layerNormBias ? { [bias]: [nEmbd] } : {}) });
}

function dropout(rate: number | undefined): Piece {
  return leaf(`Dropout(p=${rate === undefined ? '?' : toPython(rate)}, inplace=False)`);
}

/** A number as Python prints a float: 0.0, 0.1, 1e-05. */
function toPython(value: number): string {
  if (Number.isInteger(value)) return value.toFixed(1);
  if (value >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
}
