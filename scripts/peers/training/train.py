"""Tokens a second of PyTorch's training of the GPT that `npm run bench:peers` trains, on the processor, in float32.

Prints one line of JSON. Usage: python train.py LAYERS HEADS CHANNELS VOCABULARY BATCH TOKENS STEPS
The model is nanoGPT's: fused causal attention, tanh GELU as GPT-2 has it, a tied head; AdamW and clipping as the others
have it. Threads are PyTorch's default.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

layers, heads, channels, vocabulary, batch, tokens, steps = (int(word) for word in sys.argv[1:8])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(channels)
        self.c_attn = nn.Linear(channels, 3 * channels)
        self.attn_proj = nn.Linear(channels, channels)
        self.ln_2 = nn.LayerNorm(channels)
        self.c_fc = nn.Linear(channels, 4 * channels)
        self.mlp_proj = nn.Linear(4 * channels, channels)

    def forward(self, x):
        parts = self.c_attn(self.ln_1(x)).split(channels, dim=2)
        q, k, v = (p.view(batch, tokens, heads, channels // heads).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(y.transpose(1, 2).reshape(batch, tokens, channels))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, channels)
        self.wpe = nn.Embedding(tokens, channels)
        self.h = nn.ModuleList(Block() for _ in range(layers))
        self.ln_f = nn.LayerNorm(channels)
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(tokens))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, vocabulary), targets.view(-1))


torch.manual_seed(20)
model = GPT()
decayed = [p for p in model.parameters() if p.dim() >= 2]
others = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
    lr=1e-3,
    betas=(0.9, 0.99),
    eps=1e-8,
)


def step():
    """One step on windows of a text in which every token says much about the next; the loss before it."""
    ids = torch.empty(batch, tokens + 1, dtype=torch.long)
    ids[:, 0] = torch.randint(vocabulary, (batch,))
    for t in range(tokens):
        ids[:, t + 1] = (5 * ids[:, t] + 1 + torch.randint(4, (batch,))) % vocabulary
    start = time.perf_counter()
    loss = model(ids[:, :-1], ids[:, 1:].contiguous())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    value = loss.item()
    return 1000 * (time.perf_counter() - start), value


for _ in range(3):
    step()
timed = [step() for _ in range(steps)]
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "ms": [ms for ms, _ in timed],
            "losses": [loss for _, loss in timed],
        }
    )
)
