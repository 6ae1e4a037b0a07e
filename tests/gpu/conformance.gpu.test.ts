// The whole engine against PyTorch's numbers, on WebGPU and on the processor.
import { describe, expect, it } from 'vitest';
import { PACK_CASES, PACK_RUNS } from '../support/packCases.ts';
import { type CaseResult, verifyCase } from '../support/verifyCase.ts';
import { gpuDevice } from './fixture.ts';

const PACK = '/tests/fixtures/conformance/';
function expectOk(result: CaseResult): void {
  const bad = result.groups.filter((group) => !group.ok);
  expect(result.groups.length).toBeGreaterThan(4);
  expect(bad, JSON.stringify(bad, null, 1)).toEqual([]);
}

describe('the conformance pack', () => {
  const devices = {
    webgpu: async () => (await gpuDevice()).gpu,
    cpu: () => 'cpu' as const,
  };
  for (const [device, open] of Object.entries(devices)) {
    for (const name of PACK_CASES) {
      it(`${name} agrees with PyTorch on ${device}`, async () => {
        const url = new URL(`${PACK}${name}/`, location.href).href;
        expectOk(await verifyCase(url, { device: await open() }));
      });
    }
  }

  for (const [device, open] of Object.entries(devices)) {
    for (const name of PACK_RUNS) {
      it(`${name} is trained as by PyTorch on ${device}`, async () => {
        const url = new URL(`${PACK}${name}/`, location.href).href;
        // As many as PyTorch's losses are compared of. The rest is for a processor here: on a software adapter it takes longer
        // than all other training; `npm run verify` makes all steps anywhere.
        const options = device === 'webgpu' ? { learnsFor: 20 } : {};
        const result = await verifyCase(url, { device: await open(), ...options });
        console.info(`${name} on ${device}: ${result.seconds.toFixed(1)} s`);
        const bad = result.groups.filter((group) => !group.ok);
        expect(result.groups.length).toBeGreaterThan(1);
        expect(bad, JSON.stringify(bad, null, 1)).toEqual([]);
      });
    }
  }

  for (const dtype of ['fp16', 'q8'] as const) {
    it(`is near PyTorch in ${dtype}, and says by how much without judging`, async () => {
      const url = new URL(`${PACK}gpt2/`, location.href).href;
      const device = await devices.webgpu();
      const { ok, groups, agreement } = await verifyCase(url, { device, dtype });
      expect(ok).toBe(true);
      expect(new Set(groups.map(({ bound }) => bound))).toEqual(new Set(['not judged']));
      if (!agreement) throw new Error('no logits were compared');
      expect(agreement.positions).toBeGreaterThan(20);
      expect(agreement.top1).toBeGreaterThan(0.9);
      expect(agreement.klBits).toBeLessThan(0.01);
      expect(agreement.maxDifference).toBeGreaterThan(0);
    });
  }

  it(
    'GPT-2 124M, made from hashes, agrees with PyTorch at full size',
    { timeout: 240_000 },
    async () => {
      const url = new URL(`${PACK}gpt2-124m-hash/`, location.href).href;
      const result = await verifyCase(url, { device: 'webgpu' });
      console.info(`${result.name}: ${result.seconds.toFixed(1)} s`);
      expectOk(result);
    },
  );
});
