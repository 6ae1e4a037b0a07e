// One list of parameters: against the counts that the sources print, PyTorch's order, minGPT's decay groups, the
// module tree, and what really lies on the device.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModuleNode } from '../../../src/api.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { toAnatomy } from '../../../src/model/anatomy.ts';
import { type GptConfig, PRESETS } from '../../../src/model/config.ts';
import { recogniseLayout } from '../../../src/model/layouts.ts';
import { parameterCount, parameterTable, tensorsOf } from '../../../src/model/parameters.ts';
import { parseSafetensorsHeader } from '../../../src/formats/safetensors.ts';
import { countNotebookModel } from '../../../src/ui/model/arithmetic.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { loadPackCase, readPackFile, readPackJson } from '../../support/packOnDisk.ts';

/** Every tensor of a module tree in the order of `named_parameters`, a tied head left out. */
function tensorsIn(node: ModuleNode, path = ''): [name: string, shape: readonly number[]][] {
  const below = node.children.reduce((sum, child) => sum + child.parameters, 0);
  const own = node.parameters > below ? node.tensors : [];
  return [
    ...own.map(({ name, shape }): [string, readonly number[]] => [path + name, shape]),
    ...node.children.flatMap((child) => tensorsIn(child, `${path}${child.name}.`)),
  ];
}

function shapesOf(name: string): Map<string, readonly number[]> {
  const file = readPackFile(name, 'model.safetensors');
  const { tensors } = parseSafetensorsHeader(file, file.length);
  return new Map([...tensors].map(([path, { shape }]) => [path, shape]));
}

describe('the table of parameters', () => {
  it('counts what the sources print', () => {
    const notebook = PRESETS['notebook-124m'];
    expect(parameterCount(PRESETS.gpt2)).toBe(124_439_808);
    expect(parameterCount(notebook)).toBe(163_009_536);
    expect(parameterCount({ ...notebook, qkvBias: true })).toBe(163_009_536 + 12 * 3 * 768);
    expect(parameterTable(PRESETS.gpt2)).toHaveLength(2 + 12 * 12 + 2);
    expect(parameterTable(notebook)).toHaveLength(2 + 12 * 11 + 2 + 1);
  });

  it('counts as the page does where it has only a configuration', () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(size(60_000), size(2048), size(20), size(1600), (vocabSize, nCtx, nLayer, c) => {
        const config: GptConfig = {
          ...PRESETS['notebook-124m'],
          vocabSize,
          nCtx,
          nLayer,
          nHead: 1,
          nEmbd: c,
          nInner: 4 * c,
        };
        const own = { vocabSize, contextLength: nCtx, nLayers: nLayer, embDim: c };
        expect(countNotebookModel(own)).toEqual({
          untied: parameterCount(config),
          tied: parameterCount(config, { withoutHead: true }),
        });
      }),
    );
  });

  for (const name of PACK_CASES) {
    it(`has PyTorch's names, order and decay groups for ${name}`, async () => {
      const { model, config, layout } = await loadPackCase(createCpuDevice(), name);
      const stored = shapesOf(name);
      const named = recogniseLayout(stored);
      const table = parameterTable(config);
      const training = readPackJson(name, 'training.json');
      const groups = { decay: training.decay as string[], no_decay: training.no_decay as string[] };
      const decaying = new Set(
        table.filter(({ decays }) => decays).flatMap(({ path }) => named.namesOf(path)),
      );
      const names = table.flatMap(({ path }) => named.namesOf(path));
      const tree = tensorsIn(toAnatomy(config, layout, 0).root);
      expect(names.toSorted()).toEqual(tree.map(([path]) => path).toSorted());
      for (const [path, shape] of tree) expect(stored.get(path), path).toEqual(shape);
      // Modules stand where each codebase constructs them: the tree knows, and for transformers so does the table.
      // The pack's nanoGPT made both LayerNorms of a block first, which its document does not.
      const ordered = layout === 'huggingface' ? names : tree.map(([path]) => path);
      const listed = (list: string[]): string[] => (layout === 'nanogpt' ? list.toSorted() : list);
      const decays = ordered.filter((path) => decaying.has(path));
      const others = ordered.filter((path) => !decaying.has(path));
      expect(listed(decays)).toEqual(listed(groups.decay));
      expect(listed(others)).toEqual(listed(groups.no_decay));
      model.dispose();
    });
  }

  it('gives each tensor of a loaded model once, and none of the zeros for what is absent', async () => {
    for (const name of ['gpt2', 'notebook', 'nanogpt-nobias'] as const) {
      const { model, config } = await loadPackCase(createCpuDevice(), name);
      const { h, lmHead } = model.parameters;
      const tensors = parameterTable(config).flatMap((spec) => tensorsOf(spec, model.parameters));
      const ids = new Set(tensors.map(({ id }) => id));
      expect(ids.size).toBe(tensors.length);
      expect(ids.has(lmHead.bias[0].id)).toBe(false);
      expect(ids.has(h[0].attn.cAttn.bias[0].id)).toBe(config.qkvBias);
      expect(ids.has(h[0].mlp.cFc.bias[0].id)).toBe(config.bias);
      expect(ids.has(h[0].ln1.bias.id)).toBe(config.layerNormBias);
      expect(ids.has(lmHead.weight.parts[0].tensor.id)).toBe(true);
      for (const spec of parameterTable(config)) {
        const found = tensorsOf(spec, model.parameters);
        const rows = found.reduce((sum, { shape }) => sum + shape[0], 0);
        expect([rows, ...found[0].shape.slice(1)], spec.path).toEqual(spec.padded);
      }
      model.dispose();
    }
  });
});
