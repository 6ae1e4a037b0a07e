import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttentionMap, AttentionRows } from '../../../src/api.ts';
import {
  layoutAtlas,
  layoutSorted,
  paintAtlas,
  placeAt,
  tileBox,
  type AtlasView,
} from '../../../src/ui/attention/atlasDrawing.ts';
import {
  cellAt,
  cellsThatFit,
  labelled,
  layoutMatrix,
  usedWidth,
  paintMatrix,
  paintMinimap,
} from '../../../src/ui/attention/matrixDrawing.ts';
import {
  clampCorner,
  columnToken,
  lastColumn,
  poolOnce,
  poolRow,
  poolTriangle,
  rankOf,
  SINK,
  strongest,
  topEdges,
  toShown,
  weightAt,
} from '../../../src/ui/attention/weights.ts';
import type { Scene } from '../../../src/ui/attention/scene.ts';
import { atlasFinding, namesOf } from '../../../src/ui/attention/words.ts';
import type { FigureTheme } from '../../../src/ui/figure/figure.ts';
import type { Painter } from '../../../src/ui/figure/painter.ts';
import { cpuMs } from '../../support/cpuTime.ts';

const theme: FigureTheme = {
  lut: Uint8ClampedArray.from({ length: 768 }, (_, i) => Math.floor(i / 3)),
  signedLut: new Uint8ClampedArray(768),
  ground: 'white',
  ink: 'black',
  ink2: 'grey',
  accent: 'green',
  warn: 'red',
  edge: 'silver',
  fonts: { mono: 'monospace', sans: 'sans-serif', serif: 'serif' },
};

/** A map whose row q has all its weight on `key(q)`. */
function toMap(size: number, key: (q: number) => number, firstIndex = 0): AttentionMap {
  const weights = new Float32Array(size * size);
  for (let q = 0; q < size; q++) weights[q * size + key(q)] = 1;
  return { layer: 0, head: 0, size, firstIndex, weights };
}

/** Notes what is painted as cells, and counts the strokes. */
function createWitness(): { painter: Painter; cells: Int16Array[]; strokes: () => number } {
  const cells: Int16Array[] = [];
  let strokes = 0;
  const count = (): void => {
    strokes += 1;
  };
  const painter: Painter = {
    rect: count,
    frame: count,
    line: count,
    area: count,
    arc: count,
    dot: count,
    text: count,
    cells: (_box, _columns, _rows, shades) => {
      cells.push(shades);
    },
  };
  return { painter, cells, strokes: () => strokes };
}

describe('pooling', () => {
  test('keeps the strongest of a block, wherever it stands', () => {
    const map = toMap(9, (q) => q);
    expect([...poolTriangle(map.weights, 9, 3).values]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 80 }),
        (values, bins) => {
          const pooled = poolRow(Float32Array.from(values), bins, false);
          expect(pooled.length).toBeLessThanOrEqual(bins);
          expect(Math.max(...pooled)).toBe(Math.max(...Float32Array.from(values)));
        },
      ),
    );
  });

  test('can leave out the first token, and nothing else', () => {
    expect([...poolRow(Float32Array.of(0.75, 0.125, 0.125), 3, true)]).toEqual([0, 0.125, 0.125]);
  });
});

describe('the tiles of an atlas', () => {
  test.each([
    [2, 3],
    [12, 12],
    [48, 25],
    [1, 1],
  ])('%i × %i heads: each is found where it is drawn, and none is too small', (layers, heads) => {
    for (const [width, room] of [
      [329, 480],
      [440, 310],
      [900, Infinity],
    ] as const) {
      const layout = layoutAtlas(layers, heads, width, room);
      expect(layout.stepX).toBeGreaterThanOrEqual(8);
      expect(layout.stepY).toBeGreaterThanOrEqual(8);
      for (let i = 0; i < layers * heads; i++) {
        const box = tileBox(layout, i);
        expect(placeAt(layout, box.x + box.width / 2, box.y + box.height / 2)).toBe(i);
        expect(box.x + box.width).toBeLessThanOrEqual(layout.width);
        expect(box.y + box.height).toBeLessThanOrEqual(layout.height);
      }
    }
  });

  test('fill a phone with 26 pixels each', () => {
    expect(layoutAtlas(12, 12, 337, 400).stepX).toBe(26);
  });
});

