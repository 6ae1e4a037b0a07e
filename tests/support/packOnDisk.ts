// Cases of the conformance pack, read from disk for tests in Node.
import { readFileSync } from 'node:fs';
import { type Device } from '../../src/gpu/device.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { loadGpt } from '../../src/model/load.ts';
import { parseSafetensorsHeader, toFloat32 } from '../../src/formats/safetensors.ts';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';

const ROOT = new URL('../fixtures/conformance/', import.meta.url);

export function packPath(name: string): string {
  return new URL(`${name}/`, ROOT).pathname.replace(/\/$/, '');
}

export function readPackFile(name: string, file: string): Uint8Array {
  return readFileSync(new URL(`${name}/${file}`, ROOT));
}

export function readPackJson(name: string, file: string): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(readPackFile(name, file))) as Record<string, unknown>;
}

/** Loads a case onto a device. */
export async function loadPackCase(device: Device, name: string) {
  const source = openSafetensors(readPackFile(name, 'model.safetensors'));
  const file = readConfigFile(readPackJson(name, 'config.json'));
  return loadGpt(device, source, file, { dtype: 'fp32' });
}

/** Expected tensors of a case by name. */
export function readExpected(name: string): (tensor: string) => Float32Array {
  const bytes = readPackFile(name, 'expected.safetensors');
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  return (tensor) => {
    const entry = tensors.get(tensor);
    if (!entry) throw new Error(`${name} expects no ${tensor}.`);
    const raw = Uint8Array.from(bytes.subarray(entry.begin, entry.end));
    return entry.dtype === 'I32'
      ? Float32Array.from(new Int32Array(raw.buffer))
      : toFloat32(raw, entry.dtype);
  };
}
