// A run that PyTorch's generator can repeat, as a cell for a notebook: its seed, its configuration, its codebase's model,
// and the first losses, asserted.
import type { RunPoint, RunRecord, RunSettings } from '../../api.ts';
import { firstPoints, firstSettings } from '../../runFiles.ts';
import { saidDetails } from '../../runModel.ts';
import { torchModel } from './torchModels.ts';

/** Fewer losses to assert say nothing. */
const LEAST = 3;

/** What the cell says; the page says all of them when it begins a run. */
const ARGUMENTS = [
  'per_device_train_batch_size',
  'gradient_accumulation_steps',
  'block_size',
  'embd_pdrop',
  'attn_pdrop',
  'resid_pdrop',
  'seed',
  'weight_decay',
  'decay',
  'learning_rate',
  'lr_scheduler_type',
  'warmup_steps',
  'max_steps',
  'min_lr',
  'adam_beta1',
  'adam_beta2',
  'adam_epsilon',
  'max_grad_norm',
] as const;

type Told = Pick<RunRecord, 'name' | 'settings' | 'changes' | 'text'>;

/** Why a run that draws as PyTorch does has no cell, each condition that fails in a sentence; empty where it has one. */
export function whyNoCell(run: Told, points: readonly RunPoint[]): readonly string[] {
  const { base, model, tokenizer, edits = [] } = run.settings;
  const said = saidDetails(model);
  const { documents } = run.text;
  const { arguments: args } = firstSettings(run);
  const missing = ARGUMENTS.filter((name) => args[name] === undefined);
  const why: readonly (readonly [fails: boolean, words: string])[] = [
    [
      base !== undefined,
      `It is written for a model that begins with the run, and this one went on from ${base?.name}.`,
    ],
    [
      tokenizer.kind !== 'characters' && base === undefined,
      `It is written for a text in characters, and the run’s tokenizer is ${tokenizer.kind}.`,
    ],
    [
      base === undefined && said.length > 0,
      `It is written for the model as its codebase has it, and this one has ${said.join(', ')} of its own.`,
    ],
    [
      documents > 1,
      `It is written for one text, and the run learned ${documents.toLocaleString('en')} of them.`,
    ],
    [edits.length > 0, 'It is written for a text that nothing was changed in.'],
    [missing.length > 0, `It needs every setting, and the run does not say ${missing.join(', ')}.`],
    [
      firstPoints(run, points).length < LEAST,
      `It needs the losses of the first ${LEAST} steps one by one: logging_steps 1, and nothing changed until then.`,
    ],
  ];
  return why.flatMap(([fails, words]) => (fails ? [words] : []));
}

/** Python: needs torch, and the text beside it as `text.txt`. */
export function torchCell(run: Told, points: readonly RunPoint[]): string {
  const settings = firstSettings(run);
  const { model, arguments: args, validation } = settings;
  const of = (name: (typeof ARGUMENTS)[number]): string => String(args[name]);
  const losses = firstPoints(run, points).map(({ loss }) => Number(loss.toPrecision(7)));
  return `# ${run.name.replaceAll(/\s+/gu, ' ')}: the same run in PyTorch, on a processor, from the same seed.
# Its text is text.txt: ${textWords(settings)}.
import hashlib, math, torch, torch.nn as nn, torch.nn.functional as F

n_layer, n_head, n_embd, n_ctx = ${model.n_layer}, ${model.n_head}, ${model.n_embd}, ${model.n_ctx}
B, T, accumulation = ${of('per_device_train_batch_size')}, ${of('block_size')}, ${of('gradient_accumulation_steps')}
embd, attn, resid = ${of('embd_pdrop')}, ${of('attn_pdrop')}, ${of('resid_pdrop')}

raw = open("text.txt", "rb").read()
assert hashlib.sha256(raw).hexdigest() == "${run.text.sha256}", "another text"
text = raw.decode("utf-8-sig")
chars = sorted(set(text))
vocab_size = len(chars)
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
data = data[: int((1 - ${validation}) * len(data))]

${torchModel(model.kind)}

torch.manual_seed(${of('seed')})
model = GPT()
named = dict(model.named_parameters())
${
  args['decay'] === 'nanogpt'
    ? 'decays = [n for n, p in named.items() if p.dim() >= 2]'
    : `linear = {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Linear)}
decays = [n for n in named if n in linear]`
}
optimizer = torch.optim.AdamW([
    {"params": [named[n] for n in decays], "weight_decay": ${of('weight_decay')}},
    {"params": [p for n, p in named.items() if n not in decays], "weight_decay": 0.0},
], lr=${of('learning_rate')}, betas=(${of('adam_beta1')}, ${of('adam_beta2')}), eps=${of('adam_epsilon')})

def rate(done):  # "${of('lr_scheduler_type')}"
    lr, warmup, steps, kind = ${of('learning_rate')}, ${of('warmup_steps')}, ${of('max_steps')}, "${of('lr_scheduler_type')}"
    if kind == "constant": return lr
    if done < warmup: return lr * done / max(1, warmup)
    if kind == "constant_with_warmup": return lr
    progress = min(1.0, (done - warmup) / max(1, steps - warmup))
    if kind == "linear": return lr * (1 - progress)
    least = ${of('min_lr')} if kind == "cosine_with_min_lr" else 0.0
    return least + (lr - least) * 0.5 * (1 + math.cos(math.pi * progress))

expected = ${JSON.stringify(losses)}
for step, there in enumerate(expected):
    total = 0.0
    for _ in range(accumulation):
        at = torch.randint(len(data) - T, (B,))
        ids = torch.stack([data[i : i + T] for i in at])
        targets = torch.stack([data[i + 1 : i + 1 + T] for i in at])
        loss = F.cross_entropy(model(ids).view(-1, vocab_size), targets.view(-1)) / accumulation
        loss.backward()
        total += loss.item()
    assert abs(total - there) < 1e-4, f"step {step + 1}: {total} here, {there} there"
${Number(of('max_grad_norm')) > 0 ? `    nn.utils.clip_grad_norm_(model.parameters(), ${of('max_grad_norm')})\n` : ''}    for group in optimizer.param_groups:
        group["lr"] = rate(step)
    optimizer.step()
    optimizer.zero_grad()
print(f"the same losses over {len(expected)} steps")
`;
}

function textWords({ text }: RunSettings): string {
  return text.kind === 'own'
    ? 'your own, which the page saves beside the cell'
    : 'the page saves it beside the cell';
}
