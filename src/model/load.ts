// A checkpoint, whatever codebase wrote it, becomes a model on a device.
import type { Dtype } from '../api.ts';
import type { Device } from '../gpu/device.ts';
import { type TensorSource, loadParameters } from './checkpoint.ts';
import { type ConfigFile, type GptConfig } from './config.ts';
import { Gpt } from './forward.ts';
import { type LayoutName, checkTensors, recogniseLayout, resolveConfig } from './layouts.ts';

export interface LoadGptOptions {
  readonly dtype: Dtype;
  readonly signal?: AbortSignal;
  /** Hears stored tensors as they reach the device: how many of how many. */
  readonly onTensor?: (done: number, total: number) => void;
}

/**
 * Recognises the layout, checks every name and shape before anything is allocated, and uploads.
 * Throws `checkpoint/…` and `config/…`; nothing stays allocated then.
 */
export async function loadGpt(
  device: Device,
  source: TensorSource,
  file: ConfigFile,
  options: LoadGptOptions,
): Promise<{ model: Gpt; config: GptConfig; layout: LayoutName }> {
  const layout = recogniseLayout(source.shapes);
  const config = resolveConfig(layout, source.shapes, file);
  checkTensors(layout, config, source.shapes, source.unreadable);
  const arena = device.createArena('parameters');
  let model: Gpt | null = null;
  try {
    let done = 0;
    const parameters = await loadParameters(
      device,
      arena,
      source,
      layout,
      config,
      options.dtype === 'fp16' ? 'f16' : 'f32',
      () => options.onTensor?.(++done, source.shapes.size),
      options.signal,
    );
    model = new Gpt(device, arena, config, parameters);
    await model.prepare();
    // Allocations fail late on a GPU: only now is it known that all of them are there.
    await device.idle();
    return { model, config, layout: layout.name };
  } catch (error) {
    model?.dispose();
    arena.dispose();
    throw error;
  }
}
