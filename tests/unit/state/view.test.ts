// One view, one way to write it down.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSummary } from '../../../src/api.ts';
import { partWords } from '../../../src/state/facts/parts.ts';
import { FIRST_VIEW, readParts, VIEW } from '../../../src/state/view.ts';
import { view as anyView } from './texts.ts';

describe('a view', () => {
  it('comes back from what was written of it, whatever it was', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const notes: string[] = [];
        expect({ ...FIRST_VIEW, ...VIEW.read(VIEW.write(view), notes) }).toEqual(view);
        expect(notes).toEqual([]);
      }),
    );
  });

  it('is written in letters that no address escapes', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const written = new URLSearchParams(VIEW.write(view)).toString();
        expect(decodeURIComponent(written)).toBe(written);
      }),
    );
  });

  it('never throws on any value, and says what it left out', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => VIEW.read(value, [])).not.toThrow();
      }),
    );
    const notes: string[] = [];
    const bad = { draw: 'cake', least: '7', at: '-1', dim: 'yes', window: '1.2.3', key: '9e9' };
    expect(VIEW.read(bad, notes)).toEqual({});
    expect(notes).toHaveLength(6);
    expect(notes[0]).toContain('at=-1 is no token');
  });

  it('has its parts sorted, in whatever order they were written down', () => {
    const [jumbled, sorted] = ['m3z_a3z_h3.2m_h1.2z', 'h1.2z_h3.2m_a3z_m3z'];
    expect(VIEW.read({ off: jumbled }, [])).toEqual(VIEW.read({ off: sorted }, []));
    expect(readParts(jumbled)?.map(partWords)[0]).toBe('head 1.2');
  });

  it('closes its panels only where that is said', () => {
    const notes: string[] = [];
    expect(VIEW.read({ view: '-' }, notes)).toEqual({ panel: '' });
    expect(VIEW.read({ view: 'lens' }, notes)).toEqual({ panel: 'lens' });
    expect(notes).toEqual([]);
    expect(VIEW.read({ view: 'QQ!' }, notes)).toEqual({});
    expect(notes).toEqual(['view=QQ! names no view; ignored.']);
  });

  it('fits a model that has fewer heads', () => {
    const model = { nLayer: 2, nHead: 2 } as ModelSummary;
    const pins = [
      { layer: 1, head: 1 },
      { layer: 9, head: 4 },
    ];
    const off = [{ part: 'mlp', layer: 7, by: 'zero' } as const];
    expect(VIEW.fit({ ...FIRST_VIEW, layer: 9, head: 4, pins, off }, model)).toMatchObject({
      layer: 1,
      head: 1,
      pins: [{ layer: 1, head: 1 }],
      off: [],
    });
    expect(VIEW.fit({ ...FIRST_VIEW, layer: 9, head: 1 }, model)).toMatchObject({
      layer: 1,
      head: 1,
    });
    // Of a model that has them all both lists stay the same ones: what follows them is neither asked nor drawn again.
    const all = { ...FIRST_VIEW, pins, off };
    const fitted = VIEW.fit(all, { nLayer: 10, nHead: 5 } as ModelSummary);
    expect(fitted.pins).toBe(pins);
    expect(fitted.off).toBe(off);
  });
});
