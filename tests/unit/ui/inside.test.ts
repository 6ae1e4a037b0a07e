// What the views of the inside say and where things stand: pure functions, no page.
import { describe, expect, it } from 'vitest';
import type {
  ModuleNode,
  PartOff,
  SamplerStage,
  SamplerSteps,
  TokenPiece,
} from '../../../src/api.ts';
import { DEFAULT_SETTINGS } from '../../../src/state/settings.ts';
import type { LensView } from '../../../src/state/facts/lens.ts';
import {
  headsOfLayer,
  offNames,
  partsOfAll,
  partsOfLayer,
  type Part,
  type Sweep,
} from '../../../src/state/facts/parts.ts';
import { rankHeight } from '../../../src/ui/lens/drawings.ts';
import { cellAt, layoutLens } from '../../../src/ui/lens/layout.ts';
import { curveWords, lensFinding, settledDepth } from '../../../src/ui/lens/words.ts';
import {
  countByPurpose,
  countNotebookModel,
  GPT_CONFIG_124M,
  toMegabytes,
  toTreeLines,
} from '../../../src/ui/model/arithmetic.ts';
import type { Painter } from '../../../src/ui/figure/painter.ts';
import { drawGrid } from '../../../src/ui/parts/drawings.ts';
import { layoutGrid } from '../../../src/ui/parts/layout.ts';
import { sizeLimits, sizeOf } from '../../../src/ui/parts/size.ts';
import {
  effects,
  partName,
  strongest,
  sweepFinding,
  watchedWords,
  telling,
} from '../../../src/ui/parts/sweepWords.ts';
import { comparisonFinding, runningFinding } from '../../../src/ui/parts/words.ts';
import { THEME } from './theme.ts';
import { layoutSteps } from '../../../src/ui/sampling/layout.ts';
import { differenceWords, drawWords, stepsFinding } from '../../../src/ui/sampling/words.ts';

const toPiece = (id: number, text: string): TokenPiece => ({ id, bytes: [], text, special: false });
const fox = toPiece(1, ' fox');
const king = toPiece(2, ' king');

const lens: LensView = {
  from: 4,
  count: 2,
  depths: 4,
  tokens: Uint32Array.of(2, 1, 2, 2, 1, 1, 1, 1),
  logprobs: new Float32Array(8).fill(Math.log(0.25)),
  pieces: new Map([
    [1, fox],
    [2, king],
  ]),
};

describe('the lens', () => {
  it('says from which layer on the answer stands', () => {
    expect(settledDepth(lens, 4)).toBe(2);
    expect(settledDepth(lens, 5)).toBe(0);
    expect(settledDepth(lens, 9)).toBeNull();
    expect(lensFinding(lens, 4, fox, king)).toBe(
      'After “fox”, the guess settles on “king” after layer 1 and ends with 25\u00A0%. It is what came.',
    );
    expect(lensFinding(lens, 5, king, king)).toContain('“fox” from the embedding on');
  });

  it('says how a word fares, and where it stood best', () => {
    const logprobs = Float32Array.from([-9, -1, -3], (v) => v);
    const curve = { position: 0, piece: fox, ranks: Uint32Array.of(4000, 2, 9), logprobs };
    expect(curveWords(curve)).toBe(
      '“fox” starts at rank 4,000 and ends at rank 9 with 5.0\u00A0%; it stood best after layer 0, at rank 2.',
    );
  });

  it('has ranks on an even scale of ×10', () => {
    expect(rankHeight(1, 10_000)).toBe(0);
    expect(rankHeight(100, 10_000)).toBeCloseTo(0.5, 9);
    expect(rankHeight(10_000, 10_000)).toBe(1);
  });

  it('finds the cell under a point, and the token above a column', () => {
    const layout = layoutLens(600, 13);
    const x = layout.left + 2.5 * layout.cell;
    expect(cellAt(layout, 9, 13, x, layout.top + 3.5 * layout.row)).toEqual({
      column: 2,
      depth: 3,
    });
    expect(cellAt(layout, 9, 13, x, 5)).toEqual({ column: 2, depth: -1 });
    expect(cellAt(layout, 2, 13, x, 50)).toBeNull();
    expect(layout.left + layout.room * layout.cell).toBeLessThanOrEqual(600);
    expect(layoutLens(326, 13).room).toBeGreaterThanOrEqual(5);
  });
});

