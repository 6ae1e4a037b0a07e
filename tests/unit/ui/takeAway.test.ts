import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Figure } from '../../../src/ui/figure/figure.ts';
import { guessWidth } from '../../../src/ui/figure/painter.ts';
import { toCsv, toJson, toSvg, type Provenance } from '../../../src/ui/figure/takeAway.ts';
import { THEME } from './theme.ts';

const provenance: Provenance = {
  program: 'Glass GPT',
  model: 'tales-7m',
  parameters: 7,
  dtype: 'fp32',
  device: 'a device',
  prompt: 'Once, "upon"\na time',
  text: 'Once, "upon"\na time there',
  ids: [1, 2, 3],
  selected: 2,
  settings: { temperature: 0.8, top_k: 40 },
  seed: 7,
  off: [{ part: 'head', layer: 4, head: 1, by: 'zero' }],
};

function toFigure(rows: readonly (readonly (string | number)[])[]): Figure {
  return {
    name: 'a-figure',
    title: 'Weights of <a> & "b"',
    finding: '“who” looks most at “fox”.',
    table: () => ({ caption: 'All', columns: ['token', 'weight'], rows }),
    data: () => ({
      axes: [
        { name: 'query', labels: ['a', 'b'] },
        { name: 'key', labels: ['x', 'y'] },
      ],
      quantity: 'attention weight',
      values: Float32Array.of(1, 0, 0.25, Number.NaN),
    }),
    size: (width) => ({ width, height: 40 }),
    paint: (painter, { lut, ink }) => {
      painter.cells(
        { x: 0, y: 0, width: 20, height: 20 },
        2,
        2,
        Int16Array.of(255, -1, 64, 0),
        lut,
      );
      painter.text(0, 30, '<&"', { fill: ink });
    },
  };
}

/** RFC 4180, after the comment lines. */
function parseCsv(text: string): string[][] {
  const body = text
    .split('\r\n')
    .filter((line) => !line.startsWith('# '))
    .join('\r\n');
  const rows: string[][] = [[]];
  let cell = '';
  for (let i = 0, quoted = false; i < body.length; i++) {
    const sign = body[i];
    if (quoted && sign === '"' && body[i + 1] === '"') cell += body[i++];
    else if (sign === '"') quoted = !quoted;
    else if (!quoted && (sign === ',' || sign === '\r')) {
      rows.at(-1)?.push(cell);
      cell = '';
      if (sign === '\r') {
        rows.push([]);
        i++; // the line feed
      }
    } else cell += sign;
  }
  return rows.slice(0, -1);
}

describe('a figure as CSV', () => {
  test('gives every cell back, whatever is in it', () => {
    const cell = fc.oneof(
      fc.string({ unit: 'binary' }).filter((s) => !/^[=+\-@\t\r#]/u.test(s)),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), (rows) => {
        // A comment sign at the start of a quoted line is the one thing this small reader cannot tell.
        fc.pre(!rows.flat().some((value) => /[\r\n]# /u.test(String(value))));
        const [head, ...read] = parseCsv(toCsv(toFigure(rows), provenance));
        expect(head).toEqual(['token', 'weight']);
        expect(read).toEqual(rows.map((row) => row.map(String)));
      }),
    );
  });

  test('says where it came from in its first lines', () => {
    const csv = toCsv(toFigure([['a', 1]]), provenance);
    expect(csv).toContain('# model: tales-7m\r\n');
    expect(csv).toContain('# prompt: Once, \\"upon\\"\\na time\r\n');
    expect(csv).toContain('# settings: {"temperature":0.8,"top_k":40}\r\n');
  });

  test('is never a formula to a spreadsheet', () => {
    const [, row] = parseCsv(toCsv(toFigure([['=1+1', -1]]), provenance));
    expect(row).toEqual(["'=1+1", '-1']);
  });
});

describe('a figure as JSON', () => {
  test('names its axes, its quantity, its model, prompt and settings', () => {
    const json: unknown = JSON.parse(toJson(toFigure([]), provenance));
    expect(json).toMatchObject({
      model: 'tales-7m',
      prompt: provenance.prompt,
      settings: provenance.settings,
      off: provenance.off,
      quantity: 'attention weight',
      axes: [{ name: 'query' }, { name: 'key', labels: ['x', 'y'] }],
      shape: [2, 2],
      values: [1, 0, 0.25, null],
    });
  });
});

/** The texts of a drawing, in their order, as a reader sees them. */
function textsOf(svg: string): { text: string; size: number; y: number }[] {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };
  return [
    ...svg.matchAll(/<text x="[^"]+" y="([^"]+)".*?font-size="([^"]+)".*?>(.*?)<\/text>/gsu),
  ].map(([, y, size, text = '']) => ({
    y: Number(y),
    size: Number(size),
    text: text.replaceAll(/&(lt|gt|quot|amp);/gu, (_, name: string) => entities[name] ?? ''),
  }));
}

describe('a figure as SVG', () => {
  test('has its whole title, its whole finding and its seed, in lines that end before the picture does', () => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'abwmWM.,“”%<&·漢😀'), minLength: 1, maxLength: 12 }),
      fc
        .string({ unit: 'grapheme', minLength: 60, maxLength: 90 })
        .filter((s) => !/[\s\p{C}]/u.test(s)),
    );
    const sentence = fc
      .array(word, { minLength: 1, maxLength: 60 })
      .map((words) => words.join(' '));
    fc.assert(
      fc.property(
        sentence,
        sentence,
        fc.integer({ min: 40, max: 1200 }),
        (title, finding, width) => {
          const figure = { ...toFigure([]), title, finding };
          const svg = toSvg(figure, { ...provenance, prompt: finding }, THEME, width);
          const page = Number(/width="(\d+)"/u.exec(svg)?.[1]);
          const lines = textsOf(svg);
          const read = lines
            .map(({ text }) => text)
            .join(' ')
            .replaceAll(' ', '');
          expect(read).toContain(`${title}${finding}tales-7m`.replaceAll(' ', ''));
          expect(read).toContain('·seed7');
          for (const { text, size } of lines) {
            if ([...text].length === 1) continue;
            expect(guessWidth(text, { size, family: 'sans' })).toBeLessThanOrEqual(page - 32);
          }
          // One under the other, above the drawing.
          const [drawing = ''] = /<g transform="translate\([^)]+\)/u.exec(svg) ?? [];
          const top = Number(/ ([\d.]+)\)/u.exec(drawing)?.[1]);
          const head = lines.slice(0, -1).map(({ y }) => y);
          expect(head.every((y, i) => y - (head[i - 1] ?? 0) >= 14 && y + 7 <= top)).toBe(true);
        },
      ),
    );
  });

  test('escapes what it was given, and holds its provenance', () => {
    const svg = toSvg(toFigure([]), provenance, THEME, 300);
    expect(svg).toContain('<title>Weights of &lt;a&gt; &amp; &quot;b&quot;</title>');
    expect(svg).toContain('&lt;&amp;&quot;</text>');
    expect(svg).toContain('&quot;model&quot;:&quot;tales-7m&quot;');
  });

  test('draws one square a cell, none where there is no value', () => {
    const svg = toSvg(toFigure([]), provenance, THEME, 300);
    const paths = [...svg.matchAll(/<path fill="rgb\((\d+),\d+,\d+\)" d="([^"]+)"/gu)];
    const squares = paths.map(([, red, d]) => `${red} ${d}`).toSorted();
    expect(squares).toEqual(['0 M0 0h1v1h-1z', '190 M0 1h1v1h-1z', '255 M1 1h1v1h-1z']);
  });
});
