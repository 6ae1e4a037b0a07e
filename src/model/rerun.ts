// What would be if heads said something else: the rest of the model again, from one block's projection on.
import type { Encoder } from '../gpu/device.ts';
import {
  type Pass,
  encodeBlock,
  encodeHead,
  encodeInner,
  encodeNormed,
  encodeQkv,
  encodeSum,
} from './forward.ts';
import type { Gpt } from './gpt.ts';
import { withPadding } from './padding.ts';
import type { Session } from './session.ts';

/** What a block works on after its attention, for every cached token. */
export interface BlockInputs {
  /** (T, C) the residual stream before the block. */
  readonly residual: Float32Array;
  /** (T, A) what its heads put out, with the padding of the device. */
  readonly heads: Float32Array;
}

/** Runs a session of a batch of one again, hundreds of times, with other heads. */
export class Reruns {
  readonly #session: Session;
  /** True once kernels are compiled that only hundreds of passes are worth. */
  #often = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Compiles kernels that are faster and compile slowly; others are used until then. Worth it before
   * hundreds of runs.
   */
  async prepare(): Promise<void> {
    const { model } = this.#session;
    const { workspace } = model;
    const pass = this.#pass(0, workspace.tokensPerPass(1), true);
    await model.device.prepare((enc) => encodeBlock(enc, model, 0, pass));
    this.#often = true;
  }

  /**
   * Runs block `layer` again from its projection of the heads on, and the blocks after it, for all
   * cached tokens. Overwrites the cache of later layers, and resolves with the logits of the last
   * position, (V).
   */
  async run(
    layer: number,
    { residual, heads }: BlockInputs,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const session = this.#session;
    session.checkUsable();
    const { model } = session;
    const { device, config, widths, workspace } = model;
    const deepest = config.nLayer - 1;
    const last = session.length - 1;
    const step = workspace.tokensPerPass(1);
    let tokens: number;
    // The last block matters at the last position alone, which goes alone; the others only give it
    // keys and values there.
    for (let from = layer < deepest ? 0 : last; from <= last; from += tokens) {
      signal?.throwIfAborted();
      tokens = from < last ? Math.min(step, last - from) : 1;
      const buffers = workspace.take(1);
      const pass = this.#pass(from, tokens, this.#often);
      const stream = withPadding(residual, from, tokens, config.nEmbd, widths.embd);
      buffers.arena.write(buffers.residual, stream);
      const said = heads.subarray(from * widths.heads, (from + tokens) * widths.heads);
      buffers.arena.write(buffers.heads, said);
      const enc = device.createEncoder();
      encodeAfterHeads(enc, model, layer, pass);
      for (let l = layer + 1; l < deepest; l++) encodeBlock(enc, model, l, pass);
      if (from < last) {
        if (layer < deepest) encodeBeforeHeads(enc, model, deepest, pass);
        enc.submit(signal);
        await device.idle();
        continue;
      }
      if (layer < deepest) encodeBlock(enc, model, deepest, pass);
      encodeHead(enc, model, pass);
      const reading = enc.read(buffers.lastLogits, 0, config.vocabSize);
      enc.submit(signal);
      return reading;
    }
    throw new Error('There is no token to run again.');
  }
  #pass(start: number, tokens: number, often: boolean): Pass {
    return this.#session.pass({ tokens, start }, { lastLogits: true, often });
  }
}

/** A block without its attention: what the heads say is in its buffers. */
function encodeAfterHeads(enc: Encoder, model: Gpt, l: number, pass: Pass): void {
  const { attn, ln2, mlp } = model.parameters.h[l];
  const x = pass.blocks[l];
  const at = { enc, model, l, pass };
  encodeSum(at, 'attention', x.input, attn.cProj, x.heads, x.middle);
  encodeNormed(at, 'ln2', ln2, x.middle, x.ln2);
  encodeInner(at, mlp.cFc, x.ln2, x.inner);
  encodeSum(at, 'mlp', x.middle, mlp.cProj, x.inner, x.output);
}

/** The beginning of a block: queries, keys and values, which later positions look at. */
function encodeBeforeHeads(enc: Encoder, model: Gpt, l: number, pass: Pass): void {
  const { ln1, attn } = model.parameters.h[l];
  const x = pass.blocks[l];
  const at = { enc, model, l, pass };
  encodeNormed(at, 'ln1', ln1, x.input, x.ln1);
  encodeQkv(at, attn.cAttn, x.ln1, x.qkv);
}