const stage = (
  step: SamplerStage['step'],
  active: boolean,
  probabilities: number[],
  removed = 0,
): SamplerStage => ({
  step,
  active,
  kept: probabilities.filter((p) => p > 0).length,
  removed,
  entropyBits: 1,
  probabilities,
});

const steps: SamplerSteps = {
  candidates: [fox, king],
  stages: [
    stage('model', true, [0.6, 0.4]),
    stage('repetition_penalty', false, [0.6, 0.4]),
    stage('temperature', true, [0.7, 0.3]),
    stage('top_k', true, [1, 0], 0.3),
    stage('top_p', false, [1, 0]),
    stage('min_p', false, [1, 0]),
  ],
  draw: {
    seed: 3,
    position: 9,
    uniform: 0.25,
    intervals: [{ piece: fox, from: 0, to: 1 }],
  },
  chosen: fox,
  chosenProbability: 1,
};

describe('the sampler’s steps', () => {
  const options = { ...DEFAULT_SETTINGS, top_k: 1 };

  it('are said with what they keep and cut', () => {
    expect(stepsFinding(steps, options)).toBe(
      'Temperature 0.8 sharpens; top-k 1 keeps 1 and cuts 30\u00A0%. 1.0 bits of uncertainty are left of 1.0 bits.',
    );
    expect(drawWords(steps)).toContain('Seed 3 at place 10 gives u = 0.2500: it falls into “fox”');
    expect(stepsFinding(steps, { ...options, do_sample: false })).toContain('nothing is drawn');
  });

  it('say what was different when a token was drawn', () => {
    expect(differenceWords(options, options)).toBe('');
    expect(differenceWords({ ...options, temperature: 1.5 }, options)).toBe('temperature 1.5');
    expect(differenceWords({ ...options, do_sample: false }, options)).toBe('greedy');
  });

  it('fit any width, and a step that changes nothing is narrow', () => {
    for (const width of [326, 862, 1022]) {
      const { columns } = layoutSteps(width, steps);
      const last = columns.at(-1);
      expect((last?.x ?? 0) + (last?.width ?? 0)).toBeCloseTo(width, 6);
      expect(columns[1]?.width).toBeLessThan(columns[0]?.width ?? 0);
    }
  });
});

