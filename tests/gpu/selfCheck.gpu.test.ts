// The self-check on WebGPU: a shader that computes wrongly turns it red, and what the engine falls back
// to turns it green.
import { describe, expect, it } from 'vitest';
import { GPT2 } from '../../src/engine/gpt2.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { checkedModel } from '../../src/engine/checking/checkedModel.ts';
import { gpuDevice } from './fixture.ts';

const GPT2_CASE = new URL('/tests/fixtures/conformance/gpt2/', location.href).href;
const TALES = new URL('/models/tales-7m', location.href).href;

/** A GPU whose compiler makes something else of some shaders. */
function withFault(gpu: GPUDevice, fault: (name: string, code: string) => string): GPUDevice {
  return new Proxy(gpu, {
    get(target, key) {
      if (key === 'createShaderModule') {
        return (descriptor: GPUShaderModuleDescriptor) =>
          target.createShaderModule({
            ...descriptor,
            code: fault(descriptor.label ?? '', descriptor.code),
          });
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('the self-check on WebGPU', () => {
  for (const dtype of ['fp32', 'fp16', 'q8'] as const) {
    for (const plain of [true, false]) {
      it(`passes in ${dtype} with ${plain ? 'plain' : 'workgroup'} kernels`, async () => {
        const { gpu } = await gpuDevice();
        const model = await GPT2.from_pretrained(GPT2_CASE, { device: gpu, dtype, plain });
        const { check, failed, model: kept } = await checkedModel(model);
        expect(check.report).not.toContain('FAIL');
        expect(check).toMatchObject({ passed: true, against: 'meanings', top1: 1, dtype });
        expect(failed).toEqual([]);
        expect(kept).toBe(model);
        await model.dispose();
      });
    }
  }

  it('falls back from halves that are unpacked wrongly to fp32', async () => {
    const { gpu } = await gpuDevice();
    const broken = withFault(gpu, (_, code) =>
      code.replaceAll('unpack2x16float(', '0.999 * unpack2x16float('),
    );
    const first = await GPT2.from_pretrained(GPT2_CASE, { device: broken, dtype: 'fp16' });
    const { model, check, failed } = await checkedModel(first);
    expect(failed.map(({ dtype, passed }) => [dtype, passed])).toEqual([['fp16', false]]);
    expect(check).toMatchObject({ passed: true, dtype: 'fp32', device: { kind: 'webgpu' } });
    await expect(first.forward([1])).rejects.toMatchObject({ code: 'engine/disposed' });
    expect((await model.forward([1, 2])).logits.dims).toEqual([1, 2, model.config.vocabSize]);
    await model.dispose();
  });

  it('falls back from a workgroup kernel that loses a lane to plain ones', async () => {
    const { gpu } = await gpuDevice();
    const broken = withFault(gpu, (name, code) =>
      name === 'matvecWorkgroup' ? code.replace('j < 8u', 'j < 7u') : code,
    );
    const first = await GPT2.from_pretrained(GPT2_CASE, {
      device: broken,
      dtype: 'q8',
      plain: false,
    });
    const { model, check, failed } = await checkedModel(first);
    expect(failed.map(({ dtype }) => dtype)).toEqual(['q8', 'fp32']);
    expect(failed[0].report).toContain('workgroup kernels');
    expect(check).toMatchObject({ passed: true, dtype: 'fp32', device: { kind: 'webgpu' } });
    expect(check.report).toContain('plain kernels');
    await model.dispose();
  });

  it('ends on the processor where every kernel of the GPU is wrong', async () => {
    const { gpu } = await gpuDevice();
    const broken = withFault(gpu, (name, code) =>
      name.startsWith('layerNorm')
        ? code.replaceAll('params.channels', '(params.channels - 1u)')
        : code,
    );
    const first = await GPT2.from_pretrained(GPT2_CASE, { device: broken, dtype: 'fp32' });
    const { model, check, failed } = await checkedModel(first);
    expect(failed.length).toBeGreaterThan(0);
    expect(check).toMatchObject({ passed: true, device: { kind: 'cpu' } });
    await model.dispose();
  });

  it('is part of loading where it is asked for', async () => {
    const engine = new LocalEngine();
    const options = { device: 'webgpu', dtype: 'q8', selfCheck: true } as const;
    const summary = await engine.load(TALES, options);
    expect(summary.check?.report).not.toContain('FAIL');
    expect(summary.check).toMatchObject({ passed: true, against: 'reference', dtype: 'q8' });
    expect(summary.failedChecks).toEqual([]);
    console.info(summary.check?.report);
    await engine.dispose();
  });
});
