import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatSaved,
  formatTree,
  parseSaved,
  parseTree,
  type Saved,
} from '../../../src/state/persist.ts';
import type { Tree } from '../../../src/state/branches.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../../src/state/settings.ts';
import { NO_TEXT, toPlainText, type Snapshot } from '../../../src/state/tokenText.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { FIRST_VIEW } from '../../../src/state/view.ts';
import { visibleText } from '../../../src/visibleText.ts';
import { toPiece } from './texts.ts';
import { isStillOff } from '../../../src/state/facts/parts.ts';

const saved: Saved = {
  text: {
    prompt: 'Hi 🙂',
    promptCount: 2,
    pieces: [
      { id: 5, bytes: [72, 105], text: 'Hi', special: false },
      { id: 6, bytes: [0xf0, 0x9f], text: '\\xF0\\x9F', special: false },
      { id: 8191, bytes: [], text: '<|endoftext|>', special: true },
    ],
    logprobs: [Number.NaN, -1.5, -0.25],
    ranks: [0, 3, 1],
    runs: [
      {
        start: 1,
        end: 3,
        seed: 7,
        settings: toSamplingOptions(DEFAULT_SETTINGS),
        off: [{ part: 'head', layer: 4, head: 1, by: 'mean' }],
      },
    ],
    owner: 'tales-7m 0d606d',
  },
  tree: 'a-tree',
  settings: { ...DEFAULT_SETTINGS, seed: 7, stop: ['\n'] },
  by: { device: 'webgpu', dtype: 'q8' },
  theme: 'dark',
  view: {
    ...FIRST_VIEW,
    layer: 3,
    head: 2,
    scale: 'linear',
    pins: [{ layer: 3, head: 2 }],
    mode: 'patterns',
    sort: 'entropy',
    dim: false,
    panel: 'attention',
  },
  done: ['generate'],
};

