// A device that goes away while several results are awaited: one answer, and no rejection that nobody hears.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import type { Device, Tensor } from '../../../src/gpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { readPackFile, readPackJson } from '../../support/packOnDisk.ts';
import { readScores } from '../../../src/model/reads.ts';
import { Session } from '../../../src/model/session.ts';

const unheard: unknown[] = [];
const hear = (reason: unknown): void => void unheard.push(reason);
beforeAll(() => void process.on('unhandledRejection', hear));
afterAll(() => void process.off('unhandledRejection', hear));

/** The processor, whose results of some tensors never come once it is lost; the others take their time. */
function losing(): { device: Device; lose: (...labels: string[]) => void } {
  const real = createCpuDevice();
  let lost: readonly string[] = [];
  const later = async <T>({ label }: Tensor, reading: Promise<T>): Promise<T> => {
    if (lost.length === 0) return reading;
    if (lost.includes(label)) throw new Error(`${label} is lost`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return reading;
  };
  const createEncoder: Device['createEncoder'] = () => {
    const encoder = real.createEncoder();
    return {
      ...encoder,
      read: (tensor, from, count) => later(tensor, encoder.read(tensor, from, count)),
      readU32: (tensor, from, count) => later(tensor, encoder.readU32(tensor, from, count)),
    };
  };
  return { device: { ...real, createEncoder }, lose: (...labels) => (lost = labels) };
}

it('is told once, whichever result fails first', async () => {
  const { device, lose } = losing();
  const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
  const file = readConfigFile(readPackJson('gpt2', 'config.json'));
  await using model = await GPT2.from_source(source, { device, file });
  const session = new Session(model.gpt);
  await session.append([[1, 2, 3]]);
  const rows: [string[], () => Promise<unknown>, string][] = [
    [['loss', 'rank'], () => readScores(session, 0, 0, [2, 3, 4]), 'loss is lost'],
    [['rank'], () => readScores(session, 0, 0, [2, 3, 4]), 'rank is lost'],
    [
      ['lastLogits'],
      () => session.append([[4]], { lastLogits: true, taps: { onHidden: () => {} } }),
      'lastLogits is lost',
    ],
  ];
  for (const [labels, ask, message] of rows) {
    lose(...labels);
    await expect(ask()).rejects.toThrow(message);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(unheard).toEqual([]);
  }
  session.dispose();
});