describe('heads out of their places', () => {
  test('fill the room they have: fewer heads are larger tiles, all of them in sight', () => {
    const tileOf = (count: number): number => {
      const layout = layoutSorted(count, 12, 445, 220);
      expect(layout.height).toBeLessThanOrEqual(220);
      const place = placeAt(layout, layout.width - 5, layout.height - 5);
      expect(place ?? 0).toBeGreaterThanOrEqual(count - 1);
      return layout.stepX * layout.stepY;
    };
    const [all, some, few] = [tileOf(144), tileOf(33), tileOf(5)];
    expect(all).toBeGreaterThanOrEqual(35 * 16);
    expect(some).toBeGreaterThan(2 * all);
    expect(few).toBeGreaterThan(some);
    // More heads than can be shown at once: the page scrolls, and no column is lost.
    expect(layoutSorted(1200, 25, 445, 220).columns).toBe(25);
    expect(layoutSorted(0, 12, 445, 220).rows).toBe(1);
  });
});

describe('the names on the tiles', () => {
  const LETTERS = { local: 'L', broad: 'B' } as const;

  /** One tile with a name, and all that is painted into it, in its order. */
  function paintTile(
    name: 'local' | 'broad',
    weights: readonly number[],
    view: Partial<AtlasView>,
  ) {
    const size = weights.length;
    const rows: AttentionRows = {
      nLayer: 1,
      nHead: 1,
      query: size - 1,
      firstIndex: 0,
      size,
      weights: Float32Array.from(weights),
    };
    const label = { name, letter: LETTERS[name], score: 1, strongest: name, words: [] };
    const scene: Scene = {
      nLayer: 1,
      nHead: 1,
      mode: 'rows',
      order: [0],
      matches: [true],
      known: [label],
      labels: [label],
      entropies: Float32Array.of(1),
      off: [false],
      deltas: null,
    };
    const strokes: { kind: string; y: number; fill: string; height: number; text: string }[] = [];
    const painter: Painter = {
      ...createWitness().painter,
      rect: (_x, y, _w, height, fill) => strokes.push({ kind: 'rect', y, height, fill, text: '' }),
      text: (_x, y, text, { fill }) => strokes.push({ kind: 'text', y, height: 8, fill, text }),
      frame: (_x, y, _w, height, fill) =>
        strokes.push({ kind: 'frame', y, height, fill, text: '' }),
    };
    const layout = layoutAtlas(1, 1, 60, 45);
    paintAtlas(painter, theme, layout, {
      scene,
      rows,
      atlas: null,
      scale: 'linear',
      dimSink: false,
      sorted: false,
      framed: false,
      pins: [],
      cursor: null,
      focus: -1,
      ...view,
    });
    // Margins are painted first, the tile's ground next.
    const ground = strokes.findIndex(({ kind }) => kind === 'rect');
    return { box: tileBox(layout, 0), strokes: strokes.slice(ground + 1) };
  }

  const weights = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), {
    minLength: 1,
    maxLength: 60,
  });

  test('are painted before the bars, so that no letter covers the newest tokens', () => {
    fc.assert(
      fc.property(weights, fc.constantFrom('local', 'broad'), (row, name) => {
        const { strokes } = paintTile(name, row, {});
        const kinds = strokes.map(({ kind }) => kind);
        expect(strokes.find(({ kind }) => kind === 'text')?.text).toBe(LETTERS[name]);
        expect(kinds.lastIndexOf('text')).toBeLessThan(
          kinds.includes('rect') ? kinds.indexOf('rect') : Infinity,
        );
      }),
    );
  });

  test('have a line of their own above the bars where heads are out of their places', () => {
    fc.assert(
      fc.property(weights, (row) => {
        const { strokes, box } = paintTile('local', row, { sorted: true });
        const bars = strokes.filter(({ kind }) => kind === 'rect');
        expect(strokes.filter(({ kind }) => kind === 'text')).toHaveLength(2);
        expect(Math.min(box.y + box.height, ...bars.map(({ y }) => y))).toBeGreaterThan(box.y + 9);
      }),
    );
  });

  test('colour a frame only while they are looked for', () => {
    const frames = (view: Partial<AtlasView>): readonly string[] =>
      paintTile('local', [0, 0, 1], view)
        .strokes.filter(({ kind }) => kind === 'frame')
        .map(({ fill }) => fill);
    expect(frames({})).toEqual([theme.edge]);
    expect(frames({ framed: true })).toEqual(['#1d9a78']);
  });
});

