// npm run verify:gpt2, as a process of its own, against a Hub on loopback: what it compares, and what it must never call a pass.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { logSumExp } from '../../../src/engine/checking/agreement.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import { type HubServer, startHub } from '../../support/hubServer.ts';
import { packPath, readExpected, readPackJson } from '../../support/packOnDisk.ts';
import { type Published, publishedOf } from '../../support/published.ts';
import { COMMIT, tinyModel } from '../../support/servedModels.ts';
import { againstKnown, fetchModel } from '../../support/verifyKnown.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/verify-gpt2.mjs', import.meta.url));
const WEIGHTS = 'model.safetensors';

let hub: HubServer;
let cache: string;
beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'glass-gpt-verify-'));
  // The second one says that it is GPT-2, and is not.
  hub = await startHub([tinyModel(), tinyModel('openai-community/gpt2')]);
});
beforeEach(() => hub.reset());
afterAll(async () => {
  await hub.close();
  rmSync(cache, { recursive: true, force: true });
});

function verify(...args: string[]): Promise<{ code: number; output: string }> {
  const all = [SCRIPT, '--device', 'cpu', '--cache', cache, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, all, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

describe('npm run verify:gpt2', () => {
  test('fetches a model once, checks it, and says what was not compared', async () => {
    const asked = ['--host', hub.origin, '--model', 'tests/tiny-gpt2'];
    const first = await verify(...asked);
    expect(first.output).toContain(`tests/tiny-gpt2 at ${COMMIT}`);
    expect(first.output).toContain('ok   SHA-256 of the weights');
    expect(first.output).toContain('—    numbers and tokens as published: none are known');
    expect(first.output).toContain('ok   self-check: against the kernels');
    expect(first.code).toBe(0);
    hub.reset();
    // What is there whole is not asked for again; the command would only compute all of it once more.
    const again = await fetchModel('tests/tiny-gpt2', {
      host: hub.origin,
      revision: 'e7da7f2',
      cache_dir: cache,
    });
    expect(again).toMatchObject({ commit: COMMIT, isVerified: true });
    expect(hub.seen).toEqual([]);
  });

  test('fails for other weights under the name of GPT-2', async () => {
    const { code, output } = await verify('--host', hub.origin);
    expect(output).toContain('ok   SHA-256 of the weights');
    expect(output).toContain('FAIL shape as published');
    expect(code).toBe(1);
  });

  test("takes PyTorch's numbers where they are published, and no others", async () => {
    const expected = readExpected('gpt2');
    const ids = [...expected('input_ids').subarray(0, 6)];
    const { greedy } = readPackJson('gpt2', 'training.json') as { greedy: number[] };
    await using model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    const { nLayer, nHead, nEmbd, parameterCount } = model.summary;
    const { vocabSize } = model.config;
    const logits = expected('logits').subarray(0, ids.length * vocabSize);
    const row = (i: number) => logits.subarray(i * vocabSize, (i + 1) * vocabSize);
    const at = [0, 7, vocabSize - 1];
    const logProbs = ids.slice(1).map((id, i) => row(i)[id] - logSumExp(row(i)));
    const loss = -logProbs.reduce((sum, p) => sum + p, 0) / logProbs.length;
    const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
    const known = (error: number): Published => ({
      shape: [nLayer, nHead, nEmbd, parameterCount],
      logits: [
        {
          what: 'some logits',
          ids,
          position: 2,
          at,
          values: at.map((id) => row(2)[id] + error),
          bound: 1e-4,
        },
      ],
      logitMeans: [{ what: 'their mean', ids, mean: mean + error, bound: 1e-4 }],
      losses: [{ what: 'loss', ids, loss: loss + error, bound: 1e-4 }],
      texts: [{ what: 'a text', ids, logProbs: logProbs.map((p) => p + error) }],
      continuations: [
        { ids: greedy.slice(0, 5), continued: greedy.slice(5).map((id) => id + (error && 1)) },
      ],
    });
    const failed = async (error: number): Promise<string[]> =>
      (await againstKnown(model, known(error))).filter(({ ok }) => !ok).map(({ what }) => what);
    expect(await failed(0)).toEqual([]);
    const after = `greedy after ${greedy.slice(0, 5).join(' ')}`;
    const all = ['some logits', 'their mean', 'loss', 'tokens of a text', after];
    expect(await failed(0.01)).toEqual(all);
    expect(await failed(NaN)).toEqual(expect.arrayContaining(all.slice(0, -1)));
  });

  test('has published numbers only of ids that GPT-2 has', async () => {
    const known = publishedOf('openai-community/gpt2');
    const tokenizer = await loadGpt2Tokenizer();
    for (const { what, ids, position, at, values } of known?.logits ?? []) {
      expect(values).toHaveLength(at.length);
      expect(Math.max(...ids, ...at)).toBeLessThan(50257);
      // The text that the values are said to stand behind.
      expect(what).toContain(`after “${tokenizer.decode(ids.slice(0, position + 1))}”`);
    }
    expect(known?.logits.length).toBeGreaterThan(2);
    expect(tokenizer.decode(known?.losses[0]?.ids ?? [])).toBe('Hello World');
  });

  test('fails for damaged weights', async () => {
    hub.faults.set(WEIGHTS, { flip: 300_000 });
    const { code, output } = await verify(
      '--host',
      hub.origin,
      '--model',
      'tests/tiny-gpt2',
      '--cache',
      join(cache, 'other'),
    );
    expect(output).toContain('is damaged');
    expect(output).toMatch(/FAIL\n$/);
    expect(code).toBe(1);
  });

  test('is no pass where the host is not reached, or has no such model', async () => {
    const gone = await startHub([]);
    await gone.close();
    const closed = await verify('--host', gone.origin);
    expect(closed.output).toContain('could not be reached');
    expect(closed.output).toContain('nothing was verified: this is no pass');
    expect(closed.code).toBe(2);
    // The command says of any such error what it said of this one.
    const nobody = fetchModel('tests/nobody', { host: hub.origin, cache_dir: cache });
    await expect(nobody).rejects.toThrow('There is no public model tests/nobody');
    await expect(nobody).rejects.not.toMatchObject({ code: expect.stringMatching(/^download\//u) });
  });

  test('says how it is used', async () => {
    expect((await verify('--device', 'tpu')).code).toBe(2);
    expect((await verify('--fast')).output).toContain('Usage: npm run verify:gpt2');
  });
});
