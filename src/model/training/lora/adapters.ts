// Memory of adapters while they train, besides what trains: taken, or only counted (plan.ts).
import { type Arena, type Tensor, roundUp } from '../../../gpu/device.ts';
import type { GptConfig } from '../../config.ts';
import type { Gpt } from '../../gpt.ts';
import type { Shapes } from '../buffers.ts';
import { ADAPTER_MASK, type PlannedAdapter } from '../plan.ts';
import type { Trainables } from '../pools.ts';
import {
  type AdapterBuffers,
  type Adapters,
  type LinearAdapter,
  encodeAdapter,
  encodeAdapterBackward,
} from './adapterPass.ts';
import { type Factors, loraFactors } from './factors.ts';
import { type LoraConfig, loraSites, scaleOf } from './loraConfig.ts';

/** What decides how much that is. */
export interface AdapterSizes {
  /** Windows of a micro-batch, and tokens of each. */
  readonly batch: number;
  readonly tokens: number;
}

/** What adapters work in by turns, and what each of them keeps, in the order of `loraSites`. Throws `training/lora`. */
export function adapterBuffersOf(
  config: GptConfig,
  lora: LoraConfig,
  { batch, tokens }: AdapterSizes,
  make: Shapes,
): { readonly buffers: AdapterBuffers; readonly lowered: readonly Tensor[] } {
  const rows = batch * tokens;
  const rank = roundUp(lora.r, 8);
  const sites = loraSites(config, lora);
  const shapes = sites.map(({ weight }) => weight.padded);
  const widest = Math.max(rank, ...shapes.flat());
  const widths = [...new Set(shapes.map(([, inputs]) => inputs))];
  const isDropping = lora.lora_dropout > 0;
  const words = Math.ceil((rows * Math.max(...widths)) / 32);
  return {
    lowered: sites.map(({ module }) => make(`${module}.lora_A`, [rows, rank])),
    buffers: {
      dLowered: make('dLowered', [rows, rank]),
      dScaled: make('dScaled', [rows, rank]),
      scales: make('lora scales', [4]),
      scaling: make('lora scaling', [rank, rank]),
      zeros: make('lora zeros', [widest]),
      bin: make('lora bin', [widest]),
      mask: isDropping ? make(ADAPTER_MASK, [roundUp(words, 4)], 'u32') : null,
      inputs: new Map(
        (isDropping ? widths : []).map((width) => [
          width,
          { seen: make('lora seen', [rows, width]), sum: make('lora sum', [rows, width]) },
        ]),
      ),
    },
  };
}

/** A LoRA, for whoever counts what it will take. Throws `training/lora`. */
export function planLora(config: GptConfig, lora: LoraConfig): PlannedAdapter {
  return {
    trained: loraFactors(config, lora),
    makeBuffers: (sizes, make) => void adapterBuffersOf(config, lora, sizes, make),
  };
}

/** Ties factors to the layers of the base that they adapt, and takes what their passes work in. */
export function createAdapters(
  { config, parameters }: Gpt,
  lora: LoraConfig,
  {
    parameters: factors,
    gradients,
  }: Pick<Trainables<readonly Factors[]>, 'parameters' | 'gradients'>,
  arena: Arena,
  sizes: AdapterSizes,
): Adapters {
  const layers = loraSites(config, lora).map((site) => site.of(parameters));
  const { buffers, lowered } = adapterBuffersOf(
    config,
    lora,
    sizes,
    (name, shape, format = 'f32') => arena.zeros(name, shape, format),
  );
  const scale = scaleOf(lora);
  const [rank] = buffers.scaling.shape;
  arena.write(buffers.scales, new Float32Array([scale, 1]));
  arena.write(
    buffers.scaling,
    Float32Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? scale : 0)),
  );
  const adapterOf = (i: number): LinearAdapter => ({
    factors: factors[i],
    gradients: gradients[i],
    lowered: lowered[i],
    maskLayer: config.nLayer + 1 + i,
  });
  return {
    of: new Map(layers.map((layer, i) => [layer, adapterOf(i)])),
    first: layers[0],
    buffers,
    dropout: lora.lora_dropout,
    encode: encodeAdapter,
    encodeBackward: encodeAdapterBackward,
  };
}
