// The notebook's class in small, from its seed: the weights that PyTorch drew, the logits of its first batch, and the
// losses of twelve steps with dropout on.
import type { DrawEvent, LogitsRow } from '../../../api.ts';
import type { Device } from '../../../gpu/device.ts';
import type { GptConfig } from '../../../model/config.ts';
import { exportTensors } from '../../../model/exportTensors.ts';
import { initialise } from '../../../model/training/initialise.ts';
import { drawMasks, planMasks } from '../../../model/training/masks.ts';
import { torchInitial } from '../../../model/training/torchInitial.ts';
import { TorchRandom } from '../../../model/training/torchRandom.ts';
import { type Batch, Trainer } from '../../../model/training/trainer.ts';
import { hashOf } from '../hash.ts';
import { newModelOf } from '../settings.ts';
import { EDGE, pairOf, printed } from './digits.ts';
import { edgesOf } from './drawn.ts';
import file from './narrow.json';
import { optimiserOf } from './optimiser.ts';

/** Hex digits of a tensor's SHA-256 that are kept here. */
const DIGITS = 16;

const { seed, config: sizes, optimizer, batch, batch_starts: starts } = file;

const NARROW: GptConfig = newModelOf(
  {
    kind: 'notebook',
    n_layer: sizes.n_layers,
    n_head: sizes.n_heads,
    n_embd: sizes.emb_dim,
    n_ctx: sizes.context_length,
  },
  sizes.vocab_size,
).config;

/** Draws it, reads, and trains. Tells weights, logits and steps. Throws `device/…`, the signal's reason. */
export async function drawNarrow(
  device: Device,
  tell: (event: DrawEvent) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { nCtx: tokens, vocabSize } = NARROW;
  const rate = sizes.drop_rate;
  const dropout = { embd: rate, attn: rate, resid: rate };
  const trainer = new Trainer(device, NARROW, {
    batch,
    tokens,
    dropout,
    masks: 'given',
    optimiser: optimiserOf(optimizer),
  });
  try {
    const random = new TorchRandom(seed);
    const { arena, trainables, model } = trainer;
    await initialise(arena, trainables.parameters, NARROW, 'notebook', torchInitial(random));
    const expected = Object.entries(file.sha256);
    const found = new Map<string, string>();
    for (const [name, tensor] of await exportTensors(model, 'F32')) {
      found.set(name, (await hashOf(tensor.chunks(), signal)).slice(0, DIGITS));
    }
    const same = expected.filter(([name, hash]) => found.get(name) === hash).length;
    tell({ type: 'weights', tensors: expected.length, same });

    const ids = Array.from(file.text, (character) => file.characters.indexOf(character));
    const plan = planMasks(NARROW, { batch, tokens }, dropout);
    /** The windows of a step, and the masks of its pass. */
    const draw = (step: number): Batch => ({
      ...windowsAt(ids, starts[step], tokens),
      masks: drawMasks(random, plan),
    });
    const first = draw(0);
    const logits = await trainer.logits(first, true);
    const rows = file.logits.map((window, b) =>
      window.map((there, t): LogitsRow => {
        const here = edgesOf(logits, b * tokens + t, vocabSize);
        const pairs = there.map((value, i) => pairOf(printed(value), here[i]));
        return { token: file.text[starts[0][b] + t], logits: pairs };
      }),
    );
    tell({ type: 'logits', columns: columnsOf(vocabSize), rows });
    for (const [step, there] of file.losses.entries()) {
      signal?.throwIfAborted();
      const { loss: here } = await trainer.step([step === 0 ? first : draw(step)], optimizer.lr);
      tell({ type: 'step', step: step + 1, there, here });
    }
  } finally {
    trainer.dispose();
  }
}

/** Numbers of the first logits and of the last. */
export function columnsOf(vocabSize: number): number[] {
  const first = Array.from({ length: EDGE }, (_, i) => i);
  return [...first, ...first.map((i) => vocabSize - EDGE + i)];
}

/** Windows of T tokens that begin there; the targets are the next ones. */
function windowsAt(ids: readonly number[], begins: readonly number[], tokens: number): Batch {
  const from = (shift: number): Uint32Array =>
    Uint32Array.from(begins.flatMap((start) => ids.slice(start + shift, start + shift + tokens)));
  return { ids: from(0), targets: from(1) };
}
