// Parameters, their gradients or moments, as a codebase would store them: by its names, unpadded, its way round.
import type { Device } from '../../src/gpu/device.ts';
import type { GptConfig } from '../../src/model/config.ts';
import { type Layout, isInputFirst } from '../../src/model/layouts.ts';
import {
  type ParameterSpec,
  type Parameters,
  isMatrix,
  parameterTable,
} from '../../src/model/parameters.ts';
import { readRows, readVector } from '../../src/model/readBack.ts';

/** Every tensor by its stored name. */
export async function storedTensors(
  device: Device,
  config: GptConfig,
  parameters: Parameters,
  layout: Layout,
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const spec of parameterTable(config)) {
    const names = layout.namesOf(spec.path);
    const values = await valuesOf(device, spec, parameters);
    const each = spec.shape[0] / names.length;
    names.forEach((name, part) => {
      const columns = isMatrix(spec) ? spec.shape[1] : 1;
      const stored = new Float32Array(each * columns);
      for (let n = 0; n < each; n++) {
        for (let k = 0; k < columns; k++) {
          const row = spec.rowOf(part * each + n);
          const at = isMatrix(spec) ? row * spec.padded[1] + spec.columnOf(k) : row;
          stored[isInputFirst(layout, spec) ? k * each + n : n * columns + k] = values[at];
        }
      }
      found.set(name, stored);
    });
  }
  return found;
}

function valuesOf(device: Device, spec: ParameterSpec, p: Parameters): Promise<Float32Array> {
  return isMatrix(spec)
    ? readRows(device, spec.of(p), 0, spec.padded[0])
    : readVector(device, spec.of(p));
}
