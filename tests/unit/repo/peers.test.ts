// What `npm run bench:peers` promises without being run: that its peers are pinned and nobody else sees them, that both
// sides are given the same numbers, and that its words say what was measured.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Run,
  type TrainingRun,
  compare,
  describeRun,
  describeTraining,
  median,
  ratiosOf,
  threadsIn,
} from '../../../scripts/peers/report.mjs';
import {
  drawn,
  drawnFrom,
  graphTensors,
  toHuggingFace,
  uniform,
} from '../../../scripts/peers/weights.mjs';
import { HUGGING_FACE } from '../../../src/model/layouts.ts';
import { parameterTable } from '../../../src/model/parameters.ts';
import { PRESETS } from '../../../src/model/config.ts';
import { repositoryFiles, root } from './files.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe.each(['scripts/peers', 'scripts/peers/training'])('the peers of %s', (folder) => {
  const manifest = JSON.parse(read(`${folder}/package.json`));
  const lock = JSON.parse(read(`${folder}/package-lock.json`));

  test('are pinned to one version, by a lock file that names no host', () => {
    const versions = Object.entries<string>(manifest.devDependencies);
    expect(versions.length).toBeGreaterThan(0);
    for (const [name, version] of versions) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`].version).toBe(version);
    }
    expect(lock.packages[''].devDependencies).toEqual(manifest.devDependencies);
    expect(JSON.stringify(lock)).not.toContain('"resolved"');
  });
});

test('nothing that is installed, built, served or tested names a peer', () => {
  const own = /^scripts\/peers|^tests\/support\/(?:peers|tfjs)|^tests\/unit\/repo\/peers|\.md$/;
  const named =
    /['"`/]onnxruntime|@genai-fi|@tensorflow|tfjs|peers(?:\/\w+)?\.(?:mjs|ts)|scripts\/peers/;
  const elsewhere = repositoryFiles()
    .filter((file) => !own.test(file) && /\.(?:m?[jt]sx?|json|html|css|yml)$/.test(file))
    .filter((file) => !/^(?:public\/models|tests\/fixtures)\//.test(file))
    .filter((file) => named.test(read(file)));
  // The command that runs it, and what would call its page's part unused.
  expect(elsewhere).toEqual(['knip.json', 'package.json']);
  expect(read('package.json').match(/onnxruntime|@genai-fi|tensorflow|peers\.mjs/g)).toEqual([
    'peers.mjs',
  ]);
});

describe('the weights for both', () => {
  const tensors = graphTensors();

  test('are the parameters of GPT-2 124M in Hugging Face layout, without holes', () => {
    const wanted = parameterTable(PRESETS.gpt2).map(({ path, shape }) => {
      const [name] = HUGGING_FACE.namesOf(path);
      return [name, shape.length === 2 && !/\.w[tp]e\./.test(name) ? shape.toReversed() : shape];
    });
    const byName = (a: unknown[], b: unknown[]): number => String(a[0]).localeCompare(String(b[0]));
    expect(tensors.map(({ name, dims }) => [toHuggingFace(name), dims]).toSorted(byName)).toEqual(
      wanted.toSorted(byName),
    );
    let end = 0;
    for (const { offset, dims } of tensors) {
      expect(offset).toBe(end);
      end += 4 * dims.reduce((a, b) => a * b);
    }
  });

  test('are normally distributed, with biases and norms that are never 0 and 1', () => {
    for (const name of ['wpe', 'transformer.h.3.ln_2.w', 'transformer.h.3.mlp.c_fc.b']) {
      const { mean, std } = drawnFrom(name);
      const count = 30_000;
      const values = drawn({ name, dims: [3, count / 3] }, uniform(1));
      const about = values.reduce((sum, value) => sum + value, 0) / count;
      // Five standard errors of a mean and of a share.
      expect(Math.abs(about - mean)).toBeLessThan((5 * std) / Math.sqrt(count));
      const within = values.filter((value) => Math.abs(value - mean) < std).length / count;
      expect(Math.abs(within - 0.6827)).toBeLessThan(5 * Math.sqrt(0.2166 / count));
    }
    expect(drawnFrom('transformer.h.0.attn.c_attn.w')).toEqual({ mean: 0, std: 0.02 });
    expect(drawnFrom('transformer.ln_f.w').std).toBeGreaterThan(0);
    expect(drawnFrom('transformer.ln_f.b').std).toBeGreaterThan(0);
  });

  test('are the same every time', () => {
    const tensor = { name: 'wte', dims: [7] };
    expect(drawn(tensor, uniform(5))).toEqual(drawn(tensor, uniform(5)));
    expect(drawn(tensor, uniform(5))).not.toEqual(drawn(tensor, uniform(6)));
  });
});

