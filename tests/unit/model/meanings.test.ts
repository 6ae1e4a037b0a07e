// The kernels' meanings, run in float64, are the oracle of every shader: here they meet PyTorch.
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { loadPackCase, readExpected } from '../../support/packOnDisk.ts';
import { readAttention, readLogits, readScores } from '../../../src/model/reads.ts';
import { Session } from '../../../src/model/session.ts';

/** The pack stores float64 results as float32: half a unit in the last place, and a little. */
const STORED = 2 ** -23;

function expectStored(actual: ArrayLike<number>, expected: Float32Array, what: string): void {
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    const error = Math.abs(actual[i] - expected[i]);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  expect(actual.length, what).toBe(expected.length);
  expect(worst / largest, what).toBeLessThan(STORED);
}

describe('the meanings in float64', () => {
  for (const name of PACK_CASES) {
    it(`give ${name} to the last stored digit`, async () => {
      const { model, config } = await loadPackCase(createCpuDevice('f64'), name);
      const expected = readExpected(name);
      const flat = expected('input_ids');
      const T = flat.length / 2;
      const ids = [0, 1].map((b) => [...flat.subarray(b * T, (b + 1) * T)]);
      const session = new Session(model, { batch: 2, capacity: T });
      const hidden = Array.from({ length: config.nLayer + 1 }, () => [] as Float32Array[]);
      await session.append(ids, {
        taps: { onHidden: (layer, _from, values) => hidden[layer].push(values) },
      });
      hidden.forEach((pieces, l) => {
        // Pieces hold both sequences' rows; put the rows of each sequence together again.
        const C = config.nEmbd;
        const whole = new Float32Array(2 * T * C);
        let from = 0;
        for (const piece of pieces) {
          const rows = piece.length / 2 / C;
          for (const b of [0, 1]) {
            const part = piece.subarray(b * rows * C, (b + 1) * rows * C);
            whole.set(part, (b * T + from) * C);
          }
          from += rows;
        }
        expectStored(whole, expected(`hidden.${l}`), `hidden.${l}`);
      });
      const logits = new Float32Array(2 * T * config.vocabSize);
      for (const b of [0, 1]) {
        await readLogits(session, b, 0, T, (rows) =>
          logits.set(rows.logits, (b * T + rows.start) * config.vocabSize),
        );
      }
      expectStored(logits, expected('logits'), 'logits');
      for (let l = 0; l < config.nLayer; l++) {
        const maps = [0, 1].map((b) => readAttention(session, b, l, 0, config.nHead));
        const both = (await Promise.all(maps)).flatMap((map) => [...map]);
        expectStored(both, expected(`attn.${l}`), `attn.${l}`);
      }
      const targets = expected('targets');
      let sum = 0;
      let count = 0;
      for (const b of [0, 1]) {
        const { loss, rank } = await readScores(session, b, 0, [
          ...targets.subarray(b * T, (b + 1) * T),
        ]);
        loss.forEach((value) => (sum += value));
        count += rank.filter((r) => r > 0).length;
      }
      expect(Math.abs(sum / count / expected('loss')[0] - 1)).toBeLessThan(4 * STORED);
      session.dispose();
      model.dispose();
    });
  }
});