describe('what survives a reload', () => {
  it('comes back as it was', () => {
    expect(parseSaved(formatSaved(saved))).toEqual(saved);
  });

  it('keeps what a token looks like: whole characters as they are, the other bytes as numbers', () => {
    const piece = { id: 7, bytes: [0x20, 0xf0, 0x9f], text: ' \\xF0\\x9F', special: false };
    const text = { ...saved.text, pieces: [piece], promptCount: 1, logprobs: [-1], ranks: [1] };
    const found = parseSaved(formatSaved({ ...saved, text: { ...NO_TEXT, ...text, runs: [] } }));
    expect(found?.text?.pieces).toEqual([piece]);
    expect(visibleText(Uint8Array.from(piece.bytes))).toBe(piece.text);
  });

  it('is each different token once, and scores from the first known one on', () => {
    const piece = { id: 5, bytes: [97], text: 'a', special: false };
    const many = Array.from({ length: 1000 }, () => piece);
    const logprobs = many.map((_, i) => (i < 990 ? Number.NaN : -1));
    const ranks = many.map((_, i) => (i < 990 ? 0 : 2));
    const text = {
      ...NO_TEXT,
      prompt: 'a'.repeat(1000),
      promptCount: 1000,
      pieces: many,
      logprobs,
      ranks,
    };
    const json = formatSaved({ ...saved, text });
    expect(json.length).toBeLessThan(4500);
    expect(parseSaved(json)?.text).toEqual({ ...text, owner: '' });
  });

  it('reads the tokens of an older version', () => {
    const value = JSON.parse(formatSaved(saved)) as { text: Record<string, unknown> };
    const { words: _, from: __, ...rest } = value.text;
    const { pieces = [], logprobs = [], ranks = [] } = saved.text ?? {};
    const older = {
      ...rest,
      bytes: pieces.map((p) => (p.special ? p.text : p.bytes)),
      logprobs: logprobs.map((one) => (Number.isNaN(one) ? null : one)),
      ranks,
    };
    expect(parseSaved(JSON.stringify({ ...value, text: older }))).toEqual(saved);
  });

  it('reads the view of an older version', () => {
    const { view: _, ...rest } = JSON.parse(formatSaved(saved)) as Record<string, unknown>;
    const older = {
      ...rest,
      layer: 3,
      head: 2,
      scale: 'linear',
      pins: [{ layer: 3, head: 2 }],
      atlasMode: 'patterns',
      atlasSort: 'entropy',
      dimSink: false,
      panel: 'attention',
    };
    expect(parseSaved(JSON.stringify(older))).toEqual(saved);
  });

  it('brings parts that were off back with their text, and says so; an address begins with all on', () => {
    const off = [{ part: 'head', layer: 1, head: 8, by: 'zero' } as const];
    const left = { ...saved, view: { ...saved.view, off } };
    const address = { settings: {}, localEngine: false, notes: [] };
    const { store } = createAppStore(address, left);
    expect(store.getState().view.off).toEqual(off);
    const { page, view } = store.getState();
    expect(isStillOff(page.stillOff, view.off)).toBe(true);
    expect(page.notes, 'it is no note about the address').toEqual([]);
    expect(isStillOff(page.stillOff, []), 'once all are on').toBe(false);
    const another = { part: 'mlp', layer: 2, by: 'mean' } as const;
    expect(isStillOff(page.stillOff, [...view.off, another])).toBe(false);
    expect(isStillOff([], [another]), 'in this visit').toBe(false);
    const other = createAppStore({ ...address, prompt: 'Another text' }, left).store.getState();
    expect(other.view.off).toEqual([]);
    expect(other.page.stillOff).toEqual([]);
  });

  it('counts as absent where it is no value of ours', () => {
    for (const bad of [null, '', '{', 'null', '[]', '7', '{"version":99}']) {
      expect(parseSaved(bad)).toBeNull();
    }
  });

  it('never throws on any JSON, and never lets a broken token through', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (text, rest) => {
        const value = { version: 1, text, settings: rest, theme: rest, done: rest };
        const read = parseSaved(JSON.stringify(value));
        for (const piece of read?.text?.pieces ?? []) expect(piece.id).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('keeps the prompt where the tokens beside it are damaged', () => {
    const value = JSON.parse(formatSaved(saved)) as { text: { ids: unknown[] } };
    value.text.ids[1] = 'six';
    const read = parseSaved(JSON.stringify(value));
    expect(read?.text).toMatchObject({ prompt: 'Hi 🙂', pieces: [] });
  });

  it('keeps a view that was closed closed, as an older page stored it', () => {
    const panelOf = (value: object): string | undefined =>
      parseSaved(JSON.stringify({ version: 1, ...value }))?.view.panel;
    expect(panelOf({ panel: '' })).toBe('');
    expect(panelOf({ panel: 'lens' })).toBe('lens');
    expect(panelOf({ view: { view: '-' } })).toBe('');
  });

  it('clamps settings from another hand', () => {
    const value = JSON.stringify({
      version: 1,
      settings: { temperature: 1e9, top_k: 'x', seed: -4 },
    });
    expect(parseSaved(value)?.settings).toEqual({ temperature: 5, seed: 0 });
  });
});

describe('branches that survive a reload', () => {
  const textOf = (words: string, promptCount: number): Snapshot => {
    const pieces = [...words].map(toPiece);
    const runs = saved.text?.runs ?? [];
    return {
      ...NO_TEXT,
      prompt: toPlainText(pieces.slice(0, promptCount)),
      promptCount,
      pieces,
      logprobs: pieces.map(() => -0.5),
      ranks: pieces.map(() => 2),
      runs: words.length > 2 ? runs : [],
    };
  };
  const tree: Tree = {
    id: 'a-tree',
    branches: [
      { id: 1, snapshot: textOf('the fox', 3), runStart: 3 },
      { id: 2, snapshot: textOf('the 🦊', 4), runStart: null },
      { id: 4, snapshot: textOf('the wolf', 3), runStart: 4 },
      { id: 5, snapshot: textOf('th', 2), runStart: null },
    ],
    current: 2,
  };
  const shown = textOf('the 🦊 ran', 4);

  it('come back as they were, with the shown text as it is stored elsewhere', () => {
    const read = parseTree(formatTree(tree), shown, 'a-tree');
    expect(read?.current).toBe(2);
    expect(read?.branches.map(({ id }) => id)).toEqual([1, 2, 4, 5]);
    for (const branch of read?.branches ?? []) {
      const old = tree.branches.find(({ id }) => id === branch.id);
      expect(branch).toEqual(branch.id === 2 ? { id: 2, snapshot: shown, runStart: null } : old);
    }
  });

  it('are not those of another text', () => {
    expect(parseTree(formatTree(tree), shown, 'another-tree')).toBeNull();
    expect(parseTree(formatTree(tree), shown, '')).toBeNull();
    // An older version gave trees no id.
    const { id: _, ...old } = JSON.parse(formatTree(tree)) as Record<string, unknown>;
    expect(parseTree(JSON.stringify(old), shown, '')?.branches).toHaveLength(4);
  });

  it('never throw on any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (pieces, branches) => {
        const value = { version: 1, current: 1, pieces: [pieces], branches: [branches] };
        expect(() => parseTree(JSON.stringify(value), shown, '')).not.toThrow();
      }),
    );
    for (const bad of [null, '', '{', '[]', '{"version":1}']) {
      expect(parseTree(bad, shown, '')).toBeNull();
    }
  });

  it('count as absent where one of them is damaged', () => {
    const json = formatTree(tree);
    for (const [good, bad] of [
      ['"current":2', '"current":4'],
      ['"id":4', '"id":1'],
      ['"promptCount":3', '"promptCount":99'],
      ['"ids":[', '"ids":[-1,'],
    ] as const) {
      expect(parseTree(json.replace(good, bad), shown, 'a-tree')).toBeNull();
    }
  });
});
