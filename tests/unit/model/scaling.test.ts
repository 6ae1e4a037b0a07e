// Scores that are scaled otherwise than in GPT-2: everything that looks at attention again sees what the pass saw.
import { describe, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readAttentionRows, readMapSummary } from '../../../src/model/attentionMaps.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { checkAgainstMeanings } from '../../../src/model/plainCheck.ts';
import { readAttention } from '../../../src/model/reads.ts';
import { Session } from '../../../src/model/session.ts';
import { expectClose } from '../../support/close.ts';
import { type NaiveConfig, configOf, createNaiveGpt } from '../../support/naiveGpt.ts';

const SIZES = { V: 23, S: 12, L: 3, H: 3, C: 15, F: 20 };
const FLAGS = { qkvBias: true, bias: true, normBias: true, std: false, exact: false, tied: true };

describe('attention', () => {
  for (const [what, scaling] of [
    ['divided by the number of the block', { inverse: true }],
    ['not divided', { scaled: false }],
    ['divided by the number of the block alone', { inverse: true, scaled: false }],
  ] as const) {
    it(`whose scores are ${what} is the same in logits, maps, rows, summaries and the check`, async () => {
      const config: NaiveConfig = { layout: 'huggingface', ...SIZES, ...FLAGS, ...scaling };
      const naive = createNaiveGpt(config, 7);
      const tensors = [...naive.toCheckpoint()].map(
        ([name, t]) => [name, { dtype: 'F32' as const, ...t }] as const,
      );
      const source = openSafetensors(writeSafetensors(new Map(tensors)));
      const file = readConfigFile(configOf(config));
      await using model = await GPT2.from_source(source, { device: createCpuDevice('f64'), file });
      const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5];
      const [T, H] = [ids.length, config.H];
      const { hidden, maps } = naive.flow(ids);
      const session = new Session(model.gpt);
      const [logits] = await session.append([ids], { lastLogits: true });
      expectClose('logits', logits, naive.toLogits(hidden[config.L][T - 1]), 1e-5);
      const rows = await readAttentionRows(session, T - 1);
      expectClose(
        'rows',
        rows,
        maps.flatMap((layer) => layer.flatMap((map) => map[T - 1])),
        1e-6,
      );
      for (const [l, layer] of maps.entries()) {
        const whole = layer.flatMap((map) =>
          map.flatMap((row) => Array.from({ length: T }, (_, s) => row[s] ?? 0)),
        );
        expectClose(`map ${l}`, await readAttention(session, 0, l, 0, H), whole, 1e-6);
        const { statistics, thumbnails } = await readMapSummary(session, l, T, 1);
        expectClose(`thumbnails ${l}`, thumbnails, whole, 1e-6);
        const first = layer.flatMap((map) => map.map((row, t) => (t === 0 ? 0 : row[0])));
        const found = statistics.first.map((value, i) => (i % T === 0 ? 0 : value));
        expectClose(`statistics ${l}`, found, first, 1e-6);
      }
      session.dispose();
      const { results } = await checkAgainstMeanings(model.gpt, ids, {
        oracle: createCpuDevice('f64'),
        budgetMs: Infinity,
        background: { ms: 0, pause: async () => {} },
      });
      expect(results.map((result) => result.what)).toContain('block 2');
      for (const { what: step, relative } of results) expect(relative, step).toBeLessThan(1e-6);
    });
  }
});