describe('a window of a long map', () => {
  const map = toMap(1024, (q) => Math.floor(q / 2), 100);

  test('has its rows and columns where the corner is, and never columns after rows', () => {
    const shown = toShown(map, 128, 64, { row: 600, column: 290 }, false);
    expect(shown).toMatchObject({ size: 64, firstRow: 700, firstColumn: 390, block: 1 });
    // Row 600 looks at column 300, which is the eleventh in sight.
    expect(shown.values[10]).toBe(1);
    expect(clampCorner({ row: 5, column: 900 }, 1024, 64)).toEqual({ row: 5, column: 5 });
    expect(clampCorner({ row: 5000, column: -3 }, 1024, 64)).toEqual({ row: 960, column: 0 });
  });

  test('ends where a token may look no further', () => {
    const shown = toShown(map, 128, 64, { row: 40, column: 20 }, false);
    expect(lastColumn(shown, 0)).toBe(20);
    expect(lastColumn(shown, 63)).toBe(63);
    const layout = layoutMatrix(64, 400, 400);
    const at = (k: number): number => layout.left + (k + 0.5) * layout.cell;
    expect(cellAt(layout, shown, at(20), layout.top + 1)).toEqual({ q: 0, k: 20 });
    expect(cellAt(layout, shown, at(21), layout.top + 1)).toBeNull();
  });

  test('leaves what few tokens do not need, the same for up to six', () => {
    const used = (size: number): number => usedWidth(layoutMatrix(size, 400, 400));
    expect([1, 6, 7, 64].map(used)).toEqual([264, 264, 294, 400]);
  });

  test('keeps the first token as a column of its own, which can be pointed at', () => {
    const rows = toMap(1024, () => 0, 100);
    const shown = toShown(rows, 128, 64, { row: 40, column: 20 }, false);
    expect(shown.sink?.token).toBe(100);
    expect([...(shown.sink?.weights ?? [])]).toEqual(Array<number>(64).fill(1));
    expect(columnToken(shown, SINK)).toBe(100);
    expect(weightAt(shown, 63, SINK)).toBe(1);
    expect(toShown(rows, 128, 64, { row: 40, column: 0 }, false).sink).toBeNull();
    for (const width of [160, 300, 900]) {
      const layout = layoutMatrix(64, width, 300, true);
      const { sink } = layout;
      expect(sink?.width).toBeGreaterThanOrEqual(6);
      expect((sink?.x ?? 0) + (sink?.width ?? 0)).toBeLessThan(layout.left);
      expect(layout.left + layout.side).toBeLessThanOrEqual(width);
      expect(cellAt(layout, shown, (sink?.x ?? 0) + 3, layout.top + 1)).toEqual({ q: 0, k: SINK });
      const { painter, cells } = createWitness();
      paintMatrix(painter, theme, layout, {
        shown,
        rowLabels: [],
        columnLabels: [],
        sinkLabel: 'Once',
        scale: 'linear',
        row: null,
        cursor: { q: 3, k: SINK },
      });
      expect([...(cells[1] ?? [])]).toEqual(Array<number>(64).fill(255));
    }
  });

  test('keeps the labels that are spoken of where not all have room', () => {
    // Cells of 11 pixels: every second label. The row in front looks at an odd column, and the last row is odd too.
    expect([...labelled(6, 11, [])].toSorted((a, b) => a - b)).toEqual([0, 2, 4]);
    expect([...labelled(6, 11, [5, 3])].toSorted((a, b) => a - b)).toEqual([0, 3, 5]);
    // Side by side, both are; where they would lie on each other, the first is.
    expect([...labelled(6, 11, [2, 3])].toSorted((a, b) => a - b)).toEqual([0, 2, 3]);
    expect(labelled(60, 3, [31, 30])).toContain(31);
    expect(labelled(60, 3, [31, 30])).not.toContain(30);
    expect(labelled(6, 11, [null, SINK, 6])).toEqual(labelled(6, 11, []));

    const words = Array.from('abcdef');
    const looks = toMap(6, (q) => Math.min(q, 3));
    const shown = toShown(looks, 128, 64, { row: 0, column: 0 }, false);
    const layout = { ...layoutMatrix(6, 300, 300), cell: 11, side: 66 };
    const written: string[] = [];
    const painter: Painter = {
      ...createWitness().painter,
      text: (_x, _y, text) => written.push(text),
    };
    paintMatrix(painter, theme, layout, {
      shown,
      rowLabels: words,
      columnLabels: words,
      sinkLabel: '',
      scale: 'linear',
      row: 5,
      cursor: null,
    });
    expect(written).toEqual(['a', 'a', 'c', 'd', 'f']);
  });

  test('is not cut for a few tokens: smaller cells let all of them be seen', () => {
    // Three maps side by side on a laptop: room for 55 cells of two pixels.
    expect(cellsThatFit(168, 160, 55)).toBe(55);
    expect(cellsThatFit(168, 160, 60)).toBe(60);
    const layout = layoutMatrix(60, 168, 160);
    expect(layout.left + layout.side).toBeLessThanOrEqual(168);
    expect(layout.height).toBeLessThanOrEqual(160);
    // Far more are a window all the same.
    expect(cellsThatFit(168, 160, 90)).toBe(55);
  });

  test('of 1,024 tokens is painted in a frame, whole or in part, with no more cells than there is room for', () => {
    poolOnce(map, 128);
    poolOnce(map, 88);
    const { painter, cells, strokes } = createWitness();
    const labels = Array.from({ length: 128 }, (_, i) => `token ${i}`);
    const start = cpuMs();
    const rounds = 10;
    for (let i = 0; i < rounds; i++) {
      for (const whole of [true, false]) {
        const shown = toShown(map, 128, 64, { row: 500, column: 100 + i }, whole);
        const layout = layoutMatrix(shown.size, 400, 300);
        paintMatrix(painter, theme, layout, {
          shown,
          rowLabels: labels,
          columnLabels: labels,
          sinkLabel: 'Once',
          scale: 'sqrt',
          row: 3,
          cursor: { q: 5, k: 2 },
        });
      }
      paintMinimap(painter, theme, 88, poolOnce(map, 88), 'sqrt', { row: 0, column: 0, size: 0.1 });
    }
    // Two maps and an overview a round; a frame has 16 ms, and this machine may be busy.
    expect((cpuMs() - start) / rounds).toBeLessThan(48);
    expect(Math.max(...cells.map(({ length }) => length))).toBeLessThanOrEqual(128 * 128);
    expect(strokes() / rounds).toBeLessThan(1000);
  });
});

