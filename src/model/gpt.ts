// The model itself: a device, a shape, and the parameters that lie there. What is computed with them
// stands in forward.ts, for whom in session.ts.
import type { Arena, Device, Tensor } from '../gpu/device.ts';
import { Workspace } from './buffers.ts';
import { type Parameters, type Widths, widthsOf } from './parameters.ts';
import { type GptConfig, scoreScalesOf } from './config.ts';

/**
 * A GPT on a device. Owns its parameters, and the memory that passes work in; sessions own their caches.
 * Dispose sessions first. Source: Radford et al. 2019; minGPT, nanoGPT.
 */
export class Gpt {
  readonly device: Device;
  readonly config: GptConfig;
  readonly parameters: Parameters;
  readonly widths: Widths;
  /** Switches of every block with every part on: H heads, then attention, then MLP; 1 each. */
  readonly allOn: Tensor;
  /** What all sessions compute in, by turns. */
  readonly workspace: Workspace;
  /** What each block multiplies the products of queries and keys by; a block that stands for another takes its. */
  readonly scoreScales: number[];
  readonly #arena: Arena;
  #disposed = false;

  constructor(device: Device, arena: Arena, config: GptConfig, parameters: Parameters) {
    this.device = device;
    this.#arena = arena;
    this.config = config;
    this.parameters = parameters;
    this.widths = widthsOf(config);
    this.scoreScales = scoreScalesOf(config);
    this.workspace = new Workspace(device, this.widths);
    const count = (config.nHead + 2) * config.nLayer;
    this.allOn = arena.upload('switches', [count], 'f32', new Float32Array(count).fill(1));
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Bytes of all weights on the device. */
  get sizeBytes(): number {
    return this.#arena.sizeBytes;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.workspace.dispose();
    this.#arena.dispose();
  }
}
