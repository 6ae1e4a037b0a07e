// The three models in PyTorch, written for a cell: modules are constructed, initialised and asked for masks in the order
// in which each codebase does it, since all of them draw from one generator.
import type { RunModel } from '../../api.ts';

/**
 * Python: a `class GPT` without arguments, which makes logits (B, T, V) of ids (B, T). It reads `vocab_size`, `n_layer`,
 * `n_head`, `n_embd`, `n_ctx`, and the rates `embd`, `attn` and `resid`.
 */
export function torchModel(kind: RunModel['kind']): string {
  if (kind === 'notebook') return NOTEBOOK;
  return kind === 'mingpt' ? MINGPT : nanogpt(kind === 'gpt2');
}

/** nanoGPT's; GPT-2 as transformers has it begins alike, with biases and the other GELU. */
function nanogpt(isGpt2: boolean): string {
  return `bias = ${isGpt2 ? 'True' : 'False'}

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd, bias=bias)
        self.attn = nn.ModuleDict(dict(
            c_attn=nn.Linear(n_embd, 3 * n_embd, bias=bias),
            c_proj=nn.Linear(n_embd, n_embd, bias=bias)))
        self.ln_2 = nn.LayerNorm(n_embd, bias=bias)
        self.mlp = nn.ModuleDict(dict(
            c_fc=nn.Linear(n_embd, 4 * n_embd, bias=bias),
            c_proj=nn.Linear(4 * n_embd, n_embd, bias=bias)))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, n_head, c // n_head).transpose(1, 2)
                   for y in self.attn.c_attn(self.ln_1(x)).split(n_embd, dim=2))
${ATTENTION}
        x = x + F.dropout(self.attn.c_proj(a), resid)
        h = F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="${isGpt2 ? 'tanh' : 'none'}")
        return x + F.dropout(self.mlp.c_proj(h), resid)

class GPT(nn.Module):  # nanoGPT's, built and initialised in its order
    def __init__(self):
        super().__init__()
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab_size, n_embd), wpe=nn.Embedding(n_ctx, n_embd),
            h=nn.ModuleList([Block() for _ in range(n_layer)]),
            ln_f=nn.LayerNorm(n_embd, bias=bias)))
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(initialise)
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * n_layer))

    def forward(self, ids):
        t = self.transformer
        x = F.dropout(t.wte(ids) + t.wpe(torch.arange(ids.shape[1])), embd)
        for block in t.h:
            x = block(x)
        return self.lm_head(t.ln_f(x))

${INITIALISE}`;
}

/** From queries, keys and values (B, H, T, D) to what the heads have read, (B, T, C). */
const ATTENTION = `        a = (q @ k.transpose(-2, -1)) / math.sqrt(c // n_head)
        a = a.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf")).softmax(-1)
        a = (F.dropout(a, attn) @ v).transpose(1, 2).reshape(b, t, c)`;

/** What minGPT and nanoGPT draw behind PyTorch's defaults. */
const INITIALISE = `def initialise(m):
    if isinstance(m, (nn.Linear, nn.Embedding)):
        nn.init.normal_(m.weight, 0.0, 0.02)
    if isinstance(m, nn.Linear) and m.bias is not None:
        nn.init.zeros_(m.bias)`;

const MINGPT = `class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.attn = nn.ModuleDict({
            name: nn.Linear(n_embd, n_embd) for name in ("key", "query", "value", "proj")})
        self.mlp = nn.Sequential(
            nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))

    def forward(self, x):
        b, t, c = x.shape
        y = self.ln1(x)
        q, k, v = (self.attn[name](y).view(b, t, n_head, c // n_head).transpose(1, 2)
                   for name in ("query", "key", "value"))
${ATTENTION}
        x = x + F.dropout(self.attn.proj(a), resid)
        return x + F.dropout(self.mlp(self.ln2(x)), resid)

class GPT(nn.Module):  # minGPT's, built and initialised in its order
    def __init__(self):
        super().__init__()
        self.tok_emb = nn.Embedding(vocab_size, n_embd)
        self.pos_emb = nn.Parameter(torch.zeros(1, n_ctx, n_embd))
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocab_size, bias=False)
        self.apply(initialise)

    def forward(self, ids):
        x = F.dropout(self.tok_emb(ids) + self.pos_emb[:, : ids.shape[1]], embd)
        return self.head(self.ln_f(self.blocks(x)))

${INITIALISE}`;

const NOTEBOOK = `class LayerNorm(nn.Module):  # divides by the standard deviation's root, as the notebook prints it
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_embd))
        self.shift = nn.Parameter(torch.zeros(n_embd))

    def forward(self, x):
        std = x.std(-1, keepdim=True)
        return self.scale * ((x - x.mean(-1, keepdim=True)) / torch.sqrt(std + 1e-5)) + self.shift

class TransformerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.att = nn.ModuleDict(dict(
            W_query=nn.Linear(n_embd, n_embd, bias=False),
            W_key=nn.Linear(n_embd, n_embd, bias=False),
            W_value=nn.Linear(n_embd, n_embd, bias=False),
            out_proj=nn.Linear(n_embd, n_embd)))
        self.ff = nn.ModuleDict(dict(layers=nn.Sequential(
            nn.Linear(n_embd, 4 * n_embd), nn.GELU(approximate="tanh"), nn.Linear(4 * n_embd, n_embd))))
        self.norm1, self.norm2 = LayerNorm(), LayerNorm()

    def forward(self, x):
        b, t, c = x.shape
        y = self.norm1(x)
        q, k, v = (self.att[name](y).view(b, t, n_head, c // n_head).transpose(1, 2)
                   for name in ("W_query", "W_key", "W_value"))
${ATTENTION}
        x = F.dropout(self.att.out_proj(a), resid) + x
        return F.dropout(self.ff.layers(self.norm2(x)), resid) + x

class GPT(nn.Module):  # the notebook's GPTModel: PyTorch's own initial weights, drawn in its order
    def __init__(self):
        super().__init__()
        self.tok_emb = nn.Embedding(vocab_size, n_embd)
        self.pos_emb = nn.Embedding(n_ctx, n_embd)
        self.trf_blocks = nn.Sequential(*[TransformerBlock() for _ in range(n_layer)])
        self.final_norm = LayerNorm()
        self.out_head = nn.Linear(n_embd, vocab_size, bias=False)

    def forward(self, ids):
        x = F.dropout(self.tok_emb(ids) + self.pos_emb(torch.arange(ids.shape[1])), embd)
        return self.out_head(self.final_norm(self.trf_blocks(x)))`;