describe('the switches', () => {
  const sweep: Sweep = {
    way: 'off',
    against: null,
    rest: null,
    deltas: Float32Array.of(-0.5, Number.NaN, 0.1, 0.001),
    wholes: new Float32Array(4).fill(Number.NaN),
    nLayer: 2,
    nHead: 2,
    base: Math.log(0.5),
    target: fox,
    at: 3,
    done: 3,
    by: 'zero',
    off: [],
    running: false,
  };

  it('name the heads that matter, with the switch of the strongest', () => {
    expect(strongest(effects(sweep)).map(({ part }) => partName(part))).toEqual([
      'head 0.0',
      'head 1.0',
      'head 1.1',
    ]);
    expect(sweepFinding(sweep)).toBe(
      '“fox” has 50\u00A0%. One head matters, with what is left when it is off: head 0.0 (30\u00A0%, −0.50).',
    );
    expect(telling(sweep)).toEqual({ part: 'head', layer: 0, head: 0 });
  });

  it('say that no head matters, and what does', () => {
    const weak = { ...sweep, deltas: Float32Array.of(-0.19, 0, 0.1, 0.001) };
    expect(sweepFinding(weak)).toBe(
      '“fox” has 50\u00A0%. No single part matters here (the most: head 0.0, 41\u00A0%, −0.19).',
    );
    expect(telling(weak)).toBeNull();
    const whole = { ...weak, wholes: Float32Array.of(0.01, -4, 0, 0) };
    expect(sweepFinding(whole)).toBe(
      '“fox” has 50\u00A0%. No single head matters here (the most: head 0.0, 41\u00A0%, −0.19). What does: layer 0’s MLP (0.92\u00A0%, −4.0).',
    );
    expect(telling(whole)).toEqual({ part: 'mlp', layer: 0 });
    expect(sweepFinding({ ...whole, running: true })).toContain('The strongest so far');
  });

  it('say of a difference how it changes, and of a logit what it is the sum of', () => {
    const dog = { ...fox, id: 12, text: ' dog' };
    const between = { ...sweep, base: -2.5, against: dog };
    expect(sweepFinding(between)).toBe(
      'The logit of “dog” is 2.50 above that of “fox”. One head matters, with how that changes when it is off: head 0.0 (−0.50).',
    );
    expect(watchedWords(between)).toBe('the logit of “fox” less that of “dog”');
    const direct = {
      ...sweep,
      way: 'direct' as const,
      base: 3.1,
      deltas: Float32Array.of(1, -0.5, 0.25, 0.25),
      wholes: Float32Array.of(0.5, 1.5, 0.5, -0.5),
      rest: { embedding: 0.6, biases: 0.5 },
    };
    expect(sweepFinding(direct)).toBe(
      'The logit of “fox” is 3.10. It is the sum of what each part adds by itself: the token itself +0.60, heads +1.0, MLPs +1.0 and biases +0.50. ' +
        'The largest of them: head 0.0 (+1.0), head 0.1 (−0.50), head 1.0 (+0.25) and layer 0’s MLP (+1.5).',
    );
    expect(watchedWords(direct)).toBe('the logit of “fox”');
  });

  it('paint a sweep on one scale for all: 0.19 is no darker than a fifth, and ±1 is full', () => {
    const weak = { ...sweep, deltas: Float32Array.of(-0.19, 0.19, 0.1, 0.001) };
    // Each shade is its own colour.
    const signedLut = Uint8ClampedArray.from({ length: 768 }, (_, i) => Math.floor(i / 3));
    const shades: number[] = [];
    const paint = (one: Sweep): number => {
      shades.length = 0;
      const painter = {
        rect: (_x: number, _y: number, _w: number, _h: number, fill: string) =>
          shades.push(Number(/^rgb\((\d+)/u.exec(fill)?.[1])),
        frame() {},
        line() {},
        text() {},
      } as unknown as Painter;
      const facts = { nLayer: 2, nHead: 2, off: [], sweep: one };
      drawGrid(painter, { ...THEME, signedLut }, layoutGrid(600, 2, 2), facts, false);
      expect(shades).toHaveLength(8);
      return Math.max(...shades.map((shade) => Math.abs(shade - 128)));
    };
    expect(paint(weak)).toBeGreaterThan(20);
    expect(paint(weak)).toBeLessThanOrEqual(127 / 5);
    expect(paint({ ...weak, wholes: Float32Array.of(-1, 0, 0, 0) })).toBe(127);
  });

  it('say the largest change and the divergence', () => {
    const comparison = {
      klBits: 0.5,
      candidates: [{ piece: fox, before: 0.4, after: 0.1 }],
      entropyBefore: 1,
      entropyAfter: 2,
    };
    const off = [{ part: 'head', layer: 4, head: 1, by: 'mean' }] as const;
    expect(comparisonFinding(comparison, off, null)).toBe(
      'With head 4.1 · mean off, “fox” falls from 40\u00A0% to 10\u00A0%. The guess moved clearly. KL divergence: 0.500 bits.',
    );
    const weak = {
      ...comparison,
      klBits: 0.003,
      candidates: [{ piece: fox, before: 0.24, after: 0.2401 }],
    };
    expect(comparisonFinding(weak, off, null)).toBe(
      'With head 4.1 · mean off, “fox” stays at 24\u00A0%. That is nothing to speak of. KL divergence: 0.003 bits.',
    );
  });

  it('have words for sizes, with limits that do not move', () => {
    const sizes = [0, 0.0099, 0.01, 0.099, 0.1, 0.99, 1, 12].map(sizeOf);
    expect(sizes.map((size) => size.at(0)).join('')).toBe('nnaacccc');
    expect(sizes.slice(4)).toEqual(['clearly', 'clearly', 'completely', 'completely']);
    expect(sizeLimits()).toBe(
      'nothing <\u00A00.01\u00A0≤ a little <\u00A00.1\u00A0≤ clearly <\u00A01\u00A0≤ completely',
    );
  });

  it('name wholes where all of their parts are off in the same way', () => {
    const shape = { nLayer: 2, nHead: 2 };
    const by = 'zero' as const;
    const off = (parts: readonly Part[]) => parts.map((part) => ({ ...part, by }));
    expect(offNames(off(partsOfAll('attention', 2)), shape)).toEqual(['all attention']);
    expect(offNames(off([...partsOfAll('mlp', 2), ...headsOfLayer(1, 2)]), shape)).toEqual([
      'all MLPs',
      'all heads of layer 1',
    ]);
    expect(offNames(off(partsOfLayer(1)), shape)).toEqual(['layer 1']);
    const mixed = [...off(partsOfLayer(1)).slice(0, 1), { part: 'mlp', layer: 1, by: 'mean' }];
    expect(offNames(mixed as PartOff[], shape)).toEqual(['attention 1', 'MLP 1 · mean']);
  });

  it('say that a text which is being written goes on as it began', () => {
    const mlp = { part: 'mlp', layer: 3, by: 'zero' } as const;
    const recipe = { start: 0, end: 2, seed: 1, settings: DEFAULT_SETTINGS };
    const [on, off] = [
      { ...recipe, off: [] },
      { ...recipe, off: [mlp] },
    ];
    const run = { seed: 1, tokens: 2, tokensPerSecond: 0, promptMs: 0, reason: null };
    expect(runningFinding(run, [on], [mlp])).toContain('written with every part on, as it began;');
    expect(runningFinding(run, [on, off], [])).toContain('written with MLP 3 off, as it began;');
    expect(runningFinding(run, [on, off], [{ ...mlp }])).toBe('');
    // No token of this run is there yet, or none will come.
    expect(runningFinding({ ...run, tokens: 0 }, [on], [mlp])).toBe('');
    expect(runningFinding({ ...run, reason: 'length' }, [on], [mlp])).toBe('');
    expect(runningFinding(null, [], [mlp])).toBe('');
  });

  it('stay large enough for a finger on a phone', () => {
    const phone = layoutGrid(354, 12, 12);
    expect(phone.cell).toBeGreaterThanOrEqual(24);
    expect(phone.width).toBeLessThanOrEqual(356);
    expect(layoutGrid(630, 12, 12).width).toBeLessThanOrEqual(630);
  });
});

describe('the module tree', () => {
  const leaf = (name: string, shape: number[]): ModuleNode => ({
    name,
    text: `Linear(${shape.join(', ')})`,
    tensors: [{ name: 'weight', shape }],
    parameters: shape.reduce((a, b) => a * b, 1),
    children: [],
  });
  const branch = (name: string, text: string, children: ModuleNode[]): ModuleNode => ({
    name,
    text,
    tensors: [],
    parameters: children.reduce((sum, child) => sum + child.parameters, 0),
    children,
  });
  const block = (name: string): ModuleNode =>
    branch(name, 'Block', [branch('attn', 'Attention', [leaf('c_attn', [2, 6])])]);
  const root = branch('', 'GPT', [
    leaf('wte', [10, 2]),
    branch('h', 'ModuleList', ['0', '1', '2'].map(block)),
    { ...leaf('lm_head', [10, 2]), parameters: 0 },
  ]);

  it('folds all blocks but the first', () => {
    const lines = toTreeLines(root, new Set());
    expect(lines.map(({ depth, text }) => ' '.repeat(depth) + text)).toEqual([
      'GPT(',
      ' (wte): Linear(10, 2)',
      ' (h): ModuleList(',
      '  (0): Block(',
      '   (attn): Attention(',
      '    (c_attn): Linear(2, 6)',
      '   )',
      '  )',
      '  (1–2): 2 × Block( … )',
      ' )',
      ' (lm_head): Linear(10, 2)',
      ')',
    ]);
    expect(toTreeLines(root, new Set(['root.h.…'])).length).toBe(lines.length + 2);
    expect(toTreeLines(root, new Set(['root']))).toHaveLength(1);
  });

  it('counts by purpose, a tied head not again', () => {
    expect(countByPurpose(root)).toMatchObject({
      'token embedding': 20,
      attention: 36,
      'output head': 0,
    });
  });

  it('reckons the notebook’s numbers from its configuration', () => {
    const { tied, untied } = countNotebookModel(GPT_CONFIG_124M);
    expect(untied).toBe(163_009_536);
    expect(tied).toBe(124_412_160);
    expect(toMegabytes(untied).toFixed(2)).toBe('621.83');
  });
});
