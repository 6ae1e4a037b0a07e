// Heads and tensors beside the model: it loads, and a note says what is not used.
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { writeSafetensors, type SafetensorsInput } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { HUGGING_FACE, resolveConfig } from '../../../src/model/layouts.ts';
import { notesOnUnused } from '../../../src/model/unused.ts';
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

/** Names and shapes of a GPT-2 of one block, and of what lies beside it. */
function shapesOf(beside: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const names = [
    ['wte.weight', [5, 4]],
    ['wpe.weight', [6, 4]],
    ['h.0.ln_1.weight', [4]],
    ['h.0.attn.c_attn.weight', [4, 12]],
    ['h.0.attn.c_proj.weight', [4, 4]],
    ['h.0.ln_2.weight', [4]],
    ['h.0.mlp.c_fc.weight', [4, 16]],
    ['h.0.mlp.c_proj.weight', [16, 4]],
    ['ln_f.weight', [4]],
  ] as const;
  return new Map<string, readonly number[]>([
    ...names.map(([name, shape]) => [`transformer.${name}`, shape] as const),
    ...beside.map((name) => [name, [4]] as const),
  ]);
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

  test('what lies inside a block, or is a norm, makes other numbers where the model was made', () => {
    const resolved = resolveConfig(HUGGING_FACE, shapesOf([]), { nHead: 2 });
    const noteOf = (name: string): string | undefined =>
      notesOnUnused(HUGGING_FACE, resolved, shapesOf([name]))[0];
    const others = 'which no GPT-2 has: not used. Where it was made they took part in its numbers';
    for (const name of [
      'transformer.h.0.attn.q_norm.weight',
      'transformer.h.0.crossattention.c_attn.weight',
      'transformer.ln_emb.weight',
    ]) {
      expect(noteOf(name)).toContain(`The file holds ${name}, ${others}`);
    }
    expect(noteOf('step')).toBe('The file holds step, which no GPT-2 has: not used.');
  });
});