describe('what a token looks at', () => {
  const map: AttentionMap = {
    layer: 0,
    head: 0,
    size: 3,
    firstIndex: 10,
    weights: Float32Array.of(1, 0, 0, 0.25, 0.75, 0, 0.5, 0.125, 0.375),
  };

  test('is ordered, ranked and counted from the text’s beginning', () => {
    expect(strongest(map, 12).map(({ index }) => index)).toEqual([10, 12, 11]);
    expect(rankOf(map, 12, 12)).toBe(2);
    expect(strongest(map, 9)).toEqual([]);
  });

  test('becomes arcs: the strongest of each row, none below the threshold', () => {
    expect(topEdges(map, 10, 13, 2, 0.3)).toEqual([
      { query: 10, key: 10, weight: 1 },
      { query: 11, key: 11, weight: 0.75 },
      { query: 12, key: 10, weight: 0.5 },
      { query: 12, key: 12, weight: 0.375 },
    ]);
    expect(topEdges(map, 10, 13, 1, 0)).toHaveLength(3);
  });

  test('is shaded so that the largest weight has the last shade', () => {
    const { painter, cells } = createWitness();
    const shown = toShown(map, 128, 64, { row: 0, column: 0 }, false);
    paintMatrix(painter, theme, layoutMatrix(3, 300, 300), {
      shown,
      rowLabels: ['a', 'b', 'c'],
      columnLabels: ['a', 'b', 'c'],
      sinkLabel: '',
      scale: 'linear',
      row: null,
      cursor: null,
    });
    expect([...(cells[0] ?? [])]).toEqual([255, -1, -1, 64, 191, -1, 128, 32, 96]);
  });
});

describe('the atlas in words', () => {
  const scene = { nHead: 1, mode: 'rows', deltas: null } as unknown as Scene;
  const finding = (firstIndex: number, weights: readonly number[]): string => {
    const size = weights.length;
    const query = firstIndex + size - 1;
    const rows: AttentionRows = {
      nLayer: 1,
      nHead: 1,
      query,
      firstIndex,
      size,
      weights: Float32Array.from(weights),
    };
    return atlasFinding(scene, rows, (index) => `“t${index}”`);
  };

  test('calls the first token by that name only while the model sees it', () => {
    expect(finding(0, [0.5, 0.25, 0.25])).toContain('“t2” gives the first token, “t0”, ');
    expect(finding(7, [0.5, 0.25, 0.25])).toContain('“t9” gives the first token it sees, “t7”, ');
    expect(finding(0, [1])).toBe('“t0” is the first token: it can only look at itself.');
    expect(finding(7, [1])).toBe('“t7” is the first token it sees: it can only look at itself.');
  });

  test('names a token that is a quotation mark, or nothing to see, without marks in marks', () => {
    const pieces = ['Once', ' "', ',', '\n'].map((text, id) => ({
      id,
      text,
      bytes: [...new TextEncoder().encode(text)],
      special: false,
    }));
    const { quoted, quotedAxis } = namesOf(pieces);
    expect(pieces.map((_, i) => quoted(i))).toEqual(['“Once”', '‹"›', '“,”', '‹new line›']);
    expect(quotedAxis(1)).toBe('‹·"›');
    expect(quoted(4)).toBe('?');
  });
});
