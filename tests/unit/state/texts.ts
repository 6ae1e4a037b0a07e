// Texts, runs and branches as tests make them up.
import * as fc from 'fast-check';
import type { PartOff, TokenPiece } from '../../../src/api.ts';
import type { RecordedText, Recording } from '../../../src/state/replay.ts';
import type { RunRecord } from '../../../src/state/runs.ts';
import {
  MAX_SEED,
  NUMERIC_KEYS,
  RANGES,
  toSamplingOptions,
  type Settings,
} from '../../../src/state/settings.ts';
import { isSameHead } from '../../../src/state/facts/attention.ts';
import { isSamePart, sortParts } from '../../../src/state/facts/parts.ts';
import { READINGS, type View } from '../../../src/state/view.ts';

const numeric = Object.fromEntries(
  NUMERIC_KEYS.map((key) => {
    const { min, max, integer } = RANGES[key];
    return [
      key,
      integer
        ? fc.integer({ min, max })
        : fc.double({ min, max, noNaN: true, noDefaultInfinity: true }),
    ];
  }),
);

export const settings = fc.record({
  ...numeric,
  do_sample: fc.boolean(),
  seed: fc.option(fc.nat(MAX_SEED), { nil: null }),
  stop: fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), {
    maxLength: 8,
  }),
}) as unknown as fc.Arbitrary<Settings>;

export const prompt = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 });

const part: fc.Arbitrary<PartOff> = fc.oneof(
  fc.record({
    part: fc.constant('head' as const),
    layer: fc.nat(50),
    head: fc.nat(50),
    by: fc.constantFrom('zero' as const, 'mean' as const),
  }),
  fc.record({
    part: fc.constantFrom('attention' as const, 'mlp' as const),
    layer: fc.nat(50),
    by: fc.constantFrom('zero' as const, 'mean' as const),
  }),
);
const parts = fc.uniqueArray(part, { maxLength: 4, comparator: isSamePart }).map(sortParts);
const head = fc.record({ layer: fc.nat(50), head: fc.nat(50) });

/** Stretches of a text of `length` tokens, apart from each other or touching. */
function runsOf(length: number): fc.Arbitrary<readonly RunRecord[]> {
  const recipe = fc.record({
    seed: fc.nat(MAX_SEED),
    settings: settings.map(toSamplingOptions),
    off: parts,
  });
  return fc
    .tuple(
      fc.uniqueArray(fc.nat(length), { maxLength: 8 }),
      fc.array(recipe, { minLength: 8, maxLength: 8 }),
    )
    .map(([cuts, recipes]) => {
      const sorted = cuts.toSorted((a, b) => a - b);
      const runs: RunRecord[] = [];
      for (let i = 0; i + 1 < sorted.length; i += recipes[i]?.off.length === 1 ? 1 : 2) {
        const [start, end, how] = [sorted[i], sorted[i + 1], recipes[i]];
        if (start !== undefined && end !== undefined && how) runs.push({ start, end, ...how });
      }
      return runs;
    });
}

/** Few different ids, so that texts share beginnings. */
const text: fc.Arbitrary<RecordedText> = fc
  .array(fc.oneof(fc.nat(1), fc.nat(60_000)), { maxLength: 30 })
  .chain((ids) =>
    fc.record({ ids: fc.constant(ids), promptCount: fc.nat(ids.length), runs: runsOf(ids.length) }),
  );

/** Any view that the page can come to. */
export const view: fc.Arbitrary<View> = fc
  .record({
    workspace: fc.constantFrom('write' as const, 'train' as const),
    lesson: fc.nat(99),
    panel: fc.constantFrom('', 'attention', 'lens'),
    selected: fc.option(fc.nat(9000)),
    focus: head,
    pins: fc.uniqueArray(head, { maxLength: 3, comparator: isSameHead }),
    form: fc.constantFrom('matrix' as const, 'arcs' as const),
    least: fc.integer({ min: 0, max: 90 }).map((percent) => percent / 100),
    whole: fc.boolean(),
    corner: fc.option(fc.record({ row: fc.nat(900), column: fc.nat(900) })),
    reading: fc.constantFrom(...READINGS),
    mode: fc.constantFrom('rows' as const, 'patterns' as const, 'effect' as const),
    sort: fc.constantFrom('position' as const, 'label' as const, 'entropy' as const),
    filter: fc.constantFrom(null, 'key' as const, 'induction' as const, 'mixed' as const),
    keyToken: fc.option(fc.nat(9000)),
    dim: fc.boolean(),
    controlWords: fc.boolean(),
    scale: fc.constantFrom('sqrt' as const, 'linear' as const),
    off: parts,
  })
  .map(({ focus, ...rest }) => ({ ...rest, ...focus }));

export const recording: fc.Arbitrary<Recording> = fc
  .array(text, { minLength: 1, maxLength: 6 })
  .chain((texts) =>
    fc.record({
      texts: fc.constant(texts),
      here: fc.nat(texts.length - 1),
      view,
    }),
  );

const encoder = new TextEncoder();

/** One token a character. */
export function toPiece(character: string): TokenPiece {
  return {
    id: character.codePointAt(0) ?? 0,
    bytes: [...encoder.encode(character)],
    text: character,
    special: false,
  };
}
