// A model as PyTorch draws it after `torch.manual_seed`, with dropout on, and what it makes of a batch.
import type { Device } from '../../../gpu/device.ts';
import { zeroParameters } from '../../../model/checkpoint.ts';
import { PRESETS } from '../../../model/config.ts';
import { encodeLogits } from '../../../model/forward.ts';
import { Gpt } from '../../../model/gpt.ts';
import { NOTEBOOK } from '../../../model/layouts.ts';
import { withoutPadding } from '../../../model/padding.ts';
import { parameterCount } from '../../../model/parameters.ts';
import { createBuffers } from '../../../model/training/buffers.ts';
import { createGivenMasks } from '../../../model/training/dropout.ts';
import { encodeForward } from '../../../model/training/forward.ts';
import { type InitialRandom, initialise } from '../../../model/training/initialise.ts';
import { drawMasks, planMasks } from '../../../model/training/masks.ts';
import { torchInitial } from '../../../model/training/torchInitial.ts';
import { TorchRandom } from '../../../model/training/torchRandom.ts';
import { EDGE } from './digits.ts';
import file from './printed.json';

/** GPT_CONFIG_124M of source 000. */
export const WHOLE = PRESETS['notebook-124m'];

/** What the notebook put in, and the lines that it printed. */
export const PRINTED = file;

/** What was drawn of a model: 0 to 1. */
export type Drawing = (share: number) => void;

/**
 * Constructs the notebook's model from its seed and reads its two prompts, as its cells do. Of each prompt and token, the
 * logits that are printed. Throws `device/out-of-memory` and its like, and the signal's reason.
 */
export async function drawWhole(
  device: Device,
  tell: Drawing = () => {},
  signal?: AbortSignal,
): Promise<number[][][]> {
  const { seed, drop_rate: rate, input_ids: ids } = file;
  const arena = device.createArena('notebook');
  try {
    const parameters = zeroParameters(device, arena, NOTEBOOK, WHOLE, 'f32');
    const model = new Gpt(device, arena, WHOLE, parameters);
    const random = new TorchRandom(seed);
    const initial = counted(torchInitial(random), parameterCount(WHOLE), tell);
    await initialise(arena, parameters, WHOLE, 'notebook', initial, undefined, signal);

    const windows = { batch: ids.length, tokens: ids[0].length };
    const rates = { embd: rate, attn: rate, resid: rate };
    const buffers = createBuffers(device, arena, WHOLE, { ...windows, drops: true });
    const masks = createGivenMasks(arena, WHOLE, windows, rates);
    masks.write(drawMasks(random, planMasks(WHOLE, windows, rates)));
    arena.write(buffers.ids, Uint32Array.from(ids.flat()));

    const enc = device.createEncoder();
    const dropout = { masks, moment: { seed, microStep: 0 } };
    encodeForward({ enc, model, buffers, ...windows, dropout, adapters: null });
    const rows = windows.batch * windows.tokens;
    encodeLogits(enc, model, buffers.final, buffers.logits, { rows });
    const stride = buffers.logits.shape[1];
    const reading = enc.read(buffers.logits, 0, rows * stride);
    enc.submit();
    const logits = withoutPadding(await reading, rows, stride, WHOLE.vocabSize);
    await device.idle();
    if (arena.failure) throw arena.failure;
    signal?.throwIfAborted();
    return ids.map((each, b) =>
      each.map((_, t) => edgesOf(logits, b * windows.tokens + t, WHOLE.vocabSize)),
    );
  } finally {
    arena.dispose();
  }
}

/** The first and the last logits of a row. */
export function edgesOf(logits: Float32Array, row: number, vocabSize: number): number[] {
  const all = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
  return [...all.subarray(0, EDGE), ...all.subarray(-EDGE)];
}

/** Says on the way how many of the parameters were drawn. */
function counted(random: InitialRandom, parameters: number, tell: Drawing): InitialRandom {
  let done = 0;
  return {
    ...random,
    draw(number, size, distribution) {
      const fill = random.draw(number, size, distribution);
      return (values) => {
        fill(values);
        done += values.length;
        tell(done / parameters);
      };
    },
  };
}
