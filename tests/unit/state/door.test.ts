// The one door to the store.
import { describe, expect, it } from 'vitest';
import { openDoor } from '../../../src/state/door.ts';
import { createAppStore } from '../../../src/state/store.ts';

const createToy = () =>
  createAppStore({ settings: {}, prompt: '', localEngine: false, notes: [] }, null).store;

describe('a pen', () => {
  it('changes its own part and leaves the others as they are', () => {
    const store = createToy();
    const before = store.getState();
    openDoor(store).pen('view')({ panel: 'lens' });
    const { view, ...rest } = store.getState();
    expect(view).toEqual({ ...before.view, panel: 'lens' });
    const { view: _, ...old } = before;
    for (const [name, part] of Object.entries(rest))
      expect(part).toBe(old[name as keyof typeof old]);
  });
});

describe('changes that are made together', () => {
  it('are one: nobody sees half of them, and whoever makes them sees all', () => {
    const store = createToy();
    const { pen, together, get } = openDoor(store);
    const seen: string[] = [];
    store.subscribe(({ view, page }) => seen.push(`${view.panel} ${page.announcement}`));
    together(() => {
      pen('view')({ panel: 'lens' });
      expect(get().view.panel).toBe('lens');
      together(() => pen('page')({ announcement: 'open' }));
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['lens open']);
  });

  it('stand as far as they came where one of them throws', () => {
    const store = createToy();
    const { pen, together } = openDoor(store);
    expect(() =>
      together(() => {
        pen('view')({ panel: 'lens' });
        throw new Error('no');
      }),
    ).toThrow('no');
    pen('page')({ announcement: 'later' });
    expect(store.getState()).toMatchObject({
      view: { panel: 'lens' },
      page: { announcement: 'later' },
    });
  });
});

describe('changes while somebody holds the door', () => {
  it('are one change when it is let go, which those within see before', () => {
    const store = createToy();
    const { pen, together, hold, get } = openDoor(store);
    const seen: string[] = [];
    store.subscribe(({ view, page }) => seen.push(`${view.panel} ${page.announcement}`));
    let letGo = (): void => {};
    together(() => {
      letGo = hold();
      pen('view')({ panel: 'lens' });
    });
    together(() => pen('page')({ announcement: 'open' }));
    expect(get()).toMatchObject({ view: { panel: 'lens' }, page: { announcement: 'open' } });
    expect(store.getState().view.panel).not.toBe('lens');
    expect(seen).toEqual([]);
    together(() => {
      letGo();
      pen('page')({ announcement: 'shut' });
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['lens shut']);
    pen('page')({ announcement: 'later' });
    expect(seen).toEqual(['lens shut', 'lens later']);
  });
});