describe('the words', () => {
  const of = (name: string, model: string, dtype: string, description: string) => ({
    name,
    model,
    dtype,
    ours: name !== 'peer',
    adapter: "This computer's processor",
    description,
  });
  const run: Run = {
    threads: 2,
    isIsolated: true,
    contenders: [
      of('peer', 'gpt2', 'fp32', 'WebAssembly, 2 threads'),
      of('ours, fp32', 'gpt2', 'fp32', 'WebAssembly, 2 threads, relaxed SIMD'),
      of('ours, q8', 'gpt2', 'q8', 'Plain TypeScript kernels, f32'),
      of('tales', 'tales', 'fp32', 'WebAssembly, 2 threads'),
    ],
    agreements: [{ name: 'ours, fp32', bound: 1e-4, largest: 1.24e-6 }],
    times: [
      { name: 'peer', task: 'a prompt', ms: [130, 120, 140] },
      { name: 'ours, fp32', task: 'a prompt', ms: [100, 90, 110] },
      { name: 'peer', task: 'a token', ms: [30, 33, 31] },
      { name: 'ours, fp32', task: 'a token', ms: [29, 28, 40] },
      { name: 'ours, q8', task: 'a token', ms: [14.5, 14, 15] },
      { name: 'tales', task: 'a token', ms: [4, 5, 2] },
    ],
  };

  test('take the middle of the rounds', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('call less than 10 % a tie, either way', () => {
    expect(compare([109], [100]).isTie).toBe(true);
    expect(compare([100], [109]).isTie).toBe(true);
    expect(compare([111], [100]).isTie).toBe(false);
    expect(compare([100], [111]).isTie).toBe(false);
  });

  test('compare fp32 with the peer, and fewer bits with the faster of both in fp32', () => {
    expect(ratiosOf(run)).toMatchObject([
      { task: 'a prompt', name: 'ours, fp32', against: 'peer', ratio: 1.3, isTie: false },
      { task: 'a token', name: 'ours, fp32', against: 'peer', ratio: 31 / 29, isTie: true },
      { task: 'a token', name: 'ours, q8', against: 'ours, fp32', ratio: 2, isTie: false },
    ]);
  });

  test('give the range, what was agreed on, and who had other threads', () => {
    const said = describeRun(run).join('\n');
    expect(said).toContain('2 threads, the page isolated');
    expect(said).toContain('relaxed SIMD; logits within 1.2e-6 of the largest');
    expect(said).toContain('Not like with like: of 2 threads, ours, q8 has 1.');
    expect(said).toMatch(/a prompt +130 \(120–140\) +100 \(90–110\)$/m);
    expect(said).toContain('a prompt: ours, fp32 is 1.30 times as fast as peer (rounds 1.27–1.33)');
    expect(said).toContain('a token: ours, fp32 is a tie with peer (1.07; rounds 0.78–1.18)');
    expect(said).toContain('tales: 250 (200–500) tokens a second');
  });

  test('say how fast each trains, how many times as fast ours does, and what a step is to its way forward', () => {
    const training: TrainingRun = {
      device: 'WebGPU',
      tokensAStep: 1000,
      learners: [
        { name: 'ours', description: 'a', ms: [500, 400, 625], losses: [4.85, 4.7, 4.5, 4.25] },
        { name: 'slow', description: 'b', ms: [20_000, 20_000, 25_000], losses: [4.85, 4.8] },
        { name: 'near', description: 'c', ms: [1000, 1000, 1000], losses: [4.85, 4.8] },
      ],
      forwardMs: [190, 200, 210],
    };
    const said = describeTraining(training).join('\n');
    expect(said).toContain('Training on WebGPU, 1000 tokens a step');
    expect(said).toMatch(
      /ours +2000 \(1600–2500\) tokens a second; a; loss 4\.850, 4\.250 after 3 steps/,
    );
    expect(said).toContain('ours trains 40.0 times as fast as slow');
    expect(said).toContain('ours trains 2.00 times as fast as near');
    expect(said).toContain('a step takes 2.50 times the way forward of the same rows');
    expect(describeTraining({ ...training, forwardMs: null }).join('\n')).not.toContain('forward');
  });

  test('read threads from what computes', () => {
    expect(threadsIn('WebAssembly, 3 threads, relaxed SIMD')).toBe(3);
    expect(threadsIn('WebAssembly, 1 thread')).toBe(1);
    expect(threadsIn('Plain TypeScript kernels, f32')).toBe(1);
  });
});
