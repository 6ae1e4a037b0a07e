// What a step works in: every block keeps what the way back needs of it; gradients on their way share one set.
import type { Arena, Device, Tensor } from '../../gpu/device.ts';
import type { BlockBuffers } from '../buffers.ts';
import type { GptConfig } from '../config.ts';
import { widthsOf } from '../parameters.ts';

/** What one block keeps: as in any pass, and ln Σ eˢ of every row and head. */
export interface TrainingBlock extends BlockBuffers {
  readonly beforeGelu: Tensor;
  /** (R, H) */
  readonly lse: Tensor;
}

/** R rows are B windows of T tokens. */
export interface TrainingBuffers {
  /** (R) u32 */
  readonly ids: Tensor;
  /** (R) u32; 0xffffffff where nothing is to be learned. */
  readonly targets: Tensor;
  /** (R) −ln p of each target. */
  readonly loss: Tensor;
  /** (R, C') the embedding before dropout; the first block's input itself where none drops. */
  readonly summed: Tensor;
  readonly blocks: readonly TrainingBlock[];
  /** (R, C') after ln_f. */
  readonly final: Tensor;
  /** (n, V') logits of some rows, and then their gradients. */
  readonly logits: Tensor;
  /** (R, C') what a part of a block adds to the stream, and its gradient, where dropout comes between. */
  readonly branch: Tensor | null;
  /** (R, C') the gradient of the stream, before and after half a block. */
  readonly dStream: readonly [Tensor, Tensor];
  /** (R, C') of a LayerNorm's output. */
  readonly dNormed: Tensor;
  /** (R, A) */
  readonly dHeads: Tensor;
  /** (B, T, Q) */
  readonly dQkv: Tensor;
  /** (R, 4C) of the MLP's hidden layer, and of it before its activation. */
  readonly dInner: Tensor;
  readonly dBefore: Tensor;
  /** (R, H) Σ_d dOut · out of every row and head. */
  readonly delta: Tensor;
  /** (R, 2) of a LayerNorm's rows. */
  readonly statistics: Tensor;
  /** As many zeros as there are keys' channels. */
  readonly zeros: Tensor;
  /** Rows of the batch by token: which rows (R), where each token's begin (R + 1), the tokens (R). */
  readonly order: Tensor;
  readonly starts: Tensor;
  readonly tokens: Tensor;
}

/** What decides how much memory a step takes. */
export interface StepSizes {
  /** Windows of a micro-batch. */
  readonly batch: number;
  /** Tokens of a window. */
  readonly tokens: number;
  /** Whether any dropout comes between. */
  readonly drops: boolean;
}

/** Logits are had for so many bytes of rows at a time. */
const LOGITS_BYTES = 4 << 20;

/** Makes one buffer of a step, or counts it. */
export type Shapes = (name: string, shape: readonly number[], format?: 'f32' | 'u32') => Tensor;

/** Rows whose logits are had at a time: as many as fit into a share of memory, a multiple of 8, all where they do. */
function logitRows(rows: number, vocab: number, maxBindingBytes: number): number {
  const most = Math.floor(Math.min(LOGITS_BYTES, maxBindingBytes) / (4 * vocab));
  return Math.min(rows, Math.max(8, most - (most % 8)));
}

/** Memory of a step, taken from an arena. Throws `device/out-of-memory`, `device/binding-size`. */
export function createBuffers(
  device: Device,
  arena: Arena,
  config: GptConfig,
  sizes: StepSizes,
): TrainingBuffers {
  return buffersOf(config, sizes, device.traits.maxBindingBytes, (name, shape, format = 'f32') =>
    arena.zeros(name, shape, format),
  );
}

/** The buffers of a step, made by `make`: with memory, or only counted (`plan.ts`). */
export function buffersOf(
  config: GptConfig,
  { batch, tokens, drops }: StepSizes,
  maxBindingBytes: number,
  make: Shapes,
): TrainingBuffers {
  const w = widthsOf(config);
  const rows = batch * tokens;
  const stream = (name: string): Tensor => make(name, [rows, w.embd]);
  let input = stream('embedded');
  const summed = drops ? stream('summed') : input;
  const blocks = Array.from({ length: config.nLayer }, (_, l): TrainingBlock => {
    const name = `h.${l}`;
    const block = {
      input,
      ln1: stream(`${name}.ln1`),
      qkv: make(`${name}.qkv`, [batch, tokens, w.head.rowStride]),
      heads: make(`${name}.heads`, [rows, w.heads]),
      lse: make(`${name}.lse`, [rows, config.nHead]),
      middle: stream(`${name}.middle`),
      ln2: stream(`${name}.ln2`),
      beforeGelu: make(`${name}.beforeGelu`, [rows, w.inner]),
      inner: make(`${name}.inner`, [rows, w.inner]),
      output: stream(`${name}.output`),
    };
    input = block.output;
    return block;
  });
  return {
    ids: make('ids', [rows], 'u32'),
    targets: make('targets', [rows], 'u32'),
    loss: make('loss', [rows]),
    summed,
    blocks,
    final: stream('final'),
    logits: make('logits', [logitRows(rows, w.vocab, maxBindingBytes), w.vocab]),
    branch: drops ? stream('branch') : null,
    dStream: [stream('dStream'), stream('dStream2')],
    dNormed: stream('dNormed'),
    dHeads: make('dHeads', [rows, w.heads]),
    dQkv: make('dQkv', [batch, tokens, w.head.rowStride]),
    dInner: make('dInner', [rows, w.inner]),
    dBefore: make('dBefore', [rows, w.inner]),
    delta: make('delta', [rows, config.nHead]),
    statistics: make('statistics', [rows, 2]),
    zeros: make('zeros', [w.head.partStride]),
    order: make('order', [rows], 'u32'),
    starts: make('starts', [rows + 1], 'u32'),
    tokens: make('tokens', [rows], 'u32'),
  };
}
