// Which of several dropped folders are a model and its adapter.
import { describe, expect, it } from 'vitest';
import { chooseFolder } from '../../src/folders.ts';

const choose = (...paths: string[]): string =>
  chooseFolder(
    paths.map((path) => ({
      folder: path.split('/').slice(0, -1).join('/'),
      file: new File([], path.split('/').at(-1) ?? ''),
    })),
  ).folder;
const model = (folder: string): string[] => [
  `${folder}/model.safetensors`,
  `${folder}/config.json`,
];
const adapter = (folder: string): string[] => [
  `${folder}/adapter_model.safetensors`,
  `${folder}/adapter_config.json`,
];

describe('of several checkpoints of one training', () => {
  const steps = [1000, 500, 1500].map((step) => `run/checkpoint-${step}`);

  it('none is taken: they are named, as people count', () => {
    expect(() => choose(...steps.flatMap(model))).toThrow(
      expect.objectContaining({
        code: 'files/several',
        message:
          'There are several models: run/checkpoint-500, run/checkpoint-1000, run/checkpoint-1500.',
      }),
    );
    expect(() => choose(...model('base'), ...steps.flatMap(adapter))).toThrow(
      'several adapters: run/',
    );
    expect(() => choose(...steps.flatMap(adapter))).toThrow('There are several adapters: run/');
    const many = Array.from({ length: 12 }, (_, i) => `checkpoint-${i}`);
    expect(() => choose(...many.flatMap(model))).toThrow('checkpoint-4 and 7 more.');
  });

  it('the folder itself is the model, where its weights lie at its top', () => {
    expect(choose(...steps.flatMap(model), ...model('run'))).toBe('run');
    expect(choose(...steps.flatMap(adapter), ...adapter('run'), ...model('base'))).toBe(
      'base + run',
    );
  });

  it('one alone is the model', () => {
    expect(choose('run/log.txt', ...model(steps[0]))).toBe(steps[0]);
    expect(choose(...model(steps[0]), ...adapter(steps[1]))).toBe(
      'checkpoint-1000 + checkpoint-500',
    );
  });
});

it('a model in the format that is read goes before the same in others', () => {
  expect(choose('m/onnx/model.onnx', 'm/coreml/w.bin', ...model('m/pt'))).toBe('m/pt');
  expect(choose('m/a/model.onnx', 'm/b/model.bin')).toBe('m/a');
});
