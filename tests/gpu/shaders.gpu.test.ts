// Every shader compiles as it stands, without a message, in the browser's own validator.
import { describe, expect, it } from 'vitest';
import { gpuDevice } from './fixture.ts';

const sources = import.meta.glob<string>('../../shaders/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});

describe('the shaders', () => {
  it('are all there', () => {
    expect(Object.keys(sources).length).toBeGreaterThanOrEqual(13);
  });

  for (const [path, code] of Object.entries(sources)) {
    const stem = path.replace(/^.*\/|\.wgsl$/g, '');
    it(`${stem} compiles without a warning, and its entry point has its name`, async () => {
      const { gpu } = await gpuDevice();
      const module = gpu.createShaderModule({ label: stem, code });
      const { messages } = await module.getCompilationInfo();
      expect(messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type} ${m.message}`)).toEqual([]);
      // Every kernel's tests make pipelines of it, by this name.
      expect(code).toMatch(new RegExp(`@compute @workgroup_size\\([^)]*\\)\\s+fn ${stem}\\(`, 'u'));
    });
  }
});
