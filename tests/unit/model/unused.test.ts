// Heads and tensors beside the model: it loads, and a note says what is not used.
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { writeSafetensors, type SafetensorsInput } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { caseFiles, expectedOf, logitError } from '../../support/cases.ts';

const { 'config.json': config, 'model.safetensors': weights } = caseFiles('metadata-null');

/** The case's model with more tensors beside it, dropped. */
async function loadWith(beside: readonly string[], architecture: string): Promise<GPT2> {
  const source = openSafetensors(weights);
  const tensors = new Map<string, SafetensorsInput>();
  for (const [name, shape] of source.shapes) {
    tensors.set(name, { dtype: 'F32', shape, data: await source.read(name) });
  }
  for (const name of beside) {
    tensors.set(name, { dtype: 'F32', shape: [2], data: new Float32Array(2) });
  }
  const json = JSON.parse(new TextDecoder().decode(config)) as object;
  const files = [
    new File([JSON.stringify({ ...json, architectures: [architecture] })], 'config.json'),
    new File([writeSafetensors(tensors)], 'model.safetensors'),
  ];
  return GPT2.from_pretrained('dropped', { device: 'cpu', dtype: 'fp32', files });
}

describe('beside the body', () => {
  for (const [architecture, name, says] of [
    ['GPT2ForSequenceClassification', 'score.weight', 'classifies whole texts (score.weight)'],
    ['GPT2ForTokenClassification', 'classifier.bias', 'classifies tokens (classifier.bias)'],
    [
      'GPT2DoubleHeadsModel',
      'multiple_choice_head.summary.weight',
      'chooses among continuations (multiple_choice_head.summary.weight)',
    ],
    ['GPT2LMHeadModel', 'v_head.summary.weight', 'values texts'],
  ]) {
    test(`the head of ${architecture} is told, and the body writes with its embedding`, async () => {
      const model = await loadWith([name], architecture);
      expect(await logitError(model, expectedOf('metadata-null'))).toBeLessThan(1e-4);
      expect(model.summary.notes).toHaveLength(1);
      expect(model.summary.notes?.[0]).toContain(says);
      expect(model.summary.notes?.[0]).toContain('token embedding as head');
      await model.dispose();
    });
  }

  test('tensors that nobody knows are named, and a head that is tied is not', async () => {
    const model = await loadWith(['a', 'b.weight', 'c', 'd', 'lm_head.weight'], 'GPT2LMHeadModel');
    expect(model.summary.notes).toEqual([
      'The file holds a, b.weight, c and 1 more, which no GPT-2 has: not used.',
    ]);
    await model.dispose();
  });
});
